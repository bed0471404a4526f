//! Sets in all layouts: the commands' replies, when layouts change, fair choices, and the bytes that are written.

mod index;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use resp::walk;
use types::reply::Reply;
use types::txn::{Call, Database, Proto, SortKeys, ValueId};

use super::*;
use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, check, check_layouts, check_limited, check_with, show, words};
use types::args::Args;
use types::txn::Coprocessor;

fn run(memory: &mut Memory, line: &str) -> Vec<u8> {
    memory.run(&Redis, Database(0), Proto::Resp2, words(line))
}

/// The bulk strings of an array.
fn members(reply: &[u8]) -> Vec<Vec<u8>> {
    walk::elements(reply).expect("an array").map(|bulk| walk::parse_bulk(bulk).expect("a bulk").to_vec()).collect()
}

fn sorted(memory: &mut Memory, line: &str) -> Vec<Vec<u8>> {
    let mut members = members(&run(memory, line));
    members.sort();
    members
}

fn limited(limits: Limits) -> Memory {
    let mut memory = Memory::new(NOW);
    memory.set_limits(limits);
    memory
}

/// Limits under which small sets have each of the layouts.
fn layouts() -> [Limits; 4] {
    [Limits::exploding_at(0), Limits::exploding_at(1), Limits::exploding_at(3), Limits::DEFAULT]
}

#[test]
fn members_come_and_go() {
    check_layouts(
        r#"
        SADD s a b a                -> 2
        SADD s b c                  -> 1
        SCARD s                     -> 3
        SISMEMBER s a               -> 1
        SISMEMBER s z               -> 0
        SMISMEMBER s a z c          -> [1, 0, 1]
        SREM s z                    -> 0
        SREM s a z a                -> 1
        SCARD s                     -> 2
        SREM s b c                  -> 2
        EXISTS s                    -> 0
        SCARD s                     -> 0
        SMEMBERS s                  -> []
        SISMEMBER s a               -> 0
        SMISMEMBER s a b            -> [0, 0]
        SREM s a                    -> 0
        SADD s 1 2 3 x              -> 4
        SREM s 2 02                 -> 1
        SMISMEMBER s 1 2 3 x 01     -> [1, 0, 1, 1, 0]
        TYPE s                      -> set
        DEL s                       -> 1
        SADD s ""                   -> 1
        SMEMBERS s                  -> [""]
        proto 3
        SMEMBERS s                  -> ~[""]
        SMEMBERS none               -> ~[]
        SMISMEMBER s "" x           -> [1, 0]
        "#,
    );
}

#[test]
fn a_key_of_another_type_is_refused() {
    for command in [
        "SADD k a",
        "SREM k a",
        "SISMEMBER k a",
        "SMISMEMBER k a",
        "SCARD k",
        "SMEMBERS k",
        "SMOVE k s a",
        "SMOVE s k a",
        "SMOVE s k none",
        "SPOP k",
        "SPOP k 0",
        "SRANDMEMBER k",
        "SRANDMEMBER k 0",
        "SSCAN k 0",
        "SSCAN k 0 FOO",
        "SINTER none k",
        "SUNION none k",
        "SDIFF none k",
        "SINTERSTORE s none k",
        "SUNIONSTORE s k",
        "SDIFFSTORE s none k",
        "SINTERCARD 2 none k",
    ] {
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        check(&format!("SET k x -> OK\nSADD s a -> 1\n{command} -> {wrong}\nGET k -> \"x\"\nSMEMBERS s -> [\"a\"]"));
        check(&format!("SADD k a -> 1\nGET k -> {wrong}"));
    }
    // A first key that is not there is enough to know.
    check("SET k x -> OK\nSMOVE none k a -> 0");
}

#[test]
fn members_are_moved() {
    check_layouts(
        r#"
        SADD a 1 2 x                -> 3
        SMOVE a b x                 -> 1
        SMEMBERS b                  -> ["x"]
        SISMEMBER a x               -> 0
        SMOVE a b none              -> 0
        SMOVE a a 1                 -> 1
        SMOVE a a none              -> 0
        SCARD a                     -> 2
        SADD b 2                    -> 1
        SMOVE a b 2                 -> 1
        SCARD b                     -> 2
        SMOVE a c 1                 -> 1
        EXISTS a                    -> 0
        SMEMBERS c                  -> ["1"]
        SMOVE none c 1              -> 0
        "#,
    );
}

#[test]
fn inline_sets_keep_their_order() {
    check(
        r#"
        SADD i 3 -1 200000 2            -> 4
        SMEMBERS i                      -> ["-1", "2", "3", "200000"]
        SADD i x 1                      -> 2
        SMEMBERS i                      -> ["-1", "2", "3", "200000", "x", "1"]
        SREM i 3                        -> 1
        SMEMBERS i                      -> ["-1", "2", "200000", "x", "1"]
        SADD l b 10 a                   -> 3
        SMEMBERS l                      -> ["b", "10", "a"]
        SUNION l i                      -> ["b", "10", "a", "-1", "2", "200000", "x", "1"]
        SADD j 5 4 2                    -> 3
        SADD k 3 2                      -> 2
        SUNION j k none                 -> ["2", "3", "4", "5"]
        SDIFF j k                       -> ["4", "5"]
        SINTER j k i                    -> ["2"]
        SUNIONSTORE u j l               -> 6
        SMEMBERS u                      -> ["2", "4", "5", "b", "10", "a"]
        SUNIONSTORE u l j               -> 6
        SMEMBERS u                      -> ["b", "10", "a", "2", "4", "5"]
        SADD n 5                        -> 1
        SUNIONSTORE u n k l             -> 6
        SMEMBERS u                      -> ["2", "3", "5", "b", "10", "a"]
        SADD m 10 9 a b c               -> 5
        SINTERSTORE u l m               -> 3
        SMEMBERS u                      -> ["b", "10", "a"]
        "#,
    );
}

#[test]
fn layouts_change_as_in_redis() {
    let limits = Limits { set_intset_entries: 4, set_entries: 3, set_value: 5, ..Limits::DEFAULT };
    check_limited(
        limits,
        r#"
        SADD i 1 2 3                -> 3
        OBJECT ENCODING i           -> "intset"
        SADD i 4                    -> 1
        OBJECT ENCODING i           -> "intset"
        SADD i 4                    -> 0
        OBJECT ENCODING i           -> "intset"
        # more than set-max-intset-entries
        SADD i 5                    -> 1
        OBJECT ENCODING i           -> "hashtable"
        SREM i 5 4 3                -> 3
        OBJECT ENCODING i           -> "hashtable"
        # a first member that is no integer
        SADD l a 1 2                -> 3
        OBJECT ENCODING l           -> "listpack"
        SADD l a                    -> 0
        OBJECT ENCODING l           -> "listpack"
        SREM l a                    -> 1
        OBJECT ENCODING l           -> "listpack"
        SADD l a b                  -> 2
        OBJECT ENCODING l           -> "hashtable"
        # integers that are joined by something else
        SADD j 1 2                  -> 2
        SADD j x                    -> 1
        OBJECT ENCODING j           -> "listpack"
        SADD k 1 2 3                -> 3
        SADD k x                    -> 1
        OBJECT ENCODING k           -> "hashtable"
        SADD m 1                    -> 1
        SADD m toolong              -> 1
        OBJECT ENCODING m           -> "hashtable"
        SADD m2 123456              -> 1
        SADD m2 x                   -> 1
        OBJECT ENCODING m2          -> "hashtable"
        SADD m3 12345               -> 1
        SADD m3 short               -> 1
        OBJECT ENCODING m3          -> "listpack"
        SADD n toolong              -> 1
        OBJECT ENCODING n           -> "hashtable"
        # Redis looks at how many are to be added, not at how many of them are new
        SADD o 1 1 1 1 1            -> 1
        OBJECT ENCODING o           -> "hashtable"
        SADD p a a a a              -> 1
        OBJECT ENCODING p           -> "hashtable"
        SADD q 1 1 1 1              -> 1
        OBJECT ENCODING q           -> "intset"
        SADD q x y 1 1              -> 2
        OBJECT ENCODING q           -> "listpack"
        SADD q z z z z              -> 1
        OBJECT ENCODING q           -> "hashtable"
        # what is stored gets a layout of its own
        SUNIONSTORE r i             -> 2
        OBJECT ENCODING r           -> "intset"
        SINTERSTORE r l l           -> 4
        OBJECT ENCODING r           -> "hashtable"
        SDIFFSTORE r l i            -> 2
        OBJECT ENCODING r           -> "listpack"
        SUNIONSTORE r n             -> 1
        OBJECT ENCODING r           -> "hashtable"
        # and so does what SPOP leaves, if it is not much
        SADD t 1 2 3 4 5 6 7        -> 7
        OBJECT ENCODING t           -> "hashtable"
        SCARD t                     -> 7
        "#,
    );
    let mut memory = limited(limits);
    run(&mut memory, "SADD t 1 2 3 4 5 6 7");
    run(&mut memory, "EXPIRE t 100");
    assert_eq!(members(&run(&mut memory, "SPOP t 6")).len(), 6);
    check_with(Redis, &mut memory, "OBJECT ENCODING t -> \"intset\"\nSCARD t -> 1\nTTL t -> 100");
    assert_eq!(memory.elements(), 0, "the old elements are gone");
}

#[test]
fn integers_that_are_too_many_are_not_listed() {
    check_limited(
        Limits { set_intset_entries: 2, set_entries: 4, ..Limits::DEFAULT },
        r#"
        SADD a 1 2                  -> 2
        SADD b 3                    -> 1
        SADD l 1 2 3 x              -> 4
        OBJECT ENCODING l           -> "listpack"
        SUNIONSTORE u a             -> 2
        OBJECT ENCODING u           -> "intset"
        SUNIONSTORE u a b           -> 3
        OBJECT ENCODING u           -> "hashtable"
        SINTERSTORE u l u           -> 3
        OBJECT ENCODING u           -> "listpack"
        SUNIONSTORE u a l           -> 4
        OBJECT ENCODING u           -> "hashtable"
        SADD a 3                    -> 1
        OBJECT ENCODING a           -> "hashtable"
        "#,
    );
}

#[test]
fn an_expiry_outlives_changes_but_not_a_store() {
    check_layouts(
        r#"
        SADD s a b c                -> 3
        EXPIRE s 100                -> 1
        SADD s d e f g h            -> 5
        SREM s a                    -> 1
        TTL s                       -> 100
        SUNIONSTORE s s             -> 7
        TTL s                       -> -1
        EXPIRE s 100                -> 1
        wait 100001
        SADD s z                    -> 1
        SMEMBERS s                  -> ["z"]
        TTL s                       -> -1
        "#,
    );
}

#[test]
fn sets_are_combined() {
    for limits in layouts() {
        let mut memory = limited(limits);
        check_with(
            Redis,
            &mut memory,
            r#"
            SADD a 1 2 3 x y            -> 5
            SADD b 2 3 4 y              -> 4
            SADD c 3 y z                -> 3
            SADD i 1 2 3                -> 3
            SET str x                   -> OK
            SINTERCARD 3 a b c          -> 2
            SINTERCARD 3 a b c LIMIT 1  -> 1
            SINTERCARD 3 a b c LIMIT 0  -> 2
            SINTERCARD 3 a b c LIMIT 9  -> 2
            SINTERCARD 3 a none c       -> 0
            SINTERCARD 1 a LIMIT 3 LIMIT 2 -> 2
            SINTER a none               -> []
            SDIFF none a                -> []
            SDIFF a a                   -> []
            SUNION none none            -> []
            SINTERSTORE str a none      -> 0
            EXISTS str                  -> 0
            SDIFFSTORE none a a         -> 0
            SUNIONSTORE t a b c         -> 7
            SINTERSTORE u a b           -> 3
            SDIFFSTORE v a b c          -> 2
            SUNIONSTORE c c i           -> 5
            SCARD c                     -> 5
            SINTERSTORE b b a           -> 3
            SDIFFSTORE a a i            -> 2
            "#,
        );
        for (line, expected) in [
            ("SMEMBERS t", "1 2 3 4 x y z"),
            ("SMEMBERS u", "2 3 y"),
            ("SMEMBERS v", "1 x"),
            ("SMEMBERS c", "1 2 3 y z"),
            ("SMEMBERS b", "2 3 y"),
            ("SMEMBERS a", "x y"),
            ("SUNION u v none", "1 2 3 x y"),
            ("SINTER t u b", "2 3 y"),
            ("SDIFF t u none v", "4 z"),
            ("SDIFF t none", "1 2 3 4 x y z"),
            ("SUNION t", "1 2 3 4 x y z"),
            ("SINTER t t", "1 2 3 4 x y z"),
        ] {
            assert_eq!(sorted(&mut memory, line), words(expected), "{line} {limits:?}");
        }
        let stored: u64 = ["a", "b", "c", "i", "t", "u", "v"].map(|key| elements_of(&memory, key)).iter().sum();
        assert_eq!(memory.elements() as u64, stored, "nothing is left behind");
    }
}

/// How many elements a set has, which are those that it should have.
fn elements_of(memory: &Memory, key: &str) -> u64 {
    let Some(root) = memory.root_of(Database(0), key.as_bytes()).filter(|root| root.id != 0) else { return 0 };
    let (mut indexes, mut members) = (BTreeMap::new(), BTreeMap::new());
    let all = memory.elements_of(ValueId::of(&HashKey::new(Database(0), key.as_bytes()), root.id));
    for (sort_key, element) in &all {
        match sort_key[0] {
            b'm' => members.insert(sort_key[7..].to_vec(), types::varint::take(&mut &element[..]).unwrap()),
            b'i' => indexes.insert(element.clone(), u64::from_be_bytes([&[0; 3], &sort_key[1..]].concat().try_into().unwrap())),
            other => panic!("an element of no family: {other}"),
        };
    }
    assert_eq!(members, indexes, "each member has its index");
    let numbers: BTreeSet<u64> = indexes.into_values().collect();
    assert_eq!(numbers, (0..root.count).collect(), "no holes");
    assert_eq!(all.len() as u64, 2 * root.count);
    2 * root.count
}

#[test]
fn what_is_combined_may_be_large() {
    // SDIFF either asks the others about each member, or learns their members first.
    let mut memory = limited(Limits::DEFAULT);
    let add = |memory: &mut Memory, key: &str, numbers: std::ops::Range<u32>| {
        let line: Vec<Vec<u8>> = ["SADD", key].map(|word| word.as_bytes().to_vec()).into_iter().chain(numbers.map(number)).collect();
        memory.run(&Redis, Database(0), Proto::Resp2, line);
    };
    add(&mut memory, "large", 0..3000);
    add(&mut memory, "few", 10..20);
    add(&mut memory, "half", 1000..2500);
    add(&mut memory, "more", 500..5000);
    for (line, ranges) in [
        ("SDIFF large few", &[(0, 10), (20, 3000)][..]),
        ("SDIFF large more", &[(0, 500)]),
        ("SDIFF large few half", &[(0, 10), (20, 1000), (2500, 3000)]),
        ("SINTER large more half few", &[]),
        ("SINTER large more half", &[(1000, 2500)]),
        ("SUNION few large more", &[(0, 5000)]),
        ("SUNION half few", &[(10, 20), (1000, 2500)]),
    ] {
        let mut expected: Vec<Vec<u8>> = ranges.iter().flat_map(|&(first, end)| first..end).map(number).collect();
        expected.sort();
        assert_eq!(sorted(&mut memory, line), expected, "{line}");
        let store = line.replacen(' ', "STORE to ", 1);
        assert_eq!(show(&run(&mut memory, &store)), expected.len().to_string(), "{store}");
        assert_eq!(sorted(&mut memory, "SMEMBERS to"), expected, "{store}");
    }
}

#[test]
fn a_few_long_members_are_subtracted() {
    let mut memory = limited(Limits::exploding_at(0));
    let add = |memory: &mut Memory, key: &str, members: Vec<Vec<u8>>| {
        let line: Vec<Vec<u8>> = ["SADD", key].map(|word| word.as_bytes().to_vec()).into_iter().chain(members).collect();
        memory.run(&Redis, Database(0), Proto::Resp2, line);
    };
    let long = |index: u8| vec![index; crate::hashed::HELD_BYTES / 2];
    add(&mut memory, "a", vec![long(1), long(2), long(3), b"x".to_vec(), b"y".to_vec()]);
    add(&mut memory, "b", vec![long(1), long(2), long(3), b"x".to_vec()]);
    assert_eq!(members(&run(&mut memory, "SDIFF a b")), [b"y"]);
    assert_eq!(members(&run(&mut memory, "SDIFF a none")).len(), 5);
}

fn number(number: u32) -> Vec<u8> {
    number.to_string().into_bytes()
}

#[test]
fn arguments_are_checked_as_in_redis() {
    check_layouts(
        r#"
        SADD s a b c                        -> 3
        SADD s                              -> ERR wrong number of arguments for 'sadd' command
        SET str x                           -> OK
        SINTERCARD 0 s                      -> ERR numkeys should be greater than 0
        SINTERCARD x s                      -> ERR numkeys should be greater than 0
        SINTERCARD 2 s                      -> ERR Number of keys can't be greater than number of args
        SINTERCARD 1 s LIMIT                -> ERR syntax error
        SINTERCARD 1 str LIMIT -1           -> ERR LIMIT can't be negative
        SINTERCARD 1 s LIMIT x              -> ERR LIMIT can't be negative
        SINTERCARD 1 s FOO 1                -> ERR syntax error
        SINTERCARD 1 str FOO                -> ERR syntax error
        SPOP str x                          -> ERR value is out of range, must be positive
        SPOP str -1                         -> ERR value is out of range, must be positive
        SPOP s 1 2                          -> ERR syntax error
        SPOP s x 2                          -> ERR syntax error
        SRANDMEMBER str x                   -> ERR value is not an integer or out of range
        SRANDMEMBER s 1 2                   -> ERR syntax error
        SRANDMEMBER s -9223372036854775808  -> ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        SSCAN str x                         -> ERR invalid cursor
        SSCAN s " 0"                        -> ERR invalid cursor
        SSCAN s -                           -> ERR invalid cursor
        SSCAN s 18446744073709551616        -> ERR invalid cursor
        SSCAN none 0 FOO                    -> ["0", []]
        SSCAN s 0 FOO                       -> ERR syntax error
        SSCAN s 0 COUNT                     -> ERR syntax error
        SSCAN s 0 COUNT 0                   -> ERR syntax error
        SSCAN s 0 COUNT x                   -> ERR value is not an integer or out of range
        SSCAN s 0 NOVALUES                  -> ERR syntax error
        SSCAN s 0 TYPE set                  -> ERR syntax error
        SCARD s                             -> 3
        "#,
    );
}

#[test]
fn chance_answers_in_the_shapes_of_redis() {
    check_layouts(
        r#"
        SADD s a                    -> 1
        SRANDMEMBER s               -> "a"
        SRANDMEMBER s 0             -> []
        SRANDMEMBER s 5             -> ["a"]
        SRANDMEMBER s -3            -> ["a", "a", "a"]
        SRANDMEMBER none            -> nil
        SRANDMEMBER none 1          -> []
        SRANDMEMBER none -1         -> []
        SPOP none                   -> nil
        SPOP none 1                 -> []
        SPOP s 0                    -> []
        SPOP s 5                    -> ["a"]
        EXISTS s                    -> 0
        SADD s 1                    -> 1
        SPOP s                      -> "1"
        EXISTS s                    -> 0
        proto 3
        SADD s a                    -> 1
        SRANDMEMBER s 5             -> ["a"]
        SRANDMEMBER none            -> nil
        SRANDMEMBER none 1          -> []
        SPOP none 1                 -> ~[]
        SPOP s 0                    -> ~[]
        SPOP s 1                    -> ~["a"]
        SPOP s                      -> nil
        "#,
    );
}

#[test]
fn a_reply_of_repetitions_has_a_bound() {
    for limits in layouts() {
        let mut memory = limited(Limits { value_max: 1000, ..limits });
        run(&mut memory, "SADD s aaaa bbbb");
        assert_eq!(members(&run(&mut memory, "SRANDMEMBER s -90")).len(), 90);
        for times in ["-100", "-9223372036854775807"] {
            let reply = show(&run(&mut memory, &format!("SRANDMEMBER s {times}")));
            assert_eq!(reply, "ERR the reply would be longer than proto-max-bulk-len");
        }
    }
}

/// Eight members, inline and exploded: each is chosen as often as any other, by every command that chooses.
#[test]
fn choices_are_fair() {
    for limits in [Limits::exploding_at(0), Limits::DEFAULT] {
        for names in ["1 2 3 4 5 6 7 8", "a b c d e f g h"] {
            for (line, chosen) in [
                ("SPOP s", 1),
                ("SPOP s 1", 1),
                ("SPOP s 3", 3),
                ("SPOP s 7", 7),
                ("SRANDMEMBER s", 1),
                ("SRANDMEMBER s 2", 2),
                ("SRANDMEMBER s 7", 7),
                ("SRANDMEMBER s -5", 5),
            ] {
                let mut memory = limited(limits);
                let mut seen = BTreeMap::new();
                for _ in 0..400 {
                    run(&mut memory, &format!("SADD s {names}"));
                    let reply = run(&mut memory, line);
                    let drawn = if reply[0] == b'*' { members(&reply) } else { vec![walk::parse_bulk(&reply).unwrap().to_vec()] };
                    assert_eq!(drawn.len(), chosen, "{line}");
                    drawn.into_iter().for_each(|member| *seen.entry(member).or_insert(0u32) += 1);
                }
                let expected = 50 * chosen as u32;
                // The standard deviation is below 7 times the root of `chosen`.
                let far = 35.0 * (chosen as f64).sqrt();
                assert!(seen.len() == 8 && seen.values().all(|&seen| f64::from(seen.abs_diff(expected)) < far), "{line}: {seen:?}");
            }
        }
    }
}

#[test]
fn popping_takes_as_many_as_it_says_whatever_the_way() {
    // Few are drawn; of many, and of nearly all, the rest is kept.
    for popped in [1, 9, 10, 11, 100, 333, 334, 500, 832, 833, 834, 900, 999, 1000, 1001] {
        let mut memory = limited(Limits::DEFAULT);
        let all: BTreeSet<Vec<u8>> = (0..1000).map(number).collect();
        let line: Vec<Vec<u8>> = [b"SADD".to_vec(), b"s".to_vec()].into_iter().chain(all.iter().cloned()).collect();
        memory.run(&Redis, Database(0), Proto::Resp2, line);
        let drawn = members(&run(&mut memory, &format!("SRANDMEMBER s {popped}")));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), popped.min(1000));
        let taken = members(&run(&mut memory, &format!("SPOP s {popped}")));
        assert_eq!(taken.len(), popped.min(1000));
        let taken: BTreeSet<Vec<u8>> = taken.into_iter().collect();
        assert!(taken.len() == popped.min(1000) && taken.is_subset(&all));
        let rest: Vec<Vec<u8>> = all.difference(&taken).cloned().collect();
        assert_eq!(sorted(&mut memory, "SMEMBERS s"), rest);
        assert_eq!(show(&run(&mut memory, "SCARD s")), rest.len().to_string());
        assert_eq!(memory.elements() as u64, elements_of(&memory, "s"));
    }
}

#[test]
fn a_scan_shows_what_matches() {
    for limits in layouts() {
        let mut memory = limited(limits);
        run(&mut memory, "SADD s a1 a2 b1 b2 b3");
        let mut seen = Vec::new();
        let mut cursor = b"0".to_vec();
        loop {
            let line = [b"SSCAN s ".to_vec(), cursor, b" COUNT 2 MATCH b*".to_vec()].concat();
            let reply = run(&mut memory, std::str::from_utf8(&line).unwrap());
            let parts: Vec<&[u8]> = walk::elements(&reply).unwrap().collect();
            seen.extend(members(parts[1]));
            cursor = walk::parse_bulk(parts[0]).unwrap().to_vec();
            if cursor == b"0" {
                break;
            }
        }
        seen.sort();
        assert_eq!(seen, words("b1 b2 b3"));
        // Any number is a cursor: it leads to the end, or to an inline set.
        let exploded = elements_of(&memory, "s") > 0;
        let reply = show(&run(&mut memory, "SSCAN s 18446744073709551615"));
        assert_eq!(reply, if exploded { r#"["0", []]"# } else { r#"["0", ["a1", "a2", "b1", "b2", "b3"]]"# });
    }
}

#[test]
fn a_set_that_lost_nearly_all_gets_a_new_id() {
    let mut memory = limited(Limits::exploding_at(0));
    let all: Vec<Vec<u8>> = (0..4200).map(number).collect();
    let line = |name: &str, members: &[Vec<u8>]| {
        [name, "s"].iter().map(|word| word.as_bytes().to_vec()).chain(members.iter().cloned()).collect::<Vec<_>>()
    };
    memory.run(&Redis, Database(0), Proto::Resp2, line("SADD", &all));
    let id = |memory: &Memory| memory.root_of(Database(0), b"s").unwrap().id;
    let first = id(&memory);
    memory.run(&Redis, Database(0), Proto::Resp2, line("SREM", &all[..4100]));
    assert_eq!(id(&memory), first, "4100 were removed, but 100 are left");
    memory.run(&Redis, Database(0), Proto::Resp2, line("SREM", &all[4100..4197]));
    let second = id(&memory);
    assert_ne!(second, first, "4197 were removed, three are left");
    assert_eq!(sorted(&mut memory, "SMEMBERS s"), all[4197..]);
    assert_eq!((memory.elements(), elements_of(&memory, "s")), (6, 6));
    for member in &all[4197..4199] {
        memory.run(&Redis, Database(0), Proto::Resp2, line("SREM", std::slice::from_ref(member)));
    }
    assert_eq!((id(&memory), elements_of(&memory, "s")), (second, 2), "counting begins anew");
}

#[test]
fn everything_is_read_and_written_at_once() {
    let key = HashKey::new(Database(0), b"s");
    for limits in layouts() {
        for names in ["", "1", "3 1 2", "x", "1 x", "b a 3 2 c", "2 x 1"] {
            let mut memory = limited(limits);
            run(&mut memory, "SET s old");
            let given: Vec<Bytes> = words(names).into_iter().map(Bytes::from).collect();
            let twice = given.iter().chain(&given).cloned().collect();
            write_all(&mut memory, &limits, &key, twice, Some(UnixMs(NOW.0 + 5000))).unwrap();
            if given.is_empty() {
                check_with(Redis, &mut memory, "EXISTS s -> 0");
                continue;
            }
            check_with(Redis, &mut memory, &format!("TYPE s -> set\nTTL s -> 5\nSCARD s -> {}", given.len()));
            let root = memory.root_of(Database(0), b"s").unwrap().clone();
            let mut read = read_all(&mut memory, &key, root).unwrap();
            let shown: Vec<Bytes> = members(&run(&mut memory, "SMEMBERS s")).into_iter().map(Bytes::from).collect();
            assert_eq!(read, shown);
            let mut given = given;
            read.sort();
            given.sort();
            assert_eq!(read, given);
        }
    }
}

#[test]
fn damage_is_found() {
    let key = HashKey::new(Database(0), b"s");
    let root = |encoding: u8, id: u64, count: u64, value: &'static [u8]| Root {
        encoding,
        id,
        count,
        ..Root::inline(types::root::Kind::Set, Bytes::from_static(value))
    };
    for damaged in [
        root(LISTED, 0, 1, b"\x02a"),
        root(LISTED, 0, 2, b"\x01a"),
        root(LISTED, 0, 1, b"\x01ab"),
        root(LISTED, 0, 1, b"\x80"),
        root(LISTED, 0, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"),
        root(LISTED, 5, 1, b"\x01a"),
        root(INTEGERS, 0, 1, b""),
        root(INTEGERS, 0, 2, b"\x01\x01"),
        root(INTEGERS, 0, 1, b"\x03\x01\x01\x01"),
        root(INTEGERS, 0, u64::MAX, b"\x08\x01"),
        root(EXPLODED, 0, 1, b""),
        root(EXPLODED, 5, 1, b"\x01"),
        root(9, 0, 1, b"\x01a"),
    ] {
        assert!(matches!(Set::of(&key, damaged.clone()), Err(Abort::Storage(_))), "{damaged:?}");
    }
    // A root that counts other members than there are.
    for (count, line) in [(3, "SMEMBERS s"), (1, "SMEMBERS s"), (3, "SUNION s"), (9, "SPOP s 8"), (9, "SRANDMEMBER s 8"), (9, "SPOP s 2")] {
        let mut memory = limited(Limits::exploding_at(0));
        run(&mut memory, "SADD s a b");
        let root = memory.root_of(Database(0), b"s").unwrap().clone();
        memory.put_root(&key, Root { count, ..root }).unwrap();
        let args = Args::copied(words(line));
        let command = Redis.resolve(&args).unwrap();
        let call = Call { command, database: Database(0), proto: Proto::Resp2, args, limits: Limits::exploding_at(0) };
        let mut failed = false;
        for _ in 0..20 {
            failed |= matches!(Redis.execute(&mut memory, &call, &mut Reply::default()), Err(Abort::Storage(_)));
        }
        assert!(failed, "{line} of {count}");
    }
}

/// What docs/data-model.md shows is what is written.
#[test]
fn the_data_model_is_documented() {
    let docs = include_str!("../../../../docs/data-model.md");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let mut memory = limited(Limits::DEFAULT);
    for line in ["SADD primes 2 3 257", "SADD fruits apple fig 7"] {
        run(&mut memory, line);
        let key = words(line).remove(1);
        let root = memory.root_of(Database(0), &key).unwrap();
        let expected = format!("{line:<26}encoding {}, id {}, count {}, value {}", root.encoding, root.id, root.count, hex(&root.value));
        assert!(docs.contains(&expected), "{expected}");
    }
    memory.set_limits(Limits { set_entries: 2, ..Limits::DEFAULT });
    for line in ["SADD fruits quince", "SREM fruits 7 fig"] {
        run(&mut memory, line);
        let root = memory.root_of(Database(0), b"fruits").unwrap();
        let expected = format!("{line:<26}encoding {}, id {}, count {}, value {}", root.encoding, root.id, root.count, hex(&root.value));
        let expected = expected.trim_end();
        assert!(docs.lines().any(|line| line == expected), "{expected}");
    }
    let id = memory.root_of(Database(0), b"fruits").unwrap().id;
    let elements = ValueId::of(&HashKey::new(Database(0), b"fruits"), id);
    let found = crate::elements::collect(&mut memory, elements, &SortKeys::from(b""), usize::MAX).unwrap();
    assert_eq!(found.len(), 4);
    for (sort_key, element) in found {
        let expected = format!("{} -> {}", hex(&sort_key), hex(&element));
        assert!(docs.contains(&expected), "{expected}");
    }
}

/// A member: an integer or not, short or long.
fn names() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-20..20i64).prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..3),
        1 => vec(any::<u8>(), 60..70),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// It is a set, in whatever layout and on the way from one to another.
    #[test]
    fn it_is_a_set(
        changes in vec((0..3usize, vec(names(), 1..6)), 1..40),
        entries in prop_oneof![Just(0u32), Just(1), Just(2), Just(8), Just(128)],
        listed in prop_oneof![Just(0u32), Just(3), Just(128)],
        set_value in prop_oneof![Just(0u32), Just(2), Just(64)],
    ) {
        let limits = Limits { set_intset_entries: entries, set_entries: listed, set_value, ..Limits::DEFAULT };
        let mut memory = limited(limits);
        let mut model: BTreeSet<Vec<u8>> = BTreeSet::new();
        for (what, names) in changes {
            let mut line = vec![if what < 2 { b"SADD".to_vec() } else { b"SREM".to_vec() }, b"s".to_vec()];
            line.extend(names.iter().cloned());
            let reply = show(&memory.run(&Redis, Database(0), Proto::Resp2, &line));
            let changed = names.into_iter().filter(|name| if what < 2 { model.insert(name.clone()) } else { model.remove(name) }).count();
            prop_assert_eq!(reply, changed.to_string());
            prop_assert_eq!(sorted(&mut memory, "SMEMBERS s"), model.iter().cloned().collect::<Vec<_>>());
            prop_assert_eq!(memory.elements() as u64, elements_of(&memory, "s"));
            let root = memory.root_of(Database(0), b"s").cloned();
            prop_assert_eq!(root.as_ref().map_or(0, |root| root.count), model.len() as u64);
            if let Some(root) = root.filter(|root| root.id == 0) {
                let max = if root.encoding == INTEGERS { entries } else { listed };
                prop_assert!(root.count <= u64::from(max));
                prop_assert!(root.encoding == INTEGERS || model.iter().all(|name| name.len() <= set_value as usize));
            }
        }
        for name in &model {
            let line = [b"SISMEMBER".to_vec(), b"s".to_vec(), name.clone()];
            prop_assert_eq!(show(&memory.run(&Redis, Database(0), Proto::Resp2, &line)), "1");
        }
    }

    /// Sorted integers, whatever their width.
    #[test]
    fn integers_lie_in_order(numbers in vec(any::<(i64, u8, bool)>(), 0..40)) {
        let (mut value, mut model) = (Vec::new(), BTreeSet::new());
        for (number, bits, added) in numbers {
            let number = number >> (bits % 64);
            match (integers::search(&value, number), added) {
                (Ok(_), true) => prop_assert!(!model.insert(number)),
                (Err(at), true) => {
                    prop_assert!(model.insert(number));
                    integers::insert(&mut value, at, number);
                }
                (Ok(at), false) => {
                    prop_assert!(model.remove(&number));
                    integers::remove(&mut value, at);
                }
                (Err(_), false) => prop_assert!(!model.remove(&number)),
            }
            prop_assert!(value.is_empty() || integers::is_whole(&value, model.len() as u64));
            let read: Vec<i64> = (0..integers::len(&value)).map(|index| integers::at(&value, index)).collect();
            prop_assert_eq!(read, model.iter().copied().collect::<Vec<_>>());
        }
        let whole: Vec<i64> = model.into_iter().collect();
        let written = integers::of(&whole);
        prop_assert!(integers::is_whole(&written, whole.len() as u64));
        prop_assert_eq!((0..whole.len()).map(|index| integers::at(&written, index)).collect::<Vec<_>>(), whole);
    }
}
