//! Could one store that does one thing after the other have answered so?
//!
//! The check is Wing and Gong's with Lowe's memory of states, key by key: a history of keys is linearizable if that of each key is. It is
//! quick while a key has few hundred operations, and few clients at a time; whoever makes histories moves on to new keys.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::event::{Event, Heard, Op};

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

/// Checks all keys; tells of the first that does not fit.
pub fn check(events: &[Event]) -> Verdict {
    let mut undecided = None;
    for (key, events) in keys(events) {
        match check_key(key, events) {
            Verdict::Linearizable => {}
            violation @ Verdict::Violation { .. } => return violation,
            Verdict::Undecided(key) => undecided = Some(key),
        }
    }
    undecided.map_or(Verdict::Linearizable, Verdict::Undecided)
}

/// The operations of each key.
pub fn keys(events: &[Event]) -> BTreeMap<&str, Vec<&Event>> {
    let mut keys: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        keys.entry(&event.key).or_default().push(event);
    }
    keys
}

/// Checks one key.
pub fn check_key(key: &str, mut events: Vec<&Event>) -> Verdict {
    // A read that heard nothing says nothing.
    events.retain(|event| event.op != Op::Get || event.heard != Heard::Nothing);
    events.sort_by_key(|event| event.called);
    Search::new(sharpened(&events)).run(key)
}

/// The operations as the search takes them: what can be said at once about those that heard nothing is said.
fn sharpened<'a>(events: &[&'a Event]) -> Vec<Item<'a>> {
    // A value stands for one write only while nothing else makes values.
    let register = events.iter().all(|event| !matches!(event.op, Op::Incr | Op::Append(_)));
    let mut first_seen: HashMap<&str, Duration> = HashMap::new();
    for event in events {
        if let Heard::Value(value) = &event.heard {
            let seen = first_seen.entry(value).or_insert(event.returned);
            *seen = event.returned.min(*seen);
        }
    }
    let item = |event: &&'a Event| {
        let mut item = Item { event, limit: (event.heard != Heard::Nothing).then_some(event.returned), alike: None, value: None };
        if event.heard != Heard::Nothing {
            return item;
        }
        match &event.op {
            Op::Incr => item.alike = Some(Alike::Incr),
            Op::Del => item.alike = Some(Alike::Del),
            Op::Set(value) | Op::SetNew(value) if register => match first_seen.get(&**value) {
                // Who reads it tells when it had happened.
                Some(&seen) => item.limit = Some(seen.max(event.called)),
                // All that can be told from such values is that there is one.
                None => {
                    item.alike = Some(if matches!(event.op, Op::Set(_)) { Alike::Set } else { Alike::SetNew });
                    item.value = Some(UNSEEN);
                }
            },
            _ => {}
        }
        item
    };
    events.iter().map(item).collect()
}

/// An operation, and what is known of it besides.
struct Item<'a> {
    event: &'a Event,
    /// It happened before this; nothing if it did not have to.
    limit: Option<Duration>,
    /// Those without an answer that do the same.
    alike: Option<Alike>,
    /// The value it writes, if not its own.
    value: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Alike {
    Incr,
    Del,
    Set,
    SetNew,
}

struct Search<'a> {
    items: Vec<Item<'a>>,
    /// Which are placed.
    placed: Vec<u64>,
    /// Items before this are all placed.
    first: usize,
    /// States, by what was placed, and the value.
    visited: HashSet<(Vec<u64>, u32)>,
    values: HashMap<String, u32>,
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
    fn new(items: Vec<Item<'a>>) -> Search<'a> {
        Search {
            placed: vec![0; items.len().div_ceil(64)],
            items,
            first: 0,
            visited: HashSet::new(),
            values: HashMap::new(),
            steps: 0,
            deepest: (0, String::new(), Vec::new()),
        }
    }

    fn run(mut self, key: &str) -> Verdict {
        let mut state = String::new();
        let mut path: Vec<Step> = Vec::new();
        let mut candidate = 0;
        let must = self.items.iter().filter(|item| item.limit.is_some()).count();
        let mut answered = 0;
        loop {
            if answered == must {
                return Verdict::Linearizable;
            }
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Verdict::Undecided(key.to_owned());
            }
            match self.next(candidate, &state) {
                Some((event, after)) => {
                    self.set(event, true);
                    if self.is_new(&after) {
                        let first = self.first;
                        while self.first < self.items.len() && self.is_placed(self.first) {
                            self.first += 1;
                        }
                        answered += usize::from(self.items[event].limit.is_some());
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
                    let Some(step) = path.pop() else { return Verdict::Violation { key: key.to_owned(), why: self.why() } };
                    self.set(step.event, false);
                    answered -= usize::from(self.items[step.event].limit.is_some());
                    (state, self.first, candidate) = (step.before, step.first, step.event + 1);
                }
            }
        }
    }

    /// Whether the search comes here for the first time.
    fn is_new(&mut self, value: &str) -> bool {
        let next = self.values.len() as u32;
        let value = match self.values.get(value) {
            Some(&known) => known,
            None => *self.values.entry(value.to_owned()).or_insert(next),
        };
        self.visited.insert((self.placed.clone(), value))
    }

    /// The first item from `candidate` on that can come next, with the value after it.
    fn next(&self, candidate: usize, value: &str) -> Option<(usize, String)> {
        // Nothing can come next that was called after something that is not placed had happened.
        let mut limit = Duration::MAX;
        let mut passed = [false; 4];
        for index in self.first..self.items.len() {
            let item = &self.items[index];
            if item.event.called > limit {
                break;
            }
            if self.is_placed(index) {
                continue;
            }
            // Of those that are alike the earliest first.
            let skip = item.alike.is_some_and(|alike| std::mem::replace(&mut passed[alike as usize], true));
            if index >= candidate
                && !skip
                && let Some(after) = item.apply(value)
                // What did not have to happen and changes nothing did not happen.
                && (item.limit.is_some() || after != value)
            {
                return Some((index, after));
            }
            limit = item.limit.map_or(limit, |own| limit.min(own));
        }
        None
    }

    fn open(&self) -> Vec<usize> {
        (self.first..self.items.len()).filter(|&index| !self.is_placed(index)).take(12).collect()
    }

    fn why(&self) -> String {
        let (count, state, open) = &self.deepest;
        let mut why = format!("{count} operations fit, up to the value {:?}; then none of", tail(state));
        for &index in open {
            let Event { client, op, called, returned, heard, .. } = self.items[index].event;
            let returned = if *heard == Heard::Nothing { String::new() } else { format!("{returned:?}") };
            why += &format!("\n  client {client} {called:?}..{returned} {op:?} -> {}", tail(&format!("{heard:?}")));
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
    text[text.ceil_char_boundary(from)..].to_owned()
}

impl Item<'_> {
    /// The value after the operation; nothing if it would have heard something else.
    fn apply(&self, value: &str) -> Option<String> {
        let (after, hears) = match &self.event.op {
            Op::Get => (value.to_owned(), Heard::Value(value.to_owned())),
            Op::Set(new) => (self.value.unwrap_or(new).to_owned(), Heard::Done),
            Op::SetNew(new) if value.is_empty() => (self.value.unwrap_or(new).to_owned(), Heard::Done),
            Op::SetNew(_) => (value.to_owned(), Heard::Value(String::new())),
            Op::Del => (String::new(), Heard::Number(i64::from(!value.is_empty()))),
            Op::Incr => {
                let number = if value.is_empty() { 0 } else { value.parse().unwrap_or(0) } + 1;
                (number.to_string(), Heard::Number(number))
            }
            Op::Append(piece) => {
                let after = format!("{value}{piece}");
                let length = after.len() as i64;
                (after, Heard::Number(length))
            }
        };
        (self.event.heard == Heard::Nothing || self.event.heard == hears).then_some(after)
    }
}

/// Stands for all values that nobody read.
const UNSEEN: &str = "(unseen)";
const STEPS_MAX: usize = 2_000_000;

#[cfg(test)]
mod tests;
