//! What clients asked and heard, and whether one store that does one thing after the other could have answered so.
//!
//! The check is Wing and Gong's with Lowe's memory of states, key by key: a history of keys is linearizable if that of each key is.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// `GET`.
    Get,
    /// `SET`, to a value nobody else writes.
    Set(String),
    /// `INCR`.
    Incr,
    /// `APPEND`, of a piece nobody else appends.
    Append(String),
}

/// What it heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The value, empty if there is none.
    Value(String),
    /// `+OK`.
    Done,
    /// The new number, or the new length.
    Number(i64),
    /// It cannot know: the operation took effect between its call and the end of time, or not at all.
    Nothing,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Event {
    /// Of which key.
    pub key: String,
    /// Whose.
    pub client: usize,
    /// What.
    pub op: Op,
    /// When it was called.
    pub called: Duration,
    /// When it returned.
    pub returned: Duration,
    /// With what.
    pub heard: Heard,
}

/// What became of a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none.
    Violation {
        /// The key.
        key: String,
        /// The operation that cannot be placed, and what is known about those around it.
        why: String,
    },
    /// The search was given up.
    Undecided(String),
}

/// Checks all keys.
pub fn check(events: &[Event]) -> Verdict {
    let mut keys: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        // A read that heard nothing says nothing.
        if event.op != Op::Get || event.heard != Heard::Nothing {
            keys.entry(&event.key).or_default().push(event);
        }
    }
    let mut undecided = None;
    for (key, mut events) in keys {
        drop_unseen(&mut events);
        events.sort_by_key(|event| event.called);
        match Search::new(&events).run() {
            Verdict::Linearizable => {}
            Verdict::Violation { why, .. } => return Verdict::Violation { key: key.to_owned(), why },
            Verdict::Undecided(_) => undecided = Some(key.to_owned()),
        }
    }
    undecided.map_or(Verdict::Linearizable, Verdict::Undecided)
}

/// A `SET` without an answer whose value nobody ever read did not have to happen.
fn drop_unseen(events: &mut Vec<&Event>) {
    let seen: HashSet<&str> =
        events.iter().filter_map(|event| if let Heard::Value(value) = &event.heard { Some(&**value) } else { None }).collect();
    events.retain(|event| match &event.op {
        Op::Set(value) => event.heard != Heard::Nothing || seen.contains(&**value),
        _ => true,
    });
}

struct Search<'a> {
    events: &'a [&'a Event],
    /// Which are placed.
    placed: Vec<u64>,
    /// Events before this are all placed.
    first: usize,
    visited: HashSet<(Vec<u64>, String)>,
    steps: usize,
    /// The most that were ever placed, for the report.
    deepest: (usize, String, Vec<usize>),
}

/// One placed event, and what undoes it.
struct Step {
    event: usize,
    before: String,
    first: usize,
}

impl<'a> Search<'a> {
    fn new(events: &'a [&'a Event]) -> Search<'a> {
        let words = events.len().div_ceil(64);
        Search { events, placed: vec![0; words], first: 0, visited: HashSet::new(), steps: 0, deepest: (0, String::new(), Vec::new()) }
    }

    fn run(mut self) -> Verdict {
        let mut state = String::new();
        let mut path: Vec<Step> = Vec::new();
        let mut candidate = 0;
        let must = self.events.iter().filter(|event| event.heard != Heard::Nothing).count();
        let mut answered = 0;
        loop {
            if answered == must {
                return Verdict::Linearizable;
            }
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Verdict::Undecided(String::new());
            }
            match self.next(candidate, &state) {
                Some((event, after)) => {
                    self.set(event, true);
                    if self.visited.insert((self.placed.clone(), after.clone())) {
                        let first = self.first;
                        while self.first < self.events.len() && self.is_placed(self.first) {
                            self.first += 1;
                        }
                        answered += usize::from(self.events[event].heard != Heard::Nothing);
                        path.push(Step { event, before: std::mem::replace(&mut state, after), first });
                        if answered > self.deepest.0 {
                            self.deepest = (answered, state.clone(), self.open());
                        }
                        candidate = self.first;
                    } else {
                        self.set(event, false);
                        candidate = event + 1;
                    }
                }
                None => {
                    let Some(step) = path.pop() else { return Verdict::Violation { key: String::new(), why: self.why() } };
                    self.set(step.event, false);
                    answered -= usize::from(self.events[step.event].heard != Heard::Nothing);
                    (state, self.first, candidate) = (step.before, step.first, step.event + 1);
                }
            }
        }
    }

    /// The first event from `candidate` on that can come next, with the state after it.
    fn next(&self, candidate: usize, state: &str) -> Option<(usize, String)> {
        // Nothing can come next that was called after something that is not placed returned.
        let mut limit = Duration::MAX;
        let mut idle_unknown = false;
        for index in self.first..self.events.len() {
            let event = self.events[index];
            if event.called > limit {
                break;
            }
            if self.is_placed(index) {
                continue;
            }
            // INCRs without an answer are alike: the earliest first.
            let alike = event.op == Op::Incr && event.heard == Heard::Nothing;
            let skip = alike && std::mem::replace(&mut idle_unknown, true);
            if index >= candidate
                && !skip
                && let Some(after) = apply(event, state)
            {
                return Some((index, after));
            }
            if event.heard != Heard::Nothing {
                limit = limit.min(event.returned);
            }
        }
        None
    }

    fn open(&self) -> Vec<usize> {
        (self.first..self.events.len()).filter(|&index| !self.is_placed(index)).take(12).collect()
    }

    fn why(&self) -> String {
        let (count, state, open) = &self.deepest;
        let mut why = format!("{count} operations fit, up to the value {:?}; then none of", tail(state));
        for &index in open {
            let Event { client, op, called, returned, heard, .. } = self.events[index];
            why += &format!("\n  client {client} {called:?}..{returned:?} {op:?} -> {}", tail(&format!("{heard:?}")));
        }
        why
    }

    fn is_placed(&self, index: usize) -> bool {
        self.placed[index / 64] & (1 << (index % 64)) != 0
    }

    fn set(&mut self, index: usize, placed: bool) {
        let bit = 1 << (index % 64);
        if placed {
            self.placed[index / 64] |= bit;
        } else {
            self.placed[index / 64] &= !bit;
        }
    }
}

fn tail(text: &str) -> String {
    let from = text.len().saturating_sub(120);
    text[from..].to_owned()
}

/// The value after the operation; nothing if it would have heard something else.
fn apply(event: &Event, state: &str) -> Option<String> {
    let (after, hears) = match &event.op {
        Op::Get => (state.to_owned(), Heard::Value(state.to_owned())),
        Op::Set(value) => (value.clone(), Heard::Done),
        Op::Incr => {
            let number = if state.is_empty() { 0 } else { state.parse().unwrap_or(0) } + 1;
            (number.to_string(), Heard::Number(number))
        }
        Op::Append(piece) => {
            let after = format!("{state}{piece}");
            let length = after.len() as i64;
            (after, Heard::Number(length))
        }
    };
    (event.heard == Heard::Nothing || event.heard == hears).then_some(after)
}

const STEPS_MAX: usize = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Events as `client called..returned operation -> answer`.
    fn history(lines: &[(u64, u64, Op, Heard)]) -> Vec<Event> {
        let at = Duration::from_millis;
        let event = |(client, (called, returned, op, heard)): (usize, &(u64, u64, Op, Heard))| Event {
            key: "k".to_owned(),
            client,
            op: op.clone(),
            called: at(*called),
            returned: at(*returned),
            heard: heard.clone(),
        };
        lines.iter().enumerate().map(event).collect()
    }

    fn set(value: &str) -> Op {
        Op::Set(value.to_owned())
    }

    fn value(value: &str) -> Heard {
        Heard::Value(value.to_owned())
    }

    fn holds(lines: &[(u64, u64, Op, Heard)]) -> bool {
        match check(&history(lines)) {
            Verdict::Linearizable => true,
            Verdict::Violation { .. } => false,
            Verdict::Undecided(key) => panic!("{key}"),
        }
    }

    #[test]
    fn what_overlaps_may_come_in_any_order_and_what_does_not_may_not() {
        assert!(holds(&[(0, 10, set("a"), Heard::Done), (5, 15, set("b"), Heard::Done), (20, 30, Op::Get, value("a"))]));
        assert!(!holds(&[(0, 10, set("a"), Heard::Done), (15, 25, set("b"), Heard::Done), (30, 40, Op::Get, value("a"))]));
        assert!(!holds(&[(0, 10, set("a"), Heard::Done), (20, 30, Op::Get, value(""))]));
    }

    #[test]
    fn what_heard_nothing_may_have_happened_later_or_never_but_not_twice() {
        let unknown = (0, 10, set("a"), Heard::Nothing);
        assert!(holds(&[unknown.clone(), (20, 30, Op::Get, value("")), (40, 50, Op::Get, value("a"))]));
        assert!(!holds(&[unknown, (20, 30, Op::Get, value("a")), (40, 50, Op::Get, value(""))]));
        let one = (0, 10, Op::Incr, Heard::Nothing);
        assert!(holds(&[one.clone(), (20, 30, Op::Incr, Heard::Number(2))]));
        assert!(!holds(&[one, (20, 30, Op::Incr, Heard::Number(3))]));
    }

    #[test]
    fn an_append_tells_what_was_there_before() {
        let append = |piece: &str| Op::Append(piece.to_owned());
        assert!(holds(&[
            (0, 10, append("ab"), Heard::Number(4)),
            (0, 10, append("cd"), Heard::Number(2)),
            (20, 30, Op::Get, value("cdab"))
        ]));
        assert!(!holds(&[(0, 10, append("ab"), Heard::Number(2)), (20, 30, append("cd"), Heard::Number(2))]));
    }
}
