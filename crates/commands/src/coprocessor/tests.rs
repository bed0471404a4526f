//! What reaches a partition and what does not.

use types::args::Args;
use types::limits::Limits;
use types::txn::{Call, CommandId, Coprocessor, Database, Proto};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::table::{self, Place};
use crate::testing::{NOW, check, show, words};

#[test]
fn only_commands_of_partitions_are_resolved() {
    let redis = Redis;
    let resolve = |line: &str| redis.resolve(&Args::copied(words(line))).and_then(table::by_id).map(|command| command.name);
    assert_eq!(resolve("GET a"), Some("get"));
    assert_eq!(resolve("object ENCODING a"), Some("object|encoding"));
    for line in ["", "ping", "get", "nosuch", "object help", "object", "client id", "mset a 1 b"] {
        assert_eq!(resolve(line), None, "{line}");
    }
}

#[test]
fn writers_are_those_that_are_flagged() {
    let redis = Redis;
    let writes = |line: &str| redis.writes(redis.resolve(&Args::copied(words(line))).expect("runs at a partition"));
    for line in ["set a 1", "getex a", "expire a 1", "flushdb", "mset a 1"] {
        assert!(writes(line), "{line}");
    }
    for line in ["get a", "ttl a", "scan 0", "object encoding a", "debug object a", "touch a", "dbsize"] {
        assert!(!writes(line), "{line}");
    }
    assert!(!redis.writes(CommandId(u16::MAX)));
}

#[test]
fn a_call_that_no_partition_runs_is_answered_with_an_error() {
    let redis = Redis;
    let mut memory = Memory::new(NOW);
    let mut answer = |command: CommandId, line: &str| {
        let call = Call { command, database: Database(0), proto: Proto::Resp2, args: Args::copied(words(line)), limits: Limits::DEFAULT };
        show(&memory.call(&redis, &call))
    };
    let unresolved = CommandId(u16::MAX);
    assert_eq!(answer(unresolved, "nosuch a"), "ERR unknown command 'nosuch', with args beginning with: 'a' ");
    assert_eq!(answer(unresolved, "get"), "ERR wrong number of arguments for 'get' command");
    assert_eq!(answer(unresolved, "ping"), "ERR command 'ping' does not run at a partition");
    assert_eq!(answer(unresolved, ""), "ERR unknown command '', with args beginning with: ");
    let (ping, _) = table::lookup(b"ping").expect("is there");
    assert_eq!(answer(ping, "ping"), "ERR command 'ping' does not run at a partition");
    // An id that does not go with the arguments: the arity is checked again, nothing panics.
    let (get, _) = table::lookup(b"get").expect("is there");
    assert_eq!(answer(get, "ping"), "ERR command 'ping' does not run at a partition");
    assert_eq!(answer(get, ""), "ERR unknown command '', with args beginning with: ");
}

#[test]
fn no_number_of_arguments_makes_a_program_panic() {
    let redis = Redis;
    for id in 0..u16::MAX {
        let Some(command) = table::by_id(CommandId(id)).filter(|command| command.place != Place::Proxy) else { continue };
        for len in 0..8 {
            let args = Args::copied(command.name.split('|').chain(["1"; 8]).take(len));
            let call =
                Call { command: CommandId(id), database: Database(0), proto: Proto::Resp2, args, limits: types::limits::Limits::DEFAULT };
            assert!(!show(&Memory::new(NOW).call(&redis, &call)).is_empty());
        }
    }
}

#[test]
fn keys_are_counted_looked_at_and_deleted() {
    check(
        r#"
        DBSIZE                     -> 0
        MSET a 1 b foo c ""        -> OK
        DBSIZE                     -> 3
        EXISTS a b c d a           -> 4
        TOUCH a d                  -> 1
        TYPE a                     -> string
        TYPE d                     -> none
        DEL a a d                  -> 1
        UNLINK b c                 -> 2
        DEL                        -> ERR wrong number of arguments for 'del' command
        SET n 12                   -> OK
        OBJECT ENCODING n          -> "int"
        SET n 012                  -> OK
        OBJECT ENCODING n          -> "embstr"
        SET n 12345678901234567890123456789012345678901234   -> OK
        OBJECT ENCODING n          -> "embstr"
        APPEND n 5                 -> 45
        OBJECT encoding n          -> "raw"
        SET n 123456789012345678901234567890123456789012345  -> OK
        OBJECT ENCODING n          -> "raw"
        OBJECT REFCOUNT n          -> 1
        OBJECT IDLETIME n          -> 0
        wait 5000
        OBJECT IDLETIME n          -> 5
        OBJECT IDLETIME x          -> nil
        OBJECT ENCODING x          -> nil
        OBJECT FREQ x              -> nil
        OBJECT FREQ n              -> ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
        DEBUG OBJECT n             -> Value at:0xd68 refcount:1 encoding:raw serializedlength:45 lru:1000 lru_seconds_idle:5
        DEBUG OBJECT x             -> ERR no such key
        "#,
    );
}

#[test]
fn databases_are_emptied_one_or_all() {
    check(
        r#"
        MSET a 1 b 2               -> OK
        database 1
        SET a 3                    -> OK
        database 2
        SET a 3                    -> OK
        FLUSHDB                    -> OK
        DBSIZE                     -> 0
        FLUSHDB SYNC               -> OK
        FLUSHDB FOO                -> ERR syntax error
        FLUSHALL ASYNC SYNC        -> ERR syntax error
        database 1
        DBSIZE                     -> 1
        GET a                      -> "3"
        FLUSHALL async             -> OK
        DBSIZE                     -> 0
        database 0
        DBSIZE                     -> 0
        "#,
    );
}
