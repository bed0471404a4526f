//! Sequences against a plain ordered set, with pages so small that few keys need several levels of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow, Range, RangeBounds};

use proptest::prelude::*;
use types::root::{Kind, Root};
use types::txn::{Database, HashKey};

use super::check::check;
use super::pages::sort_key;
use super::*;
use crate::memory::Memory;
use crate::testing::NOW;

const WITH_ELEMENTS: Tags = Tags { element: Some(b'm'), page: b'p', counts: b'c' };
const KEYS_ALONE: Tags = Tags { element: None, ..WITH_ELEMENTS };
const SMALL: Sizes = Sizes { leaf: 24, children: 4, end: 16 };

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
    /// Encodes what the root keeps and reads it again, as the next command does.
    Reload,
}

/// Short keys are kept whole in bounds, long ones are not. Of eight long ones all begin with the same bytes, longer than what is kept.
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

fn begin(memory: &mut Memory, tags: Tags, sizes: Sizes) -> Counted {
    let name = HashKey::new(Database(0), b"k");
    let value = ValueId::of(&name, memory.next_id());
    memory.put_root(&name, Root { id: value.id, ..Root::inline(Kind::List, Bytes::new()) }).unwrap();
    Counted { sizes, ..Counted::new(value, tags) }
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
    let (mut popped, mut elements) = (Vec::new(), Vec::new());
    counted
        .drain(memory, end, count as u64, &mut |key, element| {
            popped.push(key.to_vec());
            elements.push(element.to_vec());
        })
        .unwrap();
    if counted.tags == WITH_ELEMENTS {
        assert_eq!(popped, elements, "each member's element is its key");
    }
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

/// Walks between two members, with and without them, and between what lies beside them.
fn check_bounds(counted: &Counted, memory: &mut Memory, model: &[Vec<u8>], ranks: Range<usize>, reverse: bool) {
    let (Some(low), Some(high)) = (model.get(ranks.start), model.get(ranks.end)) else { return };
    let beside = |key: &Vec<u8>| [&key[..], b"\0"].concat();
    let (beside_low, beside_high) = (beside(low), beside(high));
    for from in [Bound::Unbounded, Bound::Included(low), Bound::Excluded(low), Bound::Included(&beside_low)] {
        for to in [Bound::Unbounded, Bound::Included(high), Bound::Excluded(high), Bound::Excluded(&beside_high)] {
            let mut expected: Vec<&Vec<u8>> = model.iter().filter(|key| RangeBounds::<Vec<u8>>::contains(&(from, to), *key)).collect();
            if reverse {
                expected.reverse();
            }
            let mut seen = Vec::new();
            let (from, to) = (from.map(|key| &key[..]), to.map(|key| &key[..]));
            counted
                .walk(memory, from, to, reverse, &mut |key, _| {
                    seen.push(key.to_vec());
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(seen.iter().collect::<Vec<_>>(), expected, "{from:?} {to:?}");
        }
    }
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

fn run(steps: &[Step], tags: Tags, sizes: Sizes) {
    let mut memory = Memory::new(NOW);
    let mut counted = begin(&mut memory, tags, sizes);
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
                assert_eq!(walk_ranks(&counted, &mut memory, ranks.clone(), *reverse), expected);
                check_bounds(&counted, &mut memory, &model, ranks, *reverse);
            }
            Step::Reload => {
                let mut bytes = Vec::new();
                counted.encode(&mut bytes);
                bytes.push(7);
                let mut rest = &bytes[..];
                counted = Counted { sizes, ..Counted::decode(counted.value, tags, &mut rest).unwrap() };
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
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_sequence_is_an_ordered_set(
        steps in proptest::collection::vec(step(), 1..160), with_elements in any::<bool>(), leaf in 10..60usize, end in 4..40usize,
    ) {
        let tags = if with_elements { WITH_ELEMENTS } else { KEYS_ALONE };
        run(&steps, tags, Sizes { leaf, end, ..SMALL });
    }
}

fn long_sequence(memory: &mut Memory, tags: Tags, count: u32) -> Counted {
    let mut counted = begin(memory, tags, SIZES);
    for number in 0..count {
        let key = number.to_be_bytes();
        counted.insert(memory, &key, Bytes::copy_from_slice(&key)).unwrap();
    }
    counted
}

/// The records that are not as before, and how many were asked for.
fn cost(counted: &mut Counted, memory: &mut Memory, change: impl FnOnce(&mut Counted, &mut Memory)) -> (usize, u64) {
    let (before, got, visited) = (memory.elements_of(counted.value), memory.got(), memory.visited());
    change(counted, memory);
    assert_eq!(memory.visited(), visited, "nothing is walked");
    let (after, got) = (memory.elements_of(counted.value), memory.got() - got);
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (before.into_iter().collect(), after.into_iter().collect());
    let mut changed: Vec<&Vec<u8>> = before.symmetric_difference(&after).map(|(key, _)| key).collect();
    changed.dedup();
    (changed.len(), got)
}

#[test]
fn a_long_sequence_costs_few_records() {
    let mut memory = Memory::new(NOW);
    let mut counted = long_sequence(&mut memory, KEYS_ALONE, 100_000);
    check(&counted, &memory, &(0..100_000u32).map(u32::to_be_bytes).collect::<Vec<_>>());
    assert_eq!(counted.tree.height, 2);
    // A leaf takes 128 keys of six bytes; what comes in order fills pages.
    let pages = memory.elements();
    assert!((100_000 / 128..100_000 / 105).contains(&pages), "{pages} records");
    // Two records of each of the two levels above, and a leaf.
    for number in [500, 50_000, 77_777, 99_000u32] {
        let searched = cost(&mut counted, &mut memory, |counted, memory| {
            assert_eq!(counted.rank(memory, &number.to_be_bytes()).unwrap(), u64::from(number));
            assert_eq!(counted.select(memory, u64::from(number)).unwrap().unwrap().0[..], number.to_be_bytes());
        });
        assert_eq!(searched, (0, 2 * 5));
    }
    let key = |number: u32| [&number.to_be_bytes()[..], b"x"].concat();
    let new = cost(&mut counted, &mut memory, |counted, memory| counted.insert(memory, &key(50_000), Bytes::new()).unwrap());
    assert_eq!(new, (3, 5), "a leaf and the counts above it");
    counted.insert(&mut memory, &key(50_001), Bytes::new()).unwrap();
    let moved = cost(&mut counted, &mut memory, |counted, memory| {
        counted.change(memory, &key(50_000), &key(50_002), Bytes::new()).unwrap();
    });
    assert_eq!(moved, (1, 5), "on one page");
    let moved = cost(&mut counted, &mut memory, |counted, memory| {
        counted.change(memory, &key(50_002), &key(20_000), Bytes::new()).unwrap();
    });
    assert!(moved.0 <= 7 && moved.1 <= 10 + 1, "{moved:?}");
    let removed = cost(&mut counted, &mut memory, |counted, memory| counted.remove(memory, &[&key(50_001)]).unwrap());
    assert!(removed.0 <= 3 && removed.1 <= 5, "{removed:?}");
    // However many go at once: each leaf is looked at once.
    let many = cost(&mut counted, &mut memory, |counted, memory| {
        assert_eq!(remove_ranks(counted, memory, 10_000..13_000).len(), 3000);
    });
    assert!(many.0 <= 3000 / 105 + 5 && many.1 <= (3000 / 105 + 2) * 6, "{many:?}");
}

#[test]
fn pushes_and_pops_seldom_touch_the_tree() {
    let mut memory = Memory::new(NOW);
    let mut counted = long_sequence(&mut memory, WITH_ELEMENTS, 10_000);
    // As a queue: one comes, one goes.
    let got = memory.got();
    for number in 10_000..20_000u32 {
        counted.insert(&mut memory, &number.to_be_bytes(), Bytes::copy_from_slice(&number.to_be_bytes())).unwrap();
        assert_eq!(drain(&mut counted, &mut memory, End::First, 1), [(number - 10_000).to_be_bytes()]);
    }
    let each = (memory.got() - got) as f64 / 10_000.0;
    assert!(each < 1.5, "{each} records for a push and a pop, one of which is the element");
    check(&counted, &memory, &(10_000..20_000u32).map(u32::to_be_bytes).collect::<Vec<_>>());
    // As a stack, up and down across the end's bounds.
    let got = memory.got();
    for _ in 0..100 {
        for number in 20_000..20_050u32 {
            counted.insert(&mut memory, &number.to_be_bytes(), Bytes::copy_from_slice(&number.to_be_bytes())).unwrap();
        }
        assert_eq!(drain(&mut counted, &mut memory, End::Last, 50).len(), 50);
    }
    let each = (memory.got() - got) as f64 / 5000.0;
    assert!(each < 1.5, "{each}");
}

#[test]
fn keys_that_come_in_order_fill_pages_and_keys_that_go_empty_them() {
    for order in [|at: u32| at, |at: u32| 29_999 - at, |at: u32| at * 7919 % 30_000] {
        let mut memory = Memory::new(NOW);
        let mut counted = begin(&mut memory, KEYS_ALONE, Sizes { leaf: 60, children: 8, end: 20 });
        for at in 0..30_000 {
            counted.insert(&mut memory, &order(at).to_be_bytes(), Bytes::new()).unwrap();
        }
        let full = memory.elements();
        check(&counted, &memory, &(0..30_000u32).map(u32::to_be_bytes).collect::<Vec<_>>());
        // All but a hundred go, in another order: pages that are nearly empty become one.
        for at in 0..29_900u32 {
            counted.remove(&mut memory, &[&(at * 7907 % 30_000).to_be_bytes()]).unwrap();
        }
        let mut left: Vec<[u8; 4]> = (29_900..30_000u32).map(|at| (at * 7907 % 30_000).to_be_bytes()).collect();
        left.sort();
        check(&counted, &memory, &left);
        assert!(memory.elements() < 70, "{} of {full} records for a hundred keys", memory.elements());
        for key in &left {
            counted.remove(&mut memory, &[key]).unwrap();
        }
        check::<[u8; 4]>(&counted, &memory, &[]);
    }
}

#[test]
fn as_many_as_are_wanted_go_at_once_from_wherever() {
    for (ranks, left) in [(0..700, 700..2000), (1300..2000, 0..1300), (0..2000, 0..0), (0..1999, 1999..2000), (1..2000, 0..1)] {
        for tags in [WITH_ELEMENTS, KEYS_ALONE] {
            let mut memory = Memory::new(NOW);
            let mut counted = long_sequence(&mut memory, tags, 2000);
            let gone = remove_ranks(&mut counted, &mut memory, ranks.clone());
            assert_eq!(gone, ranks.clone().map(|number| (number as u32).to_be_bytes().to_vec()).collect::<Vec<_>>());
            check(&counted, &memory, &left.clone().map(u32::to_be_bytes).collect::<Vec<_>>());
        }
    }
}

/// Where members were popped, what stays of them may have to be stepped over, record by record. Here records stand for it that no
/// operation could take for one of the sequence's without harm.
#[test]
fn what_was_popped_is_not_looked_at() {
    for long in [false, true] {
        let numbered = |number: u16| key(8 * number, long);
        let mut memory = Memory::new(NOW);
        let mut counted = begin(&mut memory, WITH_ELEMENTS, SMALL);
        for number in 0..600 {
            let key = numbered(number);
            counted.insert(&mut memory, &key, Bytes::from(key.clone())).unwrap();
        }
        drain(&mut counted, &mut memory, End::First, 100);
        drain(&mut counted, &mut memory, End::Last, 100);
        remove_ranks(&mut counted, &mut memory, 0..50);
        remove_ranks(&mut counted, &mut memory, 300..350);
        let mut model: Vec<Vec<u8>> = (150..450).map(numbered).collect();
        check(&counted, &memory, &model);
        // What comes from the tree next was not popped yet, so a few of the last to go may lie within the bounds.
        for number in (0..140).chain(460..600) {
            memory.put(counted.value, &tagged(b'm', &numbered(number)), Bytes::from_static(b"\xff"));
        }
        check_searches(&counted, &mut memory, &model);
        for reverse in [false, true] {
            assert_eq!(
                walk_ranks(&counted, &mut memory, 0..model.len(), reverse),
                if reverse { model.iter().rev().cloned().collect::<Vec<_>>() } else { model.clone() }
            );
        }
        let visited = memory.visited();
        let mut seen = 0;
        counted
            .walk(&mut memory, Bound::Included(&numbered(10)), Bound::Excluded(&numbered(590)), false, &mut |_, _| {
                seen += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!((seen, memory.visited() - visited), (model.len(), model.len() as u64));
        assert_eq!(drain(&mut counted, &mut memory, End::Last, 1), model.split_off(model.len() - 1));
        assert_eq!(drain(&mut counted, &mut memory, End::First, 600), model);
        assert_eq!((counted.len(), counted.first(), counted.last()), (0, &b""[..], &b""[..]));
    }
}

/// The bytes that docs/data-model.md shows.
#[test]
fn records_are_those_of_the_documentation() {
    let docs = include_str!("../../../../docs/data-model.md");
    let mut memory = Memory::new(NOW);
    let mut counted = begin(&mut memory, KEYS_ALONE, SMALL);
    for key in ["aa", "ab", "ac", "ba", "bb", "bc", "ca", "cb", "cc", "da", "db", "dc", "ea", "eb", "ec"] {
        counted.insert(&mut memory, key.as_bytes(), Bytes::new()).unwrap();
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let mut bytes = Vec::new();
    counted.encode(&mut bytes);
    let mut lines = vec![format!("sequence {}", hex(&bytes))];
    lines.extend(memory.elements_of(counted.value).iter().map(|(key, element)| format!("{} -> {}", hex(key), hex(element))));
    lines.retain(|line| !docs.contains(line));
    assert!(lines.is_empty(), "docs/data-model.md lacks\n{}", lines.join("\n"));
}

#[test]
fn bytes_that_are_no_sequence_are_damage() {
    let mut memory = Memory::new(NOW);
    let whole = |counted: &Counted| {
        let mut bytes = Vec::new();
        counted.encode(&mut bytes);
        bytes
    };
    let is_damage = |bytes: &[u8]| {
        let value = ValueId::of(&HashKey::new(Database(0), b"k"), 1);
        matches!(Counted::decode(value, KEYS_ALONE, &mut &bytes[..]), Err(Abort::Storage(_)))
    };
    for counted in [begin(&mut memory, KEYS_ALONE, SIZES), long_sequence(&mut memory, KEYS_ALONE, 1000)] {
        let bytes = whole(&counted);
        assert!(!is_damage(&bytes));
        for len in 0..bytes.len() {
            assert!(is_damage(&bytes[..len]));
        }
    }
    // Front, back, the tree's length; top, height, next page, bounds.
    assert!(!is_damage(b"\x01\0\x01a\x01\0\x01b\0"));
    assert!(is_damage(b"\x01\0\x01b\x01\0\x01a\0"), "the back before the front");
    assert!(is_damage(b"\x02\0\x01b\0\x01a\0\0"), "keys that are not in order");
    assert!(is_damage(b"\x02\0\x01b\x02\x01a\0\0"), "more shared than there is");
    assert!(!is_damage(b"\0\0\x01\x05\x18\x06\0\0"));
    assert!(is_damage(b"\0\0\x01\x05\x19\x06\0\0"), "too high");
    let bound = [&b"\0\0\x01\x05\0\x06\0"[..], &[SHORT as u8 + 1], &[b'a'; SHORT + 1]].concat();
    assert!(is_damage(&bound), "a bound that is not cut");
}

#[test]
fn records_that_are_damaged_are_noticed() {
    let mut memory = Memory::new(NOW);
    let mut counted = begin(&mut memory, KEYS_ALONE, SMALL);
    for number in 0..400u32 {
        counted.insert(&mut memory, &number.to_be_bytes(), Bytes::new()).unwrap();
    }
    let all = memory.elements_of(counted.value);
    assert!(all.len() > 80);
    let try_all = |memory: &mut Memory| {
        let mut counted = counted.clone();
        let mut failures = 0;
        for number in (0..400u32).step_by(5) {
            failures += usize::from(counted.rank(memory, &number.to_be_bytes()).is_err());
            failures += usize::from(counted.select(memory, u64::from(number)).is_err());
        }
        let mut more = |result: Result<(), Abort>| failures += usize::from(result.is_err());
        more(counted.walk_ranks(memory, 0..400, true, &mut |_, _| ControlFlow::Continue(())));
        more(counted.insert(memory, b"\0\0\0\x30\0", Bytes::new()));
        more(counted.remove(memory, &[&170u32.to_be_bytes()[..]]));
        more(counted.change(memory, &180u32.to_be_bytes(), b"\0\0\0\x20\0", Bytes::new()));
        more(counted.remove_ranks(memory, 50..300, &mut |_, _| Ok(())));
        more(counted.drain(memory, End::Last, 60, &mut |_, _| ()));
        failures
    };
    assert_eq!(try_all(&mut memory.clone()), 0);
    for (sort_key, whole) in all {
        let mut memory = memory.clone();
        for record in [&b""[..], b"\x01\x01\x01\x01\x01\x01", b"\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
            memory.put(counted.value, &sort_key, Bytes::copy_from_slice(record));
            assert!(try_all(&mut memory.clone()) > 0, "{sort_key:?} is {record:?}");
        }
        // What could be right, but is not, leads nowhere, and to no panic.
        for wrong in [&whole[1..], b"\x01\0\x01a\0", &[&whole[..1], &[1; 8]].concat()] {
            memory.put(counted.value, &sort_key, Bytes::copy_from_slice(wrong));
            try_all(&mut memory.clone());
        }
        memory.delete(counted.value, &sort_key);
        assert!(try_all(&mut memory) > 0, "{sort_key:?} is missing");
    }
    // A page that is its own child: no search goes deeper than the tree is high.
    let top = counted.tree.top;
    let inner = counted.inner(&mut memory, top).unwrap();
    let children = inner.children.iter().map(|child| pages::Child { page: top, ..*child }).collect();
    counted.put_inner(&mut memory, top, &pages::Inner { children, ..inner });
    assert!(memory.get(counted.value, &sort_key(b'p', top)).unwrap().is_some());
    assert!(try_all(&mut memory) > 0);
}
