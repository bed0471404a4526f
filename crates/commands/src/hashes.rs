//! Hash commands, and how a hash lies in records.

use types::root::Root;

/// Redis' word for the layout of a hash.
pub(crate) fn encoding(root: &Root) -> &'static str {
    if root.id == 0 { "listpack" } else { "hashtable" }
}
