//! A large sorted set: for each member a record with its score, and one in the index that keeps their order.
//!
//! ```text
//! m | hash48 of the member | member  ->  score, 8 bytes          see hashed: ZSCORE, ZSCAN, ZRANDMEMBER
//! r | 0 | place                      ->  nothing                 see index: ranges, ranks, ends
//! r | level | place                  ->  members passed
//!
//! root value    levels, 1 byte | members removed, varint | length of the first place, varint | first place | last place
//! ```
//! Members removed are counted since the id was given: a sorted set that has lost nearly all of its members gets a new id, so that nobody
//! has to read past what was removed.

use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use types::txn::{Abort, HashKey, HashKeyTxn, ValueId};

use crate::sorted_sets::index::Index;
use crate::sorted_sets::inline::Inline;
use crate::sorted_sets::place::{self, Place, SCORE, damaged, place};
use crate::sorted_sets::view::Show;
use crate::{elements, hashed, varint};

/// The members of a large sorted set.
pub(super) struct Exploded {
    index: Index,
    removed: u64,
}

impl Exploded {
    /// # Errors
    /// [`Abort::Storage`], if the bytes are not what [`Exploded::encode`] makes of a sorted set with `count` members.
    pub(super) fn decode(value: ValueId, count: u64, bytes: &[u8]) -> Result<Exploded, Abort> {
        let (&levels, mut rest) = bytes.split_first().ok_or_else(damaged)?;
        let removed = varint::take(&mut rest).ok_or_else(damaged)?;
        let len = varint::take(&mut rest).and_then(|len| usize::try_from(len).ok()).ok_or_else(damaged)?;
        let (first, last) = rest.split_at_checked(len).ok_or_else(damaged)?;
        place::split(first)?;
        place::split(last)?;
        if count == 0 || first > last {
            return Err(damaged());
        }
        let (first, last) = (Place::from_slice(first), Place::from_slice(last));
        Ok(Exploded { index: Index { value, levels, count, first, last }, removed })
    }

    /// The members of a small sorted set, which is now the wrong layout, under a new id.
    pub(super) fn from_inline(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, inline: &Inline) -> Result<Exploded, Abort> {
        let mut exploded = Exploded { index: Index::new(ValueId::of(key, txn.next_id())), removed: 0 };
        for place in inline.places() {
            let (score, member) = place::split(place)?;
            exploded.insert(txn, member, score)?;
        }
        Ok(exploded)
    }

    /// Id and value of the root. There is at least one member.
    pub(super) fn encode(mut self, txn: &mut dyn HashKeyTxn, key: &HashKey<'_>) -> Result<(u64, Bytes), Abort> {
        let count = self.index.count;
        if count <= RENEWED_MAX && self.removed > REMOVED_PER_MEMBER * count + REMOVED_MIN {
            let new = ValueId::of(key, txn.next_id());
            elements::copy(txn, self.index.value, new)?;
            (self.index.value, self.removed) = (new, 0);
        }
        let Index { levels, first, last, value, .. } = &self.index;
        let mut out = Vec::with_capacity(1 + 2 * 5 + first.len() + last.len());
        out.push(*levels);
        varint::put(&mut out, self.removed);
        varint::put(&mut out, first.len() as u64);
        out.extend_from_slice(first);
        out.extend_from_slice(last);
        Ok((value.id, out.into()))
    }

    pub(super) fn len(&self) -> u64 {
        self.index.count
    }

    pub(super) fn score(&self, txn: &mut dyn HashKeyTxn, member: &[u8]) -> Result<Option<f64>, Abort> {
        hashed::get(txn, self.index.value, member)?.map(|element| score_of(&element)).transpose()
    }

    /// Number of members before a place.
    pub(super) fn before(&self, txn: &mut dyn HashKeyTxn, place: &[u8]) -> Result<u64, Abort> {
        self.index.before(txn, place)
    }

    pub(super) fn walk(&self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>, reverse: bool, show: &mut Show<'_>) -> Result<(), Abort> {
        self.index.walk(txn, ranks, reverse, &mut |place| {
            let (score, member) = place::split(place)?;
            show(score, member);
            Ok(())
        })
    }

    pub(super) fn random_distinct(&self, txn: &mut dyn HashKeyTxn, wanted: u64, show: &mut Show<'_>) -> Result<(), Abort> {
        let mut outcome = Ok(());
        hashed::random_distinct(txn, self.index.value, self.len(), wanted, &mut |member, element| match score_of(element) {
            Ok(score) => show(score, member),
            Err(abort) => outcome = Err(abort),
        })?;
        outcome
    }

    pub(super) fn random_repeated(
        &self,
        txn: &mut dyn HashKeyTxn,
        times: u64,
        show: &mut dyn FnMut(f64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Abort> {
        let mut outcome = Ok(());
        hashed::random_repeated(txn, self.index.value, self.len(), times, &mut |member, element| match score_of(element) {
            Ok(score) => show(score, member),
            Err(abort) => {
                outcome = Err(abort);
                ControlFlow::Break(())
            }
        })?;
        outcome
    }

    pub(super) fn scan(&self, txn: &mut dyn HashKeyTxn, cursor: u64, count: usize, show: &mut Show<'_>) -> Result<u64, Abort> {
        let (found, next) = hashed::scan(txn, self.index.value, cursor, count)?;
        for found in &found {
            show(score_of(&found.element)?, found.member());
        }
        Ok(next)
    }

    pub(super) fn insert(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        self.put(txn, member, score);
        self.index.insert(txn, &place(score, member))
    }

    pub(super) fn change(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], old: f64, new: f64) -> Result<(), Abort> {
        self.put(txn, member, new);
        self.removed = self.removed.saturating_add(1);
        self.index.change(txn, &place(old, member), &place(new, member))
    }

    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        hashed::delete(txn, self.index.value, member);
        self.removed = self.removed.saturating_add(1);
        self.index.remove(txn, &place(score, member))?;
        Ok(())
    }

    /// Removes the members with these ranks, which are not all.
    pub(super) fn remove_ranks(&mut self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>) -> Result<(), Abort> {
        self.removed = self.removed.saturating_add(ranks.end - ranks.start);
        let value = self.index.value;
        self.index.remove_ranks(txn, ranks, &mut |txn, place| {
            let (_, member) = place::split(place)?;
            hashed::delete(txn, value, member);
            Ok(())
        })
    }

    fn put(&self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) {
        hashed::put(txn, self.index.value, member, Bytes::copy_from_slice(&place::encode(score)));
    }
}

fn score_of(element: &[u8]) -> Result<f64, Abort> {
    <[u8; SCORE]>::try_from(element).ok().and_then(place::decode).ok_or_else(damaged)
}

/// A sorted set of so many members at most gets a new id ...
const RENEWED_MAX: u64 = 1024;
/// ... if so many were removed for each that is left ...
const REMOVED_PER_MEMBER: u64 = 16;
/// ... and so many in any case.
const REMOVED_MIN: u64 = 4096;
