//! SORT, as redis-server 7.0.15 answers where nothing else is said.

use types::slot::Slot;

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::sort::pattern::Pattern;
use crate::testing::{NOW, check_layouts, check_with};

#[test]
fn elements_are_sorted_as_numbers_or_as_texts() {
    check_layouts(
        r#"
        RPUSH l 3 20 1 -5 1e1 0x10     -> 6
        SORT l                         -> ["-5", "1", "3", "1e1", "0x10", "20"]
        SORT_RO l DESC                 -> ["20", "0x10", "1e1", "3", "1", "-5"]
        SORT l ALPHA                   -> ["-5", "0x10", "1", "1e1", "20", "3"]
        SORT l alpha desc asc LIMIT 1 2 -> ["0x10", "1"]
        SADD s 3 20 1                  -> 3
        SORT s                         -> ["1", "3", "20"]
        ZADD z 1 b 2 c 3 a             -> 3
        SORT z                         -> ERR One or more scores can't be converted into double
        SORT z ALPHA                   -> ["a", "b", "c"]
        RPUSH same 1.0 1 01            -> 3
        SORT same                      -> ["01", "1", "1.0"]
        SORT same DESC                 -> ["1.0", "1", "01"]
        RPUSH odd "" " 7" inf -inf     -> 4
        SORT odd                       -> ["-inf", "", " 7", "inf"]
        RPUSH bad 1e999                -> 1
        SORT bad                       -> ERR One or more scores can't be converted into double
        RPUSH bad2 nan                 -> 1
        SORT bad2                      -> ERR One or more scores can't be converted into double
        RPUSH bad3 "1 "                -> 1
        SORT bad3                      -> ERR One or more scores can't be converted into double
        SORT nokey                     -> []
        SET k v                        -> OK
        SORT k                         -> WRONGTYPE Operation against a key holding the wrong kind of value
        SORT k FOO                     -> ERR syntax error
        HSET h f v                     -> 1
        SORT_RO h                      -> WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn limits_are_taken_as_they_come() {
    check_layouts(
        r#"
        RPUSH l 5 4 3 2 1              -> 5
        SORT l LIMIT 0 2               -> ["1", "2"]
        SORT l LIMIT 4 10              -> ["5"]
        SORT l LIMIT 5 1               -> []
        SORT l LIMIT 0 0               -> []
        SORT l LIMIT -3 2              -> ["1", "2"]
        SORT l LIMIT 3 -1              -> ["4", "5"]
        SORT l LIMIT 3 -7              -> ["4", "5"]
        SORT l LIMIT 0 9223372036854775807 DESC -> ["5", "4", "3", "2", "1"]
        SORT l LIMIT 9223372036854775807 9223372036854775807 -> []
        SORT l LIMIT x 1               -> ERR value is not an integer or out of range
        SORT l LIMIT 1                 -> ERR syntax error
        SORT l BY nosort LIMIT 1 2     -> ["4", "3"]
        SORT l BY nosort DESC LIMIT 1 2 -> ["2", "3"]
        SORT l BY nosort DESC          -> ["1", "2", "3", "4", "5"]
        SORT l BY nosort LIMIT 9 1     -> []
        ZADD z 1 c 2 b 3 a             -> 3
        SORT z BY nosort               -> ["c", "b", "a"]
        SORT z BY nosort DESC          -> ["a", "b", "c"]
        SORT z BY nosort DESC LIMIT 0 1 -> ["a"]
        SORT z BY nosort LIMIT 1 -1    -> ["b", "a"]
        SORT nokey BY nosort LIMIT 0 1 -> []
        "#,
    );
}

#[test]
fn other_keys_are_weights_and_results() {
    check_layouts(
        r#"
        RPUSH l 1 2 3                  -> 3
        MSET w1 30 w2 20 w3 10         -> OK
        SORT l BY w*                   -> ["3", "2", "1"]
        SORT l BY w* DESC              -> ["1", "2", "3"]
        SORT l BY w* GET # GET w* GET x* -> ["3", "10", nil, "2", "20", nil, "1", "30", nil]
        SORT l GET constant            -> [nil, nil, nil]
        DEL w2                         -> 1
        SORT l BY w*                   -> ["2", "3", "1"]
        HSET h1 n 1 t c                -> 2
        HSET h2 n 3 t b                -> 2
        HSET h3 n 2 t a                -> 2
        SORT l BY h*->n                -> ["1", "3", "2"]
        SORT l BY h*->t ALPHA          -> ["3", "2", "1"]
        SORT l BY h*->none GET h*->t   -> ["c", "b", "a"]
        SORT l BY h*                   -> ["1", "2", "3"]
        SORT l BY w*->n                -> ["1", "2", "3"]
        SORT l GET h*                  -> [nil, nil, nil]
        # What has no text comes first.
        DEL h2                         -> 1
        SORT l BY h*->t ALPHA          -> ["2", "3", "1"]
        SORT l BY h*->t ALPHA DESC     -> ["1", "3", "2"]
        # A field without a name is not one, and only the first star is a place.
        SET "k1->" a                   -> OK
        SET k*2 b                      -> OK
        SORT l GET k*-> GET k*         -> ["a", nil, nil, nil, nil, nil]
        SORT l BY w* BY nosort         -> ["1", "2", "3"]
        SORT l BY nosort BY w* DESC    -> ["3", "2", "1"]
        SET w2 x                       -> OK
        SORT l BY w*                   -> ERR One or more scores can't be converted into double
        SORT l BY                      -> ERR syntax error
        SORT l GET                     -> ERR syntax error
        RPUSH words x y                -> 2
        SORT words BY nosort           -> ["x", "y"]
        "#,
    );
}

#[test]
fn results_are_stored_as_lists() {
    check_layouts(
        r#"
        RPUSH l 3 1 2                  -> 3
        SET d old EX 100               -> OK
        SORT l STORE d                 -> 3
        LRANGE d 0 -1                  -> ["1", "2", "3"]
        TTL d                          -> -1
        SET w1 one                     -> OK
        SORT l GET w* GET # STORE d    -> 6
        LRANGE d 0 -1                  -> ["one", "1", "", "2", "", "3"]
        SORT l DESC LIMIT 0 2 STORE l  -> 2
        LRANGE l 0 -1                  -> ["3", "2"]
        SORT l LIMIT 9 9 STORE d       -> 0
        EXISTS d                       -> 0
        RPUSH d x                      -> 1
        SORT nokey STORE d             -> 0
        EXISTS d                       -> 0
        SADD s c b a                   -> 3
        SORT s BY nosort STORE d       -> 3
        LRANGE d 0 -1                  -> ["a", "b", "c"]
        SORT s BY nosort DESC STORE d  -> 3
        LRANGE d 0 -1                  -> ["c", "b", "a"]
        SORT l STORE                   -> ERR syntax error
        SORT_RO l STORE d              -> ERR syntax error
        SORT l STORE x STORE y         -> 2
        EXISTS x                       -> 0
        SET k v                        -> OK
        SORT k STORE d                 -> WRONGTYPE Operation against a key holding the wrong kind of value
        SORT s STORE d                 -> ERR One or more scores can't be converted into double
        LRANGE d 0 -1                  -> ["c", "b", "a"]
        "#,
    );
}

/// As Redis Cluster answers.
#[test]
fn with_several_partitions_patterns_need_a_hash_tag() {
    let slot = Slot::of(b"{k}").number();
    let mut memory = Memory::with_slots(NOW, slot.saturating_sub(3)..=slot);
    check_with(
        Redis,
        &mut memory,
        r#"
        RPUSH {k}l 1 2                 -> 2
        MSET {k}w1 2 {k}w2 1           -> OK
        SORT {k}l BY {k}w* GET # GET {k}w* -> ["2", "1", "1", "2"]
        SORT {k}l BY nosort GET #      -> ["1", "2"]
        SORT {k}l BY w*                -> ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.
        SORT {k}l GET w*               -> ERR GET option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.
        SORT {k}l GET w* FOO           -> ERR GET option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.
        SORT {k}l BY {x}w*             -> ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.
        SORT {k}l BY w*{k}             -> ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.
        SORT {k}l BY {}{k}*            -> ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.
        SORT {k}l BY {k*}              -> ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.
        "#,
    );
}

#[test]
fn patterns_are_a_key_and_perhaps_a_field() {
    let key = |before, after, field: Option<&'static str>| Pattern::Key {
        before: str::as_bytes(before),
        after: str::as_bytes(after),
        field: field.map(str::as_bytes),
    };
    for (text, pattern) in [
        ("#", Pattern::Element),
        ("##", Pattern::Constant),
        ("", Pattern::Constant),
        ("a->b", Pattern::Constant),
        ("*", key("", "", None)),
        ("#*", key("#", "", None)),
        ("a*b*c", key("a", "b*c", None)),
        ("a*b->c", key("a", "b", Some("c"))),
        ("a*b->c->d", key("a", "b", Some("c->d"))),
        ("a*b->", key("a", "b->", None)),
        ("a->b*", key("a->b", "", None)),
        ("*->*", key("", "", Some("*"))),
    ] {
        assert_eq!(Pattern::new(text.as_bytes()), pattern, "{text}");
    }
}
