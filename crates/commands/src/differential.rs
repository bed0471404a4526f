//! The same random commands to a real redis-server and to an empty partition: every reply has to have the same bytes.
//!
//! Without a redis-server on the path the tests say so and pass. What cannot be compared is not sent: times relative to now (the two
//! clocks differ by a millisecond), orders of keys, `SCAN`.

use resp::walk;
use types::limits::Limits;
use types::time::UnixMs;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;
use crate::table::{COMMANDS, Place};

mod hashes;
mod hyperloglog;
mod lists;
mod random;
mod server;
mod sets;
mod sorted_sets;
mod streams;

#[test]
fn random_commands_have_the_replies_of_redis() {
    for (proto, seed) in [(Proto::Resp2, 1), (Proto::Resp3, 2)] {
        let Some(mut server) = Server::start() else { return };
        server.hello(proto);
        let redis = Redis;
        let mut memory = Memory::new(UnixMs(0));
        memory.set_limits(Limits { value_max: 512 << 20, ..Limits::DEFAULT });
        let mut random = Random(seed);
        for _ in 0..40 {
            memory.set_now(server.time());
            let batch: Vec<Vec<Vec<u8>>> = (0..500).map(|_| random.command()).collect();
            for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
                let ours = memory.run(&redis, Database(0), proto, command);
                let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
                assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string(), "{shown:?} (seed {seed})");
            }
        }
    }
}

#[test]
fn sums_of_floats_are_those_of_redis() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: redis-server adds in another type than on x86-64");
        return;
    }
    let Some(mut server) = Server::start() else { return };
    let (redis, mut memory) = (Redis, Memory::new(server.time()));
    let mut random = Random(3);
    let mut batch = Vec::new();
    for _ in 0..10_000 {
        let (a, b) = (random.float(), random.float());
        batch.push([b"set".to_vec(), b"f".to_vec(), a].to_vec());
        batch.push([b"incrbyfloat".to_vec(), b"f".to_vec(), b].to_vec());
    }
    for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
        let ours = memory.run(&redis, Database(0), Proto::Resp2, command);
        let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
        assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string(), "{shown:?}");
    }
}

#[test]
fn patterns_match_the_keys_that_redis_finds() {
    let Some(mut server) = Server::start() else { return };
    let (redis, mut memory) = (Redis, Memory::new(server.time()));
    let mut random = Random(4);
    let mut keys: Vec<Vec<u8>> = (0..200).map(|_| random.bytes(b"abc-]\\*^", 1, 4)).collect();
    keys.sort();
    keys.dedup();
    let sets: Vec<Vec<Vec<u8>>> = keys.iter().map(|key| vec![b"set".to_vec(), key.clone(), b"x".to_vec()]).collect();
    server.replies(&sets);
    for set in &sets {
        memory.run(&redis, Database(0), Proto::Resp2, set);
    }
    let found = |reply: &[u8]| -> Vec<String> {
        let mut keys: Vec<String> = walk::elements(reply).unwrap().map(|key| key.escape_ascii().to_string()).collect();
        keys.sort();
        keys
    };
    let batch: Vec<Vec<Vec<u8>>> = (0..4000).map(|_| vec![b"keys".to_vec(), random.bytes(b"abc*?[]^-\\", 0, 8)]).collect();
    for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
        let ours = memory.run(&redis, Database(0), Proto::Resp2, command);
        assert_eq!(found(&ours), found(&theirs), "{}", command[1].escape_ascii());
    }
}

#[test]
fn the_table_agrees_with_command_info() {
    let Some(mut server) = Server::start() else { return };
    // What Redis changed between the server at hand (7.0) and the one we follow (7.4), and what our containers do differently.
    let changed = ["quit", "wait", "command|getkeys", "client|setname", "debug", "msetnx", "zrank", "zrevrank"];
    let parts = |reply: &[u8]| -> Vec<String> {
        let infos: Vec<&[u8]> = walk::elements(reply).unwrap().collect();
        let parts: Vec<&[u8]> = walk::elements(infos[0]).unwrap().collect();
        let name = parts[0].escape_ascii().to_string();
        // Name, arity, flags, keys, categories, key specs; hints only if they are not about clusters of nodes.
        let mut flags: Vec<String> = walk::elements(parts[2]).unwrap().map(|flag| flag.escape_ascii().to_string()).collect();
        let mut categories: Vec<String> = walk::elements(parts[6]).unwrap().map(|flag| flag.escape_ascii().to_string()).collect();
        flags.sort();
        categories.sort();
        let rest = [1, 3, 4, 5, 7, 8].map(|part| parts[part].escape_ascii().to_string());
        [name, flags.join(" "), categories.join(" "), rest.join(" ")].to_vec()
    };
    for command in COMMANDS.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands)) {
        let theirs = server.replies(&[[b"command".to_vec(), b"info".to_vec(), command.name.as_bytes().to_vec()].to_vec()]);
        let unknown = walk::elements(&theirs[0]).unwrap().next() == Some(b"$-1\r\n");
        if unknown {
            assert!(command.name.starts_with("debug|") || command.since >= "7.2", "{}", command.name);
        } else if !changed.contains(&command.name) {
            let mut ours = Vec::new();
            crate::describe::command_infos([command.name.as_bytes()].into_iter(), Proto::Resp2, &mut ours);
            assert_eq!(parts(&ours), parts(&theirs[0]), "{}", command.name);
        }
        assert!(command.place != Place::Proxy || command.keys.is_empty(), "{}", command.name);
    }
}
