//! The door through which time enters the replica server.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use types::time::{Time, UnixMs};

/// Tells the time. Handed in, so that a simulator can stand in its place.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic clock.
    fn now(&self) -> Time;

    /// The wall clock.
    fn unix(&self) -> UnixMs;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose zero is now.
    #[expect(clippy::disallowed_methods, reason = "the door")]
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::at(self.start.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "the door")]
    fn unix(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
