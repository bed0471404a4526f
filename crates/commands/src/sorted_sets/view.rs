//! A sorted set as its commands see it: members in the order of scores and members, whatever the layout.
//!
//! A rank is a number of members that come before, counted from the lowest score. Invariant: elements are written at once, the root by
//! [`SortedSet::store`] or [`SortedSet::replace`] only: a program that changes a sorted set ends with one of them.

use std::ops::{ControlFlow, Range};

use types::limits::Limits;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn, ValueId};

use crate::elements::STEP;
use crate::program::{Program, Stop};
use crate::random::{Selection, below};
use crate::sorted_sets::exploded::Exploded;
use crate::sorted_sets::inline::Inline;
use crate::sorted_sets::place::{self, Place, place};
use crate::sorted_sets::range::ScoreRange;

/// One sorted set. It is empty while it is being made or taken apart.
pub(crate) struct SortedSet<'a> {
    key: HashKey<'a>,
    limits: &'a Limits,
    /// Its root; `id`, `count` and `value` are those that were read.
    root: Root,
    layout: Layout,
    changed: bool,
}

#[expect(clippy::large_enum_variant, reason = "one or a few for each command, on its stack")]
enum Layout {
    Inline(Inline),
    Exploded(Exploded),
}

/// A score and its member, copied.
pub(crate) type Scored = (f64, Box<[u8]>);

/// Is shown a score and its member.
pub(crate) type Show<'a> = dyn FnMut(f64, &[u8]) + 'a;

/// Is shown a score and its member, says whether to go on.
pub(crate) type Until<'a> = dyn FnMut(f64, &[u8]) -> ControlFlow<()> + 'a;

/// Is shown a score and its member, may use the transaction, says whether to go on.
pub(crate) type Each<'a> = dyn FnMut(&mut dyn HashKeyTxn, f64, &[u8]) -> Result<ControlFlow<()>, Abort> + 'a;

impl<'a> SortedSet<'a> {
    /// The sorted set of the key in argument `index`, if there is one.
    ///
    /// # Errors
    /// Refuses a value of another kind.
    pub(crate) fn open(p: &mut Program<'a>, index: usize) -> Result<Option<SortedSet<'a>>, Stop> {
        let key = p.key(index);
        match p.root_of(&key, Kind::ZSet)? {
            Some(root) => Ok(Some(SortedSet::of(key, root, p.limits())?)),
            None => Ok(None),
        }
    }

    /// The sorted set of a key that has this root.
    ///
    /// # Errors
    /// [`Abort::Storage`], if it is damaged.
    pub(crate) fn of(key: HashKey<'a>, root: Root, limits: &'a Limits) -> Result<SortedSet<'a>, Abort> {
        let layout = match root.id {
            0 => Layout::Inline(Inline::decode(root.value.clone(), root.count)?),
            id => Layout::Exploded(Exploded::decode(ValueId::of(&key, id), root.count, &root.value)?),
        };
        Ok(SortedSet { key, limits, root, layout, changed: false })
    }

    /// A sorted set without members for the key in argument `index`, whatever that holds.
    pub(crate) fn new(p: &Program<'a>, index: usize) -> SortedSet<'a> {
        SortedSet::empty(p.key(index), p.limits())
    }

    /// A sorted set without members for a key, whatever that holds.
    pub(crate) fn empty(key: HashKey<'a>, limits: &'a Limits) -> SortedSet<'a> {
        let root = Root::inline(Kind::ZSet, bytes::Bytes::new());
        SortedSet { key, limits, root, layout: Layout::Inline(Inline::default()), changed: false }
    }

    /// The same with this expiry.
    pub(crate) fn expiring(mut self, expire: Option<UnixMs>) -> SortedSet<'a> {
        self.root.expire = expire;
        self
    }

    /// Number of members.
    pub(crate) fn len(&self) -> u64 {
        match &self.layout {
            Layout::Inline(inline) => inline.len(),
            Layout::Exploded(exploded) => exploded.len(),
        }
    }

    /// The score of a member, if it is one.
    pub(crate) fn score(&self, txn: &mut dyn HashKeyTxn, member: &[u8]) -> Result<Option<f64>, Abort> {
        match &self.layout {
            Layout::Inline(inline) => Ok(inline.score(member)),
            Layout::Exploded(exploded) => exploded.score(txn, member),
        }
    }

    /// The rank of a member with this score.
    pub(crate) fn rank(&self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<u64, Abort> {
        self.before(txn, &place(score, member))
    }

    /// Number of members before a place: the rank of the first one at or behind it.
    pub(crate) fn before(&self, txn: &mut dyn HashKeyTxn, place: &Place) -> Result<u64, Abort> {
        match &self.layout {
            Layout::Inline(inline) => Ok(inline.before(place)),
            Layout::Exploded(exploded) => exploded.before(txn, place),
        }
    }

    /// The first and the last member with their scores; `None` if there are no members.
    pub(crate) fn extremes(&self, txn: &mut dyn HashKeyTxn) -> Result<Option<[Scored; 2]>, Abort> {
        let Some(last) = self.len().checked_sub(1) else { return Ok(None) };
        let mut ends: [Scored; 2] = Default::default();
        self.walk(txn, 0..1, false, &mut |score, member| ends[0] = (score, member.into()))?;
        self.walk(txn, last..last + 1, true, &mut |score, member| ends[1] = (score, member.into()))?;
        Ok(Some(ends))
    }

    /// Shows the members with these ranks, which have to be there, upwards or downwards.
    pub(crate) fn walk(&self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>, reverse: bool, show: &mut Show<'_>) -> Result<(), Abort> {
        match &self.layout {
            Layout::Inline(inline) if reverse => inline.ranks(ranks).rev().try_for_each(|place| shown(place, show)),
            Layout::Inline(inline) => inline.ranks(ranks).try_for_each(|place| shown(place, show)),
            Layout::Exploded(exploded) => exploded.walk(txn, ranks, reverse, show),
        }
    }

    /// Shows the members whose scores lie in a range, upwards, until `show` has seen enough. It costs one search, however many there are.
    pub(crate) fn walk_scores(&self, txn: &mut dyn HashKeyTxn, scores: &ScoreRange, show: &mut Until<'_>) -> Result<(), Abort> {
        let Some((from, to)) = scores.places() else { return Ok(()) };
        match &self.layout {
            Layout::Inline(inline) => {
                for place in inline.ranks(inline.before(&from)..inline.before(&to)) {
                    let (score, member) = place::split(place)?;
                    if show(score, member).is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Layout::Exploded(exploded) => exploded.walk_between(txn, &from, &to, show),
        }
    }

    /// The members with these ranks, copied.
    pub(crate) fn collect(&self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>) -> Result<Vec<Scored>, Abort> {
        let mut found = Vec::new();
        self.walk(txn, ranks, false, &mut |score, member| found.push((score, member.into())))?;
        Ok(found)
    }

    /// Shows all members in order to somebody who uses the transaction meanwhile, but does not change this sorted set.
    pub(crate) fn each(&self, txn: &mut dyn HashKeyTxn, visit: &mut Each<'_>) -> Result<(), Abort> {
        let mut at = 0;
        while at < self.len() {
            let end = self.len().min(at + STEP as u64);
            for (score, member) in self.collect(txn, at..end)? {
                if visit(txn, score, &member)?.is_break() {
                    return Ok(());
                }
            }
            at = end;
        }
        Ok(())
    }

    /// Shows `wanted` different members, as many as there are at most; every choice has the same chance.
    pub(crate) fn random_distinct(&self, txn: &mut dyn HashKeyTxn, wanted: u64, show: &mut Show<'_>) -> Result<(), Abort> {
        match &self.layout {
            Layout::Exploded(exploded) if wanted < self.len() => exploded.random_distinct(txn, wanted, show),
            _ => {
                // Downwards, as Redis shows them where all are wanted.
                let mut selection = Selection::new(txn, wanted, self.len());
                self.walk(txn, 0..self.len(), true, &mut |score, member| {
                    if selection.takes_next() {
                        show(score, member);
                    }
                })
            }
        }
    }

    /// Shows members, each drawn anew, `times` times or until `show` has seen enough. There is at least one.
    pub(crate) fn random_repeated(&self, txn: &mut dyn HashKeyTxn, times: u64, show: &mut Until<'_>) -> Result<(), Abort> {
        match &self.layout {
            Layout::Exploded(exploded) => exploded.random_repeated(txn, times, show),
            Layout::Inline(inline) => {
                for _ in 0..times {
                    let rank = below(txn, inline.len());
                    for place in inline.ranks(rank..rank + 1) {
                        let (score, member) = place::split(place)?;
                        if show(score, member).is_break() {
                            return Ok(());
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// Shows members from a cursor on, about `count` of them, and answers the cursor to go on with; 0: done. See [`crate::hashed::scan`].
    pub(crate) fn scan(&self, txn: &mut dyn HashKeyTxn, cursor: u64, count: usize, show: &mut Show<'_>) -> Result<u64, Abort> {
        match &self.layout {
            Layout::Exploded(exploded) => exploded.scan(txn, cursor, count, show),
            Layout::Inline(_) => {
                self.walk(txn, 0..self.len(), false, show)?;
                Ok(0)
            }
        }
    }

    /// Adds a member that is not there.
    pub(crate) fn insert(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        self.changed = true;
        if let Layout::Inline(inline) = &mut self.layout {
            if fits(self.limits, inline.len() + 1, member.len().max(inline.longest()), inline.size()) {
                inline.insert(&place(score, member));
                return Ok(());
            }
            self.layout = Layout::Exploded(Exploded::from_inline(txn, &self.key, inline)?);
        }
        match &mut self.layout {
            Layout::Exploded(exploded) => exploded.insert(txn, member, score),
            Layout::Inline(_) => Ok(()), // exploded above
        }
    }

    /// Gives a member another score.
    pub(crate) fn change(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], old: f64, new: f64) -> Result<(), Abort> {
        self.changed = true;
        match &mut self.layout {
            Layout::Inline(inline) => {
                let rank = inline.before(&place(old, member));
                inline.remove(rank..rank + 1);
                inline.insert(&place(new, member));
                Ok(())
            }
            Layout::Exploded(exploded) => exploded.change(txn, member, old, new),
        }
    }

    /// Removes a member that has this score.
    pub(crate) fn remove(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        self.changed = true;
        match &mut self.layout {
            Layout::Inline(inline) => {
                let rank = inline.before(&place(score, member));
                inline.remove(rank..rank + 1);
                Ok(())
            }
            Layout::Exploded(exploded) => exploded.remove(txn, member, score),
        }
    }

    /// Removes the members with these ranks, which have to be there.
    pub(crate) fn remove_ranks(&mut self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>) -> Result<(), Abort> {
        if ranks.is_empty() {
            return Ok(());
        }
        self.changed = true;
        if ranks == (0..self.len()) {
            // The root goes, and all elements with it.
            self.layout = Layout::Inline(Inline::default());
            return Ok(());
        }
        match &mut self.layout {
            Layout::Inline(inline) => {
                inline.remove(ranks);
                Ok(())
            }
            Layout::Exploded(exploded) => exploded.remove_ranks(txn, ranks),
        }
    }

    /// Writes the root, if anything has changed; without members the key is deleted.
    pub(crate) fn store(self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        if self.changed { self.replace(txn) } else { Ok(()) }
    }

    /// Writes the root, whatever the key holds; without members the key is deleted, if it is there.
    pub(crate) fn replace(self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        let count = self.len();
        if count == 0 {
            return txn.delete_root(&self.key);
        }
        let (id, value) = match self.layout {
            Layout::Inline(inline) => (0, inline.encode().into()),
            Layout::Exploded(exploded) => exploded.encode(txn, &self.key)?,
        };
        txn.put_root(&self.key, Root { id, count, value, ..self.root })
    }
}

/// Whether a sorted set of so many members, the longest of which has so many bytes, may be inline.
fn fits(limits: &Limits, count: u64, longest: usize, size: usize) -> bool {
    count <= u64::from(limits.zset_entries) && longest as u64 <= u64::from(limits.zset_value) && size <= INLINE_MAX
}

fn shown(place: &[u8], show: &mut Show<'_>) -> Result<(), Abort> {
    let (score, member) = place::split(place)?;
    show(score, member);
    Ok(())
}

/// Bytes beyond which a sorted set is exploded whatever the limits say: each change writes an inline one anew.
const INLINE_MAX: usize = 1 << 20;
