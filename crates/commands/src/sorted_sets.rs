//! Sorted set commands, and how a sorted set lies in records.

use types::root::Root;

/// Redis' word for the layout of a sorted set.
pub(crate) fn encoding(root: &Root) -> &'static str {
    if root.id == 0 { "listpack" } else { "skiplist" }
}
