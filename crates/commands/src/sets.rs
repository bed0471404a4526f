//! Set commands, and how a set lies in records.
//!
//! ```text
//! encoding      root.value                                      elements
//! LISTED   0    length as LEB128 | member, ...                  none: members in the order of insertion
//! INTEGERS 1    width (1, 2, 4, 8) | integers, ascending        none: members are all integers
//! EXPLODED 2    nothing, or members removed since, u64          see `indexed`: two of each member
//! ```
//! A set changes its layout as in Redis 7.4: it is born as integers if its first member is one, becomes listed with the first member that
//! is none, explodes at the limits of `set-max-intset-entries` and its relatives, and never goes back, except where it is made anew
//! (`SPOP` of nearly all, `*STORE`). Its root counts its members in every layout; an empty set does not exist.

mod algebra;
mod builder;
mod indexed;
mod integers;
mod listed;
pub(crate) mod members;
pub(crate) mod random;
pub(crate) mod scan;
pub(crate) mod store;
pub(crate) mod view;

pub(crate) use algebra::{sdiff, sinter, sintercard, sunion};

use std::collections::HashSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use types::limits::Limits;
use types::root::Root;
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::sets::builder::Builder;
use crate::sets::view::Set;

/// Redis' word for the layout of a set.
pub(crate) fn encoding(root: &Root) -> &'static str {
    match root.encoding {
        INTEGERS => "intset",
        EXPLODED => "hashtable",
        _ => "listpack",
    }
}

/// All members of the set of `key`, whose root is `root`, in the order in which `SMEMBERS` shows them.
///
/// # Errors
/// [`Abort`], also if the set is damaged.
pub(crate) fn read_all(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: Root) -> Result<Vec<Bytes>, Abort> {
    let set = Set::of(key, root)?;
    let mut members = Vec::new();
    set.visit(txn, &mut |member| {
        members.push(Bytes::copy_from_slice(member));
        ControlFlow::Continue(())
    })?;
    Ok(members)
}

/// Makes a set of these members the value of `key`, whatever it held before, in the layout that they get from `SUNIONSTORE`. A member
/// that occurs twice is stored once; no members: the key is deleted.
///
/// # Errors
/// [`Abort`].
pub(crate) fn write_all(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    members: Vec<Bytes>,
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    let mut seen = HashSet::with_capacity(members.len());
    let mut builder = Builder::new(limits, key, true);
    for member in &members {
        if seen.insert(member) {
            builder.add(txn, member);
        }
    }
    builder.finish(txn, expire)?;
    Ok(())
}

/// The root's `encoding`: members one after another in its value.
const LISTED: u8 = 0;
/// The root's `encoding`: sorted integers in its value.
const INTEGERS: u8 = 1;
/// The root's `encoding`: members are elements.
const EXPLODED: u8 = 2;

#[cfg(test)]
mod tests;
