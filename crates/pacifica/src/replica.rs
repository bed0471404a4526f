//! One replica of one group: what it is told, what it says, and the role it has.
//!
//! ```text
//!             Configured, as primary                 fence committed
//!   Waiting ─────────────────────────▶ Reconciling ─────────────────▶ Primary
//!      │                                    ▲   a higher ballot exists   │
//!      │                                    ╰────────────────────────────╯
//!      ╰── Configured, as secondary ──▶ Secondary         Configured leads from anywhere to anywhere
//! ```
//! Invariant: nothing is acknowledged, ordered or served under a ballot before `Configured` named it, nor under the ballot that a
//! restart found; see the crate's page for the protocol.

use std::time::Duration;

use bytes::Bytes;
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId};
use types::time::Time;

use crate::invariants::{self, Standing};
use crate::ledger::Ledger;
use crate::message::{Message, Mutation};
use crate::primary::Primary;
use crate::recovery::{RecoverError, Recovery};
use crate::secondary::Secondary;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The meta server decided this. The driver has made its ballot durable before it says so. Not newer than the own ballot: no effect.
    Configured(GroupConfig),
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
    /// This replica's history and its primary's do not meet: acknowledged log records were lost, here or there.
    /// It has to learn from a checkpoint; until then the group cannot commit. Said once per configuration.
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
        }
    }
}

/// One replica of one group.
#[derive(Debug)]
pub struct Replica {
    id: NodeId,
    options: Options,
    config: Option<GroupConfig>,
    ledger: Ledger,
    duty: Duty,
    /// As the last step left it: nothing of this may go back.
    before: Standing,
}

impl Replica {
    /// A replica after a restart, or a new one. `ballot` is the one on its disk, `applied` what its store has on its disk, `records` what its
    /// log has, oldest first. It waits for a configuration of a higher ballot. To apply while reading a long log use [`Recovery`].
    ///
    /// # Errors
    /// The records are not what a log of this replica can hold.
    pub fn recover(
        id: NodeId,
        options: Options,
        ballot: Ballot,
        applied: Decree,
        records: impl IntoIterator<Item = Mutation>,
    ) -> Result<Replica, RecoverError> {
        let mut recovery = Recovery::new(ballot, applied);
        for record in records {
            recovery.take(record)?;
        }
        Ok(recovery.finish(id, options))
    }

    pub(crate) fn with(id: NodeId, options: Options, ledger: Ledger) -> Replica {
        let duty = Duty::Waiting;
        let before = Standing {
            role: Role::Waiting,
            ballot: ledger.ballot,
            applied: ledger.applied(),
            committed: ledger.committed(),
            held: ledger.held(),
            prepared: ledger.prepared(),
        };
        Replica { id, options, config: None, ledger, duty, before }
    }

    /// Takes in one input and appends what has to be done about it to `out`.
    ///
    /// # Panics
    /// If an invariant is broken, or the driver breaks the contract of an input. The replica must not be used any further then.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        self.ledger.commit(self.ledger.committed(), out); // what a restart found committed
        match input {
            Input::Configured(config) => self.on_configured(now, config, out),
            Input::Write { body } => self.on_write(now, body, out),
            Input::Received { from, message } => self.on_message(now, &from, message, out),
            Input::Logged { upto } => self.on_logged(now, upto, out),
            Input::Tick => self.on_tick(now, out),
        }
        self.check();
    }

    /// When the replica wants the next [`Input::Tick`].
    pub fn deadline(&self) -> Option<Time> {
        match &self.duty {
            Duty::Waiting => None,
            Duty::Primary(primary) => primary.deadline(),
            Duty::Secondary(secondary) => secondary.deadline(),
        }
    }

    /// Whether a write may be ordered now.
    ///
    /// # Errors
    /// Why not.
    pub fn may_write(&self) -> Result<(), Blocked> {
        match &self.duty {
            Duty::Primary(primary) if !primary.serving() => Err(Blocked::NotReady),
            Duty::Primary(_) => {
                let full = self.ledger.in_flight() >= self.options.window || self.ledger.bytes() >= self.options.window_bytes;
                if full { Err(Blocked::WindowFull) } else { Ok(()) }
            }
            Duty::Waiting | Duty::Secondary(_) => Err(Blocked::NotPrimary),
        }
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
        if config.ballot <= self.ledger.ballot {
            return;
        }
        self.ledger.begin(config.ballot);
        let ledger = &mut self.ledger;
        if config.primary.as_ref() == Some(&self.id) {
            let secondaries = config.secondaries.iter().filter(|member| **member != self.id);
            let primary = Primary::begin(ledger, &self.options, now, secondaries, out);
            self.duty = Duty::Primary(primary);
        } else if let Some(primary) = config.primary.as_ref().filter(|_| config.secondaries.contains(&self.id)) {
            let secondary = Secondary::begin(ledger, &self.options, now, primary.clone(), out);
            self.duty = Duty::Secondary(secondary);
        } else {
            self.duty = Duty::Waiting;
        }
        self.config = Some(config);
        out.push(Output::Role(self.role()));
    }

    fn on_write(&mut self, now: Time, body: Bytes, out: &mut Vec<Output>) {
        let allowed = self.may_write();
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
        if ballot > self.ledger.ballot {
            // A message of a configuration that is not adopted yet is not taken: the sender says it again.
            self.on_higher_ballot(from, out);
            return;
        }
        if ballot < self.ledger.ballot {
            if let Message::Prepare { .. } = message {
                let message = Message::Superseded { ballot: self.ledger.ballot };
                out.push(Output::Send { to: from.clone(), message });
            }
            return;
        }
        match (&mut self.duty, message) {
            (Duty::Secondary(secondary), Message::Prepare { committed, mutations, .. }) if secondary.follows(from) => {
                secondary.on_prepare(&mut self.ledger, now, committed, mutations, out);
            }
            (Duty::Primary(primary), Message::Prepared { upto, .. }) => {
                primary.on_prepared(&mut self.ledger, &self.options, now, from, upto, out);
            }
            (Duty::Primary(primary), Message::Behind { upto, .. }) => {
                primary.on_behind(&mut self.ledger, &self.options, now, from, upto, out);
            }
            _ => {}
        }
    }

    /// A primary that a member tells of a later configuration stops serving at once: another may be serving under it. It keeps what is on
    /// its way, for the later configuration may well name it again.
    fn on_higher_ballot(&mut self, from: &NodeId, out: &mut Vec<Output>) {
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

/// The role, with what only it needs. Learners get their own duty when they come.
#[derive(Debug)]
enum Duty {
    Waiting,
    Primary(Primary),
    Secondary(Secondary),
}
