//! One replica of one group: what it is told, what it says, and the role it has.
//!
//! ```text
//!             Configured, as primary                 fence committed
//!   Waiting ─────────────────────────▶ Reconciling ─────────────────▶ Primary
//!    │  │                                   ▲   a higher ballot exists   │
//!    │  │                                   ╰────────────────────────────╯
//!    │  ╰── Configured, as secondary ──▶ Secondary        Configured leads from anywhere to anywhere
//!    ╰───── Learn ──▶ Learner ───────────────▲ added
//! ```
//! Invariant: nothing is acknowledged, ordered or served under a ballot before `Configured` (or `Learn`) named it, nor, as a member, under the ballot
//! that a restart found; see the crate's page for the protocol.

use std::time::Duration;

use bytes::Bytes;
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId};
use types::time::Time;

use crate::invariants::{self, Standing};
use crate::ledger::Ledger;
use crate::message::{Change, Message, Mutation};
use crate::primary::{Heritage, Primary};
use crate::recovery::{RecoverError, Recovery};
use crate::secondary::{Learner, Secondary};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The meta server decided this. The driver has made its ballot durable before it says so. Not newer than the own ballot: no effect.
    Configured(GroupConfig),
    /// As [`Input::Configured`], but this replica is no member: it is to catch up with the primary, which then has it added. May be said under the
    /// ballot that it has already, as long as it was no member under that and acknowledged nothing that it would give up: it begins again.
    Learn(GroupConfig),
    /// Order this. Only after [`Replica::may_write`] said yes; the decree is what [`Replica::next_decree`] said.
    Write {
        /// The physical writes; opaque here.
        body: Bytes,
    },
    /// A member says something. Lost, doubled, late and reordered messages are expected.
    Received {
        /// Who.
        from: NodeId,
        /// What.
        message: Message,
    },
    /// The record of this token and all of lower tokens are on stable storage.
    Logged {
        /// The last such token.
        upto: LogToken,
    },
    /// [`Replica::deadline`] has come. Harmless at other times.
    Tick,
    /// The change last asked for under this ballot was not carried out, or is not known to be. A change that was carried out is answered by its
    /// configuration.
    Answered {
        /// As it was in [`Output::Propose`].
        ballot: Ballot,
        /// What is known.
        answer: Answer,
    },
    /// The peer's process does not seem to be there: its connection broke, and a new one is refused. Only saves time.
    Suspect(NodeId),
    /// The meta server, or the own node when it is about to close, would like this.
    Suggested(Suggestion),
    /// The own log does not get on (or does again): a primary that cannot write goes silent, so that another takes its place.
    Stalled(bool),
}

/// What became of a request for a change, other than a new configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The meta server said no, and will under this ballot (an `Add` excepted, which it may accept another time).
    Refused,
    /// The request did not leave.
    Unsent,
    /// It may or may not have been carried out.
    Unknown,
}

/// What a replica may be asked to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// A primary: let this secondary be primary.
    HandOver(NodeId),
    /// A primary: go on without this secondary.
    Remove(NodeId),
    /// A secondary: the process that is primary under this ballot is over. That must be certain.
    TakeOver,
}

/// Something to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Append this to the log, in the order of tokens, and answer with [`Input::Logged`].
    Log {
        /// Names the record; one more than the token before it.
        token: LogToken,
        /// What it holds.
        mutation: Mutation,
    },
    /// Append a marker to the log, in the order of tokens: a learner begins at `decree`, what the log holds behind it is void. Answered as `Log` is.
    Mark {
        /// Names the record.
        token: LogToken,
        /// The learner's ballot.
        ballot: Ballot,
        /// Its commit point.
        decree: Decree,
    },
    /// Send this. It may be dropped: what matters is sent again.
    Send {
        /// To this member.
        to: NodeId,
        /// This.
        message: Message,
    },
    /// It is committed: apply it. Once for each decree, in order. Empty bodies (fences) are decrees too.
    Apply(Mutation),
    /// A new configuration was adopted, or the role under it changed.
    Role(Role),
    /// A member told of this configuration: make its ballot durable, then say [`Input::Configured`], or [`Input::Learn`]. May be said again.
    Adopt {
        /// The configuration.
        config: GroupConfig,
        /// As what.
        learn: bool,
    },
    /// Ask the meta server for this change. Its answer is a configuration of a higher ballot, or [`Input::Answered`].
    Propose {
        /// The ballot it is a change of.
        ballot: Ballot,
        /// The change.
        change: Change,
    },
    /// There is a configuration of this ballot, which this replica does not know: ask the meta server.
    Outdated {
        /// The higher ballot.
        ballot: Ballot,
    },
    /// A learner lacks more than the primary remembers: fetch what the log or the store of `primary` holds, then go on with a new replica
    /// ([`Replica::recover`] without records) and [`Input::Learn`].
    TooFar {
        /// From whom.
        primary: NodeId,
        /// Under which ballot.
        ballot: Ballot,
    },
    /// This replica's history and its primary's do not meet: acknowledged log records were lost, here or there. The primary was told, and will have it
    /// removed; it has to learn then. Said once per configuration.
    Behind {
        /// The decree this replica needs next.
        expected: Decree,
        /// What the primary offers. Above `expected`: this replica lost records. Below: this one had committed what its primary never held.
        received: Decree,
    },
}

/// Names one record of this replica's log since it was started. Counts its [`Output::Log`]s, the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogToken(pub u64);

/// What a replica is under its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// No configuration yet, or not a member of it.
    Waiting,
    /// Primary, not serving: what it found prepared is not committed again yet, or a higher ballot is known to exist.
    Reconciling,
    /// Primary and serving.
    Primary,
    /// Follows the primary.
    Secondary,
    /// Follows the primary without being a member.
    Learner,
}

/// Why a write may not be ordered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Another member is primary, or none.
    #[error("not the primary")]
    NotPrimary,
    /// Primary that has not reconciled, or that hears of a configuration it does not know yet.
    #[error("the primary is not ready")]
    NotReady,
    /// A secondary has not been heard of: another may be primary.
    #[error("the primary has no lease")]
    NoLease,
    /// The configuration has fewer members than writes need.
    #[error("too few members")]
    TooFewMembers,
    /// Another is about to be primary.
    #[error("the primary is handing over")]
    HandingOver,
    /// As many mutations as may be are on their way.
    #[error("too many mutations in flight")]
    WindowFull,
}

/// Bounds and times of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Mutations that may be prepared and not committed.
    pub window: usize,
    /// Bytes of bodies that may be. One mutation more is let in while the sum is below.
    pub window_bytes: usize,
    /// Bytes of bodies sent to a member in one message when it has to catch up; it gets the next such part when it holds this one.
    pub resend_bytes: usize,
    /// A member that made no progress for this long is sent what it lacks again; doubles up to `resend_max` while it stays silent.
    pub resend: Duration,
    /// Longest pause between two attempts.
    pub resend_max: Duration,
    /// A commit point that no prepare has carried away for this long is told by itself.
    pub notice: Duration,
    /// How long a primary may serve after the message that a secondary heard from it last was sent.
    pub lease: Duration,
    /// How long a secondary waits for its primary, from that message's arrival on. Longer than `lease` on the slowest of clocks against the fastest.
    pub grace: Duration,
    /// How often a primary says that it is here; a fraction of `lease`.
    pub beacon: Duration,
    /// Bytes of applied mutations that a primary keeps for learners.
    pub memory_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            window: 64,
            window_bytes: 64 << 20,
            resend_bytes: 1 << 20,
            resend: Duration::from_millis(300),
            resend_max: Duration::from_secs(5),
            notice: Duration::from_millis(20),
            lease: Duration::from_secs(2),
            grace: Duration::from_millis(2500),
            beacon: Duration::from_millis(500),
            memory_bytes: 4 << 20,
        }
    }
}

/// One replica of one group.
#[derive(Debug)]
pub struct Replica {
    id: NodeId,
    options: Options,
    /// Of the process that this replica lives in.
    life: u64,
    /// Members that a write needs.
    floor: usize,
    config: Option<GroupConfig>,
    /// Other nodes that were primary under configurations before, and until when they may believe that they are.
    former: Vec<(NodeId, Time)>,
    ledger: Ledger,
    duty: Duty,
    /// As the last step left it: nothing of this may go back.
    before: Standing,
}

impl Replica {
    /// A replica after a restart, or a new one. `ballot` is the one on its disk, `applied` what its store has on its disk, `records` what its
    /// log has, oldest first, `life` names its process. It waits for a configuration of a higher ballot. To apply while reading a long log use [`Recovery`].
    ///
    /// # Errors
    /// The records are not what a log of this replica can hold.
    pub fn recover(
        id: NodeId,
        options: Options,
        life: u64,
        ballot: Ballot,
        applied: Decree,
        records: impl IntoIterator<Item = Mutation>,
    ) -> Result<Replica, RecoverError> {
        let mut recovery = Recovery::new(ballot, applied);
        for record in records {
            recovery.take(record)?;
        }
        Ok(recovery.finish(id, options, life))
    }

    pub(crate) fn with(id: NodeId, options: Options, life: u64, ledger: Ledger) -> Replica {
        let duty = Duty::Waiting;
        let before = Standing {
            role: Role::Waiting,
            ballot: ledger.ballot,
            applied: ledger.applied(),
            committed: ledger.committed(),
            held: ledger.held(),
            prepared: ledger.prepared(),
        };
        Replica { id, options, life, floor: 1, config: None, former: Vec::new(), ledger, duty, before }
    }

    /// Takes in one input and appends what has to be done about it to `out`.
    ///
    /// # Panics
    /// If an invariant is broken, or the driver breaks the contract of an input. The replica must not be used any further then.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        self.ledger.commit(self.ledger.committed(), out); // what a restart found committed
        match input {
            Input::Configured(config) => self.on_configured(now, config, out),
            Input::Learn(config) => self.on_learn(now, config, out),
            Input::Write { body } => self.on_write(now, body, out),
            Input::Received { from, message } => self.on_message(now, &from, message, out),
            Input::Logged { upto } => self.on_logged(now, upto, out),
            Input::Tick => self.on_tick(now, out),
            Input::Answered { ballot, answer } if ballot == self.ledger.ballot => match &mut self.duty {
                Duty::Primary(primary) => primary.on_answer(&self.ledger, now, answer, out),
                Duty::Secondary(secondary) => secondary.on_answer(now, answer),
                Duty::Waiting => {}
            },
            Input::Answered { .. } => {}
            Input::Suspect(node) => self.on_remove(now, &node, out),
            Input::Suggested(suggestion) => self.on_suggested(now, suggestion, out),
            Input::Stalled(stalled) => {
                if let Duty::Primary(primary) = &mut self.duty {
                    primary.on_stalled(stalled);
                }
            }
        }
        self.check();
    }

    /// When the replica wants the next [`Input::Tick`].
    pub fn deadline(&self) -> Option<Time> {
        match &self.duty {
            Duty::Waiting => None,
            Duty::Primary(primary) => primary.deadline(&self.options),
            Duty::Secondary(secondary) => secondary.deadline(&self.options),
        }
    }

    /// Whether a write may be ordered now.
    ///
    /// # Errors
    /// Why not.
    pub fn may_write(&self, now: Time) -> Result<(), Blocked> {
        match &self.duty {
            Duty::Primary(primary) => primary.may_write(&self.ledger, &self.options, self.floor, now),
            Duty::Waiting | Duty::Secondary(_) => Err(Blocked::NotPrimary),
        }
    }

    /// A primary that serves may answer reads while the clock shows less than this: no other can be serving.
    pub fn lease_until(&self) -> Time {
        match &self.duty {
            Duty::Primary(primary) => primary.lease_until(&self.options),
            Duty::Waiting | Duty::Secondary(_) => Time::default(),
        }
    }

    /// Members (the primary included) that the configuration needs for writes to be taken; 1 at first.
    pub fn set_floor(&mut self, members: usize) {
        self.floor = members;
    }

    /// First decree that a learner can be fed from memory.
    pub fn memory_from(&self) -> Decree {
        self.ledger.memory_from()
    }

    /// The decree the next write gets.
    pub fn next_decree(&self) -> Decree {
        self.ledger.prepared().next()
    }

    /// This replica's node.
    pub fn id(&self) -> &NodeId {
        &self.id
    }

    /// What it is now.
    pub fn role(&self) -> Role {
        match &self.duty {
            Duty::Waiting => Role::Waiting,
            Duty::Primary(primary) if primary.serving() => Role::Primary,
            Duty::Primary(_) => Role::Reconciling,
            Duty::Secondary(secondary) if secondary.is_learner() => Role::Learner,
            Duty::Secondary(_) => Role::Secondary,
        }
    }

    /// The ballot adopted last, or found on the disk.
    pub fn ballot(&self) -> Ballot {
        self.ledger.ballot
    }

    /// The configuration adopted last; `None` after a restart.
    pub fn config(&self) -> Option<&GroupConfig> {
        self.config.as_ref()
    }

    /// Last mutation given out to be applied.
    pub fn applied(&self) -> Decree {
        self.ledger.applied()
    }

    /// Last mutation known to be committed.
    pub fn committed(&self) -> Decree {
        self.ledger.committed()
    }

    /// Last mutation in force here. It may not be on the disk yet.
    pub fn prepared(&self) -> Decree {
        self.ledger.prepared()
    }

    /// Ballot of that mutation; with [`Replica::prepared`] it says how much would be saved if this member became primary.
    pub fn prepared_ballot(&self) -> Ballot {
        self.ledger.prepared_ballot()
    }

    /// Mutations in force and not given out to be applied, in decree order: what a new primary finds, and every write that is on its way.
    pub fn tail(&self) -> impl Iterator<Item = &Mutation> {
        self.ledger.tail()
    }

    /// The secondaries and what each has acknowledged under this ballot; empty unless primary.
    pub fn secondaries(&self) -> impl Iterator<Item = (&NodeId, Decree)> {
        let primary = if let Duty::Primary(primary) = &self.duty { Some(primary) } else { None };
        primary.into_iter().flat_map(Primary::secondaries)
    }

    /// The learners that are being fed and what each has acknowledged; empty unless primary.
    pub fn learners(&self) -> impl Iterator<Item = (&NodeId, Decree)> {
        let primary = if let Duty::Primary(primary) = &self.duty { Some(primary) } else { None };
        primary.into_iter().flat_map(Primary::learners)
    }

    /// Whether a secondary's history and its primary's are known not to meet.
    pub fn is_lost(&self) -> bool {
        matches!(&self.duty, Duty::Secondary(secondary) if !secondary.can_follow())
    }

    /// What [`invariants`] are about.
    pub fn standing(&self) -> Standing {
        Standing {
            role: self.role(),
            ballot: self.ballot(),
            applied: self.applied(),
            committed: self.committed(),
            held: self.ledger.held(),
            prepared: self.prepared(),
        }
    }

    fn on_configured(&mut self, now: Time, config: GroupConfig, out: &mut Vec<Output>) {
        let again = mutant!(ActAfterRestart) && self.config.is_none() && config.ballot == self.ledger.ballot;
        if config.ballot <= self.ledger.ballot && !again {
            return;
        }
        self.ledger.begin(config.ballot);
        let leads = config.primary.as_ref() == Some(&self.id);
        let follows = config.primary.clone().filter(|_| config.secondaries.contains(&self.id));
        let heritage = self.leave(now, &config, leads, out);
        let ledger = &mut self.ledger;
        self.duty = if leads {
            Duty::Primary(Primary::begin(ledger, &self.options, now, &self.id, config.clone(), heritage, out))
        } else if let Some(primary) = follows {
            Duty::Secondary(Secondary::begin(ledger, &self.options, now, primary, None, out))
        } else {
            Duty::Waiting
        };
        self.config = Some(config);
        out.push(Output::Role(self.role()));
    }

    fn on_learn(&mut self, now: Time, config: GroupConfig, out: &mut Vec<Output>) {
        // Under a ballot that it was no member of it may begin again, unless the primary may count on what it would give up.
        let outside = self.config.as_ref().is_none_or(|known| known.members().all(|member| *member != self.id));
        let bound = matches!(&self.duty, Duty::Secondary(secondary) if secondary.is_bound(&self.ledger));
        let news = config.ballot > self.ledger.ballot || config.ballot == self.ledger.ballot && outside && !bound;
        let member = config.members().any(|member| *member == self.id);
        let Some(primary) = config.primary.clone().filter(|_| news && !member) else { return };
        self.leave(now, &config, false, out);
        self.ledger.begin_again(config.ballot, out);
        let stamp = u64::try_from(now.since_start().as_nanos()).unwrap_or(u64::MAX);
        let session = self.life ^ stamp.wrapping_mul(SPREAD) | 1;
        let learner = Learner { life: self.life, session };
        self.duty = Duty::Secondary(Secondary::begin(&self.ledger, &self.options, now, primary, Some(learner), out));
        self.config = Some(config);
        out.push(Output::Role(self.role()));
    }

    /// Ends the present duty. A primary that another follows tells the members whom: they need not wait for the meta server.
    fn leave(&mut self, now: Time, config: &GroupConfig, leads: bool, out: &mut Vec<Output>) -> Heritage {
        // From here on nothing is granted to it, but what was granted lasts.
        self.former.retain(|(_, until)| now < *until);
        let primary = self.config.as_ref().and_then(|config| config.primary.clone());
        self.former.extend(primary.filter(|node| *node != self.id).map(|node| (node, now + self.options.grace)));
        let (joining, learners) = match &self.duty {
            Duty::Primary(primary) => primary.heritage(),
            Duty::Waiting | Duty::Secondary(_) => (None, Vec::new()),
        };
        if !leads {
            self.ledger.keep_recent(0);
            if matches!(self.duty, Duty::Primary(_)) {
                for member in config.members().filter(|member| **member != self.id) {
                    out.push(Output::Send { to: member.clone(), message: Message::Config { config: config.clone(), life: 0 } });
                }
            }
        }
        Heritage { predecessors: self.former.clone(), joining, learners }
    }

    fn on_write(&mut self, now: Time, body: Bytes, out: &mut Vec<Output>) {
        let allowed = self.may_write(now);
        assert!(allowed.is_ok(), "a write was given to a replica that may not order it: {allowed:?}");
        if let Duty::Primary(primary) = &mut self.duty {
            primary.on_write(&mut self.ledger, now, body, out);
        }
    }

    fn on_logged(&mut self, now: Time, upto: LogToken, out: &mut Vec<Output>) {
        self.ledger.on_logged(upto);
        match &mut self.duty {
            Duty::Waiting => {}
            Duty::Primary(primary) => primary.try_commit(&mut self.ledger, &self.options, now, out),
            Duty::Secondary(secondary) => secondary.on_logged(&mut self.ledger, out),
        }
    }

    fn on_tick(&mut self, now: Time, out: &mut Vec<Output>) {
        match &mut self.duty {
            Duty::Waiting => {}
            Duty::Primary(primary) => primary.on_tick(&self.ledger, &self.options, now, out),
            Duty::Secondary(secondary) => secondary.on_tick(&self.ledger, &self.options, now, out),
        }
    }

    fn on_message(&mut self, now: Time, from: &NodeId, message: Message, out: &mut Vec<Output>) {
        let ballot = message.ballot();
        if let Message::Config { config, life } = message {
            return self.on_config(config, life, out);
        }
        let restarted = self.config.is_none() && matches!(message, Message::Prepare { .. } | Message::Beacon { .. });
        if ballot > self.ledger.ballot {
            // A message of a configuration that is not adopted yet is not taken: the sender says it again.
            return self.on_higher_ballot(from, ballot, out);
        }
        if restarted {
            // Whatever this replica was under that ballot, it is no more.
            return out.push(Output::Send { to: from.clone(), message: Message::Stranger { ballot, renew: false } });
        }
        if ballot < self.ledger.ballot {
            return self.on_lower_ballot(from, &message, out);
        }
        if matches!(message, Message::Granted { .. } | Message::Prepared { .. } | Message::Behind { .. }) {
            self.former.retain(|(node, _)| node != from); // it follows under this ballot
        }
        let (ledger, options) = (&mut self.ledger, &self.options);
        match (&mut self.duty, message) {
            (Duty::Secondary(secondary), Message::Prepare { committed, sent, mutations, .. }) if secondary.follows(from) => {
                secondary.on_prepare(ledger, now, committed, sent, mutations, out);
            }
            (Duty::Secondary(secondary), Message::Beacon { committed, sent, .. }) if secondary.follows(from) => {
                secondary.on_beacon(ledger, now, committed, sent, out);
            }
            (Duty::Secondary(secondary), Message::TooFar { .. }) if secondary.follows(from) && secondary.is_learner() => {
                if secondary.is_bound(ledger) {
                    out.push(Output::Send { to: from.clone(), message: Message::Stranger { ballot, renew: true } });
                } else {
                    out.push(Output::TooFar { primary: from.clone(), ballot });
                }
            }
            (Duty::Primary(primary), Message::Granted { heard, .. }) => primary.on_granted(ledger, options, now, from, heard, out),
            (Duty::Primary(primary), Message::Prepared { upto, heard, session, .. }) => {
                primary.hear(now, from, heard);
                primary.on_prepared(ledger, options, now, from, (upto, session), out);
            }
            (Duty::Primary(primary), Message::Behind { upto, heard, .. }) => {
                primary.hear(now, from, heard);
                primary.on_behind(ledger, options, now, from, upto, out);
            }
            (Duty::Primary(primary), Message::Learn { life, session, upto, .. }) => {
                primary.on_learn(ledger, options, now, from, (life, session, upto), out);
            }
            (Duty::Primary(primary), Message::Stranger { renew, .. }) => {
                primary.remove(ledger, now, from, out);
                if renew {
                    primary.renew(ledger, now, from, out);
                }
            }
            _ => {}
        }
    }

    /// A member says what the configuration is. It is believed by who takes part in this life already: to others the meta server gives a place, for only it
    /// knows which life of a process a place was given to. A learner is given one by who knows its life.
    fn on_config(&mut self, config: GroupConfig, life: u64, out: &mut Vec<Output>) {
        if config.ballot <= self.ledger.ballot {
            return;
        }
        let member = config.members().any(|member| *member == self.id);
        let new = self.config.is_none() && self.ledger.ballot == Ballot(0);
        let adopt = match &self.duty {
            Duty::Waiting => member && (new || life == self.life || mutant!(ConfigFromPeers)),
            Duty::Secondary(secondary) if secondary.is_learner() => !member || life == self.life,
            Duty::Secondary(_) | Duty::Primary(_) => true,
        };
        if adopt {
            let learn = !member && self.role() == Role::Learner && config.primary.is_some();
            out.push(Output::Adopt { config, learn });
        } else {
            out.push(Output::Outdated { ballot: config.ballot });
        }
    }

    fn on_lower_ballot(&self, from: &NodeId, message: &Message, out: &mut Vec<Output>) {
        match (message, &self.duty, &self.config) {
            (Message::Prepare { .. } | Message::Beacon { .. }, ..) => {
                if let Message::Beacon { ballot, sent, .. } | Message::Prepare { ballot, sent, .. } = message
                    && mutant!(GrantAfterAdoption)
                {
                    let message = Message::Granted { ballot: *ballot, heard: *sent };
                    return out.push(Output::Send { to: from.clone(), message });
                }
                let message = Message::Superseded { ballot: self.ledger.ballot };
                out.push(Output::Send { to: from.clone(), message });
            }
            (Message::Learn { .. }, Duty::Primary(_), Some(config)) => {
                let message = Message::Config { config: config.clone(), life: 0 };
                out.push(Output::Send { to: from.clone(), message });
            }
            _ => {}
        }
    }

    fn on_remove(&mut self, now: Time, node: &NodeId, out: &mut Vec<Output>) {
        if let Duty::Primary(primary) = &mut self.duty {
            primary.remove(&self.ledger, now, node, out);
        }
    }

    fn on_suggested(&mut self, now: Time, suggestion: Suggestion, out: &mut Vec<Output>) {
        match (&mut self.duty, suggestion) {
            (_, Suggestion::Remove(node)) => self.on_remove(now, &node, out),
            (Duty::Primary(primary), Suggestion::HandOver(to)) => primary.hand_over(&self.ledger, &self.options, now, to, out),
            (Duty::Secondary(secondary), Suggestion::TakeOver) => secondary.on_widowed(&self.ledger, now, out),
            _ => {}
        }
    }

    /// A primary that a member tells of a later configuration stops serving at once: another may be serving under it. It keeps what is on
    /// its way, for the later configuration may well name it again.
    fn on_higher_ballot(&mut self, from: &NodeId, ballot: Ballot, out: &mut Vec<Output>) {
        out.push(Output::Outdated { ballot });
        let member = self.config.as_ref().is_some_and(|config| config.members().any(|member| member == from));
        if let Duty::Primary(primary) = &mut self.duty
            && member
            && primary.supersede()
        {
            out.push(Output::Role(Role::Reconciling));
        }
    }

    /// A replica that breaks an invariant stops itself.
    fn check(&mut self) {
        let standing = self.standing();
        if let Err(broken) = invariants::local(&standing).and_then(|()| invariants::forward(&self.before, &standing)) {
            panic!("replica {}: {broken} (was {:?}, is {standing:?})", self.id, self.before);
        }
        self.before = standing;
    }
}

/// Odd: different stamps give different sessions.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The role, with what only it needs. A learner is a secondary that nobody waits for.
#[derive(Debug)]
enum Duty {
    Waiting,
    Primary(Primary),
    Secondary(Secondary),
}
