//! A large sorted set: for each member a record with its score, and its place in a sequence.
//!
//! ```text
//! m | hash48 of the member | member  ->  score, 8 bytes          see hashed: ZSCORE, ZSCAN, ZRANDMEMBER
//! p | ..   c | ..                    ->  pages of the places      see counted: ranges, ranks, ends
//!
//! root value    members removed, varint | the sequence
//! ```
//! Members removed are counted since the id was given: a sorted set that has lost nearly all of its members gets a new id, so that nobody
//! has to read past what was removed.

use std::ops::{Bound, ControlFlow, Range};

use bytes::Bytes;
use types::txn::{Abort, HashKey, HashKeyTxn, ValueId, Visit};
use types::varint;

use crate::counted::{Counted, Tags};
use crate::sorted_sets::inline::Inline;
use crate::sorted_sets::place::{self, SCORE, damaged, place};
use crate::sorted_sets::view::{Show, Until};
use crate::{elements, hashed};

/// The members of a large sorted set.
pub(super) struct Exploded {
    order: Counted,
    removed: u64,
}

impl Exploded {
    /// # Errors
    /// [`Abort::Storage`], if the bytes are not what [`Exploded::encode`] makes of a sorted set with `count` members.
    pub(super) fn decode(value: ValueId, count: u64, mut bytes: &[u8]) -> Result<Exploded, Abort> {
        let removed = varint::take(&mut bytes).ok_or_else(damaged)?;
        let order = Counted::decode(value, TAGS, &mut bytes)?;
        if count == 0 || order.len() != count || !bytes.is_empty() {
            return Err(damaged());
        }
        Ok(Exploded { order, removed })
    }

    /// The members of a small sorted set, which is now the wrong layout, under a new id.
    pub(super) fn from_inline(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, inline: &Inline) -> Result<Exploded, Abort> {
        let mut exploded = Exploded { order: Counted::new(ValueId::of(key, txn.next_id()), TAGS), removed: 0 };
        for place in inline.places() {
            let (score, member) = place::split(place)?;
            exploded.insert(txn, member, score)?;
        }
        Ok(exploded)
    }

    /// Id and value of the root. There is at least one member.
    pub(super) fn encode(mut self, txn: &mut dyn HashKeyTxn, key: &HashKey<'_>) -> Result<(u64, Bytes), Abort> {
        let count = self.len();
        if count <= RENEWED_MAX && self.removed > REMOVED_PER_MEMBER * count + REMOVED_MIN {
            let new = ValueId::of(key, txn.next_id());
            elements::copy(txn, self.order.value(), new)?;
            self = Exploded { order: self.order.moved(new), removed: 0 };
        }
        let mut out = Vec::with_capacity(64);
        varint::put(&mut out, self.removed);
        self.order.encode(&mut out);
        Ok((self.order.value().id, out.into()))
    }

    pub(super) fn len(&self) -> u64 {
        self.order.len()
    }

    pub(super) fn score(&self, txn: &mut dyn HashKeyTxn, member: &[u8]) -> Result<Option<f64>, Abort> {
        hashed::get(txn, self.order.value(), member)?.map(|element| score_of(&element)).transpose()
    }

    /// Number of members before a place.
    pub(super) fn before(&self, txn: &mut dyn HashKeyTxn, place: &[u8]) -> Result<u64, Abort> {
        self.order.rank(txn, place)
    }

    pub(super) fn walk(&self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>, reverse: bool, show: &mut Show<'_>) -> Result<(), Abort> {
        let mut until = |score: f64, member: &[u8]| {
            show(score, member);
            ControlFlow::Continue(())
        };
        shown(&mut until, |visit| self.order.walk_ranks(txn, ranks, reverse, visit))
    }

    /// Shows the members from one place on and before another, upwards, until `show` has seen enough.
    pub(super) fn walk_between(&self, txn: &mut dyn HashKeyTxn, from: &[u8], to: &[u8], show: &mut Until<'_>) -> Result<(), Abort> {
        shown(show, |visit| self.order.walk(txn, Bound::Included(from), Bound::Excluded(to), false, visit))
    }

    pub(super) fn random_distinct(&self, txn: &mut dyn HashKeyTxn, wanted: u64, show: &mut Show<'_>) -> Result<(), Abort> {
        let mut outcome = Ok(());
        hashed::random_distinct(txn, self.order.value(), self.len(), wanted, &mut |member, element| match score_of(element) {
            Ok(score) => show(score, member),
            Err(abort) => outcome = Err(abort),
        })?;
        outcome
    }

    pub(super) fn random_repeated(&self, txn: &mut dyn HashKeyTxn, times: u64, show: &mut Until<'_>) -> Result<(), Abort> {
        let mut outcome = Ok(());
        hashed::random_repeated(txn, self.order.value(), self.len(), times, &mut |member, element| match score_of(element) {
            Ok(score) => show(score, member),
            Err(abort) => {
                outcome = Err(abort);
                ControlFlow::Break(())
            }
        })?;
        outcome
    }

    pub(super) fn scan(&self, txn: &mut dyn HashKeyTxn, cursor: u64, count: usize, show: &mut Show<'_>) -> Result<u64, Abort> {
        let (found, next) = hashed::scan(txn, self.order.value(), cursor, count)?;
        for found in &found {
            show(score_of(&found.element)?, found.member());
        }
        Ok(next)
    }

    pub(super) fn insert(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        self.put(txn, member, score);
        self.order.insert(txn, &place(score, member), Bytes::new())
    }

    pub(super) fn change(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], old: f64, new: f64) -> Result<(), Abort> {
        let (from, to) = (place(old, member), place(new, member));
        if from == to {
            return Ok(()); // two zeros
        }
        self.put(txn, member, new);
        self.removed = self.removed.saturating_add(1);
        self.order.change(txn, &from, &to, Bytes::new())
    }

    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        hashed::delete(txn, self.order.value(), member);
        self.removed = self.removed.saturating_add(1);
        self.order.remove(txn, &[&place(score, member)])
    }

    /// Removes the members with these ranks, which are not all.
    pub(super) fn remove_ranks(&mut self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>) -> Result<(), Abort> {
        self.removed = self.removed.saturating_add(ranks.end - ranks.start);
        let value = self.order.value();
        self.order.remove_ranks(txn, ranks, &mut |txn, place| {
            let (_, member) = place::split(place)?;
            hashed::delete(txn, value, member);
            Ok(())
        })
    }

    fn put(&self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) {
        hashed::put(txn, self.order.value(), member, Bytes::copy_from_slice(&place::encode(score)));
    }
}

/// Runs a walk over places and shows their scores and members.
fn shown(show: &mut Until<'_>, walk: impl FnOnce(&mut Visit<'_>) -> Result<(), Abort>) -> Result<(), Abort> {
    let mut outcome = Ok(());
    walk(&mut |place, _| match place::split(place) {
        Ok((score, member)) => show(score, member),
        Err(abort) => {
            outcome = Err(abort);
            ControlFlow::Break(())
        }
    })?;
    outcome
}

fn score_of(element: &[u8]) -> Result<f64, Abort> {
    <[u8; SCORE]>::try_from(element).ok().and_then(place::decode).ok_or_else(damaged)
}

const TAGS: Tags = Tags { element: None, page: b'p', counts: b'c' };
/// A sorted set of so many members at most gets a new id ...
const RENEWED_MAX: u64 = 1024;
/// ... if so many were removed for each that is left ...
const REMOVED_PER_MEMBER: u64 = 16;
/// ... and so many in any case.
const REMOVED_MIN: u64 = 4096;
