//! Scripts of commands and replies, which is what the tests of programs are written in.
//!
//! ```text
//! SET a 1 EX 10     -> OK              a command and its reply; words in quotes may hold spaces and \x41
//! MGET a b          -> ["1", nil]      bulk strings in quotes, statuses, errors and integers as they are
//! # what follows is said to nobody
//! wait 10001                           turns the clock, in milliseconds
//! database 1                           SELECT
//! proto 3                              HELLO: maps are {"k": v}, sets ~[..]
//! ```

use std::collections::BTreeMap;

use resp::number::parse_integer;
use types::limits::Limits;
use types::time::UnixMs;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::memory::Memory;

/// Runs a script over an empty partition.
pub(crate) fn check(script: &str) {
    check_with(Redis, &mut Memory::new(NOW), script);
}

/// Runs a script over an empty partition with these limits.
pub(crate) fn check_limited(limits: Limits, script: &str) {
    let mut memory = Memory::new(NOW);
    memory.set_limits(limits);
    check_with(Redis, &mut memory, script);
}

/// Runs a script once for each layout that collections can have: all exploded, one element inline, the default limits.
pub(crate) fn check_layouts(script: &str) {
    for limits in [Limits::exploding_at(0), Limits::exploding_at(1), Limits::exploding_at(3), Limits::DEFAULT] {
        check_limited(limits, script);
    }
}

/// Runs a script.
pub(crate) fn check_with(redis: Redis, memory: &mut Memory, script: &str) {
    let (mut now, mut database, mut proto) = (NOW, Database(0), Proto::Resp2);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((command, expected)) = line.split_once(" -> ") else {
            let (word, number) = line.split_once(' ').expect("a word and a number");
            let number = parse_integer(number.as_bytes()).expect("a number");
            match word {
                "wait" => now = UnixMs(now.0 + number),
                "database" => database = Database(number as u16),
                "proto" => proto = if number == 3 { Proto::Resp3 } else { Proto::Resp2 },
                other => panic!("what is {other}?"),
            }
            memory.set_now(now);
            continue;
        };
        let reply = memory.run(&redis, database, proto, words(command));
        assert_eq!(show(&reply), expected.trim(), "{command}");
    }
}

/// Checks that each of `things` was seen about `expected` times: chi-square of equal chances, within five standard deviations.
pub(crate) fn check_even(seen: &BTreeMap<Vec<u8>, u64>, things: u64, expected: f64) {
    assert!(seen.len() as u64 <= things);
    let missing = things - seen.len() as u64;
    let squares: f64 = seen.values().map(|&seen| (seen as f64 - expected).powi(2)).sum::<f64>() + missing as f64 * expected.powi(2);
    let (chi, freedom) = (squares / expected, things as f64 - 1.0);
    assert!(chi <= freedom + 5.0 * (2.0 * freedom).sqrt(), "chi-square {chi} of {things} things, {missing} never seen");
}

/// The words of a command.
pub(crate) fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut bytes = line.bytes().peekable();
    loop {
        while bytes.next_if_eq(&b' ').is_some() {}
        if bytes.peek().is_none() {
            return words;
        }
        let quoted = bytes.next_if_eq(&b'"').is_some();
        let mut word = Vec::new();
        while let Some(byte) = bytes.next_if(|&b| if quoted { b != b'"' } else { b != b' ' }) {
            if byte == b'\\' && quoted {
                match bytes.next() {
                    Some(b'x') => {
                        let digits = [bytes.next(), bytes.next()].map(|digit| digit.expect("two hex digits") as char);
                        word.push(u8::from_str_radix(&digits.iter().collect::<String>(), 16).expect("two hex digits"));
                    }
                    other => word.push(other.expect("an escaped byte")),
                }
            } else {
                word.push(byte);
            }
        }
        bytes.next();
        words.push(word);
    }
}

/// A reply as a script writes it.
pub(crate) fn show(reply: &[u8]) -> String {
    let (text, rest) = value(reply);
    assert!(rest.is_empty(), "more than one reply: {}", reply.escape_ascii());
    text
}

fn value(reply: &[u8]) -> (String, &[u8]) {
    let end = reply.windows(2).position(|pair| pair == b"\r\n").expect("a line");
    let (line, rest) = (&reply[1..end], &reply[end + 2..]);
    let text = String::from_utf8_lossy(line).into_owned();
    let len = || usize::try_from(parse_integer(line).expect("a length")).ok();
    match reply[0] {
        b'+' | b'-' | b':' => (text, rest),
        b'_' => ("nil".to_string(), rest),
        b',' => (format!(",{text}"), rest),
        b'$' => match len() {
            None => ("nil".to_string(), rest),
            Some(len) => {
                assert_eq!(&rest[len..len + 2], b"\r\n");
                (format!("\"{}\"", rest[..len].escape_ascii()), &rest[len + 2..])
            }
        },
        kind @ (b'*' | b'~' | b'%') => {
            let Some(len) = len() else { return ("nil".to_string(), rest) };
            let mut rest = rest;
            let mut values = Vec::new();
            for _ in 0..if kind == b'%' { 2 * len } else { len } {
                let (text, after) = value(rest);
                values.push(text);
                rest = after;
            }
            let text = match kind {
                b'%' => format!("{{{}}}", values.chunks(2).map(|pair| pair.join(": ")).collect::<Vec<_>>().join(", ")),
                b'~' => format!("~[{}]", values.join(", ")),
                _ => format!("[{}]", values.join(", ")),
            };
            (text, rest)
        }
        other => panic!("a reply that begins with {}", other.escape_ascii()),
    }
}

/// The time at which scripts begin.
pub(crate) const NOW: UnixMs = UnixMs(1_000_000);
