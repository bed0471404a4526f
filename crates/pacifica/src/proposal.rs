//! A change of the group that was asked for, until its fate is known.
//!
//! The meta server carries a change out or not by compare-and-swap of the ballot; what gets lost is the request or the answer. So it is asked again
//! until a configuration of another ballot answers it, or a no that holds for good, or until it is certain that no request ever left.

use std::time::Duration;

use types::id::Ballot;
use types::time::Time;

use crate::message::Change;
use crate::replica::{Answer, Output};

/// A change that may be carried out.
#[derive(Debug)]
pub(crate) struct Proposal {
    change: Change,
    /// A request was sent whose fate is not known.
    doubtful: bool,
    /// A request has not been answered.
    open: bool,
    again_at: Time,
    pause: Duration,
}

impl Proposal {
    /// Asks for `change`.
    pub(crate) fn begin(change: Change, ballot: Ballot, now: Time, out: &mut Vec<Output>) -> Proposal {
        out.push(Output::Propose { ballot, change: change.clone() });
        Proposal { change, doubtful: false, open: true, again_at: now + UNANSWERED, pause: PAUSE_MIN }
    }

    pub(crate) fn change(&self) -> &Change {
        &self.change
    }

    pub(crate) fn again_at(&self) -> Time {
        self.again_at
    }

    /// Asks again if it is time.
    pub(crate) fn tick(&mut self, ballot: Ballot, now: Time, out: &mut Vec<Output>) {
        if self.again_at <= now {
            self.doubtful |= self.open;
            self.open = true;
            self.again_at = now + UNANSWERED;
            out.push(Output::Propose { ballot, change: self.change.clone() });
        }
    }

    /// An answer other than a new configuration. Whether the change is certain not to be carried out: the proposal is over.
    pub(crate) fn answered(&mut self, now: Time, answer: Answer) -> bool {
        self.open = false;
        match answer {
            Answer::Refused => return true,
            Answer::Unsent if !self.doubtful => return true,
            Answer::Unsent => {}
            Answer::Unknown => self.doubtful = true,
        }
        self.again_at = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        false
    }
}

/// How long an answer is waited for before the question is put again.
const UNANSWERED: Duration = Duration::from_secs(1);
/// Before asking again what could not be answered.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
