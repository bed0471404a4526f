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
        let mut random = Random(seed);
        for _ in 0..30 {
            memory.set_now(server.time());
            let batch: Vec<Vec<Vec<u8>>> = (0..150).flat_map(|_| commands(&mut random)).collect();
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
        let mut random = Random(seed);
        for _ in 0..3000 {
            for command in commands(&mut random) {
                memory.run(&Redis, Database(0), Proto::Resp2, &command);
                // The clock goes backwards at times.
                memory.set_now(UnixMs(1_700_000_000_000 + below(&mut random, 1000) as i64));
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

/// One command, or several that belong together.
fn commands(random: &mut Random) -> Vec<Vec<Vec<u8>>> {
    let key = one_of(random, &["a", "b", "f", "s"]);
    let (group, consumer) = (one_of(random, &["g", "h", "gg"]), one_of(random, &["x", "y", "yy"]));
    let (start, end) = (bound(random), bound(random));
    let count = one_of(random, &["", "COUNT 1", "COUNT 2", "COUNT 5", "COUNT 0", "count -1", "COUNT x", "COUNT", "FOO"]);
    let known = format!("XGROUP CREATECONSUMER {key} {group} {consumer}");
    let lines = match below(random, 60) {
        0..12 => vec![format!("XADD {key} {} {} {}", trim_option(random), new_id(random, key), pairs(random))],
        12..16 => vec![format!("XADD {key} {}-* {}", 1 + below(random, 60), pairs(random))],
        16 => vec![format!("XTRIM {key} {}", trim_option(random))],
        17..20 => vec![format!("XRANGE {key} {start} {end} {count}")],
        20..22 => vec![format!("XREVRANGE {key} {end} {start} {count}")],
        22..25 => vec![format!("XDEL {key} {}", ids(random))],
        25 => vec![format!("XLEN {key}"), format!("XINFO STREAM {key}")],
        26 => vec![format!(
            "XINFO STREAM {key} {}",
            one_of(random, &["FULL", "FULL COUNT 2", "FULL COUNT 0", "FULL COUNT -1", "FULL FOO", "FOO"])
        )],
        27..30 => vec![format!("XINFO GROUPS {key}"), format!("XINFO CONSUMERS {key} {group}")],
        30..34 => {
            let id = one_of(random, &["$", "0", "5", "20-1", "-", "x"]);
            let options =
                one_of(random, &["", "MKSTREAM", "ENTRIESREAD 3", "ENTRIESREAD -1 MKSTREAM", "ENTRIESREAD -2", "FOO", "ENTRIESREAD"]);
            vec![format!("XGROUP CREATE {key} {group} {id} {options}")]
        }
        34 => {
            let id = one_of(random, &["$", "0", "5", "20-1", "-", "+", "x"]);
            vec![format!("XGROUP SETID {key} {group} {id} {}", one_of(random, &["", "", "ENTRIESREAD 2", "MKSTREAM", "ENTRIESREAD x"]))]
        }
        35 => vec![format!("XGROUP DESTROY {key} {group}")],
        36 => vec![known],
        37 => vec![format!("XGROUP DELCONSUMER {key} {group} {consumer}")],
        38 => {
            let id = one_of(random, &["1000-5", "2000", "3000-0", "x"]);
            let options = [
                "",
                "ENTRIESADDED 500",
                "ENTRIESADDED 1",
                "MAXDELETEDID 10-1",
                "ENTRIESADDED 60 MAXDELETEDID 1000-5",
                "ENTRIESADDED -1",
                "FOO",
            ];
            let key = if key == "f" { "s" } else { key };
            let id = if key == "s" { id } else { "x" };
            vec![format!("XSETID {key} {id} {}", one_of(random, &options))]
        }
        39 => vec![format!("DEL {key}")],
        40..43 => {
            let other = one_of(random, &["a", "b", "f", "s"]);
            let (from, other_from) = (one_of(random, &["0", "$", "5-1", "20", "x", ">"]), one_of(random, &["0", "$", "30"]));
            vec![format!("XREAD {count} STREAMS {key} {other} {from} {other_from}")]
        }
        43..50 => {
            let from = one_of(random, &[">", ">", ">", ">", "0", "10-1", "$", "x"]);
            let option = one_of(random, &["", "", "", "NOACK", "FOO"]);
            let line = format!("XREADGROUP GROUP {group} {consumer} {count} {option} STREAMS {key} {from}");
            vec![known, line]
        }
        50..53 => vec![format!("XACK {key} {group} {}", ids(random))],
        53..55 => {
            let idle = one_of(random, &["", "", "IDLE 0", "IDLE 1000000000", "IDLE x", "IDLE"]);
            let owner = one_of(random, &["", "", "x", "y", "nobody"]);
            let n = one_of(random, &["1", "3", "100", "0", "-1", "x"]);
            vec![format!("XPENDING {key} {group}"), format!("XPENDING {key} {group} {idle} {start} {end} {n} {owner}")]
        }
        55..58 => {
            let idle = one_of(random, &["0", "0", "1000000000", "-1", "x"]);
            let options =
                ["", "", "JUSTID", "FORCE", "FORCE JUSTID", "TIME 1000", "IDLE 5", "RETRYCOUNT 7", "LASTID 30-0", "FOO", "TIME x"];
            let line = format!("XCLAIM {key} {group} {consumer} {idle} {} {}", ids(random), one_of(random, &options));
            vec![known, line]
        }
        _ => {
            let idle = one_of(random, &["0", "0", "1000000000", "x"]);
            let options = ["", "COUNT 1", "COUNT 2", "COUNT 3 JUSTID", "JUSTID", "COUNT 0", "COUNT x", "FOO"];
            let line = format!("XAUTOCLAIM {key} {group} {consumer} {idle} {start} {}", one_of(random, &options));
            vec![known, line]
        }
    };
    let mut commands: Vec<Vec<Vec<u8>>> = lines.iter().map(|line| words(line)).collect();
    let last = commands.last_mut().expect("a command");
    // XADD without an id gets one from the clock, XREAD without one the clock's error text of another version.
    if below(random, 40) == 0 && last.len() > 1 && !last[0].starts_with(b"XADD") && !last[0].starts_with(b"XREAD") {
        last.pop();
    }
    commands
}

fn below(random: &mut Random, bound: usize) -> usize {
    random.bytes(b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09", 4, 4).iter().fold(0, |number, digit| number * 10 + usize::from(*digit)) % bound
}

fn one_of<'a>(random: &mut Random, choices: &[&'a str]) -> &'a str {
    choices[below(random, choices.len())]
}

fn id(random: &mut Random) -> String {
    format!("{}-{}", 1 + below(random, 60), below(random, 3))
}

fn ids(random: &mut Random) -> String {
    let mut ids: Vec<String> = (0..1 + below(random, 5)).map(|_| id(random)).collect();
    if below(random, 20) == 0 {
        ids.push(one_of(random, &["x", "0", "1-", "9999999999999-1", "-"]).to_string());
    }
    ids.join(" ")
}

/// An id for XADD. `*` only where the last id is in the future, so that the two clocks do not matter.
fn new_id(random: &mut Random, key: &str) -> String {
    match below(random, 8) {
        0 => one_of(random, &["0-0", "x", "18446744073709551616-1", "0-*", "01-1", "5-x"]).to_string(),
        _ if key == "f" => one_of(random, &["9999999999999-*", "9999999999999-*", "9999999999999-18446744073709551615"]).to_string(),
        _ => id(random),
    }
}

fn bound(random: &mut Random) -> String {
    match below(random, 5) {
        0 => one_of(random, &["-", "+", "(0-0", "(-", "(18446744073709551615-18446744073709551615", "x", "("]).to_string(),
        1 => format!("({}", id(random)),
        2 => (1 + below(random, 60)).to_string(),
        3 => one_of(random, &["-", "+"]).to_string(),
        _ => id(random),
    }
}

fn pairs(random: &mut Random) -> String {
    let value = |random: &mut Random| match below(random, 4) {
        0 => "v".repeat(1 + below(random, 90)),
        1 => (below(random, 9000) * below(random, 9000)).to_string(),
        _ => one_of(random, &["1", "abc", "-1", "300"]).to_string(),
    };
    match below(random, 20) {
        0 => "odd".to_string(),
        1..14 => format!("f {}", value(random)),
        14..17 => format!("f {} g {}", value(random), value(random)),
        _ => format!("{} {}", value(random), value(random)),
    }
}

fn trim_option(random: &mut Random) -> String {
    if below(random, 3) > 0 {
        return one_of(random, &["", "", "", "", "NOMKSTREAM"]).to_string();
    }
    let operator = one_of(random, &["", "=", "~", "~", "~"]);
    let limit = one_of(random, &["", "", "", "LIMIT 5", "LIMIT 0", "LIMIT 20", "LIMIT x", "LIMIT -1"]);
    if below(random, 2) == 0 {
        format!("MAXLEN {operator} {} {limit}", one_of(random, &["0", "1", "5", "12", "30", "-1", "x"]))
    } else {
        format!("MINID {operator} {} {limit}", one_of(random, &["0", "10", "20-1", "30-0", "x", "-"]))
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
