//! Commands of strings and bitmaps over strings in chunks and whole ones.

use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;

#[test]
fn random_bit_commands_have_the_replies_of_redis() {
    for (proto, seed) in [(Proto::Resp2, 51), (Proto::Resp3, 52)] {
        let Some(mut server) = Server::start() else { return };
        server.hello(proto);
        // The last one explodes at 40 bytes: strings go from one layout to the other all the time.
        let mut memories = [Limits::DEFAULT, Limits::exploding_at(0), Limits::exploding_at(7), Limits::exploding_at(40)].map(|limits| {
            let mut memory = Memory::new(server.time());
            memory.set_limits(limits);
            memory
        });
        let mut random = Random::new(seed);
        for _ in 0..15 {
            let now = server.time();
            let batch: Vec<Vec<Vec<u8>>> = (0..400).map(|_| command(&mut random)).collect();
            for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
                for (index, memory) in memories.iter_mut().enumerate() {
                    memory.set_now(now);
                    let ours = memory.run(&Redis, Database(0), proto, command);
                    let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
                    assert_eq!(
                        ours.escape_ascii().to_string(),
                        theirs.escape_ascii().to_string(),
                        "{shown:?} (seed {seed}, limits {index})"
                    );
                }
            }
        }
    }
}

fn command(random: &mut Random) -> Vec<Vec<u8>> {
    let name = random.one_of(&[
        "SETBIT",
        "SETBIT",
        "SETBIT",
        "GETBIT",
        "BITCOUNT",
        "BITCOUNT",
        "BITPOS",
        "BITPOS",
        "BITOP",
        "BITOP",
        "BITFIELD",
        "BITFIELD",
        "BITFIELD",
        "BITFIELD_RO",
        "SETRANGE",
        "SETRANGE",
        "GETRANGE",
        "GETRANGE",
        "SUBSTR",
        "APPEND",
        "APPEND",
        "STRLEN",
        "GET",
        "GET",
        "GET",
        "MGET",
        "SET",
        "SET",
        "SETNX",
        "GETSET",
        "GETDEL",
        "GETEX",
        "INCR",
        "DECRBY",
        "INCRBY",
        "INCRBYFLOAT",
        "LCS",
        "OBJECT",
        "PEXPIREAT",
        "PEXPIRETIME",
        "DEL",
        "LPUSH",
    ]);
    let mut words = match name.as_slice() {
        b"SETBIT" => vec![key(random), bit(random), random.one_of(&["0", "1", "1", "1", "0", "1", "2", "x"])],
        b"GETBIT" => vec![key(random), bit(random)],
        b"BITCOUNT" => {
            let mut words = vec![key(random)];
            words.extend(Some(range(random)).filter(|range| range.len() != 1).unwrap_or_default());
            words
        }
        b"BITPOS" => {
            let mut words = vec![key(random), random.one_of(&["0", "1", "0", "1", "0", "1", "2", "x"])];
            words.extend(range(random));
            words
        }
        b"BITOP" => {
            let mut words = vec![random.one_of(&["AND", "or", "XOR", "NOT", "NOT", "NAND"]), key(random)];
            words.extend((0..1 + random.below(3)).map(|_| key(random)));
            words
        }
        b"BITFIELD" | b"BITFIELD_RO" => {
            let mut words = vec![key(random)];
            let operations = 1 + random.below(4);
            (0..operations).for_each(|_| words.extend(operation(random, &name)));
            words
        }
        b"SETRANGE" => vec![key(random), place(random), value(random)],
        b"GETRANGE" | b"SUBSTR" => vec![key(random), place(random), place(random)],
        b"APPEND" | b"SETNX" | b"GETSET" => vec![key(random), value(random)],
        b"SET" => {
            let mut words = vec![key(random), value(random)];
            words.extend((0..random.below(3)).map(|_| random.one_of(&["GET", "KEEPTTL", "XX", "NX"])));
            words
        }
        b"GETEX" => match random.below(4) {
            0 => vec![key(random), b"PXAT".to_vec(), b"4000000000001".to_vec()],
            1 => vec![key(random), b"PERSIST".to_vec()],
            2 => vec![key(random), b"PXAT".to_vec(), b"1".to_vec()],
            _ => vec![key(random)],
        },
        b"INCRBY" | b"DECRBY" => vec![key(random), random.integer()],
        b"INCRBYFLOAT" => vec![key(random), random.one_of(&["1", "-2.5", "100", "x"])],
        b"MGET" | b"LCS" => vec![key(random), key(random)],
        b"OBJECT" => vec![b"ENCODING".to_vec(), random.one_of(&["{k}a", "{k}b", "{k}c", "{k}d"])],
        b"PEXPIREAT" => vec![key(random), random.one_of(&["4000000000000", "4000000000000", "1"])],
        b"LPUSH" => vec![b"{k}list".to_vec(), b"x".to_vec()],
        _ => vec![key(random)],
    };
    if random.below(60) == 0 && !matches!(name.as_slice(), b"OBJECT" | b"BITCOUNT") {
        words.pop();
    }
    words.insert(0, name);
    words
}

fn key(random: &mut Random) -> Vec<u8> {
    random.one_of(&["{k}a", "{k}b", "{k}c", "{k}a", "{k}b", "{k}c", "{k}d", "{k}list"])
}

/// Mostly digits, so that numbers are found; zeros are not stored in chunks.
fn value(random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => random.integer(),
        1 => random.bytes(b"\0", 0, 20),
        2 => random.bytes(b"\xff", 0, 20),
        3 => random.bytes(b"\0\0\0\0a", 0, 60),
        _ => random.bytes(b"\0ab\xff\x80\x01", 0, 12),
    }
}

/// A byte of a string that is seldom longer than 100, or one that none has.
fn place(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0 => random.one_of(&["9223372036854775807", "-9223372036854775808", "x", "536870912"]),
        1..=3 => (random.below(100) as i64 - 100).to_string().into_bytes(),
        _ => random.below(70).to_string().into_bytes(),
    }
}

fn bit(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => random.one_of(&["-1", "x", "4294967296", "#1", ""]),
        _ => random.below(600).to_string().into_bytes(),
    }
}

/// A range without errors: the server at hand (7.0) looks at the key before it looks at these, the one that we follow does not.
fn range(random: &mut Random) -> Vec<Vec<u8>> {
    let end = |random: &mut Random| match random.below(12) {
        0 => random.one_of(&["9223372036854775807", "-9223372036854775808"]),
        1..=5 => (random.below(800) as i64 - 400).to_string().into_bytes(),
        _ => (random.below(160) as i64 - 80).to_string().into_bytes(),
    };
    let mut words: Vec<Vec<u8>> = (0..random.below(4)).map(|_| end(random)).collect();
    if words.len() == 3 {
        words[2] = random.one_of(&["BIT", "bit", "BYTE"]);
    }
    words
}

/// A subcommand of BITFIELD. For BITFIELD_RO mostly one that it has.
fn operation(random: &mut Random, name: &[u8]) -> Vec<Vec<u8>> {
    let field = match random.below(20) {
        0 => random.one_of(&["u64", "i65", "u0", "x8", "I8", "u", "i-1"]),
        1 => random.one_of(&["i64", "u63"]),
        2..=9 => format!("i{}", 1 + random.below(64)).into_bytes(),
        10..=17 => format!("u{}", 1 + random.below(63)).into_bytes(),
        _ => random.one_of(&["u8", "i16"]),
    };
    let offset = match random.below(20) {
        0 => random.one_of(&["-1", "#", "x", "#x", "#-1", "##1", "4294967296"]),
        1..=6 => format!("#{}", random.below(12)).into_bytes(),
        _ => random.below(500).to_string().into_bytes(),
    };
    let number = |random: &mut Random| match random.below(4) {
        0 => random.one_of(&[
            "9223372036854775807",
            "-9223372036854775808",
            "-9223372036854775680",
            "-9223372036854775679",
            "-4611686018427387905",
        ]),
        1 => (random.below(600) as i64 - 300).to_string().into_bytes(),
        _ => random.integer(),
    };
    let verb = random.below(if name == b"BITFIELD_RO" { 40 } else { 4 });
    let mut words = match verb {
        0 => vec![b"SET".to_vec(), field, offset, number(random)],
        1 | 2 => vec![b"INCRBY".to_vec(), field, offset, number(random)],
        _ => vec![random.one_of(&["GET", "get"]), field, offset],
    };
    if random.below(2) == 0 && name == b"BITFIELD" {
        let overflow = random.one_of(&["SAT", "sat", "FAIL", "FAIL", "WRAP", "SAT", "FAIL", "SAT", "WRAP", "NONE"]);
        words.splice(0..0, [b"OVERFLOW".to_vec(), overflow]);
    }
    words
}
