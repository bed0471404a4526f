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
        "SET key value",
        "STRLEN key",
        "SETRANGE key place value",
    ],
    ..Type::NEW
};
