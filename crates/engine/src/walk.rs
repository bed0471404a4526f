//! Walks over the elements of one value: RocksDB's, and what is held over them.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use rocksdb::{DBRawIteratorWithThreadMode, ReadOptions};
use types::reply::Stop;
use types::txn::{Abort, SortKeys, Visit};

use crate::error::read_failed;
use crate::keys::{ELEMENT_PREFIX, Key};
use crate::store::{Db, Store, Tier};

/// The physical keys of a range of one value's elements.
pub(crate) struct Walk {
    prefix: [u8; ELEMENT_PREFIX],
    /// `Unbounded` means as far as the prefix reaches.
    from: Bound<Key>,
    to: Bound<Key>,
    reverse: bool,
}

impl Walk {
    /// The elements of the value with this prefix whose sort keys lie in `keys`; `None` if none can.
    pub(crate) fn of(prefix: &[u8; ELEMENT_PREFIX], keys: &SortKeys<'_>) -> Option<Walk> {
        if keys.is_empty() {
            return None;
        }
        let physical = |sort_key: &[u8]| {
            let mut key = Key::from_slice(prefix);
            key.extend_from_slice(sort_key);
            key
        };
        Some(Walk { prefix: *prefix, from: keys.from.map(physical), to: keys.to.map(physical), reverse: keys.reverse })
    }

    /// The ends, as those of a map's range.
    pub(crate) fn bounds(&self) -> (Bound<Key>, Bound<Key>) {
        let from = match &self.from {
            Bound::Unbounded => Bound::Included(Key::from_slice(&self.prefix)),
            from => from.clone(),
        };
        let to = match &self.to {
            Bound::Unbounded => Bound::Excluded(after(&self.prefix)),
            to => to.clone(),
        };
        (from, to)
    }

    /// Whether it goes from the upper end to the lower.
    pub(crate) fn reverse(&self) -> bool {
        self.reverse
    }

    /// Shows what RocksDB holds, sort keys without the prefix.
    pub(crate) fn stored<'a>(
        &self,
        iterators: &mut Iterators<'a>,
        store: &'a Store,
        options: impl FnOnce() -> ReadOptions,
        budget: &mut Budget,
        visit: &mut Visit<'_>,
    ) -> Result<(), Abort> {
        let elements = iterators.of(store, self.prefix, self.reverse, options);
        match (self.reverse, &self.from, &self.to) {
            (false, Bound::Included(key), _) => elements.seek(key),
            (false, Bound::Excluded(key), _) => elements.seek(successor(key)),
            (false, Bound::Unbounded, _) => elements.seek_to_first(),
            (true, _, Bound::Included(key)) => elements.seek_for_prev(key),
            (true, _, Bound::Excluded(key)) => {
                elements.seek_for_prev(key);
                if elements.key() == Some(&key[..]) {
                    elements.prev();
                }
            }
            (true, _, Bound::Unbounded) => elements.seek_to_last(),
        }
        while let Some((key, element)) = elements.item() {
            let inside = match (self.reverse, &self.from, &self.to) {
                (false, _, Bound::Included(to)) => *key <= to[..],
                (false, _, Bound::Excluded(to)) => *key < to[..],
                (true, Bound::Included(from), _) => *key >= from[..],
                (true, Bound::Excluded(from), _) => *key > from[..],
                _ => true,
            };
            if !inside {
                return Ok(());
            }
            budget.spend(element.len())?;
            if let ControlFlow::Break(()) = visit(&key[ELEMENT_PREFIX..], element) {
                return Ok(());
            }
            if self.reverse { elements.prev() } else { elements.next() }
        }
        elements.status().map_err(read_failed)
    }
}

/// The iterators of one command: most commands that walk do so several times over one value, and making an iterator costs more than
/// moving it. They show the state of when they were made, so they must not outlive the command.
#[derive(Default)]
pub(crate) struct Iterators<'a> {
    /// Forwards and backwards.
    made: [Option<Elements<'a>>; 2],
}

/// An iterator over the elements of the value with this prefix.
type Elements<'a> = ([u8; ELEMENT_PREFIX], DBRawIteratorWithThreadMode<'a, Db>);

impl<'a> Iterators<'a> {
    fn of(
        &mut self,
        store: &'a Store,
        prefix: [u8; ELEMENT_PREFIX],
        reverse: bool,
        options: impl FnOnce() -> ReadOptions,
    ) -> &mut DBRawIteratorWithThreadMode<'a, Db> {
        let made = &mut self.made[usize::from(reverse)];
        if made.as_ref().is_none_or(|(of, _)| *of != prefix) {
            let mut options = options();
            // Bounds keep the iterator from stepping over what other values deleted.
            options.set_iterate_lower_bound(&prefix[..]);
            options.set_iterate_upper_bound(&after(&prefix)[..]);
            // Backwards RocksDB may begin at the upper bound, which has the next value's prefix: filters would be asked for the wrong one.
            options.set_total_order_seek(reverse);
            *made = Some((prefix, store.db.raw_iterator_cf_opt(store.elements(), options)));
        }
        &mut made.as_mut().expect("just made").1
    }
}

/// What a command may be shown, and whether it is still wanted; see [`types::txn::HashKeyTxn::range`].
#[derive(Default)]
pub(crate) struct Budget {
    /// `None` for any number.
    left: Option<Left>,
    stop: Option<Stop>,
}

struct Left {
    /// Elements of the walk.
    elements: usize,
    /// Bytes of all walks.
    bytes: usize,
    /// Elements that are asked for one by one.
    gets: usize,
}

impl Budget {
    /// That of a reader where it must not take long, or where it may.
    pub(crate) fn of(tier: Tier) -> Budget {
        let left = Left { elements: ELEMENTS_MAX, bytes: BYTES_MAX, gets: ELEMENTS_MAX };
        Budget { left: (tier == Tier::Memory).then_some(left), stop: None }
    }

    /// From here on `stop` ends it.
    pub(crate) fn watch(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// Whether nobody needs what comes of it.
    pub(crate) fn check(&self) -> Result<(), Abort> {
        if self.stop.as_ref().is_some_and(Stop::is_set) { Err(Abort::Cold) } else { Ok(()) }
    }

    /// A walk begins.
    pub(crate) fn begin(&mut self) {
        if let Some(left) = &mut self.left {
            left.elements = ELEMENTS_MAX;
        }
    }

    /// An element of so many bytes is to be shown.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Abort> {
        if let Some(left) = &mut self.left {
            left.elements = left.elements.checked_sub(1).ok_or(Abort::Cold)?;
            left.bytes = left.bytes.checked_sub(bytes).ok_or(Abort::Cold)?;
        }
        self.check()
    }

    /// An element is asked for by itself.
    pub(crate) fn get(&mut self) -> Result<(), Abort> {
        if let Some(left) = &mut self.left {
            left.gets = left.gets.checked_sub(1).ok_or(Abort::Cold)?;
        }
        self.check()
    }
}

/// Elements that a walk shows at most where it must not take long.
const ELEMENTS_MAX: usize = 1024;
/// Bytes that all walks of a command show at most where it must not take long: a longer reply is not made there.
const BYTES_MAX: usize = 2 << 20;

/// Shows a walk over stored elements with newer ones laid over it: `None` hides what is stored. `held` is in the walk's direction.
///
/// # Errors
/// Those of `stored`.
pub fn laid_over<'h>(
    held: impl Iterator<Item = (&'h [u8], Option<&'h Bytes>)>,
    reverse: bool,
    stored: impl FnOnce(&mut Visit<'_>) -> Result<(), Abort>,
    visit: &mut Visit<'_>,
) -> Result<(), Abort> {
    let mut held = held.peekable();
    let mut enough = false;
    stored(&mut |sort_key, element| {
        while let Some((key, newer)) = held.next_if(|(key, _)| if reverse { *key >= sort_key } else { *key <= sort_key }) {
            let seen = newer.map_or(ControlFlow::Continue(()), |newer| visit(key, newer));
            if seen.is_break() || key == sort_key {
                enough = seen.is_break();
                return seen;
            }
        }
        let seen = visit(sort_key, element);
        enough = seen.is_break();
        seen
    })?;
    if !enough {
        for (key, newer) in held {
            if newer.is_some_and(|newer| visit(key, newer).is_break()) {
                break;
            }
        }
    }
    Ok(())
}

/// The smallest key above `key`.
fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

/// The smallest key above all that begin with `prefix`, whose first two bytes are a slot and so not all ones.
pub(crate) fn after(prefix: &[u8; ELEMENT_PREFIX]) -> Key {
    let mut next = Key::from_slice(prefix);
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn newer_elements_hide_stored_ones(
            stored in proptest::collection::btree_map(0..20u8, any::<u8>(), 0..12),
            held in proptest::collection::btree_map(0..20u8, proptest::option::of(any::<u8>()), 0..12),
            reverse in any::<bool>(), limit in 1..12usize,
        ) {
            let mut expected: BTreeMap<u8, u8> = stored.clone();
            for (&key, &value) in &held {
                match value {
                    Some(value) => drop(expected.insert(key, value)),
                    None => drop(expected.remove(&key)),
                }
            }
            let mut expected: Vec<(u8, u8)> = expected.into_iter().collect();
            let held: BTreeMap<Vec<u8>, Option<Bytes>> =
                held.into_iter().map(|(k, v)| (vec![k], v.map(|v| Bytes::copy_from_slice(&[v])))).collect();
            let mut stored: Vec<(u8, u8)> = stored.into_iter().collect();
            let mut newer: Vec<(&[u8], Option<&Bytes>)> = held.iter().map(|(k, v)| (&k[..], v.as_ref())).collect();
            if reverse {
                expected.reverse();
                stored.reverse();
                newer.reverse();
            }
            expected.truncate(limit);
            let mut seen = Vec::new();
            laid_over(newer.into_iter(), reverse, |visit| {
                for (key, value) in &stored {
                    if visit(&[*key], &[*value]).is_break() {
                        break;
                    }
                }
                Ok(())
            }, &mut |key, value| {
                seen.push((key[0], value[0]));
                if seen.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }).expect("nothing fails");
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_prefix_ends_where_the_next_begins() {
        let mut prefix = [0xff; ELEMENT_PREFIX];
        prefix[0] = 0x3f;
        let mut next = [0; ELEMENT_PREFIX];
        next[0] = 0x40;
        assert_eq!(after(&prefix)[..], next);
        assert_eq!(after(&[0; ELEMENT_PREFIX])[ELEMENT_PREFIX - 1], 1);
    }
}
