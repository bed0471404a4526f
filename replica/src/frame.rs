//! One `Execute` under way: collects the outcome of each of its calls, wherever they run, and answers when the last one is there.

use std::sync::Arc;

use bytes::Bytes;
use net::service::{CallError, Pending};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use wire::rpc::{Executed, Outcome, Refusal};

/// Where the outcomes of one request come together.
pub(crate) struct Frame {
    state: Mutex<State>,
}

struct State {
    outcomes: Vec<Outcome>,
    missing: usize,
    answer: Option<oneshot::Sender<Result<Executed, CallError>>>,
}

impl Frame {
    /// A frame whose outcomes at `missing` places (of all of `outcomes`) are still to come.
    pub(crate) fn new(outcomes: Vec<Outcome>, missing: usize) -> (Arc<Frame>, Pending<Executed>) {
        let (answer, pending) = Pending::waiting();
        (Arc::new(Frame { state: Mutex::new(State { outcomes, missing, answer: Some(answer) }) }), pending)
    }

    /// Puts outcomes at their places, each of which was missing.
    pub(crate) fn fill(&self, outcomes: impl IntoIterator<Item = (u32, Outcome)>) {
        let mut state = self.state.lock();
        for (place, outcome) in outcomes {
            state.outcomes[place as usize] = outcome;
            state.missing -= 1;
        }
        if state.missing == 0 {
            let outcomes = std::mem::take(&mut state.outcomes);
            if let Some(answer) = state.answer.take() {
                // Nobody listens any more: the caller's deadline passed or its connection broke. Nothing to do.
                let _ = answer.send(Ok(Executed { outcomes }));
            }
        }
    }

    /// Refuses the calls at `places`.
    pub(crate) fn refuse(&self, places: impl IntoIterator<Item = u32>, refusal: Refusal) {
        self.fill(places.into_iter().map(|place| (place, Outcome::Refused(refusal))));
    }
}

/// Replies of several calls in one buffer, in call order: no allocation per reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Replies {
    /// All replies, one after the other.
    pub(crate) bytes: Bytes,
    /// Where each one ends.
    pub(crate) ends: smallvec::SmallVec<[u32; 2]>,
}

impl Replies {
    /// Each reply as a slice that shares the buffer.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let reply = self.bytes.slice(start..end as usize);
            start = end as usize;
            reply
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_answers_when_its_last_outcome_is_there() {
        let (frame, mut pending) = Frame::new(vec![Outcome::Refused(Refusal::Unknown); 3], 2);
        let reply = |text: &'static str| Outcome::Reply(Bytes::from_static(text.as_bytes()));
        frame.fill([(2, reply("+C\r\n"))]);
        let Pending::Waiting(answer) = &mut pending else { panic!("not waiting") };
        assert!(answer.try_recv().is_err());
        frame.fill([(0, reply("+A\r\n"))]);
        let executed = answer.try_recv().expect("answered").expect("no error");
        assert_eq!(executed.outcomes, [reply("+A\r\n"), Outcome::Refused(Refusal::Unknown), reply("+C\r\n")]);
    }

    #[test]
    fn replies_share_one_buffer() {
        let replies = Replies { bytes: Bytes::from_static(b"+OK\r\n:1\r\n"), ends: [5, 9].into_iter().collect() };
        assert_eq!(replies.iter().collect::<Vec<_>>(), ["+OK\r\n", ":1\r\n"]);
    }
}
