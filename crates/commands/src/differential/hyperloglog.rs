//! HyperLogLogs: not only replies but all bytes are those of Redis. The cardinality in the header is left out where Redis has written it
//! for `PFCOUNT` of one key; several keys, or the same one twice, are counted without writing.

use resp::walk;
use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;

type Words = Vec<Vec<u8>>;

#[test]
fn hyperloglogs_have_the_bytes_of_redis() {
    let Some(mut server) = Server::start() else { return };
    let mut random = Random::new(21);
    for sparse in [0, 21, 40, 300, 3000, 20_000] {
        server.replies(&[words(&["flushall"]), words(&["config", "set", "hll-sparse-max-bytes", &sparse.to_string()])]);
        let whole = Limits { hll_sparse_bytes: sparse, ..Limits::DEFAULT };
        let chunks = Limits { string_value: 50, string_chunk: 512, ..whole };
        let mut memories = [whole, chunks].map(|limits| {
            let mut memory = Memory::new(server.time());
            memory.set_limits(limits);
            memory
        });
        let mut batch = Vec::new();
        for _ in 0..250 {
            let command = command(&mut random);
            let key = command[if command[0] == b"PFDEBUG" { 2 } else { 1 }].clone();
            batch.push(command);
            batch.push(vec![b"GET".to_vec(), key]);
        }
        for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
            for (index, memory) in memories.iter_mut().enumerate() {
                let ours = memory.run(&Redis, Database(0), Proto::Resp2, command);
                assert_same(&ours, &theirs, || format!("{} (limits {index}, sparse {sparse})", line(command)));
            }
        }
    }
}

#[test]
fn counts_up_to_100_000_are_those_of_redis() {
    let Some(mut server) = Server::start() else { return };
    let mut memory = Memory::new(server.time());
    let mut random = Random::new(22);
    let mut batch = Vec::new();
    let mut added = 0;
    while added < 100_000 {
        let count = 1 + random.below(1 + added.min(2000));
        let mut add = words(&["PFADD", "k"]);
        add.extend((0..count).map(|_| random.bytes(b"abcdefghijklmnopqrstuvwxyz\0\xff", 0, 20)));
        batch.push(add);
        batch.push(words(&["PFCOUNT", "k"]));
        added += count;
    }
    for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
        let ours = memory.run(&Redis, Database(0), Proto::Resp2, command);
        assert_same(&ours, &theirs, || line(&command[..1]));
    }
    let get = words(&["GET", "k"]);
    let theirs = server.replies(std::slice::from_ref(&get)).remove(0);
    let ours = memory.run(&Redis, Database(0), Proto::Resp2, &get);
    let registers = |reply: &[u8]| walk::parse_bulk(reply).expect("a string")[16..].to_vec();
    assert!(registers(&ours) == registers(&theirs));
}

#[test]
fn damaged_hyperloglogs_have_the_replies_of_redis() {
    let Some(mut server) = Server::start() else { return };
    let mut random = Random::new(23);
    let sound = sound(&mut server, &mut random);
    for round in 0..2500 {
        let value = damaged(&sound[random.below(sound.len())], &mut random);
        let command = match random.below(8) {
            0 => words(&["PFCOUNT", "k"]),
            1 => words(&["PFCOUNT", "k", "k"]),
            2 => words(&["PFMERGE", "t", "k"]),
            3 => words(&["PFMERGE", "k", "u"]),
            4 => words(&["PFDEBUG", ["GETREG", "TODENSE", "ENCODING", "FOO"][random.below(4)], "k"]),
            5 => words(&["PFDEBUG", "DECODE", "k"]),
            _ => {
                let mut add = words(&["PFADD", "k"]);
                add.extend((0..random.below(30)).map(|_| element(&mut random)));
                add
            }
        };
        // Redis writes such a run back without its last byte.
        if ends_within_a_run(&value) && (command[0] == b"PFADD" || command[1] == b"k") {
            continue;
        }
        let key = if command[0] == b"PFMERGE" { command[1].clone() } else { b"k".to_vec() };
        let counted = command[0] == b"PFCOUNT" && command.len() == 2;
        let batch = [
            words(&["DEL", "t", "u"]),
            words(&["PFADD", "u", "a", "b", "c"]),
            vec![b"SET".to_vec(), b"k".to_vec(), value],
            command,
            vec![b"GET".to_vec(), key],
        ];
        let theirs = server.replies(&batch);
        let mut memory = Memory::new(server.time());
        let ours: Vec<Vec<u8>> = batch.iter().map(|command| memory.run(&Redis, Database(0), Proto::Resp2, command)).collect();
        let story = || format!("{} after {} (round {round})", line(&batch[3]), line(&batch[2]));
        assert_same(&ours[3], &theirs[3], story);
        // After an error Redis may have changed something, and for PFCOUNT of one key it has written the cardinality.
        if !counted && !ours[3].starts_with(b"-") {
            assert_same(&ours[4], &theirs[4], story);
        }
    }
}

/// Values of all encodings and sizes, with and without a valid cardinality.
fn sound(server: &mut Server, random: &mut Random) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for count in [0, 1, 2, 3, 5, 10, 30, 100, 300, 1000, 1500, 5000] {
        for (dense, counted) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut batch = vec![words(&["DEL", "k"]), words(&["PFADD", "k"])];
            for _ in 0..count {
                batch.push(vec![b"PFADD".to_vec(), b"k".to_vec(), element(random)]);
            }
            if dense {
                batch.push(words(&["PFDEBUG", "TODENSE", "k"]));
            }
            if counted {
                batch.push(words(&["PFCOUNT", "k"]));
            }
            batch.push(words(&["GET", "k"]));
            let reply = server.replies(&batch).pop().expect("a reply");
            values.push(walk::parse_bulk(&reply).expect("a string").to_vec());
        }
    }
    values
}

/// A value of which a few bytes are others, more or less.
fn damaged(value: &[u8], random: &mut Random) -> Vec<u8> {
    let mut value = value.to_vec();
    for _ in 0..random.below(4) {
        let len = value.len();
        let last = len.saturating_sub(4);
        match random.below(8) {
            0 => value.truncate(last + random.below(5)),
            1 => value.extend(random.bytes(b"\0\x01\x3f\x40\x7f\x80\xff", 1, 3)),
            2 if len > 0 => value[random.below(len.min(16))] = random.below(256) as u8,
            3 if len > 0 => value[last + random.below(len - last)] = random.below(256) as u8,
            // Runs of one kind and another length, so that the sum is off by a little, or right again.
            4 | 5 if len > 16 => value[16 + random.below(len - 16)] ^= 1 << random.below(3),
            _ if len > 0 => value[random.below(len)] = random.below(256) as u8,
            _ => {}
        }
    }
    value
}

/// Whether a sparse one ends after the first byte of an XZERO.
fn ends_within_a_run(value: &[u8]) -> bool {
    let mut at = 16;
    while value.get(4) == Some(&1) && at < value.len() {
        at += if value[at] >> 6 == 1 { 2 } else { 1 };
    }
    at > value.len().max(16)
}

fn command(random: &mut Random) -> Words {
    let key = |random: &mut Random| random.one_of(&["a", "b", "c", "d"]);
    match random.below(20) {
        0 | 1 => {
            let mut merge = words(&["PFMERGE"]);
            merge.extend((0..1 + random.below(3)).map(|_| key(random)));
            merge
        }
        2 => {
            let mut count = words(&["PFCOUNT"]);
            count.extend((0..2 + random.below(3)).map(|_| key(random)));
            count
        }
        3 => vec![b"PFDEBUG".to_vec(), random.one_of(&["DECODE", "ENCODING", "ENCODING", "DECODE", "FOO"]), key(random)],
        4 if random.below(4) == 0 => vec![b"PFDEBUG".to_vec(), random.one_of(&["GETREG", "TODENSE"]), key(random)],
        5 => vec![b"DEL".to_vec(), key(random)],
        _ => {
            let mut add = vec![b"PFADD".to_vec(), key(random)];
            let most = [2, 10, 100][random.below(3)];
            add.extend((0..random.below(most)).map(|_| element(random)));
            add
        }
    }
}

fn element(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0 => random.bytes(b"ab\0\xff", 0, 40),
        _ => random.below(20_000).to_string().into_bytes(),
    }
}

fn words(words: &[&str]) -> Words {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Replies are long: they are only shown if they differ.
fn assert_same(ours: &[u8], theirs: &[u8], story: impl Fn() -> String) {
    assert!(ours == theirs, "{}\nours:   {}\ntheirs: {}", story(), shown(ours), shown(theirs));
}

fn shown(reply: &[u8]) -> String {
    reply.escape_ascii().to_string()
}

fn line(command: &[Vec<u8>]) -> String {
    command.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ")
}
