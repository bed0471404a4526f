//! Set commands, whatever the layout is. The server at hand (7.0) has no listed sets, so members are compared without their order,
//! and of `OBJECT ENCODING` only whether a set is one of integers.

use resp::walk;
use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;

#[test]
fn random_set_commands_have_the_replies_of_redis() {
    for (proto, seed) in [(Proto::Resp2, 11), (Proto::Resp3, 12)] {
        let Some(mut server) = Server::start() else { return };
        server.hello(proto);
        let mut memories = [Limits::DEFAULT, Limits::exploding_at(0), Limits::exploding_at(2)].map(|limits| {
            let mut memory = Memory::new(server.time());
            memory.set_limits(limits);
            memory
        });
        let mut random = Random(seed);
        for _ in 0..10 {
            let batch: Vec<Vec<Vec<u8>>> = (0..400).map(|_| command(&mut random)).collect();
            for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
                for (index, memory) in memories.iter_mut().enumerate() {
                    let ours = memory.run(&Redis, Database(0), proto, command);
                    let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
                    let (ours, theirs) = (comparable(command, &ours), comparable(command, &theirs));
                    // Other limits than the server's: another word for the layout.
                    if index == 0 || command[0] != b"OBJECT" {
                        assert_eq!(ours, theirs, "{shown:?} (seed {seed}, limits {index})");
                    }
                }
            }
        }
    }
}

fn command(random: &mut Random) -> Vec<Vec<u8>> {
    let name = random.one_of(&[
        "SADD",
        "SADD",
        "SADD",
        "SADD",
        "SREM",
        "SREM",
        "SMOVE",
        "SMOVE",
        "SISMEMBER",
        "SMISMEMBER",
        "SCARD",
        "SMEMBERS",
        "SINTER",
        "SUNION",
        "SDIFF",
        "SINTERSTORE",
        "SUNIONSTORE",
        "SDIFFSTORE",
        "SINTERCARD",
        "SPOP",
        "SRANDMEMBER",
        "SSCAN",
        "OBJECT",
        "OBJECT",
        "SET",
        "DEL",
        "TYPE",
        "EXISTS",
        "PEXPIREAT",
        "PEXPIRETIME",
    ]);
    let mut words: Vec<Vec<u8>> = match name.as_slice() {
        b"SADD" | b"SREM" | b"SMISMEMBER" => {
            let count = 1 + random.below(5);
            let integers = random.below(2) == 0;
            let mut words = vec![key(random)];
            words.extend((0..count).map(|_| if integers { integer(random) } else { member(random) }));
            words
        }
        b"SISMEMBER" => vec![key(random), member(random)],
        b"SMOVE" => vec![key(random), key(random), member(random)],
        b"SINTERSTORE" | b"SUNIONSTORE" | b"SDIFFSTORE" | b"SINTER" | b"SUNION" | b"SDIFF" => {
            (0..1 + random.below(4)).map(|_| key(random)).collect()
        }
        b"SINTERCARD" => {
            let keys = 1 + random.below(3);
            let mut words = vec![keys.to_string().into_bytes()];
            if random.below(6) == 0 {
                words = vec![random.one_of(&["0", "-1", "x", "9", "9223372036854775808"])];
            }
            words.extend((0..keys).map(|_| key(random)));
            if random.below(2) == 0 {
                words.push(random.one_of(&["LIMIT", "limit", "limit", "FOO"]));
                words.push(random.one_of(&["0", "1", "2", "3", "-1", "x"]));
            }
            words
        }
        b"SPOP" => vec![key(random), random.one_of(&["1000", "0", "-1", "x", "9223372036854775807"])],
        b"SRANDMEMBER" => vec![key(random), random.one_of(&["1000", "0", "x", "-9223372036854775808", "9223372036854775807"])],
        b"SSCAN" => {
            let mut words = vec![key(random), random.one_of(&["0", "0", "0", "x", "", " 0", "0 ", "+0", "-0", "18446744073709551616"])];
            // All of it at once: cursors are nobody else's business.
            words.extend([b"COUNT".to_vec(), b"10000".to_vec()]);
            match random.below(4) {
                0 => words.extend([random.one_of(&["MATCH", "match"]), random.one_of(&["*", "1*", "[ab]*", ""])]),
                1 => {
                    words.extend([random.one_of(&["COUNT", "FOO", "NOVALUES", "TYPE"]), random.one_of(&["0", "x", "10000", "-1", "10001"])])
                }
                2 => words.push(random.one_of(&["COUNT", "MATCH", "FOO"])),
                _ => {}
            }
            words
        }
        b"OBJECT" => vec![b"ENCODING".to_vec(), key(random)],
        b"SET" => vec![b"s".to_vec(), b"x".to_vec()],
        b"PEXPIREAT" => vec![key(random), b"4000000000000".to_vec()],
        _ => vec![key(random)],
    };
    // Without its count, chance would answer.
    if random.below(60) == 0 && !matches!(name.as_slice(), b"SPOP" | b"SRANDMEMBER") {
        words.pop();
    }
    if random.below(60) == 0 && name.starts_with(b"S") {
        words.push(member(random));
    }
    words.insert(0, name);
    words
}

fn key(random: &mut Random) -> Vec<u8> {
    random.one_of(&["a", "b", "c", "a", "b", "c", "d", "s"])
}

fn integer(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => random.one_of(&["9223372036854775807", "-9223372036854775808", "127", "128", "-129", "32768", "-2147483649", "2147483647"]),
        _ => (random.below(30) as i64 - 10).to_string().into_bytes(),
    }
}

fn member(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 | 1 => integer(random),
        2 => random.one_of(&["", "01", "-0", "+1", " 1", "9223372036854775808"]),
        3 => random.bytes(b"ab", 0, 2),
        _ => random.bytes(b"a\0\r\n\xff", 60, 70),
    }
}

/// A reply without what layouts and versions may differ in.
fn comparable(command: &[Vec<u8>], reply: &[u8]) -> Vec<String> {
    let shown = |part: &[u8]| part.escape_ascii().to_string();
    let sorted = |reply: &[u8]| {
        let mut parts: Vec<String> = walk::elements(reply).map(|parts| parts.map(shown).collect()).unwrap_or_default();
        parts.sort();
        parts.insert(0, shown(&reply[..1]));
        parts
    };
    if reply.starts_with(b"-") {
        return vec![shown(reply)];
    }
    match command[0].as_slice() {
        b"SMEMBERS" | b"SINTER" | b"SUNION" | b"SDIFF" | b"SPOP" | b"SRANDMEMBER" => sorted(reply),
        b"SSCAN" => {
            let parts: Vec<&[u8]> = walk::elements(reply).expect("a cursor and members").collect();
            let mut members = sorted(parts[1]);
            members.push(shown(parts[0]));
            members
        }
        b"OBJECT" => vec![(reply == b"$6\r\nintset\r\n").to_string()],
        _ => vec![shown(reply)],
    }
}
