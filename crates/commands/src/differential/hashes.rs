//! Hash commands as a real redis-server answers them, in the order in which its small hashes show their fields.

use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;

#[test]
fn random_hash_commands_have_the_replies_of_redis() {
    for (proto, seed) in [(Proto::Resp2, 21), (Proto::Resp3, 22)] {
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
                    // Exploded hashes have an order of their own, and words for it.
                    if index == 0 || !is_ordered(command) {
                        let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
                        let (ours, theirs) = (ours.escape_ascii().to_string(), theirs.escape_ascii().to_string());
                        assert_eq!(ours, theirs, "{shown:?} (seed {seed}, limits {index})");
                    }
                }
            }
        }
    }
}

fn is_ordered(command: &[Vec<u8>]) -> bool {
    matches!(command[0].as_slice(), b"HGETALL" | b"HKEYS" | b"HVALS" | b"HSCAN" | b"HRANDFIELD" | b"OBJECT")
}

fn command(random: &mut Random) -> Vec<Vec<u8>> {
    let name = random.one_of(&[
        "HSET",
        "HSET",
        "HSET",
        "HSET",
        "HMSET",
        "HSETNX",
        "HGET",
        "HMGET",
        "HDEL",
        "HDEL",
        "HLEN",
        "HEXISTS",
        "HSTRLEN",
        "HINCRBY",
        "HINCRBY",
        "HINCRBYFLOAT",
        "HGETALL",
        "HGETALL",
        "HKEYS",
        "HVALS",
        "HRANDFIELD",
        "HSCAN",
        "OBJECT",
        "SET",
        "DEL",
        "TYPE",
        "PEXPIREAT",
        "PEXPIRETIME",
        "PERSIST",
    ]);
    let mut key = random.one_of(&["a", "b", "c", "a", "b", "s"]);
    let mut words = match name.as_slice() {
        b"HSET" | b"HMSET" => (0..1 + random.below(4)).flat_map(|_| [field(random), value(random)]).collect(),
        b"HSETNX" => vec![field(random), value(random)],
        b"HMGET" | b"HDEL" => (0..1 + random.below(4)).map(|_| field(random)).collect(),
        b"HINCRBY" => vec![field(random), number(random)],
        b"HINCRBYFLOAT" => vec![field(random), if random.below(2) == 0 { float(random) } else { number(random) }],
        // What does not depend on chance.
        b"HRANDFIELD" => {
            let mut words = vec![random.one_of(&["1000", "0", "x", "-9223372036854775808", "9223372036854775807"])];
            words.extend((0..random.below(3)).map(|_| random.one_of(&["WITHVALUES", "withvalues", "FOO"])));
            words
        }
        b"HSCAN" => {
            let mut words = vec![random.one_of(&["0", "0", "0", "x", "", " 0", "+0", "-0", "18446744073709551616"])];
            for _ in 0..random.below(3) {
                words.extend([random.one_of(&["MATCH", "COUNT", "FOO"]), random.one_of(&["*", "[ab]*", "10", "0"])]);
            }
            words
        }
        b"OBJECT" => {
            let key = std::mem::replace(&mut key, b"ENCODING".to_vec());
            vec![key]
        }
        b"SET" => {
            key = b"s".to_vec();
            vec![b"x".to_vec()]
        }
        b"PEXPIREAT" => vec![b"4000000000000".to_vec()],
        b"HGET" | b"HEXISTS" | b"HSTRLEN" => vec![field(random)],
        _ => vec![],
    };
    words.splice(0..0, [name.clone(), key]);
    if random.below(40) == 0 && name != b"HRANDFIELD" {
        words.pop();
    }
    words
}

fn field(random: &mut Random) -> Vec<u8> {
    match random.below(3) {
        0 => random.one_of(&["", "1", "01", "-0", "9223372036854775807"]),
        _ => random.bytes(b"abc", 1, 2),
    }
}

/// Short enough for a small hash.
fn value(random: &mut Random) -> Vec<u8> {
    match random.below(3) {
        0 => number(random),
        1 => float(random),
        _ => random.bytes(b"a\0\r\n\xff", 0, 64),
    }
}

/// Not so large or small that a sum would be longer than what a small hash holds.
fn float(random: &mut Random) -> Vec<u8> {
    random.one_of(&["0.1", "-2.25", "1e3", "5.0e-3", "17.999", "1e-17", "-0.0", ".5", "1.", "infinity", "1e5000"])
}

fn number(random: &mut Random) -> Vec<u8> {
    random.one_of(&["1", "-5", "9223372036854775807", "-9223372036854775808", "x", "", "1.5", " 1", "+1", "inf", "nan", "3.0e3"])
}
