//! HyperLogLogs; their bytes are read as those of the strings that they are.

use crate::differential::campaign::Type;

pub(super) const TYPE: Type = Type {
    name: "HyperLogLogs",
    templates: &[
        "10 PFADD key member*",
        "3 PFADD key value*",
        "6 PFADD key integer integer integer integer integer integer integer integer member",
        "4 PFCOUNT key+",
        "3 PFMERGE key key*",
        "3 GET key",
        "2 SET key value",
        "STRLEN key",
        // Not damaged a little (SETRANGE): Redis counts from a cache that we do not have, and leaves halves of what it could not finish.
    ],
    ..Type::NEW
};
