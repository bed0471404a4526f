//! Whether a history of one key is linearizable: the algorithm of Wing & Gong with the improvements of Lowe (*Testing for linearizability*, 2017).
//!
//! A state that was reached before with the same set of operations is not searched again. An operation whose answer nobody saw may have taken effect at
//! any time after it was called, or never.

use std::collections::HashSet;

use crate::rng::mix;

/// What a key holds. A list is known by its length and a hash of its elements in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Nil,
    /// A string.
    Text(u64),
    /// A counter.
    Number(u64),
    /// A list.
    List(u32, u64),
}

/// What is done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Read all of it.
    Get,
    /// Replace it.
    Set(u64),
    /// Set it if there is nothing.
    SetNx(u64),
    /// Delete it.
    Del,
    /// Add one.
    Incr,
    /// Put an element at the end.
    Push(u64),
}

/// What the caller heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Ok,
    /// What a read saw.
    Saw(Value),
    /// Whether it did anything (1 or 0), or the counter, or the length.
    Count(u64),
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// What was asked for.
    pub call: Call,
    /// When.
    pub called: u64,
    /// What was answered, and when; `None`: not known.
    pub answered: Option<(u64, Reply)>,
}

/// The list with one more element.
pub fn pushed(length: u32, hash: u64, element: u64) -> (u32, u64) {
    (length + 1, mix(hash ^ mix(element)).wrapping_add(1))
}

/// What `call` makes of `value`, and its answer.
pub fn apply(value: Value, call: Call) -> (Value, Reply) {
    match (call, value) {
        (Call::Get, value) => (value, Reply::Saw(value)),
        (Call::Set(text), _) => (Value::Text(text), Reply::Ok),
        (Call::SetNx(text), Value::Nil) => (Value::Text(text), Reply::Count(1)),
        (Call::SetNx(_), value) => (value, Reply::Count(0)),
        (Call::Del, value) => (Value::Nil, Reply::Count(u64::from(value != Value::Nil))),
        (Call::Incr, Value::Number(n)) => (Value::Number(n + 1), Reply::Count(n + 1)),
        (Call::Incr, _) => (Value::Number(1), Reply::Count(1)),
        (Call::Push(element), Value::List(length, hash)) => {
            let (length, hash) = pushed(length, hash, element);
            (Value::List(length, hash), Reply::Count(u64::from(length)))
        }
        (Call::Push(element), _) => {
            let (length, hash) = pushed(0, 0, element);
            (Value::List(length, hash), Reply::Count(u64::from(length)))
        }
    }
}

/// What the search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains everything.
    Linearizable,
    /// There is none.
    Not,
    /// Given up after so many steps.
    Undecided,
}

/// Looks for an order that explains `history`, in `steps` at most.
pub fn check(history: &[Operation], steps: usize) -> Verdict {
    let mut operations = history.to_vec();
    operations.sort_by_key(|operation| operation.called);
    let open = operations.iter().filter(|operation| operation.answered.is_some()).count();
    let mut search = Search { operations: &operations, seen: HashSet::new(), steps };
    let mut done = vec![0u64; operations.len().div_ceil(64)];
    match search.explore(&mut done, Value::Nil, open, 0) {
        _ if search.steps == 0 => Verdict::Undecided,
        true => Verdict::Linearizable,
        false => Verdict::Not,
    }
}

struct Search<'a> {
    operations: &'a [Operation],
    seen: HashSet<(Vec<u64>, Value)>,
    steps: usize,
}

impl Search<'_> {
    /// Whether the operations not in `done` can follow on `value`. `open` of them were answered; all before `from` are done.
    fn explore(&mut self, done: &mut Vec<u64>, value: Value, open: usize, mut from: usize) -> bool {
        if open == 0 {
            return true;
        }
        while from < self.operations.len() && is_in(done, from) {
            from += 1;
        }
        // The first answer of what is not done: nothing that was called later can come first.
        let mut first_answer = u64::MAX;
        for at in from..self.operations.len() {
            let Operation { called, answered, .. } = self.operations[at];
            if called > first_answer {
                break;
            }
            if !is_in(done, at)
                && let Some((when, _)) = answered
            {
                first_answer = first_answer.min(when);
            }
        }
        for at in from..self.operations.len() {
            let Operation { call, called, answered } = self.operations[at];
            if called > first_answer {
                break;
            }
            if is_in(done, at) {
                continue;
            }
            let (after, reply) = apply(value, call);
            let fits = match answered {
                Some((_, heard)) => heard == reply,
                None => after != value, // what changes nothing and was not answered need not be placed
            };
            if !fits {
                continue;
            }
            if self.steps == 0 {
                return false;
            }
            self.steps -= 1;
            done[at / 64] |= 1 << (at % 64);
            if self.seen.insert((done.clone(), after)) && self.explore(done, after, open - usize::from(answered.is_some()), from) {
                return true;
            }
            done[at / 64] &= !(1 << (at % 64));
        }
        false
    }
}

fn is_in(done: &[u64], at: usize) -> bool {
    done[at / 64] & (1 << (at % 64)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `call from..to answer`, one a line; `..?` for no answer.
    fn history(text: &str) -> Vec<Operation> {
        text.lines().filter(|line| !line.trim().is_empty()).map(operation).collect()
    }

    fn operation(line: &str) -> Operation {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let (name, argument) = words[0].split_once(':').unwrap_or((words[0], "0"));
        let call = match name {
            "get" => Call::Get,
            "set" => Call::Set(number(argument)),
            "setnx" => Call::SetNx(number(argument)),
            "del" => Call::Del,
            "incr" => Call::Incr,
            "push" => Call::Push(number(argument)),
            other => panic!("{other}?"),
        };
        let (from, to) = words[1].split_once("..").expect("from..to");
        let reply = || match (call, words[2]) {
            (Call::Get, "nil") => Reply::Saw(Value::Nil),
            (Call::Get, list) if list.starts_with('[') => {
                let elements = list.trim_matches(['[', ']']).split(',').map(number);
                let (length, hash) = elements.fold((0, 0), |(length, hash), element| pushed(length, hash, element));
                Reply::Saw(Value::List(length, hash))
            }
            (Call::Get, text) => {
                text.strip_prefix('#').map_or_else(|| Reply::Saw(Value::Text(number(text))), |n| Reply::Saw(Value::Number(number(n))))
            }
            (_, "ok") => Reply::Ok,
            (_, text) => Reply::Count(number(text)),
        };
        let answered = (to != "?").then(|| (number(to), reply()));
        Operation { call, called: number(from), answered }
    }

    #[test]
    fn what_one_server_could_have_answered_is_linearizable() {
        for text in [
            "",
            "set:1 0..1 ok\nget 2..3 1",
            "set:1 0..10 ok\nget 1..2 nil\nget 3..4 1",
            "set:1 0..10 ok\nset:2 0..10 ok\nget 11..12 1",
            "set:1 0..? ok\nget 5..6 nil\nget 7..8 1",
            "set:1 0..? ok\nget 5..6 nil",
            "incr 0..9 2\nincr 1..8 1\nget 10..11 #2",
            "incr 0..? 0\nincr 2..3 2",
            "push:7 0..1 1\npush:8 0..3 2\nget 4..5 [7,8]",
            "setnx:1 0..9 0\nsetnx:2 0..9 1\nget 10..11 2",
            "set:1 0..1 ok\ndel 0..9 0\nget 10..11 1",
        ] {
            assert_eq!(check(&history(text), 100_000), Verdict::Linearizable, "{text}");
        }
    }

    #[test]
    fn what_no_server_could_have_answered_is_not() {
        for text in [
            "get 0..1 1",
            "set:1 0..1 ok\nget 2..3 nil",
            "set:1 0..1 ok\nset:2 2..3 ok\nget 4..5 1",
            "set:1 0..10 ok\nget 1..2 1\nget 3..4 nil",
            "set:1 0..? ok\nget 5..6 1\nget 7..8 nil",
            "incr 0..1 1\nincr 2..3 1",
            "incr 0..1 2",
            "incr 0..1 1\nget 2..3 #2",
            "push:7 0..1 1\npush:8 2..3 2\nget 4..5 [8,7]",
            "push:7 0..1 1\nget 4..5 [7,7]",
            "setnx:1 0..9 1\nsetnx:2 0..9 1",
            "set:1 0..1 ok\nset:2 0..? ok\nget 5..6 2\nget 7..8 1",
        ] {
            assert_eq!(check(&history(text), 100_000), Verdict::Not, "{text}");
        }
    }

    #[test]
    fn a_search_that_takes_too_long_is_given_up() {
        let text: String = (0..20).map(|i| format!("set:{i} 0..100 ok\n")).collect::<String>() + "get 101..102 77";
        assert_eq!(check(&history(&text), 1000), Verdict::Undecided);
    }
}
