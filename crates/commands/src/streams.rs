//! Stream commands, and how a stream lies in records.

use types::root::Root;

/// Redis' word for the layout of a stream.
pub(crate) fn encoding(_root: &Root) -> &'static str {
    "stream"
}
