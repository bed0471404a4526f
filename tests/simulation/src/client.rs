//! Clients: one operation at a time, retried under one id, and given up after a while.

use std::time::Duration;

use types::time::Time;

use crate::clock::{MS, Nanos, SECOND};
use crate::data::{KEYS, Key};
use crate::linear::{Call, Operation, Reply, Verdict, check};
use crate::rng::Rng;
use crate::world::{Event, World, say};

/// A request on its way to a node.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) client: usize,
    pub(crate) operation: usize,
    pub(crate) attempt: u32,
    pub(crate) part: usize,
    pub(crate) session: u64,
    pub(crate) number: u64,
    pub(crate) writes: bool,
    pub(crate) calls: Vec<(Key, Call)>,
    pub(crate) patience: Duration,
    pub(crate) deadline: Time,
}

/// What a node answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Reply(Reply),
    Refused(Refusal),
}

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotPrimary,
    NotReady,
    /// It may or may not have been done. All others: nothing was done.
    Unknown,
}

/// One operation of the history.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) part: usize,
    pub(crate) calls: Vec<(Key, Call)>,
    pub(crate) called: Nanos,
    pub(crate) answered: Option<(Nanos, Reply)>,
    /// The client was told that nothing was done.
    pub(crate) failed: bool,
    /// The mutation that holds it.
    pub(crate) decree: Option<u64>,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    session: u64,
    number: u64,
    current: Option<Current>,
    route: Vec<usize>,
}

#[derive(Debug)]
struct Current {
    operation: usize,
    attempt: u32,
    until: Nanos,
    /// Every attempt so far was answered, with a no.
    nothing: bool,
    open: bool,
    last: bool,
}

impl Client {
    pub(crate) fn new(rng: &mut Rng, partitions: usize) -> Client {
        Client { session: rng.bits(), number: 0, current: None, route: vec![0; partitions] }
    }

    pub(crate) fn idle(&self) -> bool {
        self.current.is_none()
    }
}

impl World {
    /// The client begins its next operation.
    pub(crate) fn on_next(&mut self, c: usize) {
        if self.clients[c].current.is_some() {
            return;
        }
        if self.calm.is_some() {
            return self.final_read(c);
        }
        let part = self.rng.index(self.parts.len());
        let calls = self.choose();
        self.operate(c, part, calls, 2 * SECOND, false);
    }

    fn choose(&mut self) -> Vec<(Key, Call)> {
        let value = self.history.len() as u64 + 1;
        let rng = &mut self.rng;
        let register = rng.index(KEYS);
        let (counter, list) = (KEYS + rng.index(KEYS), 2 * KEYS + rng.index(KEYS));
        match rng.below(100) {
            0..15 => vec![(register, Call::Get)],
            15..30 => vec![(register, Call::Set(value))],
            30..40 => vec![(register, Call::SetNx(value))],
            40..45 => vec![(register, Call::Del)],
            45..55 => (0..KEYS).map(|key| (key, Call::Set(value))).collect(),
            55..70 => vec![(counter, Call::Incr)],
            70..77 => vec![(counter, Call::Get)],
            77..92 => vec![(list, Call::Push(value))],
            _ => vec![(list, Call::Get)],
        }
    }

    fn operate(&mut self, c: usize, part: usize, calls: Vec<(Key, Call)>, patience: Nanos, last: bool) {
        let operation = self.history.len();
        self.history.push(Record { part, calls, called: self.now, answered: None, failed: false, decree: None });
        let client = &mut self.clients[c];
        client.number += 1;
        client.current = Some(Current { operation, attempt: 0, until: self.now + patience, nothing: true, open: false, last });
        self.attempt(c);
    }

    fn attempt(&mut self, c: usize) {
        let client = &mut self.clients[c];
        let (session, number) = (client.session, client.number);
        let Some(current) = &mut client.current else { return };
        current.attempt += 1;
        current.open = true;
        let (operation, attempt) = (current.operation, current.attempt);
        let record = &self.history[operation];
        let part = record.part;
        let writes = record.calls.iter().any(|(_, call)| *call != Call::Get);
        let calls = record.calls.clone();
        let patience = Duration::from_millis(500);
        let ask = Ask { client: c, operation, attempt, part, session, number, writes, calls, patience, deadline: Time::default() };
        let place = self.client_place();
        let node = self.clients[c].route[part];
        if let Some(span) = self.transit(place, node) {
            self.after(span, Event::Asked { node, ask: Box::new(ask) });
        }
        self.after(600 * MS, Event::Patience { client: c, operation, attempt });
    }

    fn current(&mut self, c: usize, operation: usize, attempt: u32) -> Option<&mut Current> {
        self.clients[c].current.as_mut().filter(|current| (current.operation, current.attempt) == (operation, attempt))
    }

    pub(crate) fn on_told(&mut self, c: usize, operation: usize, attempt: u32, outcome: Outcome) {
        // An attempt that was given up has no answer any more: one that changed nothing is not remembered, and the retry may have changed something.
        let Some(current) = self.current(c, operation, attempt).filter(|current| current.open) else { return };
        match outcome {
            Outcome::Reply(reply) => {
                self.history[operation].answered = Some((self.now, reply));
                self.stats.answered += 1;
                self.on_acknowledged(operation);
                say!(self, "client {c} operation {operation} {:?}: {reply:?}", self.history[operation].calls);
                self.end(c);
            }
            Outcome::Refused(refusal) => {
                current.open = false;
                current.nothing &= refusal != Refusal::Unknown;
                self.retry(c);
            }
        }
    }

    pub(crate) fn on_patience(&mut self, c: usize, operation: usize, attempt: u32) {
        let now = self.now;
        let Some(current) = self.current(c, operation, attempt) else { return };
        if current.open {
            current.open = false;
            current.nothing = false;
            self.retry(c);
        } else if now < current.until {
            self.reroute(c);
            self.attempt(c);
        } else {
            self.abandon(c);
        }
    }

    fn retry(&mut self, c: usize) {
        let wait = self.rng.within(5, 60) * MS;
        let Some(current) = &self.clients[c].current else { return };
        let (operation, attempt) = (current.operation, current.attempt);
        self.after(wait, Event::Patience { client: c, operation, attempt });
    }

    /// Asks the meta server, or guesses.
    fn reroute(&mut self, c: usize) {
        let Some(current) = &self.clients[c].current else { return };
        let part = self.history[current.operation].part;
        let (place, meta) = (self.client_place(), self.meta_place());
        let known = self.meta_up && !self.network.cut[place][meta] && self.rng.chance(700);
        let primary = self.meta.config(self.parts[part]).primary.filter(|_| known).map(|node| self.index(&node));
        let guess = self.rng.index(self.nodes.len());
        self.clients[c].route[part] = primary.unwrap_or(guess);
    }

    fn abandon(&mut self, c: usize) {
        let Some(current) = &self.clients[c].current else { return };
        if current.last {
            let operation = current.operation;
            self.violation("progress", format_args!("operation {operation} is not answered although nothing is wrong any more"));
        }
        let (operation, nothing) = (current.operation, current.nothing);
        if nothing {
            self.stats.failed += 1;
            self.history[operation].failed = true;
            if self.history[operation].decree.is_some() {
                self.violation("definite", format_args!("operation {operation} was refused and is committed"));
            }
        } else {
            self.stats.unknown += 1;
        }
        self.clients[c].session = self.rng.bits();
        self.clients[c].number = 0;
        self.end(c);
    }

    fn end(&mut self, c: usize) {
        self.clients[c].current = None;
        let think = self.rng.below(self.settings.think);
        self.after(think, Event::Next { client: c });
    }

    /// When everything is well again each key is read once more.
    fn final_read(&mut self, c: usize) {
        if c == 0
            && let Some((part, key)) = self.finals.pop()
        {
            let probe = if key == usize::MAX { vec![(0, Call::Set(self.history.len() as u64 + 1))] } else { vec![(key, Call::Get)] };
            self.operate(c, part, probe, 6 * SECOND, true);
        }
    }

    /// Every key's history is linearizable.
    pub(crate) fn check_histories(&mut self) {
        for part in 0..self.parts.len() {
            for key in 0..3 * KEYS {
                let mut operations = Vec::new();
                for record in self.history.iter().filter(|record| record.part == part && !record.failed) {
                    for (i, (_, call)) in record.calls.iter().enumerate().filter(|(_, (k, _))| *k == key) {
                        let answered = record.answered.filter(|_| i == 0 || record.calls.len() > 1);
                        if answered.is_some() || *call != Call::Get {
                            operations.push(Operation { call: *call, called: record.called, answered });
                        }
                    }
                }
                match check(&operations, 200_000) {
                    Verdict::Linearizable => {}
                    Verdict::Undecided => self.stats.undecided += 1,
                    Verdict::Not => {
                        let prefix = (1..operations.len()).find(|n| check(&operations[..*n], 200_000) == Verdict::Not);
                        let shown = &operations[..prefix.unwrap_or(operations.len())];
                        for operation in &shown[shown.len().saturating_sub(20)..] {
                            say!(self, "{operation:?}");
                        }
                        self.violation("linearizability", format_args!("no order explains key {key} of partition {part}"));
                    }
                }
            }
        }
    }
}
