//! The invariants of a sequence, looked at from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use crate::counted::ends::cut;
use crate::counted::{Counted, SHORT, read_count};
use crate::memory::Memory;

/// Every count at every level is right, the ends are those of the members, which are `keys` in order, and under the sequence's tags there is
/// no record that should not be.
pub(crate) fn check<K: AsRef<[u8]>>(counted: &Counted, memory: &Memory, keys: &[K]) {
    let ends = &counted.ends;
    let mut records: BTreeMap<Vec<u8>, Vec<u8>> = memory.elements_of(counted.value).into_iter().collect();
    records.retain(|key, _| [counted.tags.member, counted.tags.node].contains(&key[0]));
    assert_eq!(ends.len, keys.len() as u64);
    let end = |key: Option<&K>| key.map(|key| cut(key.as_ref())).unwrap_or_default();
    assert_eq!((&ends.first, &ends.last), (&end(keys.first()), &end(keys.last())), "the ends");
    let heights: Vec<usize> = keys.iter().map(|key| counted.height(key.as_ref())).collect();
    assert_eq!(heights.iter().copied().max().unwrap_or(0), ends.levels.len(), "each level has a node, and no level is missing");
    for key in keys {
        assert!(records.remove(&counted.member(key.as_ref())[..]).is_some(), "{:?} is there", key.as_ref());
    }
    for (level, at) in (1..).zip(&ends.levels) {
        let nodes: Vec<usize> = (0..keys.len()).filter(|&index| heights[index] >= level).collect();
        assert_eq!(at.nodes, nodes.len() as u64, "level {level}");
        assert_eq!(at.head, nodes[0] as u64, "head of level {level}");
        for (nth, &index) in nodes.iter().enumerate() {
            let node = keys[index].as_ref();
            let next = nodes.get(nth + 1).copied();
            let count = match &at.open {
                Some((open, count)) if open[..] == *node => {
                    assert_eq!(next, None, "the open node is the last");
                    assert!(node.len() <= SHORT, "the root keeps no long key");
                    *count
                }
                _ => {
                    let record = records.remove(&counted.node(level, node)[..]);
                    read_count(&record.unwrap_or_else(|| panic!("node {node:?} of level {level}"))).unwrap()
                }
            };
            assert_eq!(count, (next.unwrap_or(keys.len()) - index) as u64, "node {node:?} of level {level}");
        }
    }
    assert_eq!(records, BTreeMap::new(), "records of nobody");
}
