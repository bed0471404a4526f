//! Records: what is written where, what damage does, and how expired fields go.

use bytes::Bytes;
use types::args::Args;
use types::limits::Limits;
use types::reply::Reply;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, Call, Coprocessor, Database, HashKey, HashKeyTxn, Proto, SortKeys, ValueId};

use crate::coprocessor::Redis;
use crate::elements;
use crate::hashes::exploded::PURGE;
use crate::hashes::items::{Item, read_all, write_all};
use crate::hashes::{PLAIN, TIMED};
use crate::memory::Memory;
use crate::testing::{NOW, show, words};

const DB: Database = Database(0);

fn run(memory: &mut Memory, line: &str) -> String {
    show(&memory.run(&Redis, DB, Proto::Resp2, words(line)))
}

fn memory(entries: u32) -> Memory {
    let mut memory = Memory::new(NOW);
    memory.set_limits(Limits { hash_entries: entries, ..Limits::DEFAULT });
    memory
}

/// What docs/data-model.md shows is what is written.
#[test]
fn the_data_model_is_documented() {
    let docs = include_str!("../../../../../docs/data-model.md");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let shown = |memory: &Memory| {
        let root = memory.root_of(DB, b"user").unwrap();
        let time = |name: &str, at: Option<UnixMs>| at.map_or(String::new(), |at| format!(", {name} {at}"));
        let times = time("expiry", root.expire) + &time("due", root.due);
        format!("encoding {}{times}, id {}, count {}, value {}", root.encoding, root.id, root.count, hex(&root.value))
    };
    let mut memory = memory(128);
    let mut missing = false;
    let mut check = |memory: &mut Memory, line: &str| {
        run(memory, line);
        let expected = format!("{line:<40}{}", shown(memory));
        println!("{expected}");
        missing |= !docs.lines().any(|line| line == expected);
    };
    check(&mut memory, "HSET user name ann age 7");
    check(&mut memory, "HPEXPIREAT user 2000000 FIELDS 1 age");
    check(&mut memory, "HPEXPIREAT user 3000000 FIELDS 1 name");
    memory.set_limits(Limits { hash_entries: 2, ..Limits::DEFAULT });
    check(&mut memory, "HSET user city rome");
    check(&mut memory, "HDEL user city");
    let value = ValueId::of(&HashKey::new(DB, b"user"), memory.root_of(DB, b"user").unwrap().id);
    let found = elements::collect(&mut memory, value, &SortKeys::from(b""), usize::MAX).unwrap();
    assert_eq!(found.len(), 4);
    for (sort_key, element) in found {
        let expected = format!("{:<56}-> {}", hex(&sort_key), hex(&element));
        println!("{expected}");
        missing |= !docs.lines().any(|line| line.trim() == expected.trim());
    }
    assert!(!missing, "the lines above have to stand in docs/data-model.md");
}

#[test]
fn a_command_removes_what_has_expired_and_not_too_much_at_once() {
    let fields = 2 * PURGE + 10;
    let mut memory = memory(0);
    run(&mut memory, "HSET h stays 1");
    for field in 0..fields {
        run(&mut memory, &format!("HSETEX h PX {} FIELDS 1 f{field} 1", 1 + field % 7));
    }
    assert_eq!(memory.elements(), 2 * fields + 1);
    memory.set_now(UnixMs(NOW.0 + 8));
    for line in ["HLEN h", "HRANDFIELD h -2", "HSCAN h 0 COUNT 10000", "HGETALL h"] {
        run(&mut memory, line);
    }
    assert_eq!(run(&mut memory, "HLEN h"), "1", "reads count right and remove nothing");
    assert_eq!(memory.elements(), 2 * fields + 1);
    run(&mut memory, "HSETNX h stays 2");
    assert_eq!(memory.elements(), 2 * (fields - PURGE) + 1, "a write removes some, although it changes nothing itself");
    assert_eq!(run(&mut memory, "HLEN h"), "1");
    run(&mut memory, "HINCRBY h stays 1");
    run(&mut memory, "HDEL h nothing");
    assert_eq!(memory.elements(), 1);
    assert_eq!(run(&mut memory, "HGETALL h"), r#"["stays", "2"]"#);
}

#[test]
fn the_sweep_of_keys_takes_a_hash_whose_fields_are_all_gone() {
    for entries in [0, 128] {
        let mut memory = memory(entries);
        run(&mut memory, "HSET h a 1 b 2");
        run(&mut memory, "HPEXPIRE h 10 FIELDS 1 a");
        run(&mut memory, "HPEXPIRE h 20 FIELDS 1 b");
        let sweep = |memory: &mut Memory| show(&memory.call(&Redis, &Redis.sweep(10)));
        memory.set_now(UnixMs(NOW.0 + 21));
        assert_eq!(sweep(&mut memory), "1");
        assert_eq!((run(&mut memory, "DBSIZE"), memory.elements()), ("0".to_string(), 0));
    }
}

#[test]
fn the_sweep_takes_fields_that_have_expired() {
    let sweep = |memory: &mut Memory, limit| show(&memory.call(&Redis, &Redis.sweep(limit)));
    for entries in [0, 1024] {
        let mut memory = memory(entries);
        for field in 0..600 {
            run(&mut memory, &format!("HSET h f{field} 1"));
            run(&mut memory, &format!("HPEXPIRE h 10 FIELDS 1 f{field}"));
        }
        run(&mut memory, "HSET h later 2 stays 3");
        run(&mut memory, "HPEXPIRE h 20 FIELDS 1 later");
        run(&mut memory, "EXPIRE h 1000");
        run(&mut memory, "HSET quiet stays 1");
        let times = |memory: &mut Memory| {
            let root = memory.root_of(DB, b"h").unwrap();
            (root.count, [root.expire, root.due].map(|at| at.map(|at| at.0 - NOW.0)))
        };
        assert_eq!(times(&mut memory), (602, [Some(1_000_000), Some(10)]));
        memory.set_now(UnixMs(NOW.0 + 10));
        assert_eq!(sweep(&mut memory, 512), "0", "they live through that millisecond");
        memory.set_now(UnixMs(NOW.0 + 11));
        let mut swept = Vec::new();
        while times(&mut memory).1[1] == Some(10) {
            swept.push(sweep(&mut memory, 512).parse::<usize>().unwrap());
        }
        assert_eq!(swept, if entries == 0 { vec![PURGE, PURGE, 600 - 2 * PURGE] } else { vec![600] });
        assert_eq!(times(&mut memory), (2, [Some(1_000_000), Some(20)]));
        assert_eq!(memory.elements(), if entries == 0 { 4 } else { 0 }, "with the index and the other hash");
        assert_eq!(sweep(&mut memory, 512), "0");
        run(&mut memory, "PERSIST h");
        memory.set_now(UnixMs(NOW.0 + 21));
        assert_eq!((sweep(&mut memory, 512).as_str(), times(&mut memory)), ("1", (1, [None, None])));
        assert_eq!(run(&mut memory, "HGETALL h"), r#"["stays", "3"]"#);
    }
}

#[test]
fn one_sweep_ends_within_one_hash_of_its_limit() {
    let mut memory = memory(0);
    for hash in 0..4 {
        for field in 0..10 {
            run(&mut memory, &format!("HSET h{hash} f{field} 1 stays 2"));
            run(&mut memory, &format!("HPEXPIRE h{hash} 10 FIELDS 1 f{field}"));
        }
    }
    memory.set_now(UnixMs(NOW.0 + 11));
    let swept: Vec<String> = (0..3).map(|_| show(&memory.call(&Redis, &Redis.sweep(15)))).collect();
    assert_eq!(swept, ["20", "20", "0"]);
}

#[test]
fn reads_do_not_wade_through_what_was_removed() {
    let mut memory = memory(0);
    for field in 0..6000 {
        run(&mut memory, &format!("HSET h f{field} 1"));
    }
    let id = memory.root_of(DB, b"h").unwrap().id;
    for field in 100..5999 {
        run(&mut memory, &format!("HDEL h f{field}"));
    }
    assert_ne!(memory.root_of(DB, b"h").unwrap().id, id, "what is left has moved");
    assert_eq!(memory.elements(), 101);
    assert_eq!(run(&mut memory, "HLEN h"), "101");
    assert_eq!(run(&mut memory, "HMGET h f0 f99 f100 f5999"), r#"["1", "1", nil, "1"]"#);
}

#[test]
fn an_index_entry_that_is_not_the_last_costs_no_search() {
    let mut memory = memory(0);
    for field in 0..100 {
        run(&mut memory, &format!("HSETEX h PX {} FIELDS 1 f{field} 1", 1000 + field));
    }
    let before = memory.visited();
    run(&mut memory, "HDEL h f50");
    assert_eq!(memory.visited(), before);
    run(&mut memory, "HDEL h f0");
    run(&mut memory, "HDEL h f99");
    assert_eq!(memory.visited(), before + 2, "the first and the last are looked for where they lie");
}

#[test]
fn a_hash_is_read_and_written_as_a_whole() {
    let item = |field: &'static str, value: &'static str, expire: Option<i64>| Item {
        field: Bytes::from_static(field.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
        expire: expire.map(|after| UnixMs(NOW.0 + after)),
    };
    for entries in [0, 1, 128] {
        let mut memory = memory(entries);
        let limits = Limits { hash_entries: entries, ..Limits::DEFAULT };
        let key = HashKey::new(DB, b"h");
        run(&mut memory, "SET h x EX 100");
        let items = [item("a", "1", Some(10)), item("gone", "2", Some(-1)), item("b", "3", None)];
        write_all(&mut memory, &limits, &key, &items, Some(UnixMs(NOW.0 + 50))).unwrap();
        let root = memory.root_of(DB, b"h").unwrap().clone();
        assert_eq!((root.kind, root.encoding, root.id == 0, root.count), (Kind::Hash, TIMED, entries == 128, 2));
        let mut read = read_all(&mut memory, &key, &root).unwrap();
        read.sort_by(|a, b| a.field.cmp(&b.field));
        assert_eq!(read, [items[0].clone(), items[2].clone()]);
        assert_eq!(run(&mut memory, "PTTL h"), "50");
        run(&mut memory, "DEL other"); // a command that may write
        write_all(&mut memory, &limits, &key, &items[2..], None).unwrap();
        assert_eq!((run(&mut memory, "HGETALL h"), run(&mut memory, "PTTL h")), (r#"["b", "3"]"#.to_string(), "-1".to_string()));
        assert_eq!(memory.root_of(DB, b"h").unwrap().encoding, PLAIN);
        run(&mut memory, "DEL other");
        write_all(&mut memory, &limits, &key, &items[1..2], None).unwrap();
        assert_eq!((run(&mut memory, "EXISTS h"), memory.elements()), ("0".to_string(), 0));
    }
}

#[test]
fn draws_end_where_the_index_lacks_what_has_expired() {
    let mut memory = memory(0);
    for field in 0..1000 {
        run(&mut memory, &format!("HSET h f{field} 1"));
        if field > 0 {
            run(&mut memory, &format!("HPEXPIRE h 1 FIELDS 1 f{field}"));
        }
    }
    memory.set_now(UnixMs(NOW.0 + 2));
    for line in ["HRANDFIELD h 3", "HRANDFIELD h -3"] {
        assert!(!aborts(&mut memory, line));
    }
    run(&mut memory, "DEL other"); // a command that may write
    let value = ValueId::of(&HashKey::new(DB, b"h"), memory.root_of(DB, b"h").unwrap().id);
    for (sort_key, _) in elements::collect(&mut memory, value, &SortKeys::between(b"x", b"y"), usize::MAX).unwrap() {
        memory.delete(value, &sort_key);
    }
    assert_eq!(run(&mut memory, "HLEN h"), "1000");
    for line in ["HRANDFIELD h 3", "HRANDFIELD h 50", "HRANDFIELD h 1000", "HRANDFIELD h -50", "HGETALL h"] {
        assert!(aborts(&mut memory, line), "{line}");
    }
}

#[test]
fn what_is_drawn_is_not_held_whole_where_it_is_large() {
    let mut memory = memory(0);
    let long = "v".repeat(100 << 10);
    for field in 0..10 {
        run(&mut memory, &format!("HSET h f{field} {long}{field}"));
    }
    let reply = run(&mut memory, "HRANDFIELD h -30 WITHVALUES");
    let parts: Vec<&str> = reply.trim_matches(['[', ']']).split(", ").collect();
    assert_eq!(parts.len(), 60);
    for pair in parts.chunks(2) {
        assert_eq!(pair[1], format!("\"{long}{}\"", pair[0].trim_matches(['"', 'f'])));
    }
}

/// Every living field has the same chance, whether it is drawn or met on a walk.
#[test]
fn living_fields_are_drawn_fairly() {
    for (entries, live, expired) in [(1000, 4, 4), (0, 4, 4), (0, 120, 60)] {
        let mut memory = memory(entries);
        for field in 0..live {
            run(&mut memory, &format!("HSET h f{field} 1"));
        }
        for field in 0..expired {
            run(&mut memory, &format!("HSETEX h PX 1 FIELDS 1 x{field} 1"));
        }
        memory.set_now(UnixMs(NOW.0 + 2));
        for line in ["HRANDFIELD h -1", "HRANDFIELD h 1", "HRANDFIELD h 2", "HRANDFIELD h -100"] {
            let (mut seen, mut drawn) = (std::collections::BTreeMap::new(), 0);
            while drawn < 40 * live {
                for field in run(&mut memory, line).trim_matches(['[', ']']).split(", ") {
                    assert!(field.starts_with("\"f"), "{field} has expired");
                    *seen.entry(field.to_string()).or_insert(0) += 1;
                    drawn += 1;
                }
            }
            // About 40 each; the standard deviation is 6.
            assert_eq!(seen.len(), live as usize, "{line}");
            assert!(seen.values().all(|&seen: &i32| (10..=80).contains(&seen)), "{line}: {seen:?}");
        }
    }
}

/// Whatever the bytes of a root or an element are, a command answers or says that they are damaged.
#[test]
fn damage_is_found_and_panics_nowhere() {
    let commands = [
        "HGET h a",
        "HGETALL h",
        "HLEN h",
        "HRANDFIELD h 2",
        "HRANDFIELD h -2",
        "HSCAN h 0",
        "HSET h a 1",
        "HDEL h a",
        "HPEXPIRE h 10 FIELDS 1 a",
        "HPERSIST h FIELDS 1 a",
        "TTL h",
        "PEXPIRE h 10",
        "PERSIST h",
        "OBJECT ENCODING h",
    ];
    let values: [&[u8]; 9] = [
        b"",
        b"\x00",
        b"\x01",
        b"\x00\x01",
        b"\x05ab",
        b"\x00\x05\x01a\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x00\x00\x09\x01\x01",
        b"\x00\x01\x01a\x01b",
    ];
    let mut damaged = 0;
    for id in [0, 1] {
        for encoding in [PLAIN, TIMED] {
            for value in values {
                for line in commands {
                    let mut memory = memory(128);
                    memory.next_id();
                    let root = Root { id, encoding, count: 1, ..Root::inline(Kind::Hash, Bytes::copy_from_slice(value)) };
                    let key = HashKey::new(DB, b"h");
                    memory.put_root(&key, root).unwrap();
                    if id == 1 {
                        let hash = [b"m".as_slice(), &types::slot::hash48(b"a").to_be_bytes()[2..], b"a"].concat();
                        memory.put(ValueId::of(&key, 1), &hash, Bytes::from_static(b"\xff"));
                        memory.put(ValueId::of(&key, 1), b"x", Bytes::new());
                    }
                    damaged += u32::from(aborts(&mut memory, line));
                }
            }
        }
    }
    assert!(damaged > 100, "only {damaged} of them were damaged");
}

fn aborts(memory: &mut Memory, line: &str) -> bool {
    let args = Args::copied(words(line));
    let command = Redis.resolve(&args).unwrap();
    let call = Call { command, database: DB, proto: Proto::Resp2, args, limits: Limits::DEFAULT };
    match Redis.execute(memory, &call, &mut Reply::default()) {
        Ok(()) => false,
        Err(Abort::Storage(text)) => text.contains("damaged"),
        Err(other) => panic!("{other}"),
    }
}
