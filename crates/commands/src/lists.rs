//! List commands, and how a list lies in records.
//!
//! ```text
//! programs   push  pop  moves  read  edit
//!               └────┴────┼─────┴─────┘
//! view                  list              one set of operations, whatever the layout
//!                  ┌──────┴───────┐
//! layouts       packed         exploded   all in the root | one record per element, under order keys (order, crate::counted)
//! ```

use types::root::Root;
use types::txn::Abort;

pub(crate) mod edit;
pub(crate) mod items;
pub(crate) mod moves;
pub(crate) mod pop;
pub(crate) mod push;
pub(crate) mod read;

mod exploded;
mod list;
mod order;
mod packed;

#[cfg(test)]
mod tests;

/// Redis' word for the layout of a list.
pub(crate) fn encoding(root: &Root) -> &'static str {
    if root.id == 0 { "listpack" } else { "quicklist" }
}

#[cold]
fn damaged() -> Abort {
    Abort::Storage("a list's record in the store is damaged".to_owned())
}
