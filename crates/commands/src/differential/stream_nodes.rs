//! Random stream commands to a real redis-server and to an empty partition.
//!
//! The server at hand is 7.0, we follow 7.4: consumers are made by hand before they read or claim, because 7.4 makes those, too, that get
//! nothing; fields that 7.0 does not have are dropped from our replies. Times are compared as "just now" or "long ago".

use types::limits::Limits;
use types::time::UnixMs;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;
use crate::streams;

#[test]
fn streams_have_the_replies_of_redis() {
    for (seed, proto, entries, bytes) in
        [(1, Proto::Resp2, 100, 4096), (2, Proto::Resp3, 3, 0), (3, Proto::Resp2, 0, 150), (4, Proto::Resp2, 7, 300)]
    {
        let Some(mut server) = Server::start() else { return };
        server.hello(proto);
        for (name, value) in [("stream-node-max-entries", entries), ("stream-node-max-bytes", bytes)] {
            let reply = server.replies(&[words(&format!("config set {name} {value}"))]);
            assert_eq!(reply, [b"+OK\r\n"]);
        }
        let mut memory = Memory::new(UnixMs(0));
        memory.set_limits(Limits { stream_node_entries: entries, stream_node_bytes: bytes, ..Limits::DEFAULT });
        let mut script = Script { random: Random::new(seed), next: 1, bytes: bytes > 0 };
        for _ in 0..30 {
            memory.set_now(server.time());
            let batch: Vec<Vec<Vec<u8>>> = (0..150).flat_map(|_| script.commands()).collect();
            let mut said: Vec<String> = Vec::new();
            for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
                let ours = memory.run(&Redis, Database(0), proto, command);
                said.push(command.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" "));
                let (ours, theirs) = (comparable(command, &ours), comparable(command, &theirs));
                assert_eq!(ours, theirs, "seed {seed}, after\n{}", said[said.len().saturating_sub(40)..].join("\n"));
            }
        }
    }
}

#[test]
fn whatever_is_done_to_streams_their_records_agree() {
    for (seed, limits) in [
        (11, Limits { stream_node_entries: 3, ..Limits::DEFAULT }),
        (12, Limits { stream_node_entries: 0, stream_node_bytes: 200, ..Limits::DEFAULT }),
    ] {
        let mut memory = Memory::new(UnixMs(1_700_000_000_000));
        memory.set_limits(limits);
        let mut script = Script { random: Random::new(seed), next: 1, bytes: false };
        for _ in 0..3000 {
            for command in script.commands() {
                memory.run(&Redis, Database(0), Proto::Resp2, &command);
                // The clock goes backwards at times.
                memory.set_now(UnixMs(1_700_000_000_000 + script.below(1000) as i64));
            }
            for key in ["a", "b", "f", "s"] {
                streams::tests::check_records(&mut memory, key.as_bytes());
            }
        }
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').filter(|word| !word.is_empty()).map(|word| word.as_bytes().to_vec()).collect()
}

/// Commands over four streams, three groups and three consumers. Ids go up, so that most of what is said of them means something.
struct Script {
    random: Random,
    /// The next id's milliseconds.
    next: usize,
    /// Whether nodes end at a number of bytes. Where XDEL empties the last node, Redis may then put more into the one before; we do not.
    bytes: bool,
}

impl Script {
    /// One command, or several that belong together.
    fn commands(&mut self) -> Vec<Vec<Vec<u8>>> {
        let key = self.one_of(&["a", "b", "f", "s"]);
        let (group, consumer) = (self.one_of(&["g", "g", "h", "gg"]), self.one_of(&["x", "y", "yy"]));
        let (start, end) = (self.bound(), self.bound());
        let count = self.one_of(&["", "", "", "COUNT 1", "COUNT 2", "COUNT 5", "COUNT 0", "count -1", "COUNT x", "COUNT"]);
        let known = format!("XGROUP CREATECONSUMER {key} {group} {consumer}");
        let lines = match self.below(70) {
            0..16 => {
                let (trim, id, pairs) = (self.trim_option(key, true), self.new_id(key), self.pairs());
                vec![format!("XADD {key} {trim} {id} {pairs}")]
            }
            16..22 => {
                self.next += 1;
                let pairs = self.pairs();
                vec![format!("XADD {key} {}-* {pairs}", self.next)]
            }
            22..24 => vec![format!("XTRIM {key} {}", self.trim_option(key, false))],
            24..26 => vec![format!("XRANGE {key} {start} {end} {count}")],
            26..28 => vec![format!("XREVRANGE {key} {end} {start} {count}")],
            // Redis counts deleted entries at the end of a node when it trims by id. Those that we compare with have none.
            28..32 => vec![format!("XDEL {} {}", self.one_of(&["b", "s"]), self.ids())],
            32 => vec![format!("XLEN {key}"), format!("XINFO STREAM {key}")],
            33 => {
                let how = self.one_of(&["FULL", "FULL COUNT 2", "FULL COUNT 0", "FULL COUNT -1", "FULL FOO", "FOO"]);
                vec![format!("XINFO STREAM {key} {how}")]
            }
            34..37 => vec![format!("XINFO GROUPS {key}"), format!("XINFO CONSUMERS {key} {group}")],
            37..41 => {
                let id = self.one_of(&["0", "0", "$", "5", "-", "x"]);
                let options =
                    ["", "MKSTREAM", "MKSTREAM", "ENTRIESREAD 3", "ENTRIESREAD -1 MKSTREAM", "ENTRIESREAD -2", "FOO", "ENTRIESREAD"];
                vec![format!("XGROUP CREATE {key} {group} {id} {}", self.one_of(&options))]
            }
            41 => {
                let id = if self.below(3) == 0 { self.one_of(&["$", "0", "-", "+", "x"]).to_string() } else { self.id() };
                let options = ["", "", "ENTRIESREAD 2", "MKSTREAM", "ENTRIESREAD x"];
                vec![format!("XGROUP SETID {key} {group} {id} {}", self.one_of(&options))]
            }
            42 => match self.below(6) {
                0 => vec![format!("XGROUP DESTROY {key} {group}")],
                1 => vec![format!("DEL {key}")],
                2 => vec![format!("XGROUP DELCONSUMER {key} {group} {consumer}")],
                _ => vec![known],
            },
            43 => {
                let options =
                    ["".to_string(), "ENTRIESADDED 5000".to_string(), "ENTRIESADDED 1".to_string(), "ENTRIESADDED -1".to_string()];
                let mut option = options[self.below(4)].clone();
                if self.below(3) == 0 {
                    option.push_str(&format!(" MAXDELETEDID {}", self.id()));
                }
                self.next += 8;
                vec![format!("XSETID {} {} {option}", self.one_of(&["a", "b", "s"]), self.next)]
            }
            44..48 => {
                let other = self.one_of(&["a", "b", "f", "s"]);
                let from = if self.below(3) == 0 { self.one_of(&["0", "$", "x", ">"]).to_string() } else { self.id() };
                vec![format!("XREAD {count} STREAMS {key} {other} {from} {}", self.one_of(&["0", "$", "30"]))]
            }
            48..57 => {
                let from = self.one_of(&[">", ">", ">", ">", "0", "5-1", "$", "x"]);
                let option = self.one_of(&["", "", "", "", "NOACK", "FOO"]);
                vec![known, format!("XREADGROUP GROUP {group} {consumer} {count} {option} STREAMS {key} {from}")]
            }
            57..61 => vec![format!("XACK {key} {group} {}", self.ids())],
            61..64 => {
                let idle = self.one_of(&["", "", "IDLE 0", "IDLE 1000000000", "IDLE x", "IDLE"]);
                let (n, owner) = (self.one_of(&["1", "3", "100", "0", "-1", "x"]), self.one_of(&["", "", "x", "y", "nobody"]));
                vec![format!("XPENDING {key} {group}"), format!("XPENDING {key} {group} {idle} {start} {end} {n} {owner}")]
            }
            64..67 => {
                let (idle, ids) = (self.one_of(&["0", "0", "0", "1000000000", "-1", "x"]), self.ids());
                let last = format!("LASTID {}", self.id());
                let options =
                    ["", "", "JUSTID", "FORCE", "FORCE JUSTID", "FORCE", "TIME 1000", "IDLE 5", "RETRYCOUNT 7", &last, "FOO", "TIME x"];
                vec![known, format!("XCLAIM {key} {group} {consumer} {idle} {ids} {}", options[self.below(options.len())])]
            }
            _ => {
                let (idle, start) = (self.one_of(&["0", "0", "0", "1000000000", "x"]), self.one_of(&["0", "-", "(5-1", "x"]));
                let options = ["", "COUNT 1", "COUNT 2", "COUNT 3 JUSTID", "JUSTID", "COUNT 0", "COUNT x", "FOO"];
                vec![known, format!("XAUTOCLAIM {key} {group} {consumer} {idle} {start} {}", self.one_of(&options))]
            }
        };
        let mut commands: Vec<Vec<Vec<u8>>> = lines.iter().map(|line| words(line)).collect();
        let last = commands.last_mut().expect("a command");
        // XADD without an id would get one from the clock.
        if self.below(40) == 0 && last.len() > 1 && !last[0].starts_with(b"XADD") {
            last.pop();
        }
        commands
    }

    fn below(&mut self, bound: usize) -> usize {
        let digits = self.random.bytes(b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09", 4, 4);
        digits.iter().fold(0, |number, digit| number * 10 + usize::from(*digit)) % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// An id that may be there.
    fn id(&mut self) -> String {
        format!("{}-{}", (self.next + 2).saturating_sub(self.below(60)), self.below(2))
    }

    fn ids(&mut self) -> String {
        let mut ids: Vec<String> = (0..1 + self.below(5)).map(|_| self.id()).collect();
        if self.below(20) == 0 {
            ids.push(self.one_of(&["x", "0", "1-", "9999999999999-1", "-"]).to_string());
        }
        ids.join(" ")
    }

    /// An id for XADD. `*` only where the last id is in the future, so that the two clocks do not matter.
    fn new_id(&mut self, key: &str) -> String {
        self.next += self.below(2);
        match self.below(12) {
            0 => self.one_of(&["0-0", "x", "18446744073709551616-1", "0-*", "01-1", "5-x"]).to_string(),
            1 => self.id(),
            2 if key == "f" => self.one_of(&["9999999999999-*", "9999999999999-18446744073709551615"]).to_string(),
            _ => {
                self.next += 1;
                let seq = self.below(2);
                format!("{}-{seq}", self.next)
            }
        }
    }

    fn bound(&mut self) -> String {
        match self.below(8) {
            0 => self.one_of(&["(0-0", "(-", "(18446744073709551615-18446744073709551615", "x", "("]).to_string(),
            1 => format!("({}", self.id()),
            2 => (self.next + 2).saturating_sub(self.below(60)).to_string(),
            3..6 => self.one_of(&["-", "+"]).to_string(),
            _ => self.id(),
        }
    }

    fn pairs(&mut self) -> String {
        let (a, b) = (self.value(), self.value());
        match self.below(20) {
            0 => "odd".to_string(),
            1..14 => format!("f {a}"),
            14..17 => format!("f {a} g {b}"),
            _ => format!("{a} {b}"),
        }
    }

    fn value(&mut self) -> String {
        match self.below(4) {
            0 => "v".repeat(1 + self.below(90)),
            1 => (self.below(9000) * self.below(9000)).to_string(),
            _ => self.one_of(&["1", "abc", "-1", "300"]).to_string(),
        }
    }

    fn trim_option(&mut self, key: &str, xadd: bool) -> String {
        if xadd && self.below(5) > 0 {
            return self.one_of(&["", "", "", "", "NOMKSTREAM"]).to_string();
        }
        let has_xdel = key != "a" && key != "f";
        let operator = if has_xdel && self.bytes { self.one_of(&["", "="]) } else { self.one_of(&["", "=", "~", "~", "~"]) };
        let limit = self.one_of(&["", "", "", "", "LIMIT 5", "LIMIT 0", "LIMIT 20", "LIMIT x", "LIMIT -1"]);
        if self.below(2) == 0 || (operator == "~" && has_xdel) {
            format!("MAXLEN {operator} {} {limit}", self.one_of(&["0", "1", "5", "12", "30", "30", "-1", "x"]))
        } else {
            let id = if self.below(6) == 0 { self.one_of(&["x", "-"]).to_string() } else { self.id() };
            format!("MINID {operator} {id} {limit}")
        }
    }
}

/// A reply with what cannot be compared taken out.
fn comparable(command: &[Vec<u8>], reply: &[u8]) -> String {
    // 7.0 mistakes one error for another.
    let mut text = show(command, reply).0.replace(
        "-ERR Elements are too large to be stored",
        "-ERR The ID specified in XADD is equal or smaller than the target stream top item",
    );
    if let Some(at) = text.find("-ERR Unbalanced") {
        text.truncate(at + 15);
    }
    text
}

fn show<'a>(command: &[Vec<u8>], reply: &'a [u8]) -> (String, &'a [u8]) {
    let end = reply.windows(2).position(|pair| pair == b"\r\n").expect("a line");
    let (line, rest) = (&reply[..end], &reply[end + 2..]);
    let number: i64 = std::str::from_utf8(&line[1..]).ok().and_then(|text| text.parse().ok()).unwrap_or(-1);
    match line[0] {
        b'$' if number >= 0 => (reply[end + 2..end + 2 + number as usize].escape_ascii().to_string(), &rest[number as usize + 2..]),
        kind @ (b'*' | b'%') if number >= 0 => {
            let mut rest = rest;
            let mut parts = Vec::new();
            for _ in 0..if kind == b'%' { 2 * number } else { number } {
                let (text, after) = show(command, rest);
                parts.push(text);
                rest = after;
            }
            drop_new_and_timed(command, &mut parts);
            (format!("{}[{}]", kind as char, parts.join(", ")), rest)
        }
        // A time since 1970.
        b':' if number > 1_000_000_000_000 && !line.ends_with(b"9999999999999") => (":now".to_string(), rest),
        _ => (line.escape_ascii().to_string(), rest),
    }
}

/// Takes out fields that 7.0 does not have or that depend on the clock, and those about a radix tree.
fn drop_new_and_timed(command: &[Vec<u8>], parts: &mut Vec<String>) {
    if command[0] == b"XPENDING" && parts.len() == 4 && command.len() > 3 {
        parts[2] = if parts[2].len() < 7 { "now".to_string() } else { "long ago".to_string() };
    }
    for name in ["inactive", "active-time", "idle", "radix-tree-keys", "radix-tree-nodes"] {
        if let Some(at) = parts.iter().step_by(2).position(|part| part == name).filter(|_| command[0] == b"XINFO") {
            parts.drain(2 * at..2 * at + 2);
        }
    }
}
