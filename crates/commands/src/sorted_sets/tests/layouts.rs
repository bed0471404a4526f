//! How sorted sets lie in records, and what commands read and write of them.

use std::ops::ControlFlow;

use types::limits::Limits;
use types::root::Root;
use types::txn::{Database, HashKey, HashKeyTxn, Proto, SortKeys, ValueId};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, show, words};
use crate::varint;

fn run(memory: &mut Memory, line: &str) -> String {
    show(&memory.run(&Redis, Database(0), Proto::Resp2, words(line)))
}

fn root(memory: &Memory, key: &[u8]) -> Root {
    memory.root_of(Database(0), key).cloned().expect("the key is there")
}

/// All elements of an exploded value.
fn elements(memory: &mut Memory, key: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let id = root(memory, key).id;
    let mut all = Vec::new();
    let value = ValueId::of(&HashKey::new(Database(0), key), id);
    memory
        .range(value, &SortKeys::from(b""), &mut |sort_key, element| {
            all.push((sort_key.to_vec(), element.to_vec()));
            ControlFlow::Continue(())
        })
        .expect("memory does not fail");
    all
}

/// What holds between commands, whatever they were: see [`crate::sorted_sets::index`].
pub(super) fn check_structure(memory: &mut Memory, key: &[u8]) {
    let Some(root) = memory.root_of(Database(0), key).cloned().filter(|root| root.id != 0) else {
        assert_eq!(memory.elements(), 0, "nothing is left of what was exploded");
        return;
    };
    let all = elements(memory, key);
    let (levels, mut rest) = root.value.split_first().expect("a value");
    varint::take(&mut rest).expect("members removed");
    let len = varint::take(&mut rest).expect("a length") as usize;
    let level = |level: u8| -> Vec<(&[u8], u64)> {
        let on_level = all.iter().filter(|(sort_key, _)| sort_key[..2] == [b'r', level]);
        on_level.map(|(sort_key, element)| (&sort_key[2..], varint::take(&mut &element[..]).unwrap_or(0))).collect()
    };
    let places: Vec<&[u8]> = level(0).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places.len() as u64, root.count);
    assert_eq!((places[0], places[places.len() - 1]), rest.split_at(len), "the ends");
    let mut scores: Vec<Vec<u8>> =
        all.iter().filter(|(sort_key, _)| sort_key[0] == b'm').map(|(sort_key, score)| [score, &sort_key[7..]].concat()).collect();
    scores.sort();
    assert_eq!(scores, places, "members and places are the same");
    let mut below = places.clone();
    for number in 1..=*levels {
        let nodes = level(number);
        assert!(nodes[0].0.is_empty(), "a node in front of all members");
        for (at, &(place, count)) in nodes.iter().enumerate() {
            assert!(at == 0 || below.contains(&place), "what stands on a level stands on all below");
            let to = nodes.get(at + 1).map(|node| node.0);
            let passed = places.iter().filter(|&&other| other >= place && to.is_none_or(|to| other < to)).count();
            assert_eq!(count, passed as u64, "level {number}, node {at} of {}", nodes.len());
        }
        below = nodes.into_iter().skip(1).map(|(place, _)| place).collect();
    }
    assert!(level(levels + 1).is_empty());
    let nodes: usize = (1..=*levels).map(|number| level(number).len()).sum();
    assert_eq!(all.len(), 2 * places.len() + nodes, "nothing else");
}

/// The bytes of docs/data-model.md.
#[test]
fn the_page_shows_what_is_written() {
    let page = include_str!("../../../../../docs/data-model.md");
    let shown = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let mut memory = Memory::new(NOW);
    run(&mut memory, "ZADD k 1.5 b -2 a");
    let mut lines = vec![shown(&root(&memory, b"k").value)];
    memory.set_limits(Limits::exploding_at(1));
    run(&mut memory, "DEL k");
    run(&mut memory, "ZADD k 1.5 b -2 a");
    lines.push(shown(&root(&memory, b"k").value));
    for (sort_key, element) in elements(&mut memory, b"k") {
        lines.push(format!("{}   -> {}", shown(&sort_key), shown(&element)).trim_end().to_string());
    }
    lines.retain(|line| !page.contains(line));
    assert!(lines.is_empty(), "the page lacks\n{}", lines.join("\n"));
}

#[test]
fn the_index_of_many_members_is_right_after_every_kind_of_change() {
    let mut memory = Memory::new(NOW);
    for number in 0..800u32 {
        run(&mut memory, &format!("ZADD k {} m{number}", number * 7919 % 1000));
    }
    check_structure(&mut memory, b"k");
    for line in [
        "ZREMRANGEBYRANK k 100 400",
        "ZPOPMIN k 50",
        "ZPOPMAX k 50",
        "ZREMRANGEBYSCORE k 900 (930",
        "ZREMRANGEBYRANK k 0 0",
        "ZREMRANGEBYRANK k -1 -1",
        "ZREMRANGEBYRANK k 0 140",
        "ZREMRANGEBYRANK k -100 -1",
    ] {
        run(&mut memory, line);
        check_structure(&mut memory, b"k");
    }
    assert_eq!(run(&mut memory, "ZCARD k"), run(&mut memory, "ZCOUNT k -inf inf"));
    for number in 0..800u32 {
        run(&mut memory, &format!("ZINCRBY k {} m{number}", number * 104_729 % 500));
    }
    check_structure(&mut memory, b"k");
    let higher = elements(&mut memory, b"k").iter().filter(|(sort_key, _)| sort_key[..2] == [b'r', 1]).count();
    assert!((25..100).contains(&higher), "{higher} of 800 members on level 1: changes keep members on their levels");
    for number in 0..800u32 {
        run(&mut memory, &format!("ZREM k m{number}"));
    }
    assert_eq!(memory.elements(), 0);
}

#[test]
fn ranks_cost_a_logarithm() {
    let mut memory = Memory::new(NOW);
    for chunk in 0..200u32 {
        let pairs: Vec<String> = (0..50).map(|number| format!("{0} m{0}", (chunk * 50 + number) * 7919 % 10_000)).collect();
        run(&mut memory, &format!("ZADD k {}", pairs.join(" ")));
    }
    let mut cost = |line: &str| {
        let before = memory.visited();
        let reply = run(&mut memory, line);
        (reply, memory.visited() - before)
    };
    for (line, expected, most) in [
        ("ZRANK k m7777", "7777", 400),
        ("ZREVRANK k m7777", "2222", 400),
        ("ZCOUNT k 2000 (7000", "5000", 800),
        ("ZCOUNT k -inf inf", "10000", 0),
        ("ZRANGE k 4999 4999", "[\"m4999\"]", 400),
        ("ZRANGE k 5 6", "[\"m5\", \"m6\"]", 7),
        ("ZRANGE k 1 1 REV", "[\"m9998\"]", 2),
        ("ZRANGE k 0 0", "[\"m0\"]", 1),
        ("ZADD k 7777.5 m7777", "0", 400),
        ("ZADD k 3.5 new", "1", 400),
        ("ZPOPMIN k", "[\"m0\", \"0\"]", 20),
        ("ZPOPMAX k", "[\"m9999\", \"9999\"]", 20),
        ("ZREMRANGEBYRANK k 3 3", "1", 400),
    ] {
        let (reply, visited) = cost(line);
        assert_eq!(reply, expected, "{line}");
        assert!(visited <= most, "{line} looks at {visited} elements");
    }
}

#[test]
fn what_changes_nothing_writes_nothing() {
    for limits in [Limits::DEFAULT, Limits::exploding_at(0)] {
        let mut memory = Memory::new(NOW);
        memory.set_limits(limits);
        run(&mut memory, "ZADD k 1 a 2 b");
        let before = root(&memory, b"k").version;
        for line in [
            "ZADD k 1 a",
            "ZADD k NX 5 a",
            "ZADD k XX 5 x",
            "ZADD k GT 0 b",
            "ZINCRBY k 0 a",
            "ZREM k x",
            "ZREMRANGEBYRANK k 5 9",
            "ZPOPMIN k 0",
        ] {
            run(&mut memory, line);
            assert_eq!(root(&memory, b"k").version, before, "{line}");
        }
        run(&mut memory, "ZADD k 5 a");
        assert!(root(&memory, b"k").version > before);
    }
}

#[test]
fn what_has_lost_nearly_all_gets_a_new_id() {
    let mut memory = Memory::new(NOW);
    memory.set_limits(Limits::exploding_at(10));
    let mut ids = vec![];
    // A window of 20 members moves over 6000.
    for step in 0..300 {
        let pairs: Vec<String> = (1..=20).map(|number| format!("{0} m{0}", 20 * step + number)).collect();
        run(&mut memory, &format!("ZADD k {}", pairs.join(" ")));
        if step > 0 {
            run(&mut memory, "ZPOPMIN k 20");
        }
        ids.push(root(&memory, b"k").id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 2, "one new id after 4096 and 16 for each of 20 members");
    check_structure(&mut memory, b"k");
    assert_eq!(run(&mut memory, "ZRANGE k 0 0 WITHSCORES"), "[\"m5981\", \"5981\"]");
}

#[test]
fn layouts_change_at_the_limits() {
    let mut memory = Memory::new(NOW);
    memory.set_limits(Limits::exploding_at(2));
    run(&mut memory, "ZADD k 1 a 2 b");
    assert_eq!(run(&mut memory, "OBJECT ENCODING k"), "\"listpack\"");
    run(&mut memory, "ZADD k 3 b");
    assert_eq!((run(&mut memory, "OBJECT ENCODING k"), memory.elements()), ("\"listpack\"".to_string(), 0));
    run(&mut memory, "ZADD k 3 c");
    assert_eq!(run(&mut memory, "OBJECT ENCODING k"), "\"skiplist\"");
    check_structure(&mut memory, b"k");
    run(&mut memory, "ZREM k a b");
    assert_eq!(run(&mut memory, "OBJECT ENCODING k"), "\"skiplist\"", "as in Redis, there is no way back");
    run(&mut memory, "ZUNIONSTORE k 1 k");
    assert_eq!((run(&mut memory, "OBJECT ENCODING k"), memory.elements()), ("\"listpack\"".to_string(), 0));
}

#[test]
fn damaged_bytes_are_noticed() {
    let mut memory = Memory::new(NOW);
    let limits = Limits::DEFAULT;
    run(&mut memory, "ZADD k 1.5 b -2 a");
    memory.set_limits(Limits::exploding_at(0));
    run(&mut memory, "ZADD big 1.5 b -2 a");
    for (name, key) in [("k", HashKey::new(Database(0), b"k")), ("big", HashKey::new(Database(0), b"big"))] {
        let whole = root(&memory, name.as_bytes());
        let open = |root: Root| crate::sorted_sets::view::SortedSet::of(key, root, &limits).is_ok();
        assert!(open(whole.clone()));
        // The last place ends with the value: a byte less is another member.
        for len in 0..whole.value.len() - 1 {
            assert!(!open(Root { value: whole.value.slice(..len), ..whole.clone() }), "{name} cut to {len}");
        }
        assert!(!open(Root { count: 0, ..whole.clone() }));
        let mut not_a_score = whole.value.to_vec();
        let score = if name == "k" { 1 } else { 3 };
        not_a_score[score..score + 8].fill(0xff);
        assert!(!open(Root { value: not_a_score.into(), ..whole }));
    }
}
