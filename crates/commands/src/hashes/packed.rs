//! A hash that lies whole in its key's root.
//!
//! ```text
//! plain   field value | field value | ...                          in the order in which they came
//! timed   own | expiry field value | expiry field value | ...      in the order of expiries, then those that never expire
//! ```
//! `field` and `value` are a length and bytes; lengths and times are varints. An expiry is in milliseconds since 1970, 0 stands for never.
//! `own` is when the key itself expires (see [`crate::hashes::lifetime`]). A hash becomes timed with the first expiry of a field and stays so.
//!
//! The order is the one that Redis' replies show. In a timed hash it puts what has expired in front, and its last entry tells whether
//! all of them expire.

use std::ops::Range;

use types::time::UnixMs;
use types::txn::Abort;
use types::varint;

use crate::hashes::damaged;

/// A field of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Its name.
    pub(super) field: &'a [u8],
    /// What it holds.
    pub(super) value: &'a [u8],
    /// When it ceases to exist; `None`: never.
    pub(super) expire: Option<UnixMs>,
}

impl Entry<'_> {
    /// Whether it is still there. As with keys, a field lives through the millisecond of its expiry.
    pub(super) fn lives(&self, now: UnixMs) -> bool {
        lives(self.expire, now)
    }
}

/// An entry and the bytes that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    /// What is there.
    pub(super) entry: Entry<'a>,
    /// The bytes of all of it.
    pub(super) all: Range<usize>,
    /// The bytes of the value alone.
    pub(super) value: Range<usize>,
}

/// Whether a field with this expiry is still there.
pub(super) fn lives(expire: Option<UnixMs>, now: UnixMs) -> bool {
    expire.is_none_or(|at| at >= now)
}

/// The entries of a packed hash, in order; after an error it ends.
pub(super) struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    timed: bool,
}

impl<'a> Entries<'a> {
    /// Walks over `bytes`.
    pub(super) fn of(bytes: &'a [u8], timed: bool) -> Result<Entries<'a>, Abort> {
        let at = if timed { own_len(bytes)? } else { 0 };
        Ok(Entries { bytes, at, timed })
    }

    fn take(&mut self) -> Option<Placed<'a>> {
        let start = self.at;
        let mut rest = &self.bytes[start..];
        let expire = if self.timed { time_of(varint::take(&mut rest)?)? } else { None };
        let field = take_bytes(&mut rest)?;
        let value = take_bytes(&mut rest)?;
        self.at = self.bytes.len() - rest.len();
        Some(Placed { entry: Entry { field, value, expire }, all: start..self.at, value: self.at - value.len()..self.at })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Placed<'a>, Abort>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let placed = self.take().ok_or_else(damaged);
        if placed.is_err() {
            self.at = self.bytes.len();
        }
        Some(placed)
    }
}

/// The entry of `field`.
pub(super) fn find<'a>(bytes: &'a [u8], timed: bool, field: &[u8]) -> Result<Option<Placed<'a>>, Abort> {
    for placed in Entries::of(bytes, timed)? {
        let placed = placed?;
        if placed.entry.field == field {
            return Ok(Some(placed));
        }
    }
    Ok(None)
}

/// When the key of a timed hash itself expires.
pub(super) fn own(mut bytes: &[u8]) -> Result<Option<UnixMs>, Abort> {
    varint::take(&mut bytes).and_then(time_of).ok_or_else(damaged)
}

/// Sets when the key of a timed hash itself expires.
pub(super) fn set_own(bytes: &mut Vec<u8>, own: Option<UnixMs>) -> Result<(), Abort> {
    let len = own_len(bytes)?;
    let mut number = Vec::new();
    varint::put(&mut number, number_of(own));
    bytes.splice(..len, number);
    Ok(())
}

/// Makes a plain hash timed.
pub(super) fn with_times(plain: &[u8], own: Option<UnixMs>) -> Result<Vec<u8>, Abort> {
    let mut timed = Vec::with_capacity(plain.len() + plain.len() / 4 + 16);
    varint::put(&mut timed, number_of(own));
    for placed in Entries::of(plain, false)? {
        append(&mut timed, true, &placed?.entry);
    }
    Ok(timed)
}

/// Adds an entry whose field is not there yet, in its place.
pub(super) fn insert(bytes: &mut Vec<u8>, timed: bool, entry: &Entry<'_>) -> Result<(), Abort> {
    let mut place = bytes.len();
    if let Some(expire) = entry.expire {
        for placed in Entries::of(bytes, timed)? {
            let placed = placed?;
            if placed.entry.expire.is_none_or(|at| at > expire) {
                place = placed.all.start;
                break;
            }
        }
    }
    if place == bytes.len() {
        append(bytes, timed, entry);
    } else {
        let mut inserted = Vec::new();
        append(&mut inserted, timed, entry);
        bytes.splice(place..place, inserted);
    }
    Ok(())
}

/// Appends an entry, which belongs at the end.
pub(super) fn append(bytes: &mut Vec<u8>, timed: bool, entry: &Entry<'_>) {
    if timed {
        varint::put(bytes, number_of(entry.expire));
    }
    for part in [entry.field, entry.value] {
        varint::put(bytes, part.len() as u64);
        bytes.extend_from_slice(part);
    }
}

/// The number that stands for an expiry. Nobody's lies at or before 1970: what has passed is not written.
pub(super) fn number_of(expire: Option<UnixMs>) -> u64 {
    expire.map_or(0, |at| u64::try_from(at.0).unwrap_or(1).max(1))
}

/// The expiry that a number stands for; the outer `None` if it stands for none.
pub(super) fn time_of(number: u64) -> Option<Option<UnixMs>> {
    let at = i64::try_from(number).ok()?;
    Some((at != 0).then_some(UnixMs(at)))
}

fn own_len(bytes: &[u8]) -> Result<usize, Abort> {
    let mut rest = bytes;
    varint::take(&mut rest).ok_or_else(damaged)?;
    Ok(bytes.len() - rest.len())
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(varint::take(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}
