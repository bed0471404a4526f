//! Elements in the order of a 48-bit hash of their names: how the members of exploded sets, hashes and sorted sets lie in records.
//!
//! ```text
//! sort key    'm' | hash48 of the member, 6 bytes | member          element    the type's own bytes
//!
//!             ├──────┼──────┼──────┼ ... ┼──────┤  buckets: equal parts of the hashes, 16 members each on average
//!             0      ▲ a cursor: a hash         2^48
//! ```
//! The order is as good as random and does not change, so a cursor needs no memory ([`scan`]) and a part of the hashes is a fair sample
//! of the members ([`random`]; a set has an array for that). The member itself ends the sort key: members that share a hash are told apart.

use std::collections::HashSet;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use types::slot::hash48;
use types::txn::{Abort, HashKeyTxn, SortKeys, ValueId, Visit};

use crate::elements::{self, SortKey};
use crate::random::{Selection, below};

/// The element of a member.
pub(crate) fn get(txn: &mut dyn HashKeyTxn, value: ValueId, member: &[u8]) -> Result<Option<Bytes>, Abort> {
    txn.get(value, &sort_key(member))
}

/// Creates or replaces the element of a member.
pub(crate) fn put(txn: &mut dyn HashKeyTxn, value: ValueId, member: &[u8], element: Bytes) {
    txn.put(value, &sort_key(member), element);
}

/// Removes a member's element.
pub(crate) fn delete(txn: &mut dyn HashKeyTxn, value: ValueId, member: &[u8]) {
    txn.delete(value, &sort_key(member));
}

/// A member and its element, copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    sort_key: SortKey,
    /// The type's own bytes.
    pub(crate) element: Bytes,
}

impl Found {
    /// The member.
    pub(crate) fn member(&self) -> &[u8] {
        &self.sort_key[HEAD..]
    }

    fn copied(sort_key: &[u8], element: &[u8]) -> Found {
        Found { sort_key: SortKey::from_slice(sort_key), element: Bytes::copy_from_slice(element) }
    }
}

/// Shows all members and their elements until `visit` says that it has seen enough.
pub(crate) fn visit(txn: &mut dyn HashKeyTxn, value: ValueId, visit: &mut Visit<'_>) -> Result<(), Abort> {
    visit_range(txn, value, &all(), &mut |sort_key, element| visit(&sort_key[HEAD..], element))
}

/// A walk over all members in steps, between which the caller may use the transaction, also to write to the same value: what it
/// deletes or replaces behind the walk or ahead of it does not disturb the rest.
pub(crate) struct Walk {
    value: ValueId,
    /// The last member shown. `None` before the first.
    last: Option<SortKey>,
    done: bool,
}

impl Walk {
    /// A walk that begins at the first member.
    pub(crate) fn new(value: ValueId) -> Walk {
        Walk { value, last: None, done: false }
    }

    /// The next members, [`elements::STEP`] or [`STEP_BYTES`] of them at most, but one in any case; none at the end.
    pub(crate) fn step(&mut self, txn: &mut dyn HashKeyTxn) -> Result<Vec<Found>, Abort> {
        let mut found = Vec::new();
        if self.done {
            return Ok(found);
        }
        let from = self.last.as_ref().map_or(Bound::Included(&[FAMILY][..]), |last| Bound::Excluded(&last[..]));
        let mut bytes = 0;
        self.done = true;
        visit_range(txn, self.value, &SortKeys { from, ..all() }, &mut |sort_key, element| {
            found.push(Found::copied(sort_key, element));
            bytes += sort_key.len() + element.len();
            self.done = found.len() < elements::STEP && bytes < STEP_BYTES;
            if self.done { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        self.last = found.last().map(|found| found.sort_key.clone());
        Ok(found)
    }
}

/// At least `count` members from a cursor on, fewer only at the end or where they have [`HELD_BYTES`], and the cursor to go on with. 0 is the first cursor and says that
/// there is no next one; every other fits into 48 bits, so that clients which count in doubles do not spoil it.
///
/// A member that is there from the first to the last call is returned exactly once, whatever is added and removed meanwhile: members
/// that share a hash are never split. A `count` of 0 counts as 1.
pub(crate) fn scan(txn: &mut dyn HashKeyTxn, value: ValueId, cursor: u64, count: usize) -> Result<(Vec<Found>, u64), Abort> {
    let (mut found, mut next, mut bytes) = (Vec::<Found>::new(), 0, 0);
    if cursor < HASHES {
        let first = place(cursor);
        visit_range(txn, value, &SortKeys { from: Bound::Included(&first), ..all() }, &mut |sort_key, element| {
            let enough = found.len() >= count.max(1) || bytes >= HELD_BYTES;
            if enough && found.last().is_some_and(|last| last.sort_key[..HEAD] != sort_key[..HEAD]) {
                next = hash_of(sort_key);
                return ControlFlow::Break(());
            }
            found.push(Found::copied(sort_key, element));
            bytes += sort_key.len() + element.len();
            ControlFlow::Continue(())
        })?;
    }
    Ok((found, next))
}

/// One of the `count` members, each with the same chance; `None` if there is none. About four short walks, whatever `count` is.
///
/// A bucket is drawn, and one of its [`SLOTS`] places; if no member is there, both are drawn again. So a member is drawn if its bucket
/// and its place are, which has the same chance for all.
///
/// # Errors
/// [`Abort`]; data is damaged if there are fewer members than `count`.
pub(crate) fn random(txn: &mut dyn HashKeyTxn, value: ValueId, count: u64) -> Result<Option<Found>, Abort> {
    if count == 0 {
        return Ok(None);
    }
    if count > SLOTS {
        let buckets = count / MEAN;
        for _ in 0..DRAWS_MAX {
            let (bucket, slot) = (below(txn, buckets), below(txn, SLOTS));
            let (from, to) = (bound_of(bucket, buckets), bound_of(bucket + 1, buckets));
            let bucket = SortKeys::between(&from, &to);
            let found = if slot < SLOTS - 1 { nth(txn, value, &bucket, slot)? } else { one_from_last_slot(txn, value, &bucket)? };
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    // Few members; or members that somebody chose by their hashes, so that nearly all buckets are empty.
    let index = below(txn, count);
    nth(txn, value, &all(), index)?.map(Some).ok_or_else(damaged)
}

/// Shows `wanted` different ones of the `count` members, or all of them if there are not so many; every choice has the same chance.
/// They come in no fair order.
///
/// # Errors
/// [`Abort`]; data is damaged if there are fewer members than `count`.
pub(crate) fn random_distinct(
    txn: &mut dyn HashKeyTxn,
    value: ValueId,
    count: u64,
    wanted: u64,
    show: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<(), Abort> {
    if is_few(wanted, count) {
        let mut seen = HashSet::new();
        while (seen.len() as u64) < wanted {
            let found = random(txn, value, count)?.ok_or_else(damaged)?;
            if !seen.contains(&found.sort_key) {
                show(found.member(), &found.element);
                seen.insert(found.sort_key);
            }
        }
        return Ok(());
    }
    let mut selection = Selection::new(txn, wanted, count);
    visit(txn, value, &mut |member, element| {
        if selection.takes_next() {
            show(member, element);
        }
        if selection.wanted() > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if selection.wanted() == 0 { Ok(()) } else { Err(damaged()) }
}

/// Shows one of the `count` members `times` times, each time drawn anew, until `show` says that it has seen enough.
///
/// # Errors
/// [`Abort`]; data is damaged if there are fewer members than `count`.
pub(crate) fn random_repeated(txn: &mut dyn HashKeyTxn, value: ValueId, count: u64, times: u64, show: &mut Visit<'_>) -> Result<(), Abort> {
    let mut left = if count == 0 { 0 } else { times };
    while left > 0 {
        let draws = left.min(DRAWS_AT_ONCE);
        left -= draws;
        let indices: Vec<u64> = if is_few(draws, count) { Vec::new() } else { (0..draws).map(|_| below(txn, count)).collect() };
        let mut sorted = indices.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let Some(found) = at_indices(txn, value, &sorted)?.filter(|found| !found.is_empty()) else {
            for _ in 0..draws {
                let found = random(txn, value, count)?.ok_or_else(damaged)?;
                if show(found.member(), &found.element).is_break() {
                    return Ok(());
                }
            }
            continue;
        };
        for index in indices {
            let at = sorted.binary_search(&index).expect("it is one of them");
            if show(found[at].member(), &found[at].element).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether drawing so many members one by one costs less than a walk over all: a draw costs about as much as a walk over a hundred.
pub(crate) fn is_few(wanted: u64, count: u64) -> bool {
    wanted.saturating_mul(WALK_PER_DRAW) < count
}

/// The members at these ascending places in the order of all; `None` if they are too large to be held together.
fn at_indices(txn: &mut dyn HashKeyTxn, value: ValueId, indices: &[u64]) -> Result<Option<Vec<Found>>, Abort> {
    let (mut found, mut at, mut bytes) = (Vec::with_capacity(indices.len()), 0, 0);
    if indices.is_empty() {
        return Ok(Some(found));
    }
    visit_range(txn, value, &all(), &mut |sort_key, element| {
        if indices[found.len()] == at {
            found.push(Found::copied(sort_key, element));
            bytes += sort_key.len() + element.len();
        }
        at += 1;
        if found.len() < indices.len() && bytes < HELD_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    match found.len() == indices.len() {
        true => Ok(Some(found)),
        false if bytes >= HELD_BYTES => Ok(None),
        false => Err(damaged()),
    }
}

/// The member at place `index` of a range, if there are so many.
fn nth(txn: &mut dyn HashKeyTxn, value: ValueId, keys: &SortKeys<'_>, index: u64) -> Result<Option<Found>, Abort> {
    let (mut found, mut at) = (None, 0);
    visit_range(txn, value, keys, &mut |sort_key, element| {
        if at == index {
            found = Some(Found::copied(sort_key, element));
            return ControlFlow::Break(());
        }
        at += 1;
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The member in the last slot of a bucket. With hashes that nobody chose, a bucket never has more members than slots (once in 10^19);
/// otherwise those beyond share the last slot: they have less chance than others, but they have one.
fn one_from_last_slot(txn: &mut dyn HashKeyTxn, value: ValueId, bucket: &SortKeys<'_>) -> Result<Option<Found>, Abort> {
    let mut members = 0;
    visit_range(txn, value, bucket, &mut |_, _| {
        members += 1;
        ControlFlow::Continue(())
    })?;
    if members < SLOTS {
        return Ok(None);
    }
    let beyond = below(txn, members - (SLOTS - 1));
    nth(txn, value, bucket, SLOTS - 1 + beyond)
}

/// Shows the elements of a range, whose sort keys are checked to have room for a hash.
fn visit_range(txn: &mut dyn HashKeyTxn, value: ValueId, keys: &SortKeys<'_>, visit: &mut Visit<'_>) -> Result<(), Abort> {
    let mut whole = true;
    txn.range(value, keys, &mut |sort_key, element| {
        whole = sort_key.len() >= HEAD;
        if whole { visit(sort_key, element) } else { ControlFlow::Break(()) }
    })?;
    if whole { Ok(()) } else { Err(damaged()) }
}

fn sort_key(member: &[u8]) -> SortKey {
    let mut sort_key = SortKey::from_slice(&place(hash48(member)));
    sort_key.extend_from_slice(member);
    sort_key
}

/// Where the members with this hash begin.
fn place(hash: u64) -> [u8; HEAD] {
    let mut place = hash.to_be_bytes();
    // The hash has 48 bits: of the first two bytes, which are 0, one becomes the family and the other goes.
    place[1] = FAMILY;
    place[1..].try_into().expect("one byte less")
}

fn hash_of(sort_key: &[u8]) -> u64 {
    sort_key[1..HEAD].iter().fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

/// Where bucket `index` of `buckets` begins; with `index == buckets`: where the last one ends.
fn bound_of(index: u64, buckets: u64) -> [u8; HEAD] {
    if index == buckets {
        return place_after_all();
    }
    let hash = u128::from(index) * u128::from(HASHES) / u128::from(buckets);
    place(u64::try_from(hash).expect("below 2^48"))
}

fn all() -> SortKeys<'static> {
    SortKeys::between(&[FAMILY], &[FAMILY + 1])
}

fn place_after_all() -> [u8; HEAD] {
    let mut place = [0; HEAD];
    place[0] = FAMILY + 1;
    place
}

fn damaged() -> Abort {
    Abort::Storage("a set or hash is damaged: its elements are not those that its root counts".to_string())
}

/// First byte of the sort keys of members. Other families of the same value have other bytes.
pub(crate) const FAMILY: u8 = b'm';
/// Bytes of a sort key in front of the member.
const HEAD: usize = 1 + 6;
/// Number of hashes.
const HASHES: u64 = 1 << 48;
/// Members of a bucket on average.
const MEAN: u64 = 16;
/// Places of a bucket. With 16 members on average more than 64 are as good as impossible, and a draw hits one in four times.
const SLOTS: u64 = 64;
/// Draws that may miss before buckets are given up: with hashes that nobody chose, all of them miss once in 10^31.
const DRAWS_MAX: usize = 256;
/// Members that a walk passes in the time of a draw: four searches of 4 us and 16 members each, against 0.3 us for a member.
const WALK_PER_DRAW: u64 = 100;
/// Draws that are held in memory at once.
const DRAWS_AT_ONCE: u64 = 65_536;
/// Bytes of a step of a walk: members may be long.
const STEP_BYTES: usize = if cfg!(test) { 16 << 10 } else { 1 << 20 };
/// Bytes of members that are held in memory at once. Fewer in tests, so that they get there.
pub(crate) const HELD_BYTES: usize = if cfg!(test) { 256 << 10 } else { 16 << 20 };

#[cfg(test)]
mod tests;
