//! Sorted set commands, as scripts: in every layout, and as redis-server 7.0.15 answers them where nothing else is said.

use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, check_layouts, check_limited, show, words};

mod layouts;
mod model;
mod shared;

#[test]
fn zadd_counts_what_is_new() {
    check_layouts(
        r#"
        ZADD k 1 a                     -> 1
        ZADD k 1 a                     -> 0
        ZADD k 2 a 3 b 4 c 5 c         -> 2
        ZRANGE k 0 -1 WITHSCORES       -> ["a", "2", "b", "3", "c", "5"]
        ZADD k CH 2 a 4 b 6 d          -> 2
        ZADD k ch 0x10 a +inf b -1e3 c .5 d -> 4
        ZRANGE k 0 -1 WITHSCORES       -> ["c", "-1000", "d", "0.5", "a", "16", "b", "inf"]
        ZADD k 1 "" 1 "\x00"           -> 2
        ZRANGE k 0 -1                  -> ["c", "d", "", "\x00", "a", "b"]
        ZCARD k                        -> 6
        TYPE k                         -> zset
        proto 3
        ZADD k INCR 1.5 a              -> ,17.5
        "#,
    );
}

#[test]
fn zadd_obeys_its_conditions() {
    check_layouts(
        r#"
        ZADD k XX 1 a                  -> 0
        ZADD k XX INCR 1 a             -> nil
        EXISTS k                       -> 0
        ZADD k NX 1 a 2 b              -> 2
        ZADD k NX CH 5 a 3 c           -> 1
        ZADD k XX CH 6 a 7 d           -> 1
        ZRANGE k 0 -1 WITHSCORES       -> ["b", "2", "c", "3", "a", "6"]
        ZADD k GT CH 5 a 3 b 3 c 1 n   -> 2
        ZADD k LT CH 5 a 4 b 3 c 0 n   -> 2
        ZRANGE k 0 -1 WITHSCORES       -> ["n", "0", "b", "3", "c", "3", "a", "5"]
        ZADD k XX GT CH 9 a 9 z        -> 1
        ZADD k NX INCR 1 a             -> nil
        ZADD k NX INCR 1 y             -> "1"
        ZADD k XX INCR 1 y             -> "2"
        ZADD k GT INCR -1 y            -> nil
        ZADD k GT INCR 0 y             -> nil
        ZADD k LT INCR -1 y            -> "1"
        ZADD k INCR 0 y                -> "1"
        ZADD k nx Nx 8 y               -> 0
        "#,
    );
}

#[test]
fn zadd_refuses_in_the_order_of_redis() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1                       -> ERR wrong number of arguments for 'zadd' command
        ZADD str foo a                 -> ERR value is not a valid float
        ZADD str 1 a                   -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD k nx xx 1 a               -> ERR XX and NX options at the same time are not compatible
        ZADD k nx gt 1 a               -> ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD k lt nx 1 a               -> ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD k gt lt x a               -> ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD k nx xx 1                 -> ERR syntax error
        ZADD k ch incr                 -> ERR syntax error
        ZADD k 1 a 2                   -> ERR syntax error
        ZADD k incr 1 a 2 b            -> ERR INCR option supports a single increment-element pair
        ZADD k nx foo a                -> ERR value is not a valid float
        ZADD k 1 a nan b               -> ERR value is not a valid float
        ZADD k 1 a 1e400 b             -> ERR value is not a valid float
        EXISTS k                       -> 0
        ZADD k inf a                   -> 1
        ZADD k INCR -inf a             -> ERR resulting score is not a number (NaN)
        ZINCRBY k -inf a               -> ERR resulting score is not a number (NaN)
        ZINCRBY k nx a                 -> ERR syntax error
        ZINCRBY k x a                  -> ERR value is not a valid float
        ZSCORE k a                     -> "inf"
        "#,
    );
}

#[test]
fn zincrby_adds() {
    check_layouts(
        r#"
        ZINCRBY k 2.5 a                -> "2.5"
        ZINCRBY k -1 a                 -> "1.5"
        ZINCRBY k 0.1 b                -> "0.1"
        ZINCRBY k 0.2 b                -> "0.30000000000000004"
        ZINCRBY k -5 a                 -> "-3.5"
        ZRANGE k 0 -1                  -> ["a", "b"]
        ZINCRBY k 1e300 b              -> "1e+300"
        # the sign of zero is the reply's only, as in Redis' small sorted sets
        ZINCRBY k -0 c                 -> "-0"
        ZSCORE k c                     -> "0"
        "#,
    );
}

#[test]
fn scores_and_ranks_are_found() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 2 c 3 d         -> 4
        ZSCORE k c                     -> "2"
        ZSCORE k x                     -> nil
        ZSCORE none a                  -> nil
        ZSCORE str a                   -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZMSCORE k a x d                -> ["1", nil, "3"]
        ZMSCORE none a b               -> [nil, nil]
        ZMSCORE str a                  -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZCARD none                     -> 0
        ZCARD str                      -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANK k a                      -> 0
        ZRANK k c                      -> 2
        ZREVRANK k c                   -> 1
        ZREVRANK k a                   -> 3
        ZRANK k x                      -> nil
        ZRANK none x                   -> nil
        ZRANK str x                    -> WRONGTYPE Operation against a key holding the wrong kind of value
        # since 7.2
        ZRANK k c WITHSCORE            -> [2, "2"]
        ZREVRANK k d withscore         -> [0, "3"]
        ZRANK k x WITHSCORE            -> nil
        ZRANK str x WITHSCORES         -> ERR syntax error
        ZRANK str x WITHSCORE a        -> ERR wrong number of arguments for 'zrank' command
        ZREVRANK k                     -> ERR wrong number of arguments for 'zrevrank' command
        proto 3
        ZSCORE k c                     -> ,2
        ZMSCORE k a x                  -> [,1, nil]
        ZRANK k c WITHSCORE            -> [2, ,2]
        "#,
    );
}

#[test]
fn counts_are_of_scores_or_of_members() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 2 c 3 d inf e -inf f -> 6
        ZCOUNT k -inf +inf             -> 6
        ZCOUNT k (-inf (inf            -> 4
        ZCOUNT k 2 2                   -> 2
        ZCOUNT k (2 3                  -> 1
        ZCOUNT k (2 (2                 -> 0
        ZCOUNT k 3 1                   -> 0
        ZCOUNT k 1e400 inf             -> 1
        ZCOUNT k " 2" 0x2              -> 2
        ZCOUNT k "" "("                -> 0
        ZCOUNT k (-0 0                 -> 0
        ZCOUNT none 1 2                -> 0
        ZCOUNT str x 2                 -> ERR min or max is not a float
        ZCOUNT str 1 nan               -> ERR min or max is not a float
        ZCOUNT str 1 2                 -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD l 0 a 0 b 0 ba 0 c        -> 4
        ZLEXCOUNT l - +                -> 4
        ZLEXCOUNT l [b (c              -> 2
        ZLEXCOUNT l (b [c              -> 2
        ZLEXCOUNT l (b (b              -> 0
        ZLEXCOUNT l [b [b              -> 1
        ZLEXCOUNT l + -                -> 0
        ZLEXCOUNT l - -                -> 0
        ZLEXCOUNT l + +                -> 0
        ZLEXCOUNT l [c [a              -> 0
        ZLEXCOUNT l ( +                -> 4
        ZLEXCOUNT none - +             -> 0
        ZLEXCOUNT str a +              -> ERR min or max not valid string range item
        ZLEXCOUNT str - ++             -> ERR min or max not valid string range item
        ZLEXCOUNT str - ""             -> ERR min or max not valid string range item
        ZLEXCOUNT str - +              -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD z 0 a 1 b                 -> 2
        ZCOUNT z 0 0                   -> 1
        ZCOUNT z -0 0                  -> 1
        ZCOUNT z (0 1                  -> 1
        ZCOUNT z (-0 1                 -> 1
        "#,
    );
}

#[test]
fn zrange_by_rank() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 3 c 4 d         -> 4
        ZRANGE k 0 -1                  -> ["a", "b", "c", "d"]
        ZRANGE k 1 2                   -> ["b", "c"]
        ZRANGE k -2 -1                 -> ["c", "d"]
        ZRANGE k -100 100              -> ["a", "b", "c", "d"]
        ZRANGE k 2 1                   -> []
        ZRANGE k 4 5                   -> []
        ZRANGE k 0 -5                  -> []
        ZRANGE k -9223372036854775808 9223372036854775807 -> ["a", "b", "c", "d"]
        ZRANGE k 0 1 REV               -> ["d", "c"]
        ZREVRANGE k 0 1                -> ["d", "c"]
        ZREVRANGE k -1 -1 WITHSCORES   -> ["a", "1"]
        ZRANGE k 0 1 WITHSCORES REV    -> ["d", "4", "c", "3"]
        ZRANGE none 0 1                -> []
        ZRANGE str 0 1                 -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGE str a 1                 -> ERR value is not an integer or out of range
        ZRANGE k 0 1 foo               -> ERR syntax error
        ZRANGE k a b foo               -> ERR syntax error
        ZRANGE k 0 1 LIMIT 0 1         -> ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
        ZRANGE k 0 -1 LIMIT 1 -1       -> ["a", "b", "c", "d"]
        ZRANGE k 0 1 LIMIT a b foo     -> ERR value is not an integer or out of range
        ZREVRANGE k 0 1 REV            -> ERR syntax error
        ZREVRANGE k 0 1 BYSCORE        -> ERR syntax error
        ZRANGE k 0 1 REV REV           -> ERR syntax error
        ZRANGE k 0 1 BYSCORE BYSCORE   -> ERR syntax error
        proto 3
        ZRANGE k 0 1 WITHSCORES        -> [["a", ,1], ["b", ,2]]
        ZRANGE k 0 1                   -> ["a", "b"]
        ZRANGE none 0 1 WITHSCORES     -> []
        "#,
    );
}

#[test]
fn zrange_by_score() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 2 c 3 d         -> 4
        ZRANGE k 2 3 BYSCORE           -> ["b", "c", "d"]
        ZRANGEBYSCORE k (2 +inf        -> ["d"]
        ZRANGEBYSCORE k -inf (2 WITHSCORES -> ["a", "1"]
        ZRANGE k 3 2 BYSCORE REV       -> ["d", "c", "b"]
        ZRANGE k 2 3 BYSCORE REV       -> []
        ZREVRANGEBYSCORE k 3 1 LIMIT 1 2 -> ["c", "b"]
        ZREVRANGEBYSCORE k +inf (1 WITHSCORES LIMIT 2 1 -> ["b", "2"]
        ZRANGEBYSCORE k 1 3 LIMIT 1 1  -> ["b"]
        ZRANGEBYSCORE k 1 3 LIMIT 1 -1 -> ["b", "c", "d"]
        ZRANGEBYSCORE k 1 3 LIMIT 1 -7 -> ["b", "c", "d"]
        ZRANGEBYSCORE k 1 3 LIMIT -1 2 -> []
        ZRANGEBYSCORE k 1 3 LIMIT 0 0  -> []
        ZRANGEBYSCORE k 1 3 LIMIT 4 1  -> []
        ZRANGEBYSCORE k 1 3 LIMIT 9223372036854775807 9223372036854775807 -> []
        ZRANGE k 1 3 BYSCORE LIMIT 2 9223372036854775807 -> ["c", "d"]
        ZRANGEBYSCORE k 1 2 LIMIT 1    -> ERR syntax error
        ZRANGEBYSCORE k 1 2 REV        -> ERR syntax error
        ZRANGEBYSCORE k 1 2 LIMIT 0 x  -> ERR value is not an integer or out of range
        ZRANGEBYSCORE str a b          -> ERR min or max is not a float
        ZRANGEBYSCORE str 1 2          -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGEBYSCORE none 1 2         -> []
        proto 3
        ZRANGEBYSCORE k 3 4 WITHSCORES -> [["d", ,3]]
        "#,
    );
}

#[test]
fn zrange_by_member() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 5 a 5 b 5 ba 5 c 5 ""   -> 5
        ZRANGE k - + BYLEX             -> ["", "a", "b", "ba", "c"]
        ZRANGEBYLEX k [b (c            -> ["b", "ba"]
        ZRANGEBYLEX k "(" [b           -> ["a", "b"]
        ZRANGEBYLEX k - + LIMIT 1 2    -> ["a", "b"]
        ZADD mixed 1 a 2 b 3 c         -> 3
        ZRANGEBYLEX mixed [f [g        -> []
        ZRANGEBYLEX mixed - (a         -> []
        ZRANGEBYLEX mixed (c +         -> []
        ZREVRANGEBYLEX k + - LIMIT 1 2 -> ["ba", "b"]
        ZREVRANGEBYLEX k (c [b         -> ["ba", "b"]
        ZRANGE k (c [b BYLEX REV       -> ["ba", "b"]
        ZRANGE k + - BYLEX             -> []
        ZRANGEBYLEX k - -              -> []
        ZRANGEBYLEX k + +              -> []
        ZRANGE k 0 1 BYLEX WITHSCORES LIMIT 0 1 -> ERR syntax error, WITHSCORES not supported in combination with BYLEX
        ZRANGEBYLEX k - + WITHSCORES   -> ERR syntax error, WITHSCORES not supported in combination with BYLEX
        ZRANGEBYLEX str a b            -> ERR min or max not valid string range item
        ZRANGEBYLEX str - +            -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGEBYLEX none - +           -> []
        "#,
    );
}

#[test]
fn zrangestore_replaces_the_other_key() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 3 c 4 d         -> 4
        ZRANGESTORE to k 1 2           -> 2
        ZRANGE to 0 -1 WITHSCORES      -> ["b", "2", "c", "3"]
        ZRANGESTORE to k 2 4 BYSCORE LIMIT 1 1 -> 1
        ZRANGE to 0 -1 WITHSCORES      -> ["c", "3"]
        ZRANGESTORE to k 0 1 REV       -> 2
        ZRANGE to 0 -1                 -> ["c", "d"]
        ZRANGESTORE to k + [b BYLEX REV LIMIT 0 2 -> 2
        SET to x EX 100                -> OK
        ZRANGESTORE to k 0 -1          -> 4
        TTL to                         -> -1
        ZRANGESTORE to k 7 8           -> 0
        EXISTS to                      -> 0
        ZRANGESTORE k none 0 -1        -> 0
        EXISTS k                       -> 0
        ZADD k 1 a 2 b 3 c 4 d         -> 4
        ZRANGESTORE k k 1 2            -> 2
        ZRANGE k 0 -1                  -> ["b", "c"]
        ZRANGESTORE str k 0 -1 WITHSCORES -> ERR syntax error
        ZRANGESTORE str k 0 -1 BYLEX   -> ERR min or max not valid string range item
        ZRANGESTORE to str 0 -1        -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGESTORE str k 0 -1         -> 2
        TYPE str                       -> zset
        "#,
    );
}

#[test]
fn members_are_removed_and_the_key_with_the_last() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 3 c 4 d 5 e     -> 5
        ZREM k a x a                   -> 1
        ZREM k x                       -> 0
        ZREM none x                    -> 0
        ZREM str x                     -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGE k 0 -1                  -> ["b", "c", "d", "e"]
        ZREMRANGEBYRANK k 1 1          -> 1
        ZREMRANGEBYRANK k 5 9          -> 0
        ZREMRANGEBYSCORE k (2 4        -> 1
        ZRANGE k 0 -1                  -> ["b", "e"]
        ZREM k b e                     -> 2
        EXISTS k                       -> 0
        ZADD k 0 a 0 b 0 c             -> 3
        ZREMRANGEBYLEX k (a [b         -> 1
        ZRANGE k 0 -1                  -> ["a", "c"]
        ZREMRANGEBYLEX k - +           -> 2
        EXISTS k                       -> 0
        ZREMRANGEBYRANK none 0 -1      -> 0
        ZREMRANGEBYRANK str a b        -> ERR value is not an integer or out of range
        ZREMRANGEBYSCORE str a b       -> ERR min or max is not a float
        ZREMRANGEBYLEX str a b         -> ERR min or max not valid string range item
        ZREMRANGEBYLEX str - +         -> WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn pops_take_from_an_end() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 3 c 4 d 5 e 6 f -> 6
        ZPOPMIN k                      -> ["a", "1"]
        ZPOPMAX k                      -> ["f", "6"]
        ZPOPMIN k 2                    -> ["b", "2", "c", "3"]
        ZPOPMAX k 0                    -> []
        proto 3
        ZPOPMAX k 1                    -> [["e", ,5]]
        ZPOPMAX k                      -> ["d", ,4]
        EXISTS k                       -> 0
        ZADD k 1 a 2 b                 -> 2
        ZPOPMAX k 9223372036854775807  -> [["b", ,2], ["a", ,1]]
        ZPOPMIN k                      -> []
        proto 2
        ZPOPMIN none 0                 -> []
        ZPOPMIN str x                  -> ERR value is out of range, must be positive
        ZPOPMIN str -1                 -> ERR value is out of range, must be positive
        ZPOPMIN str 0                  -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZPOPMAX str 1 2                -> ERR syntax error
        "#,
    );
}

#[test]
fn zmpop_takes_from_the_first_that_has_members() {
    check_layouts(
        r#"
        SET {k}str x                   -> OK
        ZADD {k}a 1 a 2 b 3 c          -> 3
        ZADD {k}b 1 x                  -> 1
        ZMPOP 2 {k}none {k}a MIN       -> ["{k}a", [["a", "1"]]]
        ZMPOP 2 {k}a {k}b max COUNT 10 -> ["{k}a", [["c", "3"], ["b", "2"]]]
        ZMPOP 2 {k}a {k}b MAX          -> ["{k}b", [["x", "1"]]]
        ZMPOP 2 {k}a {k}b MAX          -> nil
        ZMPOP 3 {k}none {k}str {k}b MIN -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZMPOP 0 k MIN                  -> ERR numkeys should be greater than 0
        ZMPOP x k MIN                  -> ERR numkeys should be greater than 0
        ZMPOP 1 k foo                  -> ERR syntax error
        ZMPOP 2 k MIN                  -> ERR syntax error
        ZMPOP 9223372036854775807 k MIN -> ERR syntax error
        ZMPOP 1 k MIN COUNT 0          -> ERR count should be greater than 0
        ZMPOP 1 k MIN COUNT 1 COUNT 2  -> ERR syntax error
        ZMPOP 1 k MIN COUNT            -> ERR syntax error
        ZMPOP 1 k MIN LIMIT 1          -> ERR syntax error
        ZADD {k}a 1 a                  -> 1
        proto 3
        ZMPOP 1 {k}a MIN               -> ["{k}a", [["a", ,1]]]
        ZMPOP 1 {k}a MIN               -> nil
        "#,
    );
}

#[test]
fn zscan_shows_every_member_once() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZSCAN none 0 foo               -> ["0", []]
        ZSCAN str x                    -> ERR invalid cursor
        ZSCAN str 0                    -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD k 1.5 a                   -> 1
        ZSCAN k 0                      -> ["0", ["a", "1.5"]]
        ZSCAN k 0 MATCH b*             -> ["0", []]
        ZSCAN k 0 COUNT 0              -> ERR syntax error
        ZSCAN k 0 COUNT x              -> ERR value is not an integer or out of range
        ZSCAN k 0 foo                  -> ERR syntax error
        ZSCAN k 0 NOVALUES             -> ERR syntax error
        proto 3
        ZSCAN k 0 match a count 5      -> ["0", ["a", "1.5"]]
        "#,
    );
    let mut memory = Memory::new(NOW);
    for number in 0..1000 {
        memory.run(&Redis, Database(0), Proto::Resp2, ["ZADD", "k", &number.to_string(), &format!("m{number}")]);
    }
    let (mut cursor, mut seen, mut calls) = ("0".to_string(), Vec::new(), 0);
    loop {
        let reply = memory.run(&Redis, Database(0), Proto::Resp2, ["ZSCAN", "k", &cursor, "COUNT", "100"]);
        let parts: Vec<&[u8]> = resp::walk::elements(&reply).unwrap().collect();
        let text = |bulk: &[u8]| String::from_utf8(resp::walk::parse_bulk(bulk).unwrap().to_vec()).unwrap();
        let found: Vec<String> = resp::walk::elements(parts[1]).unwrap().map(text).collect();
        seen.extend(found.chunks(2).map(|pair| (pair[1].parse::<u32>().unwrap(), pair[0].clone())));
        cursor = text(parts[0]);
        calls += 1;
        if cursor == "0" {
            break;
        }
        assert!(cursor.parse::<u64>().unwrap() < 1 << 48);
    }
    assert!((8..=12).contains(&calls), "{calls}");
    seen.sort();
    assert_eq!(seen, (0..1000).map(|number| (number, format!("m{number}"))).collect::<Vec<_>>());
}

#[test]
fn zrandmember_refuses_in_the_order_of_redis() {
    check_layouts(
        r#"
        SET str x                      -> OK
        ZADD k 1 a 2 b 3 c             -> 3
        ZRANDMEMBER none               -> nil
        ZRANDMEMBER none 5             -> []
        ZRANDMEMBER k 0                -> []
        ZRANDMEMBER k 9                -> ["c", "b", "a"]
        ZRANDMEMBER k 3 WITHSCORES     -> ["c", "3", "b", "2", "a", "1"]
        ZRANDMEMBER str                -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANDMEMBER str x foo          -> ERR value is not an integer or out of range
        ZRANDMEMBER str 1 foo          -> ERR syntax error
        ZRANDMEMBER str 1 WITHSCORES a -> ERR syntax error
        ZRANDMEMBER str 1              -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANDMEMBER str -9223372036854775808 -> ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        ZRANDMEMBER str 9223372036854775807 WITHSCORES -> ERR value is out of range
        ZRANDMEMBER str -9223372036854775807 WITHSCORES -> ERR value is out of range

        proto 3
        ZRANDMEMBER k 3 WITHSCORES     -> [["c", ,3], ["b", ,2], ["a", ,1]]
        ZADD one 1 a                   -> 1
        ZRANDMEMBER one                -> "a"
        ZRANDMEMBER one -2 WITHSCORES  -> [["a", ,1], ["a", ,1]]
        ZRANDMEMBER one -3             -> ["a", "a", "a"]
        "#,
    );
}

#[test]
fn a_reply_of_repeated_members_is_bounded() {
    for limits in [Limits::DEFAULT, Limits::exploding_at(0)] {
        check_limited(
            Limits { value_max: 100, ..limits },
            r#"
            ZADD k 1 a 2 b                 -> 2
            ZRANDMEMBER k -9223372036854775807 -> ERR the reply would be longer than proto-max-bulk-len
            ZRANDMEMBER k -4611686018427387903 WITHSCORES -> ERR the reply would be longer than proto-max-bulk-len
            ZREM k b                       -> 1
            ZRANDMEMBER k -3               -> ["a", "a", "a"]
            "#,
        );
    }
}

#[test]
fn zrandmember_gives_every_member_the_same_chance() {
    for limits in [Limits::DEFAULT, Limits::exploding_at(0)] {
        let mut memory = Memory::new(NOW);
        memory.set_limits(limits);
        let mut run = |line: &str| show(&memory.run(&Redis, Database(0), Proto::Resp2, words(line)));
        run("ZADD k 1 a 2 b 3 c 4 d 5 e");
        let mut draw = |line: &str, times: usize| {
            let mut seen = [0u32; 5];
            for _ in 0..times {
                run(line).bytes().filter(u8::is_ascii_lowercase).for_each(|member| seen[usize::from(member - b'a')] += 1);
            }
            seen
        };
        // The standard deviations are 40, 49 and 40.
        for seen in [draw("ZRANDMEMBER k", 10_000), draw("ZRANDMEMBER k -10", 1000)] {
            assert!(seen.iter().all(|seen| seen.abs_diff(2000) < 250), "{seen:?}");
        }
        let seen = draw("ZRANDMEMBER k 3", 5000);
        assert!(seen.iter().all(|seen| seen.abs_diff(3000) < 250), "{seen:?}");
        assert_eq!(seen.iter().sum::<u32>(), 15_000, "three different ones each time");
    }
}

#[test]
fn long_members_do_not_fit_inline() {
    let long = "m".repeat(65);
    check_limited(
        Limits::DEFAULT,
        &format!(
            r#"
            ZADD k 1 {short}               -> 1
            OBJECT ENCODING k              -> "listpack"
            ZADD k XX 1 {long}             -> 0
            OBJECT ENCODING k              -> "listpack"
            ZADD k 1 {long}                -> 1
            OBJECT ENCODING k              -> "skiplist"
            ZREM k {long}                  -> 1
            OBJECT ENCODING k              -> "skiplist"
            ZRANGE k 0 -1                  -> ["{short}"]
            ZRANGESTORE to k 0 -1          -> 1
            OBJECT ENCODING to             -> "listpack"
            ZADD {{k}}2 1 {long}           -> 1
            OBJECT ENCODING {{k}}2         -> "skiplist"
            "#,
            short = "m".repeat(64),
        ),
    );
}

#[test]
fn an_expiry_stays_with_the_sorted_set() {
    check_layouts(
        r#"
        ZADD k 1 a                     -> 1
        EXPIRE k 100                   -> 1
        ZADD k 2 b 3 c                 -> 2
        ZINCRBY k 1 a                  -> "2"
        ZREM k a                       -> 1
        ZPOPMIN k                      -> ["b", "2"]
        TTL k                          -> 100
        wait 100001
        ZCARD k                        -> 0
        ZRANGE k 0 -1                  -> []
        ZADD k 5 z                     -> 1
        ZRANGE k 0 -1                  -> ["z"]
        TTL k                          -> -1
        "#,
    );
}
