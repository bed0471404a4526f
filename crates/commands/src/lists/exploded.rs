//! A list with one record per element: a sequence with counts ([`Counted`]) under order keys.
//!
//! ```text
//! root.value       varint bytes | varint lost | the sequence
//! m | order key    the element
//! p | ..  c | ..   pages of the sequence
//! ```
//! `bytes` is what the elements would take in a packed list; `lost` is how many were removed, or got other keys, between others since the id was given: their
//! tombstones lie in the way of walks, those of elements popped at an end do not.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use types::txn::{Abort, HashKeyTxn, ValueId};
use types::varint;

use crate::counted::{Counted, End, Tags};
use crate::elements::{STEP, SortKey};
use crate::lists::{damaged, order, packed};

/// An exploded list at work.
#[derive(Debug)]
pub(super) struct Exploded {
    value: ValueId,
    pub(super) bytes: u64,
    lost: u64,
    sequence: Counted,
}

/// Is shown elements, says whether to go on.
pub(super) type Seen<'a> = dyn FnMut(&[u8]) -> ControlFlow<()> + 'a;

impl Exploded {
    /// An empty list.
    pub(super) fn new(value: ValueId) -> Exploded {
        Exploded { value, bytes: 0, lost: 0, sequence: Counted::new(value, TAGS) }
    }

    /// The list whose root's value this is.
    pub(super) fn decode(value: ValueId, mut root: &[u8]) -> Result<Exploded, Abort> {
        let mut number = || varint::take(&mut root).ok_or_else(damaged);
        let (bytes, lost) = (number()?, number()?);
        let sequence = Counted::decode(value, TAGS, &mut root)?;
        if root.is_empty() { Ok(Exploded { value, bytes, lost, sequence }) } else { Err(damaged()) }
    }

    /// The root's value.
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(64);
        varint::put(&mut out, self.bytes);
        varint::put(&mut out, self.lost);
        self.sequence.encode(&mut out);
        out.into()
    }

    pub(super) fn id(&self) -> u64 {
        self.value.id
    }

    pub(super) fn len(&self) -> u64 {
        self.sequence.len()
    }

    /// Puts an element at an end.
    pub(super) fn push(&mut self, txn: &mut dyn HashKeyTxn, end: End, element: Bytes) -> Result<(), Abort> {
        let key = match end {
            _ if self.len() == 0 => order::MIDDLE,
            End::First => order::below(self.sequence.first())?,
            End::Last => order::above(self.sequence.last())?,
        };
        self.insert(txn, &key, element)
    }

    /// Removes up to `count` elements of an end, shows them, the outermost first.
    pub(super) fn pop(&mut self, txn: &mut dyn HashKeyTxn, end: End, count: u64, seen: &mut dyn FnMut(&[u8])) -> Result<(), Abort> {
        let mut bytes = 0u64;
        self.sequence.drain(txn, end, count, &mut |_, element| {
            bytes = bytes.saturating_add(packed::size(element.len()));
            seen(element);
        })?;
        self.shorter(bytes)
    }

    /// The element with `index` others before it.
    pub(super) fn get(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<Option<Bytes>, Abort> {
        Ok(self.sequence.select(txn, index)?.map(|(_, element)| element))
    }

    /// Replaces the element with `index` others before it, which there has to be.
    pub(super) fn set(&mut self, txn: &mut dyn HashKeyTxn, index: u64, element: Bytes) -> Result<(), Abort> {
        let (key, old) = self.sequence.select(txn, index)?.ok_or_else(damaged)?;
        self.shorter(packed::size(old.len()))?;
        self.bytes = self.bytes.saturating_add(packed::size(element.len()));
        self.sequence.replace(txn, &key, element);
        Ok(())
    }

    /// Shows the elements from an index on, in order, or in reverse from the last.
    pub(super) fn walk(&self, txn: &mut dyn HashKeyTxn, from: u64, reverse: bool, seen: &mut Seen<'_>) -> Result<(), Abort> {
        self.sequence.walk_ranks(txn, from..self.len(), reverse, &mut |_, element| seen(element))
    }

    /// Puts an element next to the first one that is `pivot`; says whether there is one.
    pub(super) fn insert_at(&mut self, txn: &mut dyn HashKeyTxn, before: bool, pivot: &[u8], element: Bytes) -> Result<bool, Abort> {
        // The keys that the new one has to lie between.
        let (mut low, mut high): (Option<SortKey>, Option<SortKey>) = (None, None);
        let mut found = false;
        self.sequence.walk(txn, Bound::Unbounded, Bound::Unbounded, false, &mut |key, here| {
            if found {
                high = Some(SortKey::from_slice(key));
                return ControlFlow::Break(());
            }
            found = here == pivot;
            if found && before {
                high = Some(SortKey::from_slice(key));
                return ControlFlow::Break(());
            }
            low = Some(SortKey::from_slice(key));
            ControlFlow::Continue(())
        })?;
        match (low, high) {
            _ if !found => return Ok(false),
            (Some(low), Some(high)) => {
                let mut key = order::between(&low, &high)?;
                if key.len() > order::KEY_MAX {
                    key = self.rekey(txn, &low)?;
                }
                self.insert(txn, &key, element)?;
            }
            (None, _) => self.push(txn, End::First, element)?,
            (_, None) => self.push(txn, End::Last, element)?,
        }
        Ok(true)
    }

    /// Removes up to `count` elements that are `element`, the first or the last ones; answers their number.
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, element: &[u8], count: u64, reverse: bool) -> Result<u64, Abort> {
        let mut matches: Vec<(u64, SortKey)> = Vec::new();
        let mut at = 0;
        self.sequence.walk(txn, Bound::Unbounded, Bound::Unbounded, reverse, &mut |key, here| {
            if here == element {
                matches.push((at, SortKey::from_slice(key)));
            }
            at += 1;
            if (matches.len() as u64) < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        for run in matches.chunk_by_mut(|(a, _), (b, _)| a + 1 == *b) {
            if reverse {
                run.reverse();
            }
            let keys: Vec<&[u8]> = run.iter().map(|(_, key)| &key[..]).collect();
            self.sequence.remove(txn, &keys)?;
        }
        let removed = matches.len() as u64;
        self.lost = self.lost.saturating_add(removed);
        self.shorter(packed::size(element.len()).saturating_mul(removed))?;
        Ok(removed)
    }

    /// Keeps `count` elements from an index on.
    pub(super) fn keep(&mut self, txn: &mut dyn HashKeyTxn, from: u64, count: u64) -> Result<(), Abort> {
        let len = self.len();
        let tail = len.checked_sub(from).and_then(|rest| rest.checked_sub(count)).ok_or_else(damaged)?;
        if len - count > FEW && (len - count) / 4 > count {
            return self.renew(txn, from, count);
        }
        self.pop(txn, End::First, from, &mut |_| ())?;
        self.pop(txn, End::Last, tail, &mut |_| ())
    }

    /// Moves the list to a new id if walks meet many more tombstones than elements.
    pub(super) fn tidy(&mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        let len = self.len();
        if len > 0 && len <= FEW && self.lost > 16 * len + 4 * FEW { self.renew(txn, 0, len) } else { Ok(()) }
    }

    /// Copies `count` elements from an index on under a new id, which costs less than deleting the others.
    fn renew(&mut self, txn: &mut dyn HashKeyTxn, from: u64, count: u64) -> Result<(), Abort> {
        let mut new = Exploded::new(ValueId { id: txn.next_id(), ..self.value });
        let mut begin = match from {
            0 => None,
            _ => Some(Bound::Included(self.sequence.select(txn, from)?.ok_or_else(damaged)?.0)),
        };
        while new.len() < count {
            let wanted = count - new.len();
            let mut step: Vec<(SortKey, Bytes)> = Vec::new();
            let mut bytes = 0;
            let lower = match &begin {
                None => Bound::Unbounded,
                Some(bound) => bound.as_ref().map(|key| &key[..]),
            };
            self.sequence.walk(txn, lower, Bound::Unbounded, false, &mut |key, element| {
                step.push((SortKey::from_slice(key), Bytes::copy_from_slice(element)));
                bytes += element.len();
                let enough = step.len() as u64 == wanted || step.len() == STEP || bytes > STEP_BYTES;
                if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            begin = Some(Bound::Excluded(step.last().ok_or_else(damaged)?.0.clone()));
            for (_, element) in step {
                new.push(txn, End::Last, element)?;
            }
        }
        *self = new;
        Ok(())
    }

    /// Gives shorter keys to the elements on both sides of the place behind `at`; answers a key for that place. It takes those with long
    /// keys, [`REACH`] on each side, and more only if the keys between what is left and right of them would still be long.
    fn rekey(&mut self, txn: &mut dyn HashKeyTxn, at: &[u8]) -> Result<SortKey, Abort> {
        let mut reach = REACH;
        loop {
            let (mut run, low) = self.long(txn, at, true, reach)?;
            run.reverse();
            let place = run.len();
            let (right, high) = self.long(txn, at, false, reach)?;
            run.extend(right);
            let low = match (low, run.first()) {
                (Some(low), _) => low,
                (None, Some(first)) => SortKey::from_slice(&order::below(first)?),
                (None, None) => return Err(damaged()),
            };
            let high = match high {
                Some(high) => high,
                None => SortKey::from_slice(&order::above(run.last().map_or(&low[..], |last| &last[..]))?),
            };
            let fresh = order::spread(&low, &high, run.len() + 1)?;
            let whole = low.len() <= order::KEY_SHORT && high.len() <= order::KEY_SHORT;
            if whole || fresh.iter().all(|key| key.len() <= order::KEY_MAX / 2) {
                self.renumber(txn, &run, &fresh, place)?;
                return fresh.get(place).cloned().ok_or_else(damaged);
            }
            reach = reach.saturating_mul(2);
        }
    }

    /// Up to `reach` long keys next to the place behind `at`, the nearest first, and the key that follows them, if there is one.
    fn long(&self, txn: &mut dyn HashKeyTxn, at: &[u8], left: bool, reach: usize) -> Result<(Vec<SortKey>, Option<SortKey>), Abort> {
        let (mut run, mut outer) = (Vec::new(), None);
        let (lower, upper) = if left { (Bound::Unbounded, Bound::Included(at)) } else { (Bound::Excluded(at), Bound::Unbounded) };
        self.sequence.walk(txn, lower, upper, left, &mut |key, _| {
            if key.len() <= order::KEY_SHORT || run.len() == reach {
                outer = Some(SortKey::from_slice(key));
                return ControlFlow::Break(());
            }
            run.push(SortKey::from_slice(key));
            ControlFlow::Continue(())
        })?;
        Ok((run, outer))
    }

    /// Puts the elements that have the keys `run` under the keys `fresh`, which has one more, at `place`.
    fn renumber(&mut self, txn: &mut dyn HashKeyTxn, run: &[SortKey], fresh: &[SortKey], place: usize) -> Result<(), Abort> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let mut elements = Vec::with_capacity(run.len());
        self.sequence.walk(txn, Bound::Included(&first[..]), Bound::Included(&last[..]), false, &mut |_, element| {
            elements.push(Bytes::copy_from_slice(element));
            ControlFlow::Continue(())
        })?;
        if elements.len() != run.len() {
            return Err(damaged());
        }
        let keys: Vec<&[u8]> = run.iter().map(|key| &key[..]).collect();
        self.sequence.remove(txn, &keys)?;
        self.lost = self.lost.saturating_add(run.len() as u64);
        let others = fresh.iter().enumerate().filter(|&(index, _)| index != place).map(|(_, key)| key);
        others.zip(elements).try_for_each(|(key, element)| self.sequence.insert(txn, key, element))
    }

    fn insert(&mut self, txn: &mut dyn HashKeyTxn, key: &[u8], element: Bytes) -> Result<(), Abort> {
        self.bytes = self.bytes.saturating_add(packed::size(element.len()));
        self.sequence.insert(txn, key, element)
    }

    fn shorter(&mut self, bytes: u64) -> Result<(), Abort> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(damaged)?;
        Ok(())
    }
}

const TAGS: Tags = Tags { element: Some(b'm'), page: b'p', counts: b'c' };
/// As many elements are copied without a thought.
const FEW: u64 = 1024;
/// Elements on each side of a place that get new keys at first.
const REACH: usize = 2048;
/// Bytes of elements that are held at once while a list is copied; a single longer one is held whole.
const STEP_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use types::txn::{Database, HashKey};

    use super::*;
    use crate::memory::Memory;
    use crate::testing::NOW;

    /// Whether an insertion is to the left of its pivot.
    type Before = fn(u32) -> bool;

    /// Inserts at one side of a pivot, which changes now and then if it is `moving`; compares with a vector and answers the most that moved at once.
    fn insert_many(rounds: u32, moving: bool, before: Before) -> u64 {
        let mut memory = Memory::new(NOW);
        let id = memory.next_id();
        let mut list = Exploded::new(ValueId::of(&HashKey::new(Database(0), b"l"), id));
        let mut model: Vec<Bytes> = Vec::new();
        for element in ["pivot", "end"] {
            list.push(&mut memory, End::Last, Bytes::from(element)).unwrap();
            model.push(Bytes::from(element));
        }
        list.push(&mut memory, End::First, Bytes::from("start")).unwrap();
        model.insert(0, Bytes::from("start"));
        let mut pivot = Bytes::from("pivot");
        let mut most = 0;
        for round in 0..rounds {
            let element = Bytes::from(round.to_string());
            let lost = list.lost;
            assert!(list.insert_at(&mut memory, before(round), &pivot, element.clone()).unwrap());
            most = most.max(list.lost - lost);
            let at = model.iter().position(|other| *other == pivot).unwrap();
            model.insert(if before(round) { at } else { at + 1 }, element.clone());
            if moving && round % 7 == 0 {
                pivot = element;
            }
        }
        let mut all = Vec::new();
        list.walk(&mut memory, 0, false, &mut |element| {
            all.push(Bytes::copy_from_slice(element));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(all, model);
        list.sequence
            .walk(&mut memory, Bound::Unbounded, Bound::Unbounded, false, &mut |key, _| {
                assert!(key.len() <= order::KEY_MAX);
                ControlFlow::Continue(())
            })
            .unwrap();
        most
    }

    #[test]
    fn thousands_of_insertions_at_a_place_move_few_elements_at_once() {
        // In the second, more keys than may move at once are long at last.
        let places =
            [(700, false, (|_| true) as Before), (2800, false, |_| false), (700, true, |_| true), (1500, true, |round| round % 2 == 0)];
        for (rounds, moving, before) in places {
            let most = insert_many(rounds, moving, before);
            assert!(most > 0, "nothing got other keys: the case was not reached");
            assert!(most <= REACH as u64, "{most} on the one side that has long keys");
        }
    }
}
