//! The same random commands to a real redis-server and to an empty partition: every reply has to have the same bytes, and so has
//! everything that is stored when a sequence of them ends.
//!
//! ```text
//!    strings, hashes, ... ──▶ template ──▶ sequence ──▶ compare, drawn      300 commands on both sides, in RESP2 or RESP3,
//!    random                                   │                             on a layout or across changes of the layout
//!    keys: with every type               campaign ──▶ shrink ──▶ a report   until enough commands were compared
//! ```
//! Without a redis-server on the path the tests say so and pass. What cannot be compared is not sent: what is newer than the server
//! at hand, random keys, ids that a clock makes.

use resp::walk;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::campaign::Type;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;
use crate::table::{COMMANDS, Group, Place};

mod bitmaps;
mod bits;
mod campaign;
mod compare;
mod drawn;
mod geo;
mod hashes;
mod hyperloglog;
mod hyperloglogs;
mod keys;
mod lists;
mod places;
mod random;
mod reply;
mod sequence;
pub(crate) mod server;
mod sets;
mod shrink;
mod sorted_sets;
mod stream_nodes;
mod streams;
mod strings;
mod template;

const TYPES: &[&Type] = &[
    &strings::TYPE,
    &bitmaps::TYPE,
    &hashes::TYPE,
    &lists::TYPE,
    &sets::TYPE,
    &sorted_sets::TYPE,
    &streams::TYPE,
    &hyperloglogs::TYPE,
    &geo::TYPE,
];

#[test]
fn strings_are_those_of_redis() {
    campaign::compare(&strings::TYPE);
}

#[test]
fn bitmaps_are_those_of_redis() {
    campaign::compare(&bitmaps::TYPE);
}

#[test]
fn hashes_are_those_of_redis() {
    campaign::compare(&hashes::TYPE);
}

#[test]
fn lists_are_those_of_redis() {
    campaign::compare(&lists::TYPE);
}

#[test]
fn sets_are_those_of_redis() {
    campaign::compare(&sets::TYPE);
}

#[test]
fn sorted_sets_are_those_of_redis() {
    campaign::compare(&sorted_sets::TYPE);
}

#[test]
fn streams_are_those_of_redis() {
    campaign::compare(&streams::TYPE);
}

#[test]
fn hyperloglogs_are_those_of_redis() {
    campaign::compare(&hyperloglogs::TYPE);
}

#[test]
fn places_are_those_of_redis() {
    campaign::compare(&geo::TYPE);
}

#[test]
fn every_command_of_the_data_types_is_compared() {
    let names: Vec<String> = TYPES.iter().flat_map(|kind| kind.templates).chain(keys::TEMPLATES).map(|line| campaign::name(line)).collect();
    for command in COMMANDS.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands)) {
        let is_data = !matches!(command.group, Group::Generic | Group::Connection | Group::Server);
        let is_leaf = command.subcommands.is_empty() && !command.name.ends_with("|help");
        // Newer than the server at hand, or compared by a test of its own.
        let is_elsewhere = command.since >= "7.2" || ["incrbyfloat", "pfdebug", "pfselftest"].contains(&command.name);
        assert!(!is_data || !is_leaf || is_elsewhere || names.iter().any(|name| name == command.name), "{}", command.name);
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
    let mut random = Random::new(3);
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
    let mut random = Random::new(4);
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
