//! The log's door to the clock. It paces fdatasyncs and measures them; nothing that is written depends on it.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the door of this crate: deadlines of syncs, and how long they take")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
