//! A hash with one element for each field.
//!
//! ```text
//! 'm' | hash48 of the field, 6 bytes | field     ->  expiry, value       the field (crate::hashed); the expiry is a varint, 0: never
//! 'x' | expiry, 8 bytes | field                  ->  nothing             for fields that expire: the earliest first
//! ```
//! Invariant: the index has an entry for each field with an expiry, and no other; so what has expired is found without looking at the
//! rest.

use std::ops::ControlFlow;

use bytes::Bytes;
use types::time::UnixMs;
use types::txn::{Abort, HashKeyTxn, SortKeys, ValueId};
use types::varint;

use crate::elements::{self, SortKey};
use crate::hashed;
use crate::hashes::damaged;
use crate::hashes::hash::Found;
use crate::hashes::packed::{Entry, number_of, time_of};
use crate::hashes::summary::Summary;

/// An exploded hash at work. Its summary is exact again after [`Exploded::settle`].
pub(super) struct Exploded {
    /// Where the elements are.
    pub(super) value: ValueId,
    /// What the root will say about them.
    pub(super) summary: Summary,
    /// Whether the summary's `first` is only not later than the earliest expiry.
    first_is_bound: bool,
    /// Whether the summary's `last` is only not earlier than the latest expiry.
    last_is_bound: bool,
}

impl Exploded {
    /// The hash with these elements.
    pub(super) fn new(value: ValueId, summary: Summary) -> Exploded {
        Exploded { value, summary, first_is_bound: false, last_is_bound: false }
    }

    /// What is stored for a field, also if it has expired.
    pub(super) fn get(&self, txn: &mut dyn HashKeyTxn, field: &[u8]) -> Result<Option<Found>, Abort> {
        let Some(element) = hashed::get(txn, self.value, field)? else { return Ok(None) };
        let (expire, value) = decode(&element)?;
        let start = element.len() - value.len();
        Ok(Some(Found { value: element.slice(start..), expire }))
    }

    /// Creates or replaces a field; `old` is what is stored for it.
    pub(super) fn put(&mut self, txn: &mut dyn HashKeyTxn, old: Option<&Found>, new: &Entry<'_>) -> Result<(), Abort> {
        let mut element = Vec::with_capacity(new.value.len() + 10);
        varint::put(&mut element, number_of(new.expire));
        element.extend_from_slice(new.value);
        hashed::put(txn, self.value, new.field, Bytes::from(element));
        self.summary.count += u64::from(old.is_none());
        let before = old.and_then(|old| old.expire);
        if before != new.expire {
            self.unlist(txn, before, new.field)?;
            self.list(txn, new.expire, new.field);
        }
        Ok(())
    }

    /// Removes a field, which has this expiry.
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, field: &[u8], expire: Option<UnixMs>) -> Result<(), Abort> {
        hashed::delete(txn, self.value, field);
        self.summary.count = self.summary.count.checked_sub(1).ok_or_else(damaged)?;
        self.summary.removed += 1;
        self.unlist(txn, expire, field)
    }

    /// Shows all fields, also those that have expired.
    pub(super) fn visit(&self, txn: &mut dyn HashKeyTxn, visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>) -> Result<(), Abort> {
        let mut sound = Ok(());
        hashed::visit(txn, self.value, &mut |field, element| match decode(element) {
            Ok((expire, value)) => visit(Entry { field, value, expire }),
            Err(error) => {
                sound = Err(error);
                ControlFlow::Break(())
            }
        })?;
        sound
    }

    /// How many of the fields have expired.
    pub(super) fn expired(&self, txn: &mut dyn HashKeyTxn, now: UnixMs) -> Result<u64, Abort> {
        let mut expired = 0;
        if let Some(first) = self.summary.first.filter(|&first| first < now) {
            txn.range(self.value, &SortKeys::between(&listed_at(first), &listed_at(now)), &mut |_, _| {
                expired += 1;
                ControlFlow::Continue(())
            })?;
        }
        Ok(expired)
    }

    /// Removes fields that have expired, [`PURGE`] at most; says how many those were.
    pub(super) fn purge(&mut self, txn: &mut dyn HashKeyTxn, now: UnixMs) -> Result<u64, Abort> {
        let Some(first) = self.summary.first.filter(|&first| first < now) else { return Ok(0) };
        let listed = elements::collect(txn, self.value, &SortKeys::between(&listed_at(first), &listed_at(now)), PURGE + 1)?;
        let (gone, next) = listed.split_at(PURGE.min(listed.len()));
        for (sort_key, _) in gone {
            let (at, field) = parse(sort_key)?;
            self.remove(txn, field, Some(at))?;
        }
        // So that nobody has to step over all that was removed.
        if self.summary.first.is_some() {
            let next = next.first().map(|(sort_key, _)| parse(sort_key)).transpose()?;
            self.summary.first = Some(next.map_or(now, |(at, _)| at));
            self.first_is_bound = next.is_none();
        }
        Ok(gone.len() as u64)
    }

    /// Makes the summary exact.
    pub(super) fn settle(&mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        if self.summary.expiring == 0 {
            (self.summary.first, self.summary.last) = (None, None);
        }
        if let Some(first) = self.summary.first.filter(|_| self.first_is_bound) {
            let from = listed_at(first);
            self.summary.first = Some(self.end_of_list(txn, &SortKeys::between(&from, &LIST_END))?);
        }
        if let Some(last) = self.summary.last.filter(|_| self.last_is_bound) {
            let to = listed_at(UnixMs(last.0.saturating_add(1)));
            self.summary.last = Some(self.end_of_list(txn, &SortKeys::between(&[LIST], &to).reversed())?);
        }
        (self.first_is_bound, self.last_is_bound) = (false, false);
        Ok(())
    }

    /// The expiry that a range of the index begins with.
    fn end_of_list(&self, txn: &mut dyn HashKeyTxn, keys: &SortKeys<'_>) -> Result<UnixMs, Abort> {
        let found = elements::collect(txn, self.value, keys, 1)?;
        let (sort_key, _) = found.first().ok_or_else(damaged)?;
        Ok(parse(sort_key)?.0)
    }

    fn list(&mut self, txn: &mut dyn HashKeyTxn, at: Option<UnixMs>, field: &[u8]) {
        let Some(at) = at else { return };
        txn.put(self.value, &listed(at, field), Bytes::new());
        let summary = &mut self.summary;
        summary.expiring += 1;
        if summary.first.is_none_or(|first| at <= first) {
            summary.first = Some(at);
            self.first_is_bound = false;
        }
        if summary.last.is_none_or(|last| at >= last) {
            summary.last = Some(at);
            self.last_is_bound = false;
        }
    }

    fn unlist(&mut self, txn: &mut dyn HashKeyTxn, at: Option<UnixMs>, field: &[u8]) -> Result<(), Abort> {
        let Some(at) = at else { return Ok(()) };
        txn.delete(self.value, &listed(at, field));
        let summary = &mut self.summary;
        summary.expiring = summary.expiring.checked_sub(1).ok_or_else(damaged)?;
        summary.removed += 1;
        self.first_is_bound |= summary.first == Some(at);
        self.last_is_bound |= summary.last == Some(at);
        if summary.expiring == 0 {
            (summary.first, summary.last) = (None, None);
        }
        Ok(())
    }
}

/// An element's expiry and value.
pub(super) fn decode(element: &[u8]) -> Result<(Option<UnixMs>, &[u8]), Abort> {
    let mut value = element;
    let expire = varint::take(&mut value).and_then(time_of).ok_or_else(damaged)?;
    Ok((expire, value))
}

/// Where the index has the fields that expire at `at`.
fn listed_at(at: UnixMs) -> [u8; LIST_HEAD] {
    let mut sort_key = [LIST; LIST_HEAD];
    sort_key[1..].copy_from_slice(&number_of(Some(at)).to_be_bytes());
    sort_key
}

fn listed(at: UnixMs, field: &[u8]) -> SortKey {
    let mut sort_key = SortKey::from_slice(&listed_at(at));
    sort_key.extend_from_slice(field);
    sort_key
}

fn parse(sort_key: &[u8]) -> Result<(UnixMs, &[u8]), Abort> {
    let (head, field) = sort_key.split_at_checked(LIST_HEAD).ok_or_else(damaged)?;
    let number = u64::from_be_bytes(head[1..].try_into().map_err(|_| damaged())?);
    let at = time_of(number).flatten().ok_or_else(damaged)?;
    Ok((at, field))
}

/// First byte of the sort keys of the index.
const LIST: u8 = b'x';
/// Behind all of the index.
const LIST_END: [u8; 1] = [LIST + 1];
/// Bytes of the index' sort keys in front of the field.
const LIST_HEAD: usize = 1 + 8;
/// Expired fields that one command removes at most: about a millisecond's work.
pub(super) const PURGE: usize = 256;
