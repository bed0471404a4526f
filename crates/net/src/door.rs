//! Where time enters this crate. Deadlines of calls need no more of the clock than this; under tokio's paused time it stands still.

use tokio::time::Instant;

/// Now, on tokio's clock.
#[expect(clippy::disallowed_methods, reason = "the door itself")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
