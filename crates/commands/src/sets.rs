//! Set commands, and how a set lies in records.

use types::root::Root;

/// Redis' word for the layout of a set.
pub(crate) fn encoding(root: &Root) -> &'static str {
    if root.id == 0 { "listpack" } else { "hashtable" }
}
