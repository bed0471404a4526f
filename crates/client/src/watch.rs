//! Waiting for a node's answer with an eye on whether it is still the node to ask.
//!
//! A node that hangs or is cut off says nothing, and its connection stands for a while. Its partitions meanwhile get another primary, which
//! the routing table tells. So whoever has waited for long looks there from time to time, and need not wait for the end of the attempt.

use std::time::Duration;

use net::service::{CallError, Pending};
use tokio::time::Instant;
use wire::rpc::Executed;

use crate::alarm::Alarm;
use crate::clock;
use crate::router::Router;

/// What came of waiting.
pub(crate) enum Waited {
    /// An answer, or that there will be none.
    Ended(Result<Executed, CallError>),
    /// A partition of the request has another primary, or a new ballot, since it was sent. It may have been carried out.
    Moved,
}

/// The wait for the answers of one attempt.
pub(crate) struct Watch<'a> {
    router: &'a Router,
    /// Of the routing table by which the attempt was sent.
    version: u64,
    look: Instant,
    deadline: Instant,
}

impl<'a> Watch<'a> {
    /// A wait that begins now, for answers to what was sent by the routing table of `version`.
    pub(crate) fn new(router: &'a Router, version: u64, now: Instant, deadline: Instant) -> Watch<'a> {
        Watch { router, version, look: now + router.options().look_after, deadline }
    }

    /// Waits for the answer to a request to `partitions`. One that comes soon costs no more than a timer that is set already.
    pub(crate) async fn answer(
        &mut self,
        mut pending: Pending<Executed>,
        partitions: impl Iterator<Item = u32> + Clone,
        alarm: &mut Alarm,
    ) -> Waited {
        loop {
            let until = self.look.min(self.deadline);
            if let Some(answer) = alarm.until(until, &mut pending).await {
                return Waited::Ended(answer);
            }
            if until == self.deadline {
                return Waited::Ended(Err(CallError::Timeout));
            }
            if let Some(answer) = Box::pin(self.look(&mut pending)).await {
                return Waited::Ended(answer);
            }
            let routes = self.router.routes();
            if partitions.clone().any(|partition| routes.changed_after(self.version, partition)) {
                return Waited::Moved;
            }
        }
    }

    /// Brings the routing table up to date, unless the answer comes before.
    async fn look(&mut self, pending: &mut Pending<Executed>) -> Option<Result<Executed, CallError>> {
        tokio::select! {
            biased;
            answer = pending => return Some(answer),
            // A failure is told by the refresh itself; the node is waited for.
            _ = tokio::time::timeout_at(self.deadline, self.router.refresh()) => {}
        }
        self.look = clock::now() + LOOK_INTERVAL;
        None
    }
}

/// Between two looks of the same attempt.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
