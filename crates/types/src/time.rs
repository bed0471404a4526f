//! Two kinds of time, which never mix: a monotonic one for protocols and the wall clock for expiry.

use std::fmt;
use std::time::Duration;

/// A reading of a node's monotonic clock. Only differences mean anything, and only on the node that read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(Duration);

impl Time {
    /// Later than any other.
    pub const MAX: Time = Time(Duration::MAX);

    /// The reading `since_start` after the clock's own zero.
    pub fn at(since_start: Duration) -> Time {
        Time(since_start)
    }

    /// How long after the clock's zero this is.
    pub fn since_start(self) -> Duration {
        self.0
    }

    /// `self - earlier`, zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(span))
    }
}

/// Wall-clock time in milliseconds since 1970 (UTC). What a key's expiry is stored in. The year 292 million fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// Whole seconds since 1970.
    pub fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
