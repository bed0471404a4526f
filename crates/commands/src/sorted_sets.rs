//! Sorted set commands, and how a sorted set lies in records.
//!
//! ```text
//! place ─▶ inline ┐                                   add · get · ranges · remove · pop · random · scan · combine
//!       └▶ exploded ─▶ view: SortedSet, one for both layouts ─▶ programs     range: what they are asked for
//! ```

use types::limits::Limits;
use types::root::Root;
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::sorted_sets::view::{Scored, SortedSet};

pub(crate) mod add;
pub(crate) mod combine;
pub(crate) mod get;
pub(crate) mod members;
pub(crate) mod place;
pub(crate) mod pop;
pub(crate) mod random;
pub(crate) mod range;
pub(crate) mod ranges;
pub(crate) mod remove;
pub(crate) mod scan;
pub(crate) mod view;

mod exploded;
mod inline;

#[cfg(test)]
mod tests;

/// Redis' word for the layout of a sorted set.
pub(crate) fn encoding(root: &Root) -> &'static str {
    if root.id == 0 { "listpack" } else { "skiplist" }
}

/// All members and scores of the sorted set whose root this is, in order. They are all in memory at once.
///
/// # Errors
/// [`Abort`].
pub(crate) fn read_all(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: Root) -> Result<Vec<Scored>, Abort> {
    let set = SortedSet::of(*key, root, &Limits::DEFAULT)?;
    set.collect(txn, 0..set.len())
}

/// Those of these ranks, in order.
///
/// # Errors
/// [`Abort`].
pub(crate) fn read_some(
    txn: &mut dyn HashKeyTxn,
    key: &HashKey<'_>,
    root: Root,
    ranks: std::ops::Range<u64>,
) -> Result<Vec<Scored>, Abort> {
    SortedSet::of(*key, root, &Limits::DEFAULT)?.collect(txn, ranks)
}

/// Makes a sorted set of these members and scores the value of a key, which may exist or not. They are in any order, a member may be
/// named more than once (the last score holds), and no score is NaN. Without members there is no key.
///
/// # Errors
/// [`Abort`].
pub(crate) fn write_all(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    items: &[Scored],
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    let mut set = SortedSet::empty(*key, limits).expiring(expire);
    for (score, member) in items {
        match set.score(txn, member)? {
            Some(old) => set.change(txn, member, old, *score)?,
            None => set.insert(txn, member, *score)?,
        }
    }
    set.replace(txn)
}
