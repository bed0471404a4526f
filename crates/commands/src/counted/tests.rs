//! Sequences against a plain ordered set, with so many levels that few keys need all of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow, Range};

use proptest::prelude::*;
use types::root::{Kind, Root};
use types::txn::{Database, HashKey};

use super::check::check;
use super::*;
use crate::elements::STEP;
use crate::memory::Memory;
use crate::testing::NOW;

const TAGS: Tags = Tags { member: b'm', node: b'n' };

#[derive(Debug, Clone)]
enum Step {
    Insert(u16, bool),
    /// Another key for the member at the index (modulo the length).
    Change(usize, u16, bool),
    /// Members that follow one another, from the index (modulo the length) on: by their keys, by their indexes.
    Remove(usize, usize),
    RemoveRanks(usize, usize),
    Pop(End, usize),
    Walk(usize, usize, bool),
    /// Encodes the ends and reads them again, as the next command does.
    Reload,
}

/// Short keys are kept whole in the root, long ones are not. Of eight long ones all begin with the same bytes, longer than what is kept.
fn key(number: u16, long: bool) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    if long {
        key = (number & !7).to_be_bytes().to_vec();
        key.resize(SHORT + 8, b'x');
        key.push(number as u8 & 7);
    }
    key
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(End::First), Just(End::Last)];
    let long = || proptest::bool::weighted(0.2);
    prop_oneof![
        20 => (0..300u16, long()).prop_map(|(number, long)| Step::Insert(number, long)),
        6 => (any::<usize>(), 0..300u16, long()).prop_map(|(at, number, long)| Step::Change(at, number, long)),
        3 => (any::<usize>(), 1..5usize).prop_map(|(at, count)| Step::Remove(at, count)),
        2 => (any::<usize>(), 0..9usize).prop_map(|(at, count)| Step::RemoveRanks(at, count)),
        3 => (end, 0..4usize).prop_map(|(end, count)| Step::Pop(end, count)),
        2 => (any::<usize>(), 0..50usize, any::<bool>()).prop_map(|(at, count, reverse)| Step::Walk(at, count, reverse)),
        1 => Just(Step::Reload),
    ]
}

fn begin(memory: &mut Memory, bits: u32) -> Counted {
    let name = HashKey::new(Database(0), b"k");
    let value = ValueId::of(&name, memory.next_id());
    memory.put_root(&name, Root { id: value.id, ..Root::inline(Kind::List, Bytes::new()) }).unwrap();
    Counted { bits, ..Counted::new(value, TAGS) }
}

/// The place of a key in the model, or where it would be.
fn place(model: &[Vec<u8>], key: &[u8]) -> Result<usize, usize> {
    model.binary_search_by(|other| other[..].cmp(key))
}

fn remove_ranks(counted: &mut Counted, memory: &mut Memory, ranks: Range<usize>) -> Vec<Vec<u8>> {
    let mut gone = Vec::new();
    counted
        .remove_ranks(memory, ranks.start as u64..ranks.end as u64, &mut |_, key| {
            gone.push(key.to_vec());
            Ok(())
        })
        .unwrap();
    gone.sort();
    gone
}

fn drain(counted: &mut Counted, memory: &mut Memory, end: End, count: usize) -> Vec<Vec<u8>> {
    let mut popped = Vec::new();
    counted
        .drain(memory, end, count as u64, &mut |key, element| {
            assert_eq!(key, element, "each member's element is its key");
            popped.push(key.to_vec());
        })
        .unwrap();
    popped
}

fn walk_ranks(counted: &Counted, memory: &mut Memory, ranks: Range<usize>, reverse: bool) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    counted
        .walk_ranks(memory, ranks.start as u64..ranks.end as u64, reverse, &mut |key, _| {
            seen.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    seen
}

/// Ranks and members of all indexes are those of the model.
fn check_searches(counted: &Counted, memory: &mut Memory, model: &[Vec<u8>]) {
    for (index, key) in model.iter().enumerate() {
        assert_eq!(counted.rank(memory, key).unwrap(), index as u64, "rank of {key:?}");
        let (found, _) = counted.select(memory, index as u64).unwrap().unwrap();
        assert_eq!(found[..], key[..], "the member at {index}");
    }
    assert_eq!(counted.select(memory, model.len() as u64).unwrap(), None);
}

fn run(steps: &[Step], bits: u32) {
    let mut memory = Memory::new(NOW);
    let mut counted = begin(&mut memory, bits);
    let mut model: Vec<Vec<u8>> = Vec::new();
    for step in steps {
        match step {
            Step::Insert(number, long) => {
                let key = key(*number, *long);
                if let Err(at) = place(&model, &key) {
                    model.insert(at, key.clone());
                    counted.insert(&mut memory, &key, Bytes::from(key.clone())).unwrap();
                }
            }
            Step::Change(at, number, long) => {
                let (Some(at), new) = (at.checked_rem(model.len()), key(*number, *long)) else { continue };
                if place(&model, &new).is_err() {
                    let old = model.remove(at);
                    let to = place(&model, &new).unwrap_err();
                    model.insert(to, new.clone());
                    counted.change(&mut memory, &old, &new, Bytes::from(new.clone())).unwrap();
                }
            }
            Step::Remove(at, count) => {
                let Some(at) = at.checked_rem(model.len()) else { continue };
                let run: Vec<Vec<u8>> = model.drain(at..model.len().min(at + count)).collect();
                let keys: Vec<&[u8]> = run.iter().map(|key| &key[..]).collect();
                counted.remove(&mut memory, &keys).unwrap();
            }
            Step::RemoveRanks(at, count) => {
                let Some(at) = at.checked_rem(model.len()) else { continue };
                let ranks = at..model.len().min(at + count);
                let gone = remove_ranks(&mut counted, &mut memory, ranks.clone());
                assert_eq!(gone, model.drain(ranks).collect::<Vec<_>>());
            }
            Step::Pop(end, count) => {
                let popped = drain(&mut counted, &mut memory, *end, *count);
                let count = (*count).min(model.len());
                let expected: Vec<Vec<u8>> = match end {
                    End::First => model.drain(..count).collect(),
                    End::Last => model.split_off(model.len() - count).into_iter().rev().collect(),
                };
                assert_eq!(popped, expected);
            }
            Step::Walk(at, count, reverse) => {
                let Some(at) = at.checked_rem(model.len()) else { continue };
                let ranks = at..model.len().min(at + count);
                let mut expected = model[ranks.clone()].to_vec();
                if *reverse {
                    expected.reverse();
                }
                assert_eq!(walk_ranks(&counted, &mut memory, ranks, *reverse), expected);
            }
            Step::Reload => {
                let mut bytes = Vec::new();
                counted.encode(&mut bytes);
                bytes.push(7);
                let mut rest = &bytes[..];
                counted = Counted { bits, ..Counted::decode(counted.value, TAGS, &mut rest).unwrap() };
                assert_eq!(rest, [7]);
            }
        }
        check(&counted, &memory, &model);
    }
    check_searches(&counted, &mut memory, &model);
    for number in (0..310).step_by(7) {
        let key = key(number, false);
        assert_eq!(counted.rank(&mut memory, &key).unwrap(), place(&model, &key).unwrap_or_else(|at| at) as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_sequence_is_an_ordered_set(steps in proptest::collection::vec(step(), 1..120), bits in 1..3u32) {
        run(&steps, bits);
    }
}

fn long_sequence(memory: &mut Memory, count: u32) -> Counted {
    let mut counted = begin(memory, BITS);
    for number in 0..count {
        let key = number.to_be_bytes();
        counted.insert(memory, &key, Bytes::copy_from_slice(&key)).unwrap();
    }
    counted
}

/// What a long list costs, counted in records that are looked at or written, by the width that is used.
#[test]
fn a_long_sequence_is_counted_in_few_steps() {
    let mut memory = Memory::new(NOW);
    let count = 100_000u32;
    let mut counted = long_sequence(&mut memory, count);
    let nodes = memory.elements() - count as usize;
    assert!((count as usize / 40..count as usize / 25).contains(&nodes), "{nodes} nodes");
    for number in [0, 1, 31, 32, 33, 50_000, 77_777, count - 34, count - 1] {
        assert_eq!(counted.rank(&mut memory, &number.to_be_bytes()).unwrap(), u64::from(number));
        assert_eq!(counted.select(&mut memory, u64::from(number)).unwrap().unwrap().0[..], number.to_be_bytes());
    }
    let visited = memory.visited();
    for number in (0..count).step_by(100) {
        counted.rank(&mut memory, &number.to_be_bytes()).unwrap();
    }
    // Some 32 on each of three levels, members included, and half of the three nodes on the level above.
    let each = (memory.visited() - visited) / 1000;
    assert!((50..110).contains(&each), "a rank looks at {each} records");
    let visited = memory.visited();
    for number in (0..count).step_by(100) {
        counted.select(&mut memory, u64::from(number)).unwrap();
    }
    let each = (memory.visited() - visited) / 1000;
    assert!((50..110).contains(&each), "an index looks at {each} records");
    // A push at either end needs no look at the sequence.
    let mut blind = Memory::new(NOW);
    let mut same = begin(&mut blind, BITS);
    same.ends = counted.ends.clone();
    same.insert(&mut blind, &count.to_be_bytes(), Bytes::new()).unwrap();
    counted.insert(&mut memory, &count.to_be_bytes(), Bytes::new()).unwrap();
    assert_eq!(same.ends, counted.ends);
}

/// Records that are not as before, and records looked at.
fn cost(counted: &mut Counted, memory: &mut Memory, change: impl FnOnce(&mut Counted, &mut Memory)) -> (usize, u64) {
    let (before, visited) = (memory.elements_of(counted.value), memory.visited());
    change(counted, memory);
    let (after, visited) = (memory.elements_of(counted.value), memory.visited() - visited);
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (before.into_iter().collect(), after.into_iter().collect());
    let mut changed: Vec<&Vec<u8>> = before.symmetric_difference(&after).map(|(key, _)| key).collect();
    changed.dedup();
    (changed.len(), visited)
}

#[test]
fn a_change_writes_few_records() {
    let mut memory = Memory::new(NOW);
    let mut counted = long_sequence(&mut memory, 40_000);
    let levels = counted.ends.levels.len();
    assert!((3..=4).contains(&levels), "{levels} levels");
    let flat =
        |number: u32| (0..).map(|last: u8| [&number.to_be_bytes()[..], &[last]].concat()).find(|key| height(key, BITS) == 0).unwrap();
    let (near, far) = (flat(20_000), flat(5));
    // The member, and a count of each level, for each of which there is one search.
    let new = cost(&mut counted, &mut memory, |counted, memory| counted.insert(memory, &near, Bytes::new()).unwrap());
    assert!(new.0 <= 1 + levels && new.1 <= levels as u64, "{new:?}");
    // To another place behind the same node: the two members, after one search.
    let beside = [&near[..], b"\x01"].concat();
    assert_eq!(height(&beside, BITS), 0, "the key is made for this");
    let moved = cost(&mut counted, &mut memory, |counted, memory| counted.change(memory, &near, &beside, Bytes::new()).unwrap());
    assert_eq!(moved, (2, 1));
    // Far away: two counts of each level at most.
    let moved = cost(&mut counted, &mut memory, |counted, memory| counted.change(memory, &beside, &far, Bytes::new()).unwrap());
    assert!(moved.0 <= 2 + 2 * levels && moved.1 <= 2 * levels as u64, "{moved:?}");
    let removed = cost(&mut counted, &mut memory, |counted, memory| counted.remove(memory, &[&far]).unwrap());
    assert!(removed.0 <= 1 + levels && removed.1 <= levels as u64, "{removed:?}");
    // However many go at once.
    let nodes = |range: Range<u32>| range.map(|number| height(&number.to_be_bytes(), BITS)).sum::<usize>();
    let many = cost(&mut counted, &mut memory, |counted, memory| {
        remove_ranks(counted, memory, 10_000..13_000);
    });
    assert!(many.0 <= 3000 + nodes(10_000..13_000) + levels, "{many:?}");
    // Each is looked at once, those after which a step ends once more; and there is a search for the first.
    assert!(many.1 <= 3000 + 3000 / STEP as u64 + 1 + 400, "{many:?}");
    let numbers = (0..10_000u32).chain(13_000..40_000).map(u32::to_be_bytes);
    check(&counted, &memory, &numbers.collect::<Vec<_>>());
}

#[test]
fn as_many_as_are_wanted_go_at_once_from_wherever() {
    for (ranks, left) in [(0..700, 700..2000), (1300..2000, 0..1300), (0..2000, 0..0), (0..1999, 1999..2000), (1..2000, 0..1)] {
        let mut memory = Memory::new(NOW);
        let mut counted = long_sequence(&mut memory, 2000);
        let gone = remove_ranks(&mut counted, &mut memory, ranks.clone());
        assert_eq!(gone, ranks.map(|number| (number as u32).to_be_bytes().to_vec()).collect::<Vec<_>>());
        check(&counted, &memory, &left.map(u32::to_be_bytes).collect::<Vec<_>>());
    }
}

/// Where members were popped, what stays of them may have to be stepped over, record by record. Here records stand for it that no
/// operation could take for one of the sequence's without harm.
#[test]
fn what_was_popped_is_not_looked_at() {
    for long in [false, true] {
        let numbered = |number: u16| key(8 * number, long);
        let mut memory = Memory::new(NOW);
        let mut counted = begin(&mut memory, 2);
        for number in 0..600 {
            let key = numbered(number);
            counted.insert(&mut memory, &key, Bytes::from(key.clone())).unwrap();
        }
        // By each of the ways in which members go.
        drain(&mut counted, &mut memory, End::First, 100);
        drain(&mut counted, &mut memory, End::Last, 100);
        remove_ranks(&mut counted, &mut memory, 0..50);
        remove_ranks(&mut counted, &mut memory, 300..350);
        counted.remove(&mut memory, &[&numbered(150), &numbered(151)]).unwrap();
        counted.remove(&mut memory, &[&numbered(449)]).unwrap();
        counted.change(&mut memory, &numbered(152), &key(8 * 300 + 1, long), Bytes::from(key(8 * 300 + 1, long))).unwrap();
        counted.change(&mut memory, &numbered(448), &key(8 * 300 + 2, long), Bytes::from(key(8 * 300 + 2, long))).unwrap();
        let mut model: Vec<Vec<u8>> = (153..448).map(numbered).collect();
        model.extend([key(8 * 300 + 1, long), key(8 * 300 + 2, long)]);
        model.sort();
        check(&counted, &memory, &model);
        let poison = Bytes::from_static(b"\xff");
        for number in (0..153).chain(448..600) {
            memory.put(counted.value, &counted.member(&numbered(number)), poison.clone());
            for level in 1..=LEVELS_MAX {
                memory.put(counted.value, &counted.node(level, &numbered(number)), poison.clone());
            }
        }
        check_searches(&counted, &mut memory, &model);
        for reverse in [false, true] {
            assert_eq!(walk_ranks(&counted, &mut memory, 0..model.len(), reverse).len(), model.len());
        }
        assert_eq!(counted.rank(&mut memory, &numbered(10)).unwrap(), 0);
        assert_eq!(counted.rank(&mut memory, &numbered(590)).unwrap(), model.len() as u64);
        let mut seen = 0;
        let (from, to) = (numbered(10), numbered(590));
        counted
            .walk(&mut memory, Bound::Included(&from), Bound::Excluded(&to), false, &mut |_, _| {
                seen += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, model.len());
        for number in [154, 300, 446] {
            let new = key(8 * number + 3, long);
            counted.insert(&mut memory, &new, Bytes::from(new.clone())).unwrap();
            model.insert(place(&model, &new).unwrap_err(), new);
        }
        for at in [0, model.len() - 1, 70] {
            let old = model.remove(at.min(model.len() - 1));
            counted.remove(&mut memory, &[&old]).unwrap();
        }
        check_searches(&counted, &mut memory, &model);
        assert_eq!(drain(&mut counted, &mut memory, End::Last, 1), model.split_off(model.len() - 1));
        assert_eq!(drain(&mut counted, &mut memory, End::First, 600), model);
        assert_eq!(counted.ends, Ends::default());
    }
}

#[test]
fn bytes_that_are_no_ends_are_damage() {
    let mut memory = Memory::new(NOW);
    let whole = |counted: &Counted| {
        let mut bytes = Vec::new();
        counted.encode(&mut bytes);
        bytes
    };
    let is_damage = |bytes: &[u8]| {
        let value = ValueId::of(&HashKey::new(Database(0), b"k"), 1);
        matches!(Counted::decode(value, TAGS, &mut &bytes[..]), Err(Abort::Storage(_)))
    };
    for counted in [begin(&mut memory, BITS), long_sequence(&mut memory, 100)] {
        let bytes = whole(&counted);
        assert!(!is_damage(&bytes));
        for len in 0..bytes.len() {
            assert!(is_damage(&bytes[..len]));
        }
    }
    let mut bytes = whole(&begin(&mut memory, BITS));
    let last = bytes.len() - 1;
    bytes[last] = 200;
    assert!(is_damage(&bytes), "too many levels");
    assert!(is_damage(b"\x02\x01b\x01a\x00"), "the last before the first");
    assert!(is_damage(b"\x01\x01a\x01a\x01\x00\x01\x01a\x01"), "a level without nodes that has an open one");
    assert!(!is_damage(b"\x01\x01a\x01a\x01\x00\x03\x01a\x01"));
    let long = [&[1, SHORT as u8 + 1][..], &[b'a'; SHORT + 1], &[1, b'b', 0]].concat();
    assert!(is_damage(&long), "a key that is not cut");
}

#[test]
fn records_that_are_damaged_are_noticed() {
    let mut memory = Memory::new(NOW);
    let counted = long_sequence(&mut memory, 2000);
    let nodes: Vec<Vec<u8>> = memory.elements_of(counted.value).into_iter().map(|(key, _)| key).filter(|key| key[0] == b'n').collect();
    assert!(nodes.len() > 30);
    for node in &nodes {
        for record in [&b""[..], b"\x01\x01", b"\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
            let whole = memory.get(counted.value, node).unwrap().unwrap();
            memory.put(counted.value, node, Bytes::copy_from_slice(record));
            let key = [&node[2..], b"\0"].concat();
            let result = counted.rank(&mut memory, &key);
            assert!(matches!(result, Err(Abort::Storage(_))), "{node:?}");
            memory.put(counted.value, node, whole);
        }
    }
    // A count that is wrong leads nowhere: to damage, not to a panic.
    for count in [0u64, 1, 1 << 59] {
        let mut memory = Memory::new(NOW);
        let mut counted = long_sequence(&mut memory, 2000);
        for node in &nodes {
            memory.put(counted.value, node, write_count(count));
        }
        for number in (0..2000u32).step_by(37) {
            let _ = counted.rank(&mut memory, &number.to_be_bytes());
            let _ = counted.select(&mut memory, u64::from(number));
        }
        let _ = counted.insert(&mut memory, b"\0\0\x03\0\0", Bytes::new());
        let _ = counted.remove(&mut memory, &[&700u32.to_be_bytes()[..]]);
        let _ = counted.change(&mut memory, &800u32.to_be_bytes(), b"\0\0\x02\0\0", Bytes::new());
        let _ = counted.remove_ranks(&mut memory, 100..1500, &mut |_, _| Ok(()));
    }
}
