//! One attempt at some calls: grouped by node, sent to all of them at once, the outcomes put back into order.

use std::time::Duration;

use net::service::{CallError, Pending};
use tokio::time::Instant;
use types::id::RequestId;
use types::txn::Call;
use wire::rpc::{Execute, Executed, Outcome, Refusal};

use crate::alarm::Alarm;
use crate::clock;
use crate::router::Router;
use crate::routes::Routes;
use crate::watch::{Waited, Watch};

/// What is under way at one node.
struct Part {
    /// Places, in the caller's list, of the calls that went there.
    places: Vec<u32>,
    answer: Pending<Executed>,
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
pub(crate) fn send_whole(routes: &Routes, request: RequestId, patience: Duration, calls: &[(u32, Call)]) -> Option<Pending<Executed>> {
    let ((first, _), rest) = calls.split_first()?;
    let node = routes.primary(*first)?;
    if rest.iter().any(|(partition, _)| routes.primary(*partition) != Some(node)) {
        return None;
    }
    Some(routes.service(node).execute(Execute { table: routes.table(), request, again: false, patience, calls: calls.to_vec() }))
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
                let answer = routes.service(node).execute(Execute { table: routes.table(), request, again, patience, calls });
                Part { places, answer }
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
            tell(place, Fate::Refused(Refusal::NotReady));
        }
        let mut watch = Watch::new(router, self.version, clock::now(), deadline);
        for Part { places, answer } in self.parts {
            let partitions = places.iter().map(|&place| calls[place as usize].0);
            match fates(places.len(), watch.answer(answer, partitions, alarm).await) {
                Ok(outcomes) => {
                    for (place, outcome) in places.into_iter().zip(outcomes) {
                        tell(place, Fate::from(outcome));
                    }
                }
                Err(fate) => places.iter().for_each(|&place| tell(place, fate.clone())),
            }
        }
    }
}

/// What became of one call in one attempt.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// It ran.
    Reply(bytes::Bytes),
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
            Outcome::Refused(Refusal::Unknown) => Fate::Doubtful,
            Outcome::Refused(refusal) => Fate::Refused(refusal),
        }
    }
}

/// The outcomes of a request of `count` calls, or what a failed request says about each of them.
pub(crate) fn fates(count: usize, waited: Waited) -> Result<Vec<Outcome>, Fate> {
    match waited {
        Waited::Ended(Ok(executed)) if executed.outcomes.len() == count => Ok(executed.outcomes),
        // An answer to another question: whatever the node did, it is not known here.
        Waited::Ended(Ok(_) | Err(CallError::Broken(_) | CallError::Timeout)) => Err(Fate::Doubtful),
        Waited::Ended(Err(CallError::Unreachable(_))) => Err(Fate::Refused(Refusal::NotReady)),
        Waited::Ended(Err(CallError::Overloaded)) => Err(Fate::Refused(Refusal::Busy)),
        Waited::Ended(Err(CallError::NotOffered)) => Err(Fate::Refused(Refusal::NotPrimary)),
        Waited::Moved => Err(Fate::Moved),
    }
}
