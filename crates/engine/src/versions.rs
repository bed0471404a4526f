//! Newest versions of keys that are not in the store yet, in the order they were written.
//!
//! ```text
//!   log:    [ d7 a ][ d7 b ][ d8 a ][ d9 c ]      oldest first; the front is retired, the back is rolled back
//!              ▲       ▲       │       ▲
//!              ╰───────┼─previous      │
//!   index:             b       a       c          hash ─▶ newest entry with that hash
//! ```
//! Each entry points to the previous one of the same hash, so an undo needs no record of its own: dropping the last entry makes the
//! previous one the newest again. A `previous` that leads before the front has been retired and means "not here".

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use types::id::Decree;

use crate::keys::Key;

/// A map from keys to their newest version, with the decree that wrote it.
pub(crate) struct Versions<V> {
    log: VecDeque<Version<V>>,
    /// Number of the entry at the front of `log`.
    front: u64,
    index: HashMap<u64, u64, BuildHasherDefault<Mix>>,
}

struct Version<V> {
    decree: Decree,
    hash: u64,
    key: Key,
    previous: Option<u64>,
    value: V,
}

impl<V> Versions<V> {
    pub(crate) fn new() -> Versions<V> {
        Versions { log: VecDeque::new(), front: 0, index: HashMap::default() }
    }

    /// Number of versions, superseded ones included.
    pub(crate) fn len(&self) -> usize {
        self.log.len()
    }

    /// The newest version of `key`, whose hash is `hash`.
    #[inline]
    pub(crate) fn get(&self, hash: u64, key: &[u8]) -> Option<&V> {
        if self.log.is_empty() {
            return None;
        }
        self.newest(hash, key).map(|number| &self.at(number).value)
    }

    /// Makes `value` the newest version of `key`.
    pub(crate) fn push(&mut self, decree: Decree, hash: u64, key: Key, value: V) {
        let number = self.front + self.log.len() as u64;
        let previous = self.index.insert(hash, number);
        self.log.push_back(Version { decree, hash, key, previous, value });
    }

    /// Where the log ends now: for [`Versions::rollback`].
    pub(crate) fn savepoint(&self) -> u64 {
        self.front + self.log.len() as u64
    }

    /// Drops every version pushed since `savepoint`.
    pub(crate) fn rollback(&mut self, savepoint: u64) {
        while self.savepoint() > savepoint {
            let Some(last) = self.log.pop_back() else { return };
            match last.previous {
                Some(previous) if previous >= self.front => self.index.insert(last.hash, previous),
                _ => self.index.remove(&last.hash),
            };
        }
    }

    /// Drops every version written by decrees through `upto`.
    pub(crate) fn retire(&mut self, upto: Decree) {
        while let Some(first) = self.log.pop_front_if(|first| first.decree <= upto) {
            // Unless a newer version took its place in the index.
            if self.index.get(&first.hash) == Some(&self.front) {
                self.index.remove(&first.hash);
            }
            self.front += 1;
        }
    }

    /// The newest version of every key, in no useful order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        (self.front..).zip(&self.log).filter_map(|(number, version)| {
            (self.newest(version.hash, &version.key) == Some(number)).then_some((&version.key[..], &version.value))
        })
    }

    fn newest(&self, hash: u64, key: &[u8]) -> Option<u64> {
        let mut number = *self.index.get(&hash)?;
        while number >= self.front {
            let version = self.at(number);
            if version.key[..] == *key {
                return Some(number);
            }
            number = version.previous?;
        }
        None
    }

    fn at(&self, number: u64) -> &Version<V> {
        &self.log[(number - self.front) as usize]
    }
}

/// Spreads keys that are hashes already over a table: one multiplication.
#[derive(Default)]
pub(crate) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(self.0 ^ value);
    }
}

/// High and low half of a 128-bit product: every bit of the input reaches every bit of the output.
fn fold(value: u64) -> u64 {
    let product = u128::from(value ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xd6e8_feb8_6659_fd93_u64);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        /// Against a plain list of all versions. Hashes collide on purpose: there are three.
        #[test]
        fn the_newest_version_is_found(steps in proptest::collection::vec(step(), 1..200)) {
            let mut versions = Versions::new();
            let mut model: Vec<(u64, u8, usize)> = Vec::new();
            let mut decree = 1;
            for (i, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(key) => {
                        versions.push(Decree(decree), u64::from(key % 3), Key::from_slice(&[key]), i);
                        model.push((decree, key, i));
                    }
                    Step::Rollback(n) => {
                        // Only what belongs to the current decree is ever rolled back.
                        let n = n.min(model.iter().rev().take_while(|v| v.0 == decree).count());
                        versions.rollback(versions.savepoint() - n as u64);
                        model.truncate(model.len() - n);
                    }
                    Step::Retire(lag) => {
                        let upto = decree.saturating_sub(lag + 1);
                        versions.retire(Decree(upto));
                        model.retain(|v| v.0 > upto);
                    }
                    Step::NextDecree => decree += 1,
                }
                let newest: BTreeMap<u8, usize> = model.iter().map(|&(_, key, i)| (key, i)).collect();
                for key in 0..12 {
                    prop_assert_eq!(versions.get(u64::from(key % 3), &[key]), newest.get(&key));
                }
                let found: BTreeMap<u8, usize> = versions.iter().map(|(key, &i)| (key[0], i)).collect();
                prop_assert_eq!(found, newest);
                prop_assert_eq!(versions.len(), model.len());
            }
        }
    }
}
