//! Hashes. Expiry of fields is newer than the server at hand.

use crate::differential::campaign::Type;

pub(super) const TYPE: Type = Type {
    name: "hashes",
    templates: &[
        "12 HSET key (member value)+",
        "2 HMSET key (member value)+",
        "2 HSETNX key member value",
        "4 HDEL key member+",
        "2 HGET key member",
        "2 HMGET key member+",
        "2 HEXISTS key member",
        "2 HSTRLEN key member",
        "2 HLEN key",
        "3 HGETALL key",
        "2 HKEYS key",
        "2 HVALS key",
        "3 HINCRBY key member integer",
        "2 HINCRBYFLOAT key member increment",
        "HINCRBYFLOAT key member float",
        "2 HRANDFIELD key [number [WITHVALUES|FOO]]",
        "2 HSCAN key 0 {MATCH pattern|COUNT count|FOO}",
        "HSCAN key count {MATCH pattern|COUNT count}",
    ],
    ..Type::NEW
};
