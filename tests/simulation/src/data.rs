//! What partitions hold, and what mutations do to it.

use std::rc::Rc;

use crate::linear::{Call, Reply, Value, pushed};

/// Number of keys of each kind in a partition.
pub const KEYS: usize = 3;

/// A key of a partition: registers first, then counters, then lists.
pub type Key = usize;

/// What a partition holds: its keys, and the last request of each session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Last mutation applied.
    pub applied: u64,
    /// By key.
    pub values: [Stored; 3 * KEYS],
    /// Session, number, reply; in order of sessions.
    pub sessions: Rc<Vec<(u64, u64, Reply)>>,
}

/// A value in full.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stored {
    /// Nothing.
    #[default]
    Nil,
    /// A string.
    Text(u64),
    /// A counter.
    Number(u64),
    /// A list with its elements.
    List(Rc<Vec<u64>>),
}

impl Stored {
    /// As the checker knows it.
    pub fn value(&self) -> Value {
        match self {
            Stored::Nil => Value::Nil,
            Stored::Text(text) => Value::Text(*text),
            Stored::Number(n) => Value::Number(*n),
            Stored::List(elements) => {
                let (length, hash) = elements.iter().fold((0, 0), |(length, hash), element| pushed(length, hash, *element));
                Value::List(length, hash)
            }
        }
    }
}

/// One request that a mutation carries.
#[derive(Debug, Clone)]
pub struct Request {
    /// The client's session.
    pub session: u64,
    /// Grows within the session.
    pub number: u64,
    /// Place in the history.
    pub operation: usize,
    /// Its answer, as evaluated.
    pub reply: Reply,
}

/// What a mutation does: whole values, so that it does the same wherever it is applied.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Key, new value.
    pub writes: Vec<(Key, Stored)>,
    /// Who asked.
    pub requests: Vec<Request>,
}

impl State {
    /// Evaluates calls on the state, notes what they write, and returns the answer of the first.
    pub fn evaluate(&mut self, calls: &[(Key, Call)], writes: &mut Vec<(Key, Stored)>) -> Reply {
        let mut first = None;
        for (key, call) in calls {
            let (after, reply) = evaluate(&self.values[*key], *call);
            if let Some(after) = after {
                self.values[*key] = after.clone();
                writes.push((*key, after));
            }
            first.get_or_insert(reply);
        }
        first.unwrap_or(Reply::Ok)
    }

    /// Applies a mutation.
    pub fn apply(&mut self, decree: u64, body: &Body) {
        self.applied = decree;
        for (key, value) in &body.writes {
            self.values[*key] = value.clone();
        }
        for request in &body.requests {
            let sessions = Rc::make_mut(&mut self.sessions);
            let new = (request.session, request.number, request.reply);
            match sessions.binary_search_by_key(&request.session, |(session, ..)| *session) {
                Ok(at) => sessions[at] = new,
                Err(at) => sessions.insert(at, new),
            }
        }
    }

    /// The last request of a session.
    pub fn session(&self, session: u64) -> Option<(u64, Reply)> {
        let at = self.sessions.binary_search_by_key(&session, |(session, ..)| *session).ok()?;
        Some((self.sessions[at].1, self.sessions[at].2))
    }
}

/// The value afterwards, if it is another, and the answer.
fn evaluate(value: &Stored, call: Call) -> (Option<Stored>, Reply) {
    match (call, value) {
        (Call::Get, value) => (None, Reply::Saw(value.value())),
        (Call::Set(text), _) => (Some(Stored::Text(text)), Reply::Ok),
        (Call::SetNx(text), Stored::Nil) => (Some(Stored::Text(text)), Reply::Count(1)),
        (Call::SetNx(_), _) => (None, Reply::Count(0)),
        (Call::Del, Stored::Nil) => (None, Reply::Count(0)),
        (Call::Del, _) => (Some(Stored::Nil), Reply::Count(1)),
        (Call::Incr, Stored::Number(n)) => (Some(Stored::Number(n + 1)), Reply::Count(n + 1)),
        (Call::Incr, _) => (Some(Stored::Number(1)), Reply::Count(1)),
        (Call::Push(element), value) => {
            let mut elements = if let Stored::List(elements) = value { elements.to_vec() } else { Vec::new() };
            elements.push(element);
            let length = elements.len() as u64;
            (Some(Stored::List(Rc::new(elements))), Reply::Count(length))
        }
    }
}
