//! Newest versions of sort keys that are not in the store yet, found by key and in the order of keys.
//!
//! As [`crate::versions`], but ordered: ranges of elements have to see what is in flight. Each entry of the log remembers which one it
//! hid, so dropping the last entry makes the hidden one the newest again; one that leads before the front has been retired.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use types::id::Decree;

use crate::keys::Key;

/// A map from keys to their newest version, with the decree that wrote it.
pub(crate) struct Ordered<V> {
    log: VecDeque<Version<V>>,
    /// Number of the entry at the front of `log`.
    front: u64,
    /// The newest entry of each key.
    index: BTreeMap<Key, u64>,
}

struct Version<V> {
    decree: Decree,
    key: Key,
    previous: Option<u64>,
    value: V,
}

impl<V> Ordered<V> {
    pub(crate) fn new() -> Ordered<V> {
        Ordered { log: VecDeque::new(), front: 0, index: BTreeMap::new() }
    }

    /// Number of versions, superseded ones included.
    pub(crate) fn len(&self) -> usize {
        self.log.len()
    }

    /// The newest version of `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        if self.log.is_empty() {
            return None;
        }
        self.index.get(key).map(|&number| self.at(number))
    }

    /// The newest versions of the keys in a range, which must not be an empty one.
    pub(crate) fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> impl DoubleEndedIterator<Item = (&[u8], &V)> {
        self.index.range::<[u8], _>((from, to)).map(|(key, &number)| (&key[..], self.at(number)))
    }

    /// Makes `value` the newest version of `key`.
    pub(crate) fn push(&mut self, decree: Decree, key: Key, value: V) {
        let number = self.savepoint();
        let previous = self.index.insert(key.clone(), number);
        self.log.push_back(Version { decree, key, previous, value });
    }

    /// Where the log ends now: for [`Ordered::rollback`].
    pub(crate) fn savepoint(&self) -> u64 {
        self.front + self.log.len() as u64
    }

    /// Drops every version pushed since `savepoint`.
    pub(crate) fn rollback(&mut self, savepoint: u64) {
        while self.savepoint() > savepoint {
            let Some(last) = self.log.pop_back() else { return };
            match last.previous {
                Some(previous) if previous >= self.front => drop(self.index.insert(last.key, previous)),
                _ => drop(self.index.remove(&last.key)),
            }
        }
    }

    /// Drops every version written by decrees through `upto`.
    pub(crate) fn retire(&mut self, upto: Decree) {
        while let Some(first) = self.log.pop_front_if(|first| first.decree <= upto) {
            // Unless a newer version took its place in the index.
            if self.index.get(&first.key) == Some(&self.front) {
                self.index.remove(&first.key);
            }
            self.front += 1;
        }
    }

    fn at(&self, number: u64) -> &V {
        &self.log[(number - self.front) as usize].value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(u8),
        Rollback(usize),
        Retire(u64),
        NextDecree,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => any::<u8>().prop_map(|k| Step::Push(k % 12)),
            1 => (0..6usize).prop_map(Step::Rollback),
            1 => (0..4u64).prop_map(Step::Retire),
            2 => Just(Step::NextDecree),
        ]
    }

    proptest! {
        /// Against a plain list of all versions.
        #[test]
        fn the_newest_versions_are_found_in_order(steps in proptest::collection::vec(step(), 1..200), from in 0..12u8, to in 0..12u8) {
            let mut ordered = Ordered::new();
            let mut model: Vec<(u64, u8, usize)> = Vec::new();
            let mut decree = 1;
            for (i, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(key) => {
                        ordered.push(Decree(decree), Key::from_slice(&[key]), i);
                        model.push((decree, key, i));
                    }
                    Step::Rollback(n) => {
                        // Only what belongs to the current decree is ever rolled back.
                        let n = n.min(model.iter().rev().take_while(|v| v.0 == decree).count());
                        ordered.rollback(ordered.savepoint() - n as u64);
                        model.truncate(model.len() - n);
                    }
                    Step::Retire(lag) => {
                        let upto = decree.saturating_sub(lag + 1);
                        ordered.retire(Decree(upto));
                        model.retain(|v| v.0 > upto);
                    }
                    Step::NextDecree => decree += 1,
                }
                let newest: BTreeMap<u8, usize> = model.iter().map(|&(_, key, i)| (key, i)).collect();
                for key in 0..12 {
                    prop_assert_eq!(ordered.get(&[key]), newest.get(&key));
                }
                let (low, high) = (from.min(to), from.max(to));
                let expected: Vec<(u8, usize)> = newest.range(low..=high).map(|(&k, &i)| (k, i)).collect();
                let (first, last) = ([low], [high]);
                let range = || ordered.range(Bound::Included(&first), Bound::Included(&last)).map(|(k, &i)| (k[0], i));
                prop_assert_eq!(range().collect::<Vec<_>>(), expected.clone());
                prop_assert!(range().rev().eq(expected.into_iter().rev()));
                prop_assert_eq!(ordered.len(), model.len());
            }
        }
    }
}
