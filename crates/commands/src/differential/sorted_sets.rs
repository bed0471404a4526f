//! Sorted set commands, whatever the layout is. The server at hand (7.0) writes scores with 17 digits, so scores are sums of powers of
//! two; it has the sign of zero in large sorted sets only, so there is none. What Redis leaves open is not sent: ranges of members where
//! scores differ, random members.

use resp::walk;
use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;

#[test]
fn random_sorted_set_commands_have_the_replies_of_redis() {
    for (proto, seed) in [(Proto::Resp2, 21), (Proto::Resp3, 22)] {
        let Some(mut server) = Server::start() else { return };
        server.hello(proto);
        let mut memories = [Limits::DEFAULT, Limits::exploding_at(0), Limits::exploding_at(4)].map(|limits| {
            let mut memory = Memory::new(server.time());
            memory.set_limits(limits);
            memory
        });
        let mut random = Random(seed);
        for _ in 0..15 {
            let batch: Vec<Vec<Vec<u8>>> = (0..400).map(|_| command(&mut random)).collect();
            for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
                for (index, memory) in memories.iter_mut().enumerate() {
                    let ours = memory.run(&Redis, Database(0), proto, command);
                    let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
                    assert_eq!(comparable(command, &ours), comparable(command, &theirs), "{shown:?} (seed {seed}, limits {index})");
                }
            }
        }
    }
}

fn command(random: &mut Random) -> Vec<Vec<u8>> {
    let name = random.one_of(&[
        "ZADD",
        "ZADD",
        "ZADD",
        "ZADD",
        "ZADD",
        "ZADD",
        "LADD",
        "LADD",
        "ZINCRBY",
        "ZINCRBY",
        "ZREM",
        "ZREM",
        "ZSCORE",
        "ZMSCORE",
        "ZCARD",
        "ZRANK",
        "ZREVRANK",
        "ZCOUNT",
        "ZLEXCOUNT",
        "ZRANGE",
        "ZRANGE",
        "ZRANGE",
        "ZREVRANGE",
        "ZRANGEBYSCORE",
        "ZREVRANGEBYSCORE",
        "ZRANGEBYLEX",
        "ZREVRANGEBYLEX",
        "ZRANGESTORE",
        "ZREMRANGEBYRANK",
        "ZREMRANGEBYSCORE",
        "ZREMRANGEBYLEX",
        "ZPOPMIN",
        "ZPOPMAX",
        "ZMPOP",
        "ZUNION",
        "ZINTER",
        "ZDIFF",
        "ZUNIONSTORE",
        "ZINTERSTORE",
        "ZDIFFSTORE",
        "ZINTERCARD",
        "ZSCAN",
        "ZRANDMEMBER",
        "SADD",
        "SET",
        "DEL",
        "TYPE",
    ]);
    let mut words: Vec<Vec<u8>> = match name.as_slice() {
        b"ZADD" => {
            let mut words = vec![key(random)];
            while random.below(3) == 0 {
                words.push(random.one_of(&["NX", "XX", "GT", "LT", "CH", "INCR", "ch", "foo"]));
            }
            for _ in 0..1 + random.below(5) {
                words.extend([score(random), member(random)]);
            }
            words
        }
        b"LADD" => vec![b"l".to_vec(), b"0".to_vec(), member(random), b"0".to_vec(), member(random)],
        b"ZINCRBY" => vec![key(random), score(random), member(random)],
        b"ZREM" | b"ZMSCORE" => vec![key_or_l(random), member(random), member(random)],
        b"ZSCORE" | b"ZRANK" | b"ZREVRANK" => vec![key_or_l(random), member(random)],
        b"ZCOUNT" | b"ZREMRANGEBYSCORE" => vec![key(random), bound(random), bound(random)],
        b"ZLEXCOUNT" | b"ZREMRANGEBYLEX" => vec![l(random), lex(random), lex(random)],
        b"ZREMRANGEBYRANK" => vec![key_or_l(random), rank(random), rank(random)],
        b"ZRANGE" => range(random, None),
        b"ZRANGESTORE" => {
            let to = random.one_of(&["a", "b", "d", "d"]);
            range(random, Some(to))
        }
        b"ZREVRANGE" => {
            let words = vec![key_or_l(random), rank(random), rank(random)];
            with_options(random, words, &["WITHSCORES", "", "", "REV"])
        }
        b"ZRANGEBYSCORE" | b"ZREVRANGEBYSCORE" => {
            let words = vec![key(random), bound(random), bound(random)];
            with_options(random, words, &["WITHSCORES", "LIMIT", "LIMIT", "", "REV", "BYSCORE"])
        }
        b"ZRANGEBYLEX" | b"ZREVRANGEBYLEX" => {
            let words = vec![l(random), lex(random), lex(random)];
            with_options(random, words, &["LIMIT", "LIMIT", "", "", "WITHSCORES"])
        }
        b"ZPOPMIN" | b"ZPOPMAX" => match random.below(3) {
            0 => vec![key_or_l(random)],
            _ => vec![key_or_l(random), random.one_of(&["0", "1", "2", "3", "100", "-1", "x", "9223372036854775807"])],
        },
        b"ZMPOP" => {
            let mut words = keys(random);
            words.push(random.one_of(&["MIN", "max", "MAX", "min", "FOO"]));
            with_options(random, words, &["COUNT", "", "", "COUNT"])
        }
        b"ZUNION" | b"ZINTER" | b"ZDIFF" | b"ZINTERCARD" => combined(random),
        b"ZUNIONSTORE" | b"ZINTERSTORE" | b"ZDIFFSTORE" => {
            let mut words = vec![random.one_of(&["a", "b", "d", "d", "s"])];
            words.extend(combined(random));
            words
        }
        b"ZSCAN" => {
            let mut words = vec![key_or_l(random), random.one_of(&["0", "0", "0", "x", ""])];
            // All of it at once: cursors are nobody else's business.
            words.extend([b"COUNT".to_vec(), b"10000".to_vec()]);
            match random.below(3) {
                0 => words.extend([b"MATCH".to_vec(), random.one_of(&["*", "m1*", "[ab]*", ""])]),
                1 => words.push(random.one_of(&["COUNT", "MATCH", "FOO"])),
                _ => {}
            }
            words
        }
        b"ZRANDMEMBER" => {
            let words = vec![key_or_l(random), random.one_of(&["1000", "0", "x", "-9223372036854775808", "4611686018427387904", "1000"])];
            with_options(random, words, &["WITHSCORES", "", "FOO"])
        }
        b"SADD" => vec![b"t".to_vec(), member(random), member(random)],
        b"SET" => vec![b"s".to_vec(), b"x".to_vec()],
        _ => vec![key_or_l(random)],
    };
    if random.below(60) == 0 && words.len() > 2 && name != b"ZRANDMEMBER" {
        words.pop();
    }
    words.insert(0, if name == b"LADD" { b"ZADD".to_vec() } else { name });
    words
}

/// What follows ZRANGE or, with a key to store in, ZRANGESTORE.
fn range(random: &mut Random, to: Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let by = random.one_of(&["BYSCORE", "BYLEX", "", "byscore"]);
    let mut words: Vec<Vec<u8>> = to.into_iter().collect();
    match by.as_slice() {
        b"BYLEX" => words.extend([l(random), lex(random), lex(random)]),
        b"" => words.extend([key_or_l(random), rank(random), rank(random)]),
        _ => words.extend([key(random), bound(random), bound(random)]),
    }
    let mut words = with_options(random, words, &["WITHSCORES", "REV", "LIMIT", "", "", "rev"]);
    words.extend(Some(by).filter(|by| !by.is_empty()));
    words
}

/// Number of keys, keys and options of ZUNION and its relatives.
fn combined(random: &mut Random) -> Vec<Vec<u8>> {
    let mut words = keys(random);
    let count = words.len() - 1;
    for _ in 0..random.below(3) {
        match random.below(5) {
            0 | 1 => {
                words.push(b"WEIGHTS".to_vec());
                words.extend((0..count).map(|_| random.one_of(&["1", "2", "0.5", "3", "inf", "1", "2", "x"])));
            }
            2 => words.extend([b"AGGREGATE".to_vec(), random.one_of(&["SUM", "min", "MAX", "MIN", "foo"])]),
            3 => words.push(b"WITHSCORES".to_vec()),
            _ => words.extend([b"LIMIT".to_vec(), random.one_of(&["0", "1", "2", "-1", "x"])]),
        }
    }
    words
}

/// A number of keys and those keys; seldom, another number.
fn keys(random: &mut Random) -> Vec<Vec<u8>> {
    let count = 1 + random.below(3);
    let mut words = vec![count.to_string().into_bytes()];
    if random.below(15) == 0 {
        words = vec![random.one_of(&["0", "-1", "x", "9", "9223372036854775807"])];
    }
    words.extend((0..count).map(|_| random.one_of(&["a", "b", "c", "d", "a", "b", "c", "l", "t", "t", "s"])));
    words
}

fn with_options(random: &mut Random, mut words: Vec<Vec<u8>>, options: &[&str]) -> Vec<Vec<u8>> {
    for _ in 0..random.below(3) {
        let option = random.one_of(options);
        match option.as_slice() {
            b"" => {}
            b"LIMIT" => words.extend([option, rank(random), rank(random)]),
            b"COUNT" => words.extend([option, random.one_of(&["1", "2", "0", "x", "9"])]),
            _ => words.push(option),
        }
    }
    words
}

fn key(random: &mut Random) -> Vec<u8> {
    random.one_of(&["a", "b", "c", "a", "b", "c", "a", "b", "c", "d", "s"])
}

fn key_or_l(random: &mut Random) -> Vec<u8> {
    if random.below(6) == 0 { b"l".to_vec() } else { key(random) }
}

/// The key whose scores are all the same.
fn l(random: &mut Random) -> Vec<u8> {
    random.one_of(&["l", "l", "l", "l", "l", "l", "l", "s", "none"])
}

fn score(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => random.one_of(&["inf", "-inf", "+Infinity", "0x10", "1e3", "x", "nan", "", "1e400", " 1"]),
        1 => random.one_of(&["0.5", "2.25", "-0.125", ".5"]),
        _ => (random.below(12) as i64 - 4).to_string().into_bytes(),
    }
}

fn bound(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => random.one_of(&["", "(", "x", "nan", "((1", " 1", "1e400", "2 "]),
        1 | 2 => random.one_of(&["inf", "-inf", "+inf", "(inf", "(-inf"]),
        3 => [b"(".to_vec(), score(random)].concat(),
        _ => score(random),
    }
}

fn lex(random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => random.one_of(&["a", "", "++", "(", "["]),
        1 | 2 => random.one_of(&["-", "+"]),
        3 => [b"(".to_vec(), member(random)].concat(),
        _ => [b"[".to_vec(), member(random)].concat(),
    }
}

fn rank(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => random.one_of(&["9223372036854775807", "-9223372036854775808", "x", "100", "-100"]),
        _ => (random.below(20) as i64 - 8).to_string().into_bytes(),
    }
}

fn member(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => random.bytes(b"ab", 0, 2),
        1 => random.bytes(b"a\0\r\n\xff", 0, 3),
        2 => random.bytes(b"ab", 62, 66),
        _ => format!("m{}", random.below(25)).into_bytes(),
    }
}

/// A reply without the order of a scan.
fn comparable(command: &[Vec<u8>], reply: &[u8]) -> Vec<String> {
    let shown = |part: &[u8]| part.escape_ascii().to_string();
    if command[0] != b"ZSCAN" || reply.starts_with(b"-") {
        return vec![shown(reply)];
    }
    let parts: Vec<&[u8]> = walk::elements(reply).expect("a cursor and members").collect();
    let found: Vec<String> = walk::elements(parts[1]).expect("members and scores").map(shown).collect();
    let mut pairs: Vec<String> = found.chunks(2).map(|pair| pair.join(" ")).collect();
    pairs.sort();
    pairs.push(shown(parts[0]));
    pairs
}
