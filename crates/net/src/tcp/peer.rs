//! A node that is reached through connections: three lanes behind one [`Service`].

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use wire::frame::Draft;
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Outcome, Refusal, Replicate};
use wire::{control, execute, hello, replicate};

use super::in_flight::Waiter;
use super::lane::Lane;
use super::options::Options;
use crate::service::{CallError, Pending, Service};

/// A remote node. When the last handle is dropped, its connections end with their last answer.
#[derive(Debug)]
pub(super) struct Peer {
    data: Arc<Lane>,
    replication: Arc<Lane>,
    control: Arc<Lane>,
}

impl Peer {
    /// A node at `address`, called `node` (empty: whatever it is called). Somebody has to run its lanes.
    pub(super) fn new(node: &str, address: &str, options: &Arc<Options>) -> Peer {
        let lane = |kind| Arc::new(Lane::new(kind, node, address, Arc::clone(options)));
        Peer { data: lane(hello::Lane::Data), replication: lane(hello::Lane::Replication), control: lane(hello::Lane::Control) }
    }

    pub(super) fn lanes(&self) -> [&Arc<Lane>; 3] {
        [&self.data, &self.replication, &self.control]
    }

    pub(super) fn address(&self) -> &str {
        &self.data.address
    }
}

impl Service for Peer {
    fn execute(&self, request: Execute) -> Pending<Executed> {
        let options = &self.data.options;
        let draft = execute::draft(&request, options.checked);
        if !draft.fits(&options.limits) || request.calls.len() > execute::CALLS_MAX {
            let outcomes = vec![Outcome::Refused(Refusal::TooLarge); request.calls.len()];
            return Pending::ready(Ok(Executed { outcomes }));
        }
        self.data.ask(draft, request.patience, Waiter::Execute)
    }

    fn replicate(&self, batch: Replicate) {
        let options = &self.replication.options;
        let send = |batch: &Replicate| {
            let draft = replicate::draft(batch, options.checked);
            if draft.fits(&options.limits) {
                self.replication.tell(draft);
            } else {
                self.replication.state.lock().dropped += 1;
                warn!(node = %self.replication.node, bytes = draft.length(), "mutation too large for a frame");
            }
        };
        if replicate::weight(&batch) <= REPLICATE_BYTES {
            send(&batch);
        } else {
            replicate::split(batch, REPLICATE_BYTES).iter().for_each(send);
        }
    }

    fn control(&self, request: ControlRequest, patience: Duration) -> Pending<ControlResponse> {
        let options = &self.control.options;
        let draft = control::draft(&request, patience, options.checked);
        if !draft.fits(&options.limits) {
            warn!(node = %self.control.node, bytes = draft.length(), "control request too large for a frame");
            return Pending::ready(Err(CallError::Overloaded));
        }
        self.control.ask(draft, patience, Waiter::Control)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.lanes().into_iter().for_each(|lane| lane.abandon());
    }
}

/// Larger batches are sent in parts: a window of large mutations that is sent again must not outgrow a frame.
const REPLICATE_BYTES: usize = 4 << 20;
