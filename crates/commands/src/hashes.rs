//! Hash commands, and how a hash lies in records.
//!
//! A small hash lies whole in its root ([`packed`]); a large one has an element for each field and, for fields that expire, an index in
//! the order of expiries ([`exploded`]). Commands see neither: they work on a [`hash::Hash`].

use types::root::Root;
use types::txn::Abort;

pub(crate) mod count;
pub(crate) mod deadline;
pub(crate) mod get;
pub(crate) mod getex;
pub(crate) mod items;
pub(crate) mod lifetime;
pub(crate) mod random;
pub(crate) mod scan;
pub(crate) mod set;
pub(crate) mod whole;

pub(crate) use hash::sweep;

mod exploded;
mod fields;
mod hash;
mod packed;
mod summary;

#[cfg(test)]
mod tests;

/// The root's `encoding` of a hash none of whose fields ever had an expiry.
const PLAIN: u8 = 0;
/// The root's `encoding` of a hash that has, or once had, a field with an expiry.
const TIMED: u8 = 1;

/// Redis' word for the layout of a hash.
pub(crate) fn encoding(root: &Root) -> &'static str {
    match (root.id, root.encoding) {
        (0, TIMED) => "listpackex",
        (0, _) => "listpack",
        _ => "hashtable",
    }
}

/// What cannot be a hash.
fn damaged() -> Abort {
    Abort::Storage("a hash is damaged".to_string())
}
