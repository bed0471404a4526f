//! The door through which time enters the proxy.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use types::time::Time;

/// The machine's clocks; its zero is when the proxy was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the door")]
    pub(crate) fn new() -> Clock {
        Clock { start: Instant::now() }
    }

    /// The monotonic clock.
    pub(crate) fn now(&self) -> Time {
        Time::at(self.start.elapsed())
    }

    /// The wall clock, since 1970.
    #[expect(clippy::disallowed_methods, reason = "the door")]
    pub(crate) fn unix(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
    }
}
