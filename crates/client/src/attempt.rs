//! One attempt at some calls: grouped by node, sent to all of them at once, the outcomes put back into order.

use std::sync::Arc;
use std::time::Duration;

use net::service::{CallError, Pending, Service};
use tokio::time::Instant;
use types::id::RequestId;
use types::txn::Call;
use wire::rpc::{Execute, Executed, Refusal};

use crate::alarm::Alarm;
use crate::clock;
use crate::long::Long;
use crate::outcome::Outcome;
use crate::router::Router;
use crate::routes::Routes;
use crate::watch::{Waited, Watch};

/// What is under way at one node.
struct Part {
    /// Places, in the caller's list, of the calls that went there.
    places: Vec<u32>,
    answer: Pending<Executed>,
    node: Arc<dyn Service>,
}

/// What goes to one node.
#[derive(Default)]
struct Group {
    places: Vec<u32>,
    calls: Vec<(u32, Call)>,
}

/// What is under way.
pub(crate) struct Attempt {
    /// Of the routing table it was sent by.
    version: u64,
    parts: Vec<Part>,
    /// Calls whose partition has no primary.
    homeless: Vec<u32>,
}

/// Sends all calls as one request, if one node is primary of all they touch. The common case: nothing is sorted.
pub(crate) fn send_whole(
    routes: &Routes,
    request: RequestId,
    patience: Duration,
    calls: &[(u32, Call)],
) -> Option<(Arc<dyn Service>, Pending<Executed>)> {
    let ((first, _), rest) = calls.split_first()?;
    let node = routes.primary(*first)?;
    if rest.iter().any(|(partition, _)| routes.primary(*partition) != Some(node)) {
        return None;
    }
    let node = routes.service(node);
    let answer = node.execute(Execute { table: routes.table(), request, again: false, patience, calls: calls.to_vec() });
    Some((Arc::clone(node), answer))
}

impl Attempt {
    /// Sends the calls at `places`, `again` if they were sent before. Those of one partition keep their order.
    pub(crate) fn send(
        routes: &Routes,
        request: RequestId,
        again: bool,
        patience: Duration,
        calls: &[(u32, Call)],
        places: impl Iterator<Item = u32>,
    ) -> Attempt {
        let mut homeless = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        groups.resize_with(routes.nodes(), Group::default);
        for place in places {
            let call = &calls[place as usize];
            match routes.primary(call.0) {
                None => homeless.push(place),
                Some(node) => {
                    groups[node].places.push(place);
                    groups[node].calls.push(call.clone());
                }
            }
        }
        let parts = groups
            .into_iter()
            .enumerate()
            .filter(|(_, group)| !group.places.is_empty())
            .map(|(node, Group { places, calls })| {
                let node = Arc::clone(routes.service(node));
                let answer = node.execute(Execute { table: routes.table(), request, again, patience, calls });
                Part { places, answer, node }
            })
            .collect();
        Attempt { version: routes.version(), parts, homeless }
    }

    /// Waits for every node, until `deadline` at most, and tells what became of each of `calls` that was sent.
    pub(crate) async fn finish(
        self,
        router: &Router,
        calls: &[(u32, Call)],
        deadline: Instant,
        alarm: &mut Alarm,
        mut tell: impl FnMut(u32, Fate),
    ) {
        for place in self.homeless {
            tell(place, Fate::None(NoReply::Refused(Refusal::NotReady)));
        }
        let mut watch = Watch::new(router, self.version, clock::now(), deadline);
        for Part { places, answer, node } in self.parts {
            let partitions = places.iter().map(|&place| calls[place as usize].0);
            match outcomes(&node, places.len(), watch.answer(answer, partitions, alarm).await) {
                Ok(outcomes) => {
                    for (place, outcome) in places.into_iter().zip(outcomes) {
                        tell(place, Fate::from(outcome));
                    }
                }
                Err(none) => places.iter().for_each(|&place| tell(place, Fate::None(none))),
            }
        }
    }
}

/// What became of one call in one attempt.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It ran.
    Reply(bytes::Bytes),
    /// It ran, and has a long reply.
    Long(Box<Long>),
    /// There is no reply.
    None(NoReply),
}

/// Why a call has no reply from one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NoReply {
    /// It did not run in this attempt.
    Refused(Refusal),
    /// It may have run.
    Doubtful,
    /// It may have run, and another node is to be asked.
    Moved,
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Fate {
        match outcome {
            Outcome::Reply(reply) => Fate::Reply(reply),
            Outcome::Long(long) => Fate::Long(long),
            Outcome::Refused(Refusal::Unknown) => Fate::None(NoReply::Doubtful),
            Outcome::Refused(refusal) => Fate::None(NoReply::Refused(refusal)),
        }
    }
}

/// The outcomes of a request of `count` calls to `node`, or what a failed request says about each of them.
pub(crate) fn outcomes(node: &Arc<dyn Service>, count: usize, waited: Waited) -> Result<Vec<Outcome>, NoReply> {
    match waited {
        Waited::Ended(Ok(executed)) if executed.outcomes.len() == count => {
            // Both kinds of outcomes are as large: they stay where they are.
            Ok(executed.outcomes.into_iter().map(|outcome| Outcome::said(node, outcome)).collect())
        }
        // An answer to another question: whatever the node did, it is not known here.
        Waited::Ended(Ok(_) | Err(CallError::Broken(_) | CallError::Timeout)) => Err(NoReply::Doubtful),
        Waited::Ended(Err(CallError::Unreachable(_))) => Err(NoReply::Refused(Refusal::NotReady)),
        Waited::Ended(Err(CallError::Overloaded)) => Err(NoReply::Refused(Refusal::Busy)),
        Waited::Ended(Err(CallError::NotOffered)) => Err(NoReply::Refused(Refusal::NotPrimary)),
        Waited::Moved => Err(NoReply::Moved),
    }
}

const _: () = assert!(size_of::<Outcome>() == size_of::<wire::rpc::Outcome>());
