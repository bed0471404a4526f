//! The door through which time enters the replica server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use types::time::{Time, UnixMs};

/// Tells the time. Handed in, so that a simulator can stand in its place.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic clock.
    fn now(&self) -> Time;

    /// The wall clock.
    fn unix(&self) -> UnixMs;
}

/// The machine's clocks. The monotonic one counts the time in which the machine is suspended, which [`std::time::Instant`] does not: a lease must not
/// outlast a suspend that others do not share.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Duration,
}

impl SystemClock {
    /// A clock whose zero is now.
    pub fn new() -> SystemClock {
        SystemClock { start: since_boot() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::at(since_boot().saturating_sub(self.start))
    }

    #[expect(clippy::disallowed_methods, reason = "the door")]
    fn unix(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Time since the machine was started, in suspend too.
fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}
