//! Sequences against a plain ordered set, with so many levels that few keys need all of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use types::root::{Kind, Root};
use types::txn::{Database, HashKey};

use super::*;
use crate::memory::Memory;
use crate::testing::NOW;

const TAGS: Tags = Tags { member: b'm', node: b'n' };

#[derive(Debug, Clone)]
enum Step {
    Insert(u16, bool),
    /// Members that follow one another, from the index (modulo the length) on.
    Remove(usize, usize),
    Pop(End, usize),
    /// Encodes the ends and reads them again, as the next command does.
    Reload,
}

/// Short keys are kept in the root, long ones are not.
fn key(number: u16, long: bool) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    if long {
        key.resize(SHORT + 8, b'x');
    }
    key
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(End::First), Just(End::Last)];
    prop_oneof![
        20 => (0..300u16, proptest::bool::weighted(0.2)).prop_map(|(number, long)| Step::Insert(number, long)),
        4 => (any::<usize>(), 1..5usize).prop_map(|(at, count)| Step::Remove(at, count)),
        3 => (end, 0..4usize).prop_map(|(end, count)| Step::Pop(end, count)),
        1 => Just(Step::Reload),
    ]
}

fn begin(memory: &mut Memory, bits: u32) -> Counted {
    let name = HashKey::new(Database(0), b"k");
    let value = ValueId::of(&name, memory.next_id());
    memory.put_root(&name, Root { id: value.id, ..Root::inline(Kind::List, Bytes::new()) }).unwrap();
    Counted { bits, ..Counted::new(value, TAGS) }
}

/// Every count at every level is right, and there is no record that should not be.
fn check(counted: &Counted, memory: &mut Memory, model: &BTreeSet<Vec<u8>>) {
    assert_eq!(counted.len(), model.len() as u64);
    let all = elements::collect(memory, counted.value, &SortKeys::from(b""), usize::MAX).unwrap();
    let mut records: BTreeSet<SortKey> = all.into_iter().map(|(key, _)| key).collect();
    for key in model {
        assert!(records.remove(&counted.member(key)), "{key:?} is there");
    }
    assert!(counted.ends.levels.last().is_none_or(|level| level.nodes > 0));
    for (level, at) in (1..).zip(&counted.ends.levels) {
        let nodes: Vec<&Vec<u8>> = model.iter().filter(|key| counted.height(key) >= level).collect();
        assert_eq!(at.nodes, nodes.len() as u64, "level {level}");
        let between = |from: Option<&Vec<u8>>, to: Option<&Vec<u8>>| {
            model.iter().filter(|key| from.is_none_or(|from| *key >= from) && to.is_none_or(|to| *key < to)).count() as u64
        };
        assert_eq!(at.head, between(None, nodes.first().copied()), "head of level {level}");
        for (index, node) in nodes.iter().enumerate() {
            let expected = between(Some(node), nodes.get(index + 1).copied());
            let count = match &at.open {
                Some((open, count)) if open[..] == ***node => {
                    assert_eq!(index + 1, nodes.len(), "the open node is the last");
                    *count
                }
                _ => {
                    let sort_key = counted.node(level, node);
                    assert!(records.remove(&sort_key), "node {node:?} of level {level}");
                    read_count(&memory.get(counted.value, &sort_key).unwrap().unwrap()).unwrap()
                }
            };
            assert_eq!(count, expected, "node {node:?} of level {level}");
        }
    }
    assert_eq!(records, BTreeSet::new(), "records of nobody");
    let top = counted.ends.levels.len();
    assert!(model.iter().all(|key| counted.height(key) <= top), "no level is missing");
}

fn run(steps: &[Step], bits: u32) {
    let mut memory = Memory::new(NOW);
    let mut counted = begin(&mut memory, bits);
    let mut model: BTreeSet<Vec<u8>> = BTreeSet::new();
    for step in steps {
        match step {
            Step::Insert(number, long) => {
                let key = key(*number, *long);
                if model.insert(key.clone()) {
                    counted.insert(&mut memory, &key, Bytes::from(key.clone())).unwrap();
                }
            }
            Step::Remove(at, count) => {
                let Some(at) = at.checked_rem(model.len()) else { continue };
                let run: Vec<Vec<u8>> = model.iter().skip(at).take(*count).cloned().collect();
                let keys: Vec<&[u8]> = run.iter().map(|key| &key[..]).collect();
                counted.remove(&mut memory, &keys).unwrap();
                model.retain(|key| !run.contains(key));
            }
            Step::Pop(end, count) => {
                let mut popped: Vec<Member> = Vec::new();
                let drained = counted.drain(&mut memory, *end, *count, &mut |key, element| {
                    popped.push((SortKey::from_slice(key), Bytes::copy_from_slice(element)));
                });
                assert_eq!(drained.unwrap(), popped.len());
                let expected: Vec<Vec<u8>> =
                    (0..*count).map_while(|_| if *end == End::First { model.pop_first() } else { model.pop_last() }).collect();
                assert!(
                    popped
                        .iter()
                        .map(|(key, element)| (key.to_vec(), element.to_vec()))
                        .eq(expected.iter().map(|k| (k.clone(), k.clone())))
                );
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
        check(&counted, &mut memory, &model);
    }
    for (index, key) in model.iter().enumerate() {
        assert_eq!(counted.rank(&mut memory, key).unwrap(), index as u64);
        let (found, _) = counted.select(&mut memory, index as u64).unwrap().unwrap();
        assert_eq!(found[..], key[..]);
    }
    assert_eq!(counted.select(&mut memory, model.len() as u64).unwrap(), None);
    for number in (0..310).step_by(7) {
        let key = key(number, false);
        assert_eq!(counted.rank(&mut memory, &key).unwrap(), model.range(..key).count() as u64);
    }
}

proptest! {
    #[test]
    fn a_sequence_is_an_ordered_set(steps in proptest::collection::vec(step(), 1..200), bits in 1..3u32) {
        run(&steps, bits);
    }
}

/// What a long list costs, counted in records that are looked at or written, by the width that is used.
#[test]
fn a_long_sequence_is_counted_in_few_steps() {
    let mut memory = Memory::new(NOW);
    let mut counted = begin(&mut memory, BITS);
    let count = 100_000u32;
    for number in 0..count {
        counted.insert(&mut memory, &number.to_be_bytes(), Bytes::new()).unwrap();
    }
    let nodes = memory.elements() - count as usize;
    assert!((count as usize / 100..count as usize / 40).contains(&nodes), "{nodes} nodes");
    for number in [0, 1, 31, 32, 33, 50_000, 77_777, count - 34, count - 1] {
        assert_eq!(counted.rank(&mut memory, &number.to_be_bytes()).unwrap(), u64::from(number));
        assert_eq!(counted.select(&mut memory, u64::from(number)).unwrap().unwrap().0[..], number.to_be_bytes());
    }
    // A push at either end needs no look at the sequence.
    let mut blind = Memory::new(NOW);
    let mut same = begin(&mut blind, BITS);
    same.ends = counted.ends.clone();
    same.insert(&mut blind, &count.to_be_bytes(), Bytes::new()).unwrap();
    counted.insert(&mut memory, &count.to_be_bytes(), Bytes::new()).unwrap();
    assert_eq!(same.ends, counted.ends);
}

#[test]
fn bytes_that_are_no_ends_are_damage() {
    let mut memory = Memory::new(NOW);
    let counted = begin(&mut memory, BITS);
    let mut bytes = Vec::new();
    counted.encode(&mut bytes);
    for len in 0..bytes.len() {
        assert!(matches!(Counted::decode(counted.value, TAGS, &mut &bytes[..len]), Err(Abort::Storage(_))));
    }
    let last = bytes.len() - 1;
    bytes[last] = 200;
    assert!(matches!(Counted::decode(counted.value, TAGS, &mut &bytes[..]), Err(Abort::Storage(_))));
}
