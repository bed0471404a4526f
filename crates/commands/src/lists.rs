//! List commands, and how a list lies in records.

use types::root::Root;

/// Redis' word for the layout of a list.
pub(crate) fn encoding(root: &Root) -> &'static str {
    if root.id == 0 { "listpack" } else { "quicklist" }
}
