//! Clocks that run at their own pace.

use std::time::Duration;

use types::time::Time;

/// Nanoseconds of simulated time.
pub type Nanos = u64;

/// One millisecond.
pub const MS: Nanos = 1_000_000;

/// One second.
pub const SECOND: Nanos = 1000 * MS;

/// A node's clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// When it was set.
    since: Nanos,
    /// What it showed then.
    showed: Nanos,
    /// Its seconds in a million of true ones.
    pace: u64,
}

impl Clock {
    /// A clock that shows `shows` at `now` and runs `ppm` parts in a million fast.
    pub fn new(now: Nanos, shows: Nanos, ppm: i64) -> Clock {
        Clock { since: now, showed: shows, pace: 1_000_000u64.saturating_add_signed(ppm) }
    }

    /// From `now` on it runs at another pace.
    pub fn change(&mut self, now: Nanos, ppm: i64) {
        *self = Clock::new(now, self.nanos(now), ppm);
    }

    /// Somebody sets it.
    pub fn set_ahead(&mut self, by: Nanos) {
        self.showed += by;
    }

    fn nanos(&self, now: Nanos) -> Nanos {
        self.showed + (u128::from(now - self.since) * u128::from(self.pace) / 1_000_000) as Nanos
    }

    /// What it shows.
    pub fn read(&self, now: Nanos) -> Time {
        Time::at(Duration::from_nanos(self.nanos(now)))
    }

    /// When it will show `time`, or now if it does already.
    pub fn when(&self, now: Nanos, time: Time) -> Nanos {
        let target = u64::try_from(time.since_start().as_nanos()).unwrap_or(u64::MAX);
        let ahead = target.saturating_sub(self.showed);
        let true_span = (u128::from(ahead) * 1_000_000).div_ceil(u128::from(self.pace));
        self.since.saturating_add(u64::try_from(true_span).unwrap_or(u64::MAX)).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_comes_when_it_is_said_to() {
        for ppm in [-20_000, 0, 13, 20_000] {
            let clock = Clock::new(77, 1234, ppm);
            for at in [1234, 5_000_000_001, 123_456_789_012] {
                let time = Time::at(Duration::from_nanos(at));
                let when = clock.when(77, time);
                assert!(clock.read(when) >= time, "{ppm} {at}");
                assert!(when == 77 || clock.read(when - 1) < time, "{ppm} {at}");
            }
        }
    }
}
