//! Walking over keys.

use std::collections::BTreeSet;

use resp::walk;
use types::args::Args;
use types::slot::{Cursor, Slot};
use types::time::UnixMs;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::scan::cursor;
use crate::testing::{NOW, check, show};

#[test]
fn a_scan_returns_every_key_once() {
    let redis = Redis;
    // Three partitions, and the cursor leads from one to the next.
    let mut partitions = [0..=5460, 5461..=10_922, 10_923..=16_383].map(|slots| Memory::with_slots(NOW, slots));
    let at = |place: Cursor| usize::from(place.slot().unwrap().number() / 5461).min(2);
    for i in 0..500 {
        let key = format!("key:{i}");
        let partition = at(Cursor::new(Slot::of(key.as_bytes()), 0));
        run(&mut partitions[partition], &redis, 0, &["set", &key, "x"]);
        run(&mut partitions[partition], &redis, 1, &["set", &key, "other database"]);
    }
    for count in ["1", "7", "10", "100", "100000"] {
        let mut seen = BTreeSet::new();
        let mut from = "0".to_string();
        loop {
            let place = cursor(&Args::copied(["scan", &from])).unwrap();
            let reply = run(&mut partitions[at(place)], &redis, 0, &["scan", &from, "count", count]);
            let mut parts = walk::elements(&reply).unwrap();
            from = text(parts.next().unwrap());
            for key in walk::elements(parts.next().unwrap()).unwrap() {
                assert!(seen.insert(text(key)), "{} twice", text(key));
            }
            if from == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 500);
    }
}

#[test]
fn a_cursor_left_behind_comes_back_unchanged() {
    let mut memory = Memory::with_slots(NOW, 0..=99);
    let place = Cursor::new(Slot::new(100).unwrap(), 5).0.to_string();
    let reply = run(&mut memory, &Redis, 0, &["scan", &place]);
    assert_eq!(show(&reply), format!("[\"{place}\", []]"));
}

#[test]
fn scan_chooses_by_pattern_and_type() {
    check(
        r#"
        SCAN 0                           -> ["0", []]
        MSET a1 x a2 x b1 x              -> OK
        SCAN 0 MATCH b*                  -> ["0", ["b1"]]
        SCAN 0 match b1 COUNT 1000       -> ["0", ["b1"]]
        SCAN 0 MATCH b* TYPE string      -> ["0", ["b1"]]
        SCAN 0 MATCH b* TYPE STRING      -> ["0", ["b1"]]
        SCAN 0 TYPE list                 -> ["0", []]
        SCAN 0 TYPE nonsense             -> ["0", []]
        SCAN 0 MATCH                     -> ERR syntax error
        SCAN 0 COUNT 0                   -> ERR syntax error
        SCAN 0 COUNT -1                  -> ERR syntax error
        SCAN 0 COUNT x                   -> ERR value is not an integer or out of range
        SCAN 0 COUNT 1 FOO               -> ERR syntax error
        SCAN 0 FOO 1                     -> ERR syntax error
        SCAN x                           -> ERR invalid cursor
        SCAN ""                          -> ERR invalid cursor
        SCAN -1                          -> ERR invalid cursor
        SCAN 18446744073709551615        -> ERR invalid cursor
        SCAN                             -> ERR wrong number of arguments for 'scan' command
        "#,
    );
}

#[test]
fn expired_keys_are_not_found() {
    check(
        r#"
        SET a 1 PX 10                    -> OK
        SET b 1                          -> OK
        KEYS ?                           -> ["a", "b"]
        wait 11
        SCAN 0                           -> ["0", ["b"]]
        KEYS *                           -> ["b"]
        RANDOMKEY                        -> "b"
        DEL b                            -> 1
        RANDOMKEY                        -> nil
        KEYS *                           -> []
        "#
        .replace("[\"a\", \"b\"]", &order())
        .as_str(),
    );
}

#[test]
fn keys_knows_databases_and_patterns() {
    check(
        r#"
        SET a 1                          -> OK
        database 1
        KEYS *                           -> []
        RANDOMKEY                        -> nil
        SET "[x" 1                       -> OK
        KEYS \[x                         -> ["[x"]
        KEYS [x                          -> []
        KEYS ""                          -> []
        "#,
    );
}

#[test]
fn every_key_is_random_now_and_then() {
    let redis = Redis;
    let mut memory = Memory::new(NOW);
    for i in 0..20 {
        run(&mut memory, &redis, 0, &["set", &format!("key:{i}"), "x"]);
    }
    let seen: BTreeSet<String> = (0..2000).map(|_| text(&run(&mut memory, &redis, 0, &["randomkey"]))).collect();
    assert_eq!(seen.len(), 20);
}

#[test]
fn the_sweep_deletes_what_has_expired_and_nothing_else() {
    use types::txn::{Coprocessor, HashKeyTxn};

    let redis = Redis;
    let mut memory = Memory::new(NOW);
    for database in [0, 3] {
        for i in 0..10 {
            let key = format!("key:{i}");
            run(&mut memory, &redis, database, &["set", &key, "x", "px", if i < 6 { "10" } else { "20" }]);
        }
    }
    assert!(redis.writes(redis.sweep(1).command));
    memory.set_now(UnixMs(NOW.0 + 11));
    assert_eq!(show(&memory.call(&redis, &redis.sweep(5))), "5");
    assert_eq!(show(&memory.call(&redis, &redis.sweep(100))), "7");
    assert_eq!(show(&memory.call(&redis, &redis.sweep(100))), "0");
    assert_eq!((memory.count(Database(0)).keys, memory.count(Database(3)).keys), (4, 4));
    // No name leads to it.
    assert_eq!(redis.resolve(&Args::copied(["sweep", "5"])), None);
}

/// `a` and `b` in the order of keys.
fn order() -> String {
    let place = |name: &[u8]| Cursor::new(Slot::of(name), types::slot::hash48(name));
    if place(b"a") < place(b"b") { r#"["a", "b"]"# } else { r#"["b", "a"]"# }.to_string()
}

fn run(memory: &mut Memory, redis: &Redis, database: u16, args: &[&str]) -> Vec<u8> {
    memory.run(redis, Database(database), Proto::Resp2, args)
}

fn text(bulk: &[u8]) -> String {
    show(bulk).trim_matches('"').to_string()
}
