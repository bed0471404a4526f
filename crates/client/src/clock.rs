//! The door through which time enters the driver. It is tokio's clock, so that a test or a simulator can move it.

use std::time::Duration;

use tokio::time::Instant;

/// Now.
#[expect(clippy::disallowed_methods, reason = "the door")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What is left until `deadline`, zero if it has passed.
pub(crate) fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(now())
}
