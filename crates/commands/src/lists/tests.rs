//! Lists in all layouts, against a plain vector and by what they cost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use proptest::prelude::*;
use types::limits::Limits;
use types::txn::{Database, HashKey, HashKeyTxn, Proto, SortKeys, ValueId};

use crate::coprocessor::Redis;
use crate::elements;
use crate::lists::items;
use crate::memory::Memory;
use crate::testing::{NOW, check_layouts, check_limited, show, words};

fn run(memory: &mut Memory, command: &str) -> String {
    show(&memory.run(&Redis, Database(0), Proto::Resp2, words(command)))
}

fn exploding(entries: u32) -> Memory {
    let mut memory = Memory::new(NOW);
    memory.set_limits(Limits::exploding_at(entries));
    memory
}

#[test]
fn pushes_pops_and_looks() {
    check_layouts(
        r#"
        LPUSHX l a            -> 0
        RPUSH l c d e         -> 3
        LPUSH l b a           -> 5
        RPUSHX l f            -> 6
        LRANGE l 0 -1         -> ["a", "b", "c", "d", "e", "f"]
        LRANGE l -3 10        -> ["d", "e", "f"]
        LRANGE l 4 2          -> []
        LINDEX l -1           -> "f"
        LINDEX l 6            -> nil
        LINSERT l BEFORE c x  -> 7
        LINSERT l AFTER f y   -> 8
        LINSERT l BEFORE a z  -> 9
        LINSERT l BEFORE q z  -> -1
        LSET l 3 X            -> OK
        LRANGE l 0 -1         -> ["z", "a", "b", "X", "c", "d", "e", "f", "y"]
        LPOP l 2              -> ["z", "a"]
        RPOP l                -> "y"
        LTRIM l 1 -2          -> OK
        LRANGE l 0 -1         -> ["X", "c", "d", "e"]
        LMOVE l l LEFT RIGHT  -> "X"
        RPOPLPUSH l {l}m      -> "X"
        LLEN l                -> 3
        LMPOP 2 {l}none l RIGHT COUNT 9 -> ["l", ["e", "d", "c"]]
        EXISTS l {l}m         -> 1
        TYPE {l}m             -> list
        "#,
    );
}

#[test]
fn matches_are_found_and_removed_from_both_ends() {
    check_layouts(
        r#"
        RPUSH l a b a a c a   -> 6
        LPOS l a RANK 2       -> 2
        LPOS l a RANK -1 COUNT 0 -> [5, 3, 2, 0]
        LPOS l a COUNT 0 MAXLEN 3 -> [0, 2]
        LREM l -2 a           -> 2
        LRANGE l 0 -1         -> ["a", "b", "a", "c"]
        LREM l 0 a            -> 2
        LREM l 1 nosuch       -> 0
        LRANGE l 0 -1         -> ["b", "c"]
        LREM l 5 b            -> 1
        LREM l 5 c            -> 1
        EXISTS l              -> 0
        "#,
    );
}

#[test]
fn an_expiry_outlives_changes_of_the_layout() {
    check_limited(
        Limits::exploding_at(4),
        r#"
        RPUSH l a b c         -> 3
        PEXPIRE l 1000        -> 1
        OBJECT ENCODING l     -> "listpack"
        RPUSH l d e           -> 5
        OBJECT ENCODING l     -> "quicklist"
        PTTL l                -> 1000
        LPOP l 2              -> ["a", "b"]
        OBJECT ENCODING l     -> "quicklist"
        RPOP l                -> "e"
        OBJECT ENCODING l     -> "listpack"
        LRANGE l 0 -1         -> ["c", "d"]
        PTTL l                -> 1000
        wait 1001
        LLEN l                -> 0
        "#,
    );
}

#[test]
fn bytes_bound_a_packed_list_whatever_the_limits() {
    for list_size in [-5, -2, -1, 128] {
        // Each takes two bytes for its size: 512 in all, then 1024, then more.
        let big = "x".repeat(510);
        check_limited(
            Limits { list_size, ..Limits::DEFAULT },
            &format!(
                r#"
                RPUSH l {big}         -> 1
                RPUSH l {big}         -> 2
                OBJECT ENCODING l     -> "listpack"
                RPUSH l ""            -> 3
                OBJECT ENCODING l     -> "quicklist"
                LINDEX l 1            -> "{big}"
                "#
            ),
        );
    }
}

/// A queue: what a push and a pop change is a record and the root, and the same keys are used again.
#[test]
fn a_push_and_a_pop_cost_one_record_each() {
    let mut memory = exploding(1);
    for number in 0..1000 {
        run(&mut memory, &format!("RPUSH l {number}"));
    }
    let before = memory.elements();
    for _ in 0..1000 {
        run(&mut memory, "LPUSH l x");
        assert!(memory.elements() <= before + 2, "{}", memory.elements());
        assert_eq!(run(&mut memory, "LPOP l"), "\"x\"");
    }
    assert_eq!(memory.elements(), before);
    let root = memory.root_of(Database(0), b"l").unwrap().clone();
    let value = ValueId::of(&HashKey::new(Database(0), b"l"), root.id);
    let first = elements::collect(&mut memory, value, &SortKeys::from(b"m"), 1).unwrap();
    assert_eq!(first[0].0[..], *b"m\x80\0\0\0\0\0\0\0", "an end that was popped is taken again");
}

#[test]
fn hundreds_of_insertions_at_one_place_keep_order_and_short_keys() {
    for (place, pivot) in [("BEFORE", "b"), ("AFTER", "a")] {
        let mut memory = exploding(1);
        run(&mut memory, "RPUSH l a b");
        for number in 0..600 {
            run(&mut memory, &format!("LINSERT l {place} {pivot} {number}"));
        }
        let mut numbers: Vec<String> = (0..600).map(|number| format!("\"{number}\"")).collect();
        if place == "AFTER" {
            numbers.reverse();
        }
        assert_eq!(run(&mut memory, "LRANGE l 0 -1"), format!("[\"a\", {}, \"b\"]", numbers.join(", ")));
        assert_eq!(run(&mut memory, "LINDEX l 300"), numbers[299]);
        let id = memory.root_of(Database(0), b"l").unwrap().id;
        let value = ValueId::of(&HashKey::new(Database(0), b"l"), id);
        let all = elements::collect(&mut memory, value, &SortKeys::between(b"m", b"n"), usize::MAX).unwrap();
        assert_eq!(all.len(), 602);
        assert!(all.iter().all(|(key, _)| key.len() <= 1 + super::order::KEY_MAX));
    }
}

#[test]
fn what_loses_many_elements_gets_a_new_id() {
    let mut memory = exploding(1);
    let numbers: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
    run(&mut memory, &format!("RPUSH l {}", numbers.join(" ")));
    let id = |memory: &Memory| memory.root_of(Database(0), b"l").unwrap().id;
    let old = id(&memory);
    run(&mut memory, "LTRIM l 1 -2");
    assert_eq!(id(&memory), old, "a little is just deleted");
    run(&mut memory, "LTRIM l 3000 3002");
    assert_ne!(id(&memory), old);
    assert_eq!(run(&mut memory, "LRANGE l 0 -1"), r#"["3001", "3002", "3003"]"#);
    assert!(memory.elements() < 10);
    let old = id(&memory);
    let same = vec!["x"; 4200].join(" ");
    run(&mut memory, &format!("LPUSH l {same}"));
    assert_eq!(run(&mut memory, "LREM l 0 x"), "4200");
    assert_ne!(id(&memory), old);
    assert_eq!(run(&mut memory, "LRANGE l 0 -1"), r#"["3001", "3002", "3003"]"#);
}

#[test]
fn whole_lists_come_back() {
    let key = HashKey::new(Database(0), b"l");
    for count in [0, 1, 2, 5, 600] {
        let all: Vec<Bytes> = (0..count).map(|number: u32| Bytes::from(number.to_string())).collect();
        for limits in [Limits::exploding_at(1), Limits::DEFAULT] {
            let mut memory = Memory::new(NOW);
            run(&mut memory, "SET l string");
            items::write_all(&mut memory, &limits, &key, &all, Some(NOW)).unwrap();
            match memory.root(&key).unwrap() {
                None => assert_eq!(count, 0),
                Some(root) => {
                    assert_eq!((root.count, root.expire), (u64::from(count), Some(NOW)));
                    assert_eq!(items::read_all(&mut memory, &key, &root).unwrap(), all);
                }
            }
        }
    }
}

/// The bytes that docs/data-model.md shows.
#[test]
fn records_are_those_of_the_documentation() {
    let docs = include_str!("../../../../docs/data-model.md");
    let section = docs.split("## Lists").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut memory = exploding(2);
    let key = HashKey::new(Database(0), b"l");
    let shown = |memory: &mut Memory| {
        let root = memory.root(&key).unwrap().unwrap();
        let mut lines = vec![format!("root  -> {}", hex(&root.value))];
        let value = ValueId::of(&key, root.id);
        for (sort_key, element) in elements::collect(memory, value, &SortKeys::from(b""), usize::MAX).unwrap() {
            lines.push(format!("{} -> {}", hex(&sort_key), hex(&element)));
        }
        lines
    };
    run(&mut memory, "RPUSH l a bc");
    let mut lines = shown(&mut memory);
    run(&mut memory, "LPUSH l d");
    run(&mut memory, "LINSERT l BEFORE bc e");
    lines.extend(shown(&mut memory));
    let missing: Vec<String> = lines.into_iter().filter(|line| !section.contains(line)).collect();
    assert!(missing.is_empty(), "docs/data-model.md lacks:\n{}", missing.join("\n"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[derive(Debug, Clone)]
enum Step {
    Push(bool, u8),
    Pop(bool, usize),
    Insert(bool, u8, u8),
    Set(usize, u8),
    Remove(i64, u8),
    Trim(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let element = 0..12u8;
    prop_oneof![
        6 => (any::<bool>(), element.clone()).prop_map(|(left, element)| Step::Push(left, element)),
        2 => (any::<bool>(), 0..3usize).prop_map(|(left, count)| Step::Pop(left, count)),
        6 => (any::<bool>(), element.clone(), element.clone()).prop_map(|(before, pivot, new)| Step::Insert(before, pivot, new)),
        2 => (any::<usize>(), element.clone()).prop_map(|(at, element)| Step::Set(at, element)),
        1 => (-3..4i64, element).prop_map(|(count, element)| Step::Remove(count, element)),
        1 => (0..3usize, 0..3usize).prop_map(|(head, tail)| Step::Trim(head, tail)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_list_is_a_vector(steps in proptest::collection::vec(step(), 1..80), entries in 1..6u32) {
        let mut memory = exploding(entries);
        let mut model: Vec<u8> = Vec::new();
        for step in &steps {
            match step {
                Step::Push(left, element) => {
                    model.insert(if *left { 0 } else { model.len() }, *element);
                    run(&mut memory, &format!("{}PUSH l {element}", if *left { "L" } else { "R" }));
                }
                Step::Pop(left, count) => {
                    let count = (*count).min(model.len());
                    let gone = if *left { 0..count } else { model.len() - count..model.len() };
                    model.drain(gone);
                    run(&mut memory, &format!("{}POP l {count}", if *left { "L" } else { "R" }));
                }
                Step::Insert(before, pivot, new) => {
                    if let Some(at) = model.iter().position(|element| element == pivot) {
                        model.insert(if *before { at } else { at + 1 }, *new);
                    }
                    run(&mut memory, &format!("LINSERT l {} {pivot} {new}", if *before { "BEFORE" } else { "AFTER" }));
                }
                Step::Set(at, element) => {
                    if let Some(at) = at.checked_rem(model.len()) {
                        model[at] = *element;
                        run(&mut memory, &format!("LSET l {at} {element}"));
                    }
                }
                Step::Remove(count, element) => {
                    let mut places: Vec<usize> = (0..model.len()).filter(|&at| model[at] == *element).collect();
                    if *count < 0 {
                        places.reverse();
                    }
                    let most = if *count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
                    places.truncate(most);
                    places.sort_unstable();
                    places.iter().rev().for_each(|&at| { model.remove(at); });
                    prop_assert_eq!(run(&mut memory, &format!("LREM l {count} {element}")), places.len().to_string());
                }
                Step::Trim(head, tail) => {
                    let from = (*head).min(model.len());
                    let to = model.len().saturating_sub(*tail).max(from);
                    model = model[from..to].to_vec();
                    run(&mut memory, &format!("LTRIM l {head} {}", -1 - *tail as i64));
                }
            }
            let expected: Vec<String> = model.iter().map(|element| format!("\"{element}\"")).collect();
            prop_assert_eq!(run(&mut memory, "LRANGE l 0 -1"), format!("[{}]", expected.join(", ")));
            prop_assert_eq!(run(&mut memory, "LLEN l"), model.len().to_string());
        }
        for (index, element) in model.iter().enumerate() {
            prop_assert_eq!(run(&mut memory, &format!("LINDEX l {index}")), format!("\"{element}\""));
        }
        if model.is_empty() {
            prop_assert_eq!(memory.elements(), 0);
        }
    }
}

#[test]
fn a_damaged_root_is_told_and_not_trusted() {
    use types::root::{Kind, Root};
    let key = HashKey::new(Database(0), b"l");
    for (id, value) in [(0, &b"\x05ab"[..]), (7, b""), (7, b"\x01"), (7, b"\0\0\0\0\0\0extra")] {
        let mut memory = Memory::new(NOW);
        let root = Root { id, count: 1, ..Root::inline(Kind::List, Bytes::copy_from_slice(value)) };
        let read = items::read_all(&mut memory, &key, &root);
        assert!(matches!(read, Err(types::txn::Abort::Storage(_))), "{value:?}");
    }
}
