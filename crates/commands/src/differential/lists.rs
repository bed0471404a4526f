//! Lists. What blocks is not compared.

use crate::differential::campaign::Type;

pub(super) const TYPE: Type = Type {
    name: "lists",
    templates: &[
        // Not among the commands for all keys: Redis makes a skiplist of every sorted set that it sorts. Only texts: Redis 7.0 takes
        // numbers for wrong ones where an earlier command left `errno` as ERANGE.
        "SORT key ALPHA {DESC|ASC|LIMIT index count|GET pattern|STORE key|FOO}",
        "SORT_RO key ALPHA {DESC|ASC|LIMIT index count|GET pattern|STORE key|FOO}",
        "6 RPUSH key member+",
        "6 LPUSH key member+",
        "LPUSH key value+",
        "RPUSHX key member+",
        "LPUSHX key member+",
        "2 LPOP key [number]",
        "2 RPOP key [number]",
        "LLEN key",
        "3 LRANGE key index index",
        "LRANGE key integer integer",
        "3 LINDEX key index",
        "3 LSET key index member",
        "LSET key index value",
        "4 LINSERT key (BEFORE|AFTER|FOO) member member",
        "3 LREM key index member",
        "LTRIM key index index",
        "LTRIM key 0 index",
        "LTRIM key index -1",
        "3 LPOS key member {RANK index|COUNT number|MAXLEN number|FOO}",
        "3 LMOVE key key (LEFT|RIGHT|FOO) (LEFT|RIGHT|FOO)",
        "2 RPOPLPUSH key key",
        "3 LMPOP #key+ (LEFT|RIGHT|FOO) [COUNT count]",
    ],
    ..Type::NEW
};
