//! How sorted sets lie in records, and what commands read and write of them.

use std::ops::ControlFlow;

use types::limits::Limits;
use types::root::Root;
use types::txn::{Database, HashKey, HashKeyTxn, Proto, SortKeys, ValueId};
use types::varint;

use crate::coprocessor::Redis;
use crate::counted::check::check;
use crate::counted::{Counted, Tags};
use crate::memory::Memory;
use crate::sorted_sets::range::ScoreRange;
use crate::sorted_sets::view::SortedSet;
use crate::sorted_sets::{read_all, write_all};
use crate::testing::{NOW, show, words};

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

/// What holds between commands, whatever they were: see [`crate::counted`].
pub(super) fn check_structure(memory: &mut Memory, key: &[u8]) {
    let Some(root) = memory.root_of(Database(0), key).cloned().filter(|root| root.id != 0) else {
        assert_eq!(memory.elements(), 0, "nothing is left of what was exploded");
        return;
    };
    let mut rest = &root.value[..];
    varint::take(&mut rest).expect("members removed");
    let value = ValueId::of(&HashKey::new(Database(0), key), root.id);
    let order = Counted::decode(value, Tags { element: None, page: b'p', counts: b'c' }, &mut rest).expect("a sequence");
    assert_eq!(rest, b"", "nothing else");
    assert_eq!(order.len(), root.count);
    let all = elements(memory, key);
    assert!(all.iter().all(|(sort_key, _)| [b'm', b'p', b'c'].contains(&sort_key[0])), "nothing else");
    let mut places: Vec<Vec<u8>> =
        all.iter().filter(|(sort_key, _)| sort_key[0] == b'm').map(|(sort_key, score)| [score, &sort_key[7..]].concat()).collect();
    places.sort();
    check(&order, memory, &places);
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
    let pages = elements(&mut memory, b"k").iter().filter(|(sort_key, _)| sort_key[0] == b'p').count();
    assert!((10..30).contains(&pages), "{pages} pages");
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
        let before = memory.got() + memory.visited();
        let reply = run(&mut memory, line);
        (reply, memory.got() + memory.visited() - before)
    };
    for (line, expected, most) in [
        ("ZRANK k m7777", "7777", 4),
        ("ZREVRANK k m7777", "2222", 4),
        ("ZCOUNT k 2000 (7000", "5000", 6),
        ("ZCOUNT k -inf inf", "10000", 0),
        ("ZRANGE k 4999 4999", "[\"m4999\"]", 3),
        ("ZRANGE k 5 6", "[\"m5\", \"m6\"]", 0),
        ("ZRANGE k 1 1 REV", "[\"m9998\"]", 0),
        ("ZRANGE k 0 0", "[\"m0\"]", 0),
        ("ZADD k 7777.5 m7777", "0", 8),
        ("ZADD k 3.5 new", "1", 4),
        ("ZPOPMIN k", "[\"m0\", \"0\"]", 4),
        ("ZPOPMAX k", "[\"m9999\", \"9999\"]", 4),
        ("ZREMRANGEBYRANK k 3 3", "1", 4),
    ] {
        let (reply, read) = cost(line);
        assert_eq!(reply, expected, "{line}");
        assert!(read <= most, "{line} reads {read} records");
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
        let open = |root: Root| SortedSet::of(key, root, &limits).is_ok();
        assert!(open(whole.clone()));
        // Inline, the last place ends with the value: a byte less is another member.
        let cut = if name == "k" { whole.value.len() - 1 } else { whole.value.len() };
        for len in 0..cut {
            assert!(!open(Root { value: whole.value.slice(..len), ..whole.clone() }), "{name} cut to {len}");
        }
        assert!(!open(Root { count: 0, ..whole.clone() }));
        assert!(!open(Root { count: 3, ..whole.clone() }));
        assert!(!open(Root { value: [&whole.value[..], b"x"].concat().into(), ..whole.clone() }));
        let mut not_a_score = whole.value.to_vec();
        let score = if name == "k" { 1 } else { 3 };
        not_a_score[score..score + 8].fill(0xff);
        assert!(!open(Root { value: not_a_score.into(), ..whole }));
    }
}

#[test]
fn walks_between_scores_stop_where_they_are_told_to() {
    for limits in [Limits::DEFAULT, Limits::exploding_at(0)] {
        let mut memory = Memory::new(NOW);
        memory.set_limits(limits);
        run(&mut memory, "ZADD k 1 a 2 b 2 c 3 d 4 e");
        let key = HashKey::new(Database(0), b"k");
        let set = SortedSet::of(key, root(&memory, b"k"), &limits).expect("it is whole");
        let mut seen = |min: f64, max: f64, max_excluded: bool, most: usize| {
            let mut seen = Vec::new();
            let range = ScoreRange { min, min_excluded: false, max, max_excluded };
            set.walk_scores(&mut memory, &range, &mut |score, member| {
                seen.push(format!("{}{score}", member.escape_ascii()));
                if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .expect("memory does not fail");
            seen.join(" ")
        };
        assert_eq!(seen(2.0, 3.0, false, 9), "b2 c2 d3");
        assert_eq!(seen(2.0, 3.0, true, 9), "b2 c2");
        assert_eq!(seen(-9.0, 9.0, false, 2), "a1 b2");
        assert_eq!(seen(4.0, f64::INFINITY, false, 9), "e4");
        assert_eq!(seen(5.0, 9.0, false, 9), "");
        assert_eq!(seen(3.0, 1.0, false, 9), "");
    }
}

#[test]
fn what_is_read_whole_can_be_written_whole() {
    for (from, to) in [(0, 1000), (1000, 0), (1000, 1000), (0, 0)] {
        let mut memory = Memory::new(NOW);
        memory.set_limits(Limits::exploding_at(from));
        run(&mut memory, "ZADD k 1 a 2 b -1 c");
        run(&mut memory, "ZADD other 7 x 8 y");
        let (key, other) = (HashKey::new(Database(0), b"k"), HashKey::new(Database(0), b"other"));
        let whole = root(&memory, b"k");
        let mut items = read_all(&mut memory, &key, whole).expect("it is whole");
        assert_eq!(items.iter().map(|(score, _)| *score).collect::<Vec<_>>(), [-1.0, 1.0, 2.0]);
        items.reverse();
        items.push((5.0, b"c"[..].into()));
        let expire = Some(types::time::UnixMs(NOW.0 + 5000));
        write_all(&mut memory, &Limits::exploding_at(to), &other, &items, expire).expect("memory does not fail");
        assert_eq!(run(&mut memory, "ZRANGE other 0 -1 WITHSCORES"), "[\"a\", \"1\", \"b\", \"2\", \"c\", \"5\"]");
        assert_eq!(run(&mut memory, "PTTL other"), "5000");
        assert_eq!(root(&memory, b"other").id == 0, to > 0);
        run(&mut memory, "ZADD other 9 z");
        write_all(&mut memory, &Limits::exploding_at(to), &other, &[], None).expect("memory does not fail");
        assert_eq!(run(&mut memory, "EXISTS other"), "0");
    }
}
