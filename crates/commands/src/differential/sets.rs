//! Sets.

use crate::differential::campaign::Type;

pub(super) const TYPE: Type = Type {
    name: "sets",
    templates: &[
        // Not among the commands for all keys: Redis makes a skiplist of every sorted set that it sorts. Only texts: Redis 7.0 takes
        // numbers for wrong ones where an earlier command left `errno` as ERANGE.
        "SORT key ALPHA {DESC|ASC|LIMIT index count|GET pattern|STORE key|FOO}",
        "SORT_RO key ALPHA {DESC|ASC|LIMIT index count|GET pattern|STORE key|FOO}",
        "14 SADD key member+",
        "5 SREM key member+",
        "2 SCARD key",
        "2 SMEMBERS key",
        "2 SISMEMBER key member",
        "2 SMISMEMBER key member+",
        "3 SMOVE key key member",
        "SPOP key [number]",
        "2 SRANDMEMBER key [number]",
        "2 SINTER key+",
        "2 SUNION key+",
        "2 SDIFF key+",
        "2 SINTERSTORE key key+",
        "2 SUNIONSTORE key key+",
        "2 SDIFFSTORE key key+",
        "3 SINTERCARD #key+ [LIMIT count|FOO]",
        "2 SSCAN key 0 {MATCH pattern|COUNT count|FOO}",
        "SSCAN key count {MATCH pattern|COUNT count}",
    ],
    ..Type::NEW
};
