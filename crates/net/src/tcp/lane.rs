//! One connection to a peer, whether it stands at the moment or not: the side that callers see.
//!
//! ```text
//!             something to send            greeted
//!   ┌──▶ Idle ────────────────▶ Connecting ───────▶ Up
//!   │ backoff over                  │ failed         │ broke
//!   └───────────── Down ◀───────────┴────────────────┘          any ──▶ Closed
//! ```
//! [`super::upkeep`] is the side that moves it along.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Buf;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use wire::frame::Draft;
use wire::hello;
use wire::outgoing::Outgoing;

use super::in_flight::{Entry, InFlight, Waiter};
use super::options::Options;
use crate::door;
use crate::service::{CallError, Pending};

/// One connection to be.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) kind: hello::Lane,
    /// Name of the node it leads to; empty if any will do.
    pub(super) node: String,
    pub(super) address: String,
    pub(super) options: Arc<Options>,
    pub(super) state: Mutex<State>,
    /// Tells of a deadline before all others.
    pub(super) hurry: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// Encoded, not handed to the connection yet.
    pub(super) out: Outgoing,
    /// Bytes ever put into `out`.
    pub(super) queued: u64,
    pub(super) in_flight: InFlight,
    /// Wakes the lane's task, which sleeps because `out` was empty. Taken by the first caller who changes that.
    pub(super) waker: Option<Waker>,
    /// Nobody holds the peer any more: end when the last answer is there.
    pub(super) abandoned: bool,
    /// One-way messages that found no room.
    pub(super) dropped: u64,
}

/// Where a lane stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not connected; the next frame makes it connect.
    #[default]
    Idle,
    /// On the way: frames are queued.
    Connecting,
    /// Connected.
    Up,
    /// The last attempt failed a moment ago: calls fail at once.
    Down,
    /// For ever.
    Closed,
}

impl Lane {
    pub(super) fn new(kind: hello::Lane, node: &str, address: &str, options: Arc<Options>) -> Lane {
        let (node, address) = (node.to_owned(), address.to_owned());
        Lane { kind, node, address, options, state: Mutex::default(), hurry: Notify::new() }
    }

    /// Sends a request that fits. Its answer goes to what `waiter` makes of the sender.
    pub(super) fn ask<T>(
        &self,
        draft: impl Draft,
        patience: Duration,
        waiter: fn(oneshot::Sender<Result<T, CallError>>) -> Waiter,
    ) -> Pending<T> {
        let deadline = door::now() + patience.min(PATIENCE_MAX);
        let (sender, pending) = Pending::waiting();
        let mut state = self.state.lock();
        if let Err(error) = self.admit(&state) {
            return Pending::ready(Err(error));
        }
        let start = state.queued;
        let (id, first) = state.in_flight.insert(Entry { waiter: waiter(sender), deadline, start });
        let waker = state.put(draft, id);
        drop(state);
        if first {
            self.hurry.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        pending
    }

    /// Sends a one-way message that fits, or drops it.
    pub(super) fn tell(&self, draft: impl Draft) {
        let mut state = self.state.lock();
        if self.admit(&state).is_err() {
            state.dropped += 1;
            return;
        }
        let waker = state.put(draft, 0);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The peer was dropped.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandoned = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What to call the other side in an error.
    pub(super) fn target(&self) -> String {
        if self.node.is_empty() { self.address.clone() } else { format!("{} ({})", self.node, self.address) }
    }

    fn admit(&self, state: &State) -> Result<(), CallError> {
        if matches!(state.phase, Phase::Down | Phase::Closed) {
            return Err(CallError::Unreachable(self.target()));
        }
        if state.in_flight.len() >= self.options.in_flight_max || state.out.remaining() >= self.options.queue_bytes_max {
            return Err(CallError::Overloaded);
        }
        Ok(())
    }
}

impl State {
    fn put(&mut self, draft: impl Draft, id: u64) -> Option<Waker> {
        self.queued += draft.length() as u64;
        draft.write(id, &mut self.out);
        self.waker.take()
    }

    /// Place of the first byte of `out` in all that was ever queued.
    pub(super) fn handed_over(&self) -> u64 {
        self.queued - self.out.remaining() as u64
    }
}

/// Nobody waits longer; keeps the clock's arithmetic away from its end.
const PATIENCE_MAX: Duration = Duration::from_secs(24 * 3600);
