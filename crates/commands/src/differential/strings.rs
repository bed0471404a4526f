//! Strings, as text and as numbers.

use crate::differential::campaign::Type;

pub(super) const TYPE: Type = Type {
    name: "strings",
    templates: &[
        "8 SET key value {NX|XX|GET|KEEPTTL|PXAT unixmilliseconds|EXAT unixseconds|EX seconds|PX milliseconds|FOO|PERSIST}",
        "8 SET key value",
        "2 GET key",
        "2 GETSET key value",
        "2 GETDEL key",
        "3 GETEX key {PXAT unixmilliseconds|EXAT unixseconds|EX seconds|PX milliseconds|PERSIST|FOO}",
        "2 SETNX key value",
        "2 SETEX key seconds value",
        "2 PSETEX key milliseconds value",
        "2 MGET key+",
        "2 MSET (key value)+",
        "2 MSETNX (key value)+",
        "4 APPEND key value",
        "2 STRLEN key",
        "4 SETRANGE key place value",
        "2 GETRANGE key index index",
        "GETRANGE key integer integer",
        "SUBSTR key index index",
        "2 INCR key",
        "2 DECR key",
        "2 INCRBY key integer",
        "2 DECRBY key integer",
        "2 LCS key key {LEN|IDX|WITHMATCHLEN|MINMATCHLEN count}",
    ],
    ..Type::NEW
};
