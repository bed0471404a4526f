//! Values under other keys: every type in every layout, in the same slot, another slot and another database.

use bytes::Bytes;
use types::limits::Limits;
use types::root::{Kind, Root};
use types::slot::Slot;
use types::txn::{Database, HashKey, HashKeyTxn, Proto, ValueId};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, check, check_layouts, show, words};
use crate::value;

/// One key of every type, and a command that shows all of it.
const TYPES: [(&[&str], &str); 6] = [
    (&["SET {a}k \"a string that is not short\""], "GET"),
    (&["RPUSH {a}k a b 3 d a"], "LRANGE 0 -1"),
    (&["SADD {a}k a b 3 d"], "SMEMBERS"),
    (&["ZADD {a}k 1 a 2.5 b -3 c 1 d"], "ZRANGE 0 -1 WITHSCORES"),
    (&["HSET {a}k f 1 g 2 h 3", "HPEXPIRE {a}k 50000 FIELDS 1 g"], "HGETALL"),
    (
        &["XADD {a}k 1-1 f v g w", "XADD {a}k 2-1 f v", "XGROUP CREATE {a}k g 0", "XREADGROUP GROUP g c COUNT 1 STREAMS {a}k >"],
        "XINFO STREAM FULL",
    ),
];

struct Store {
    memory: Memory,
    database: u16,
}

impl Store {
    fn new(limits: Limits) -> Store {
        let mut memory = Memory::new(NOW);
        memory.set_limits(limits);
        Store { memory, database: 0 }
    }

    fn run(&mut self, line: &str) -> String {
        show(&self.memory.run(&Redis, Database(self.database), Proto::Resp2, words(line)))
    }

    /// Everything that the command `how` shows of a key, and its root but for what a new place changes.
    fn all(&mut self, how: &str, key: &str) -> (String, Option<Root>) {
        let (command, arguments) = how.split_once(' ').unwrap_or((how, ""));
        let shown = match how {
            "XINFO STREAM FULL" => self.run(&format!("XINFO STREAM {key} FULL")),
            _ => self.run(&format!("{command} {key} {arguments}")),
        };
        let root = self.memory.root_of(Database(self.database), key.as_bytes());
        (shown, root.map(|root| Root { version: 0, id: root.id.min(1), ..root.clone() }))
    }
}

fn layouts() -> impl Iterator<Item = Limits> {
    [Limits::exploding_at(0), Limits::exploding_at(1), Limits::exploding_at(3), Limits::DEFAULT].into_iter()
}

#[test]
fn values_of_every_type_survive_every_way() {
    for limits in layouts() {
        for (make, how) in TYPES {
            let mut store = Store::new(limits);
            for line in make {
                store.run(line);
            }
            store.run("PEXPIRE {a}k 100000");
            // What is in the way has elements of its own, which have to go.
            store.run("RPUSH {a}l x y z");
            let whole = store.all(how, "{a}k");
            assert!(whole.0.len() > 5 && !whole.0.starts_with("ERR"), "{whole:?}");
            let elements = store.memory.elements();

            assert_eq!(store.run("RENAME {a}k {a}l"), "OK");
            assert_eq!(store.all(how, "{a}l"), whole, "the same slot");
            assert_eq!(store.run("EXISTS {a}k"), "0");
            let alone = store.memory.elements();
            assert!(alone <= elements);

            assert_eq!(store.run("RENAMENX {a}l {b}m"), "1");
            assert_eq!(store.all(how, "{b}m"), whole, "another slot");
            assert_eq!(store.run("EXISTS {a}l"), "0");
            assert_eq!(store.memory.elements(), alone);

            assert_eq!(store.run("COPY {b}m {b}n DB 1"), "1");
            assert_eq!(store.run("MOVE {b}m 2"), "1");
            assert_eq!(store.run("EXISTS {b}m"), "0");
            assert_eq!(store.memory.elements(), 2 * alone);
            store.database = 1;
            assert_eq!(store.all(how, "{b}n"), whole, "a copy in another database");
            assert_eq!(store.run("SWAPDB 2 1"), "OK");
            assert_eq!(store.all(how, "{b}m"), whole, "moved, and swapped");

            // The copy does not share anything with the original.
            store.run("DEL {b}m");
            assert_eq!(store.memory.elements(), alone);
            store.database = 2;
            assert_eq!(store.all(how, "{b}n"), whole);
            store.run("UNLINK {b}n");
            assert_eq!(store.memory.elements(), 0);
        }
    }
}

#[test]
fn a_copy_goes_its_own_way() {
    check_layouts(
        r#"
        RPUSH l a b c                  -> 3
        COPY l m                       -> 1
        RPUSH m d                      -> 4
        LPOP l                         -> "a"
        LRANGE l 0 -1                  -> ["b", "c"]
        LRANGE m 0 -1                  -> ["a", "b", "c", "d"]
        ZADD z 1 a 2 b                 -> 2
        COPY z m REPLACE               -> 1
        ZINCRBY m 5 a                  -> "6"
        ZRANGE m 0 -1                  -> ["b", "a"]
        ZRANGE z 0 -1                  -> ["a", "b"]
        HSET h f 1                     -> 1
        RENAME h {x}h                  -> OK
        HINCRBY {x}h f 1               -> 2
        HSET {x}h g 1                  -> 1
        SADD s 1 2 3                   -> 3
        MOVE s 1                       -> 1
        database 1
        SREM s 2                       -> 1
        SADD s x                       -> 1
        SCARD s                        -> 3
        "#,
    );
}

/// As redis-server 7.0.15 answers.
#[test]
fn renames_that_do_nothing_or_are_refused() {
    check(
        r#"
        RENAME no no                   -> ERR no such key
        RENAME no a                    -> ERR no such key
        RENAMENX no no                 -> ERR no such key
        SET a 1 EX 10                  -> OK
        RENAME a a                     -> OK
        RENAMENX a a                   -> 0
        SET b 2                        -> OK
        RENAMENX a b                   -> 0
        GET b                          -> "2"
        RENAME a b                     -> OK
        TTL b                          -> 10
        GET b                          -> "1"
        SET c 3                        -> OK
        RENAME c b                     -> OK
        TTL b                          -> -1
        # What has expired is not there, neither here nor there.
        SET d 4 PX 5                   -> OK
        wait 6
        RENAMENX b d                   -> 1
        TTL d                          -> -1
        SET e 5 PX 5                   -> OK
        wait 6
        RENAME e f                     -> ERR no such key
        RENAME a                       -> ERR wrong number of arguments for 'rename' command
        "#,
    );
}

/// As redis-server 7.0.15 answers.
#[test]
fn copies_that_do_nothing_or_are_refused() {
    check(
        r#"
        SET a 1 EX 10                  -> OK
        COPY a a                       -> ERR source and destination objects are the same
        COPY no no                     -> ERR source and destination objects are the same
        COPY no a                      -> 0
        COPY no a REPLACE              -> 0
        COPY a a DB 0                  -> ERR source and destination objects are the same
        COPY a a DB 1                  -> 1
        COPY a a DB 1                  -> 0
        COPY a a DB 1 REPLACE          -> 1
        COPY a b DB 1 DB 2 replace     -> 1
        COPY a b DB                    -> ERR syntax error
        COPY a b FOO                   -> ERR syntax error
        COPY a b DB x                  -> ERR value is not an integer or out of range
        COPY a b DB 16                 -> ERR DB index is out of range
        COPY a b DB -1                 -> ERR DB index is out of range
        COPY a b DB 99999999999        -> ERR value is out of range, value must between -2147483648 and 2147483647
        COPY a b DB 16 FOO             -> ERR DB index is out of range
        EXISTS b                       -> 0
        database 2
        GET b                          -> "1"
        TTL b                          -> 10
        "#,
    );
}

/// As redis-server 7.0.15 answers.
#[test]
fn moves_that_do_nothing_or_are_refused() {
    check(
        r#"
        SET a 1 EX 10                  -> OK
        MOVE a 0                       -> ERR source and destination objects are the same
        MOVE no 0                      -> ERR source and destination objects are the same
        MOVE a x                       -> ERR value is not an integer or out of range
        MOVE a 16                      -> ERR DB index is out of range
        MOVE a -1                      -> ERR DB index is out of range
        MOVE no 1                      -> 0
        MOVE a 15                      -> 1
        EXISTS a                       -> 0
        SET a 2                        -> OK
        MOVE a 15                      -> 0
        GET a                          -> "2"
        database 15
        GET a                          -> "1"
        TTL a                          -> 10
        "#,
    );
}

/// As redis-server 7.0.15 answers.
#[test]
fn databases_change_places() {
    check_layouts(
        r#"
        SWAPDB 99 x                    -> ERR invalid second DB index
        SWAPDB x 99                    -> ERR invalid first DB index
        SWAPDB 99 0                    -> ERR DB index is out of range
        SWAPDB 0 16                    -> ERR DB index is out of range
        SWAPDB 99999999999 0           -> ERR invalid first DB index
        SWAPDB 0 99999999999           -> ERR invalid second DB index
        RPUSH k a b c                  -> 3
        SWAPDB 0 0                     -> OK
        LRANGE k 0 -1                  -> ["a", "b", "c"]
        SWAPDB 0 15                    -> OK
        DBSIZE                         -> 0
        SADD k x                       -> 1
        SWAPDB 15 0                    -> OK
        RPUSH k d                      -> 4
        LRANGE k 0 -1                  -> ["a", "b", "c", "d"]
        database 15
        SMEMBERS k                     -> ["x"]
        "#,
    );
}

#[test]
fn the_number_of_databases_is_a_limit() {
    let mut store = Store::new(Limits { databases: 2, ..Limits::DEFAULT });
    store.run("SET a 1");
    assert_eq!(store.run("MOVE a 2"), "ERR DB index is out of range");
    assert_eq!(store.run("COPY a b DB 2"), "ERR DB index is out of range");
    assert_eq!(store.run("SWAPDB 0 2"), "ERR DB index is out of range");
    assert_eq!(store.run("MOVE a 1"), "1");
}

#[test]
fn what_one_mutation_could_not_carry_is_refused() {
    let mut store = Store::new(Limits::DEFAULT);
    let piece = vec![b'x'; 40 << 20];
    for field in ["a", "b", "c", "d"] {
        let args = [b"HSET".as_slice(), b"{a}h", field.as_bytes(), &piece];
        assert_eq!(show(&store.memory.run(&Redis, Database(0), Proto::Resp2, args)), "1");
    }
    for line in ["RENAME {a}h {b}h", "RENAMENX {a}h {b}h", "COPY {a}h {a}i", "MOVE {a}h 1", "DUMP {a}h"] {
        assert_eq!(store.run(line), super::value::TOO_LARGE, "{line}");
    }
    assert_ne!(Slot::of(b"{a}h"), Slot::of(b"{b}h"));
    assert_eq!(store.run("RENAME {a}h {a}i"), "OK", "in the slot nothing is carried");
    assert_eq!(store.run("HDEL {a}i d"), "1");
    assert_eq!(store.run("COPY {a}i {b}h"), "1");
    assert_eq!(store.run("HSTRLEN {b}h c"), (40 << 20).to_string());
}

/// A member of a set has two records, but is one element.
#[test]
fn records_may_be_twice_as_many_as_elements() {
    let mut memory = Memory::new(NOW);
    let key = HashKey::new(Database(0), b"s");
    let elements = ValueId::of(&key, memory.next_id());
    (0..=value::ELEMENTS_MAX as u32).for_each(|number| memory.put(elements, &number.to_be_bytes(), Bytes::new()));
    let mut fits =
        |count| value::check(&mut memory, &key, &Root { id: elements.id, count, ..Root::inline(Kind::Set, Bytes::new()) }).is_ok();
    assert!(fits(value::ELEMENTS_MAX));
    assert!(!fits(value::ELEMENTS_MAX + 1));
}

/// The expiry belongs to the root: it never touches elements.
#[test]
fn expiries_leave_elements_alone() {
    for limits in layouts() {
        for (make, how) in TYPES {
            let mut store = Store::new(limits);
            for line in make {
                store.run(line);
            }
            let whole = store.all(how, "{a}k").0;
            let elements = store.memory.elements();
            for (line, answer) in [
                ("EXPIRE {a}k 100", "1"),
                ("PEXPIREAT {a}k 99999999 GT", "1"),
                ("EXPIREAT {a}k 9999 LT", "1"),
                ("PEXPIRETIME {a}k", "9999000"),
                ("TOUCH {a}k", "1"),
                ("PERSIST {a}k", "1"),
                ("PERSIST {a}k", "0"),
                ("TTL {a}k", "-1"),
            ] {
                assert_eq!(store.run(line), answer, "{line}");
                assert_eq!((store.all(how, "{a}k").0, store.memory.elements()), (whole.clone(), elements), "{line}");
            }
            assert_eq!(store.run("EXPIRE {a}k -1"), "1");
            assert_eq!((store.run("EXISTS {a}k"), store.memory.elements()), ("0".to_string(), 0));
        }
    }
}

#[test]
fn scans_tell_types_apart() {
    for limits in layouts() {
        let mut store = Store::new(limits);
        for (index, (make, _)) in TYPES.iter().enumerate() {
            for line in *make {
                store.run(line);
            }
            assert_eq!(store.run(&format!("RENAME {{a}}k key{index}")), "OK");
        }
        for (index, kind) in ["string", "list", "set", "zset", "hash", "STREAM"].iter().enumerate() {
            assert_eq!(store.run(&format!("SCAN 0 COUNT 100 TYPE {kind}")), format!("[\"0\", [\"key{index}\"]]"));
            assert_eq!(store.run(&format!("TYPE key{index}")), kind.to_lowercase());
            assert_ne!(store.run(&format!("OBJECT ENCODING key{index}")), "nil");
        }
        assert_eq!(store.run("SCAN 0 TYPE foo"), "[\"0\", []]");
    }
}
