//! The numbers under which a session's requests are known to the partitions.
//!
//! Every attempt at a request carries the same number, and each partition remembers the last write of every session with its replies. An
//! attempt at a write that was carried out already is answered with those first replies, by whichever member is primary by then. This holds
//! - until the session's next write at the partition: a later attempt at an older request is never carried out, and answered by "unknown";
//! - while the session is among the last `replication.sessions_max` to write at the partition. That has to cover the patience of a caller: a
//!   session whose write was forgotten could have it carried out twice;
//! - over restarts and changes of primary, too: the table is part of what is replicated. A member that restarts rebuilds it from its log,
//!   which keeps at least `retain_bytes` of the youngest records, and one that learns is given it.
//!
//! Reads are simply carried out again. A write that changed nothing is remembered only if it was not the first attempt: then an earlier one may arrive
//! after it, which must not write what the caller was told is not written.

use types::id::RequestId;

use crate::alarm::Alarm;

/// Numbers the requests of one session. A session has one request under way at a time.
#[derive(Debug)]
pub struct Session {
    id: u64,
    last: u64,
    pub(crate) alarm: Alarm,
}

impl Session {
    /// The session called `id`: random, never used before by anybody.
    pub fn new(id: u64) -> Session {
        Session { id, last: 0, alarm: Alarm::default() }
    }

    /// Its id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A number for the next request. Retries of a request keep it.
    pub fn next_request(&mut self) -> RequestId {
        self.last += 1;
        RequestId { session: self.id, number: self.last }
    }
}

/// Gives out session ids from one random seed (SplitMix64): two sequences overlap only if their seeds are within each other's length,
/// out of 2^64.
#[derive(Debug)]
pub struct SessionIds {
    state: std::sync::atomic::AtomicU64,
}

impl SessionIds {
    /// A sequence of its own for each `seed`, which has to be random.
    pub fn new(seed: u64) -> SessionIds {
        SessionIds { state: std::sync::atomic::AtomicU64::new(seed) }
    }

    /// The next id.
    pub fn next_id(&self) -> u64 {
        mix(self.state.fetch_add(GOLDEN, std::sync::atomic::Ordering::Relaxed).wrapping_add(GOLDEN))
    }
}

/// The finalizer of SplitMix64: spreads the bits of a counter over a word.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_ids_differ() {
        let ids = SessionIds::new(7);
        let (mut one, two) = (Session::new(ids.next_id()), Session::new(ids.next_id()));
        assert_ne!(one.id(), two.id());
        assert_eq!(one.next_request(), RequestId { session: one.id(), number: 1 });
        assert_eq!(one.next_request().number, 2);
    }
}
