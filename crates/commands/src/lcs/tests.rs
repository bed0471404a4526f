//! LCS, with the examples of Redis' documentation and cases compared with redis-server 7.0.15.

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, check, show};
use types::txn::{Database, Proto};

#[test]
fn lcs_answers_text_length_or_places() {
    check(
        r#"
        MSET a ohmytext b mynewtext      -> OK
        LCS a b                          -> "mytext"
        LCS a b LEN                      -> 6
        LCS a b IDX                      -> ["matches", [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], "len", 6]
        LCS a b IDX MINMATCHLEN 4        -> ["matches", [[[4, 7], [5, 8]]], "len", 6]
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN -> ["matches", [[[4, 7], [5, 8], 4]], "len", 6]
        LCS a b IDX MINMATCHLEN -1       -> ["matches", [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], "len", 6]
        LCS a c                          -> ""
        LCS c d LEN                      -> 0
        LCS c d IDX                      -> ["matches", [], "len", 0]
        LCS a a                          -> "ohmytext"
        LCS a b LEN IDX                  -> ERR If you want both the length and indexes, please just use IDX.
        LCS a b FOO                      -> ERR syntax error
        LCS a b MINMATCHLEN              -> ERR syntax error
        LCS a b MINMATCHLEN x            -> ERR value is not an integer or out of range
        LCS a                            -> ERR wrong number of arguments for 'lcs' command
        proto 3
        LCS a b IDX                      -> {"matches": [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], "len": 6}
        "#,
    );
}

#[test]
fn strings_too_long_for_the_time_of_a_partition_are_refused() {
    let redis = Redis;
    let mut memory = Memory::new(NOW);
    let long = vec![b'a'; 20_000];
    memory.run(&redis, Database(0), Proto::Resp2, [b"set".as_slice(), b"a", &long]);
    let reply = memory.run(&redis, Database(0), Proto::Resp2, ["lcs", "a", "a", "len"]);
    assert_eq!(show(&reply), "ERR Insufficient memory, failed allocating transient memory for LCS");
}
