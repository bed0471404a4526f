//! What waits to be evaluated at a partition, and what waits for its mutation to be applied.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use types::id::{Decree, RequestId};
use types::time::Time;
use types::txn::Call;
use wire::rpc::{Outcome, Refusal};

use crate::frame::{Frame, Replies};
use crate::shard::Ticket;

/// One request's calls for one partition, in order.
pub(crate) struct Group {
    /// Each call with its place in the frame.
    pub(crate) calls: SmallVec<[(u32, Call); 1]>,
    /// Whether one of them may write.
    pub(crate) writes: bool,
    /// Who asked; `None`: the replica itself (the sweep).
    pub(crate) asker: Option<(RequestId, Arc<Frame>)>,
    /// Whether an earlier attempt at it may still arrive.
    pub(crate) again: bool,
    /// When the asker stops waiting.
    pub(crate) deadline: Time,
    /// How often its data was not in memory.
    pub(crate) cold: u8,
    /// Its place in the queue, where somebody queued it.
    pub(crate) ticket: Option<Ticket>,
}

impl Group {
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> + '_ {
        self.calls.iter().map(|&(place, _)| place)
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        if let Some((_, frame)) = &self.asker {
            frame.refuse(self.places(), refusal);
        }
    }

    /// What it costs to keep it waiting, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.calls.iter().map(|(_, call)| 64 + call.args.payload()).sum()
    }
}

/// An answer that waits for a mutation.
pub(crate) struct Answer {
    pub(crate) frame: Arc<Frame>,
    pub(crate) places: SmallVec<[u32; 1]>,
    pub(crate) kind: AnswerKind,
}

pub(crate) enum AnswerKind {
    /// The replies, to be told once everything they saw is committed.
    Replies { replies: Replies, writes: bool },
    /// The replies of the first attempt of this request, which is under way.
    Retry(RequestId),
}

impl Answer {
    pub(crate) fn tell(self, replies: &Replies) {
        let outcomes = self.places.iter().zip(replies.iter()).map(|(&place, reply)| (place, Outcome::Reply(reply)));
        self.frame.fill(outcomes);
        // Where the request was cut.
        self.frame.refuse(self.places.iter().skip(replies.ends.len()).copied(), Refusal::Apart);
    }

    pub(crate) fn refuse(self, refusal: Refusal) {
        self.frame.refuse(self.places.iter().copied(), refusal);
    }
}

/// Answers by the decree they wait for.
#[derive(Default)]
pub(crate) struct Answers {
    waiting: VecDeque<(Decree, Answer)>,
}

impl Answers {
    /// Decrees never decrease from one call to the next.
    pub(crate) fn push(&mut self, decree: Decree, answer: Answer) {
        debug_assert!(self.waiting.back().is_none_or(|(last, _)| *last <= decree));
        self.waiting.push_back((decree, answer));
    }

    /// Takes out the next answer that waits for `applied` or less.
    pub(crate) fn pop(&mut self, applied: Decree) -> Option<Answer> {
        self.waiting.pop_front_if(|(decree, _)| *decree <= applied).map(|(_, answer)| answer)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Answer> + '_ {
        self.waiting.drain(..).map(|(_, answer)| answer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
