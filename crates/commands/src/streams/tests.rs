//! Stream commands, as scripts; what their records have to agree about.

use std::collections::{BTreeMap, BTreeSet};

use types::limits::Limits;
use types::txn::{Database, HashKey, HashKeyTxn, Proto, SortKeys, ValueId};

use crate::coprocessor::Redis;
use crate::elements::collect;
use crate::memory::Memory;
use crate::streams::dump::{read_all, write_all};
use crate::streams::group::{self, Group};
use crate::streams::id::Id;
use crate::streams::stream::{Entry, Stream};
use crate::testing::{NOW, check, check_with, show, words};

#[test]
fn ids_ascend_whatever_the_clock_does() {
    check(
        r#"
        XADD s * f v                              -> "1000000-0"
        XADD s * f v                              -> "1000000-1"
        wait -5000
        XADD s * f v                              -> "1000000-2"
        XADD s 1000000-* f v                      -> "1000000-3"
        wait 5001
        XADD s * f v                              -> "1000001-0"
        XADD s 999-* f v                          -> ERR The ID specified in XADD is equal or smaller than the target stream top item
        XADD s 1000001 f v                        -> ERR The ID specified in XADD is equal or smaller than the target stream top item
        XADD s 1000001-18446744073709551615 f v   -> "1000001-18446744073709551615"
        XADD s 1000001-* f v                      -> ERR The ID specified in XADD is equal or smaller than the target stream top item
        XADD s 1000002-* f v                      -> "1000002-0"
        XADD s 1000002-18446744073709551615 f v   -> "1000002-18446744073709551615"
        XADD s * f v                              -> "1000003-0"
        XADD s 18446744073709551615-18446744073709551615 f v -> "18446744073709551615-18446744073709551615"
        XADD s * f v       -> ERR The stream has exhausted the last possible ID, unable to add more items
        XADD t 0-* f v                            -> "0-1"
        XADD t 0-0 f v                            -> ERR The ID specified in XADD must be greater than 0-0
        XADD u 0 f v                              -> ERR The ID specified in XADD must be greater than 0-0
        EXISTS u                                  -> 0
        "#,
    );
}

#[test]
fn xadd_checks_its_arguments_in_the_order_of_redis() {
    check(
        r#"
        SET x 1                                   -> OK
        XADD x * f                                -> ERR wrong number of arguments for 'xadd' command
        XADD x * f v g                            -> ERR wrong number of arguments for 'xadd' command
        XADD x NOMKSTREAM NOMKSTREAM NOMKSTREAM NOMKSTREAM -> ERR wrong number of arguments for 'xadd' command
        XADD x bad f v                            -> ERR Invalid stream ID specified as stream command argument
        XADD x + f v                              -> ERR Invalid stream ID specified as stream command argument
        XADD x MAXLEN -1 * f v                    -> ERR The MAXLEN argument must be >= 0.
        XADD x MAXLEN a * f v                     -> ERR value is not an integer or out of range
        XADD x MAXLEN ~ 1 MINID 1 * f v           -> ERR syntax error, MAXLEN and MINID options at the same time are not compatible
        XADD x LIMIT 5 * f v                      -> ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
        XADD x LIMIT 0 * f v                      -> ERR syntax error, LIMIT cannot be used without the special ~ option
        XADD x MAXLEN 3 LIMIT 5 * f v             -> ERR syntax error, LIMIT cannot be used without the special ~ option
        XADD x MAXLEN ~ 3 LIMIT -5 * f v          -> ERR The LIMIT argument must be >= 0.
        XADD x * f v                              -> WRONGTYPE Operation against a key holding the wrong kind of value
        XADD s NOMKSTREAM * f v                   -> nil
        EXISTS s                                  -> 0
        XADD s MAXLEN 0 * f v                     -> "1000000-0"
        XLEN s                                    -> 0
        TYPE s                                    -> stream
        OBJECT ENCODING s                         -> "stream"
        XTRIM s MAXLEN                            -> ERR wrong number of arguments for 'xtrim' command
        XTRIM s FOO 1                             -> ERR syntax error
        XTRIM s LIMIT 1                           -> ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
        XTRIM s LIMIT 0                           -> ERR syntax error, XTRIM must be called with a trimming strategy
        XTRIM none MAXLEN 1                       -> 0
        XTRIM x MAXLEN 1                          -> WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

/// The cases of Redis' tests.
#[test]
fn approximate_trimming_removes_whole_nodes() {
    let (mut memory, mut id) = (Memory::new(NOW), 0);
    let mut add = |memory: &mut Memory, count: usize, options: &str| {
        for _ in 0..count {
            id += 1;
            let line = format!("XADD s {options} {id} xitem {}", id % 1000);
            memory.run(&Redis, Database(0), Proto::Resp2, words(&line));
        }
    };
    let nodes = |entries: u32| Limits { stream_node_entries: entries, ..Limits::DEFAULT };
    add(&mut memory, 1000, "MAXLEN ~ 555");
    check_with(Redis, &mut memory, "XLEN s -> 600\nDEL s -> 1");
    add(&mut memory, 1000, "");
    check_with(
        Redis,
        &mut memory,
        "XTRIM s MAXLEN 666 -> 334\nXTRIM s MAXLEN = 555 -> 111\nXTRIM s MAXLEN ~ 444 -> 55\nXTRIM s MAXLEN ~ 400 -> 100\nDEL s -> 1",
    );
    memory.set_limits(nodes(10));
    add(&mut memory, 100, "");
    add(&mut memory, 1, "MAXLEN ~ 55 LIMIT 30");
    check_with(Redis, &mut memory, "XLEN s -> 71");
    add(&mut memory, 1, "MAXLEN ~ 55 LIMIT 30");
    check_with(Redis, &mut memory, "XLEN s -> 62\nDEL s -> 1");
    memory.set_limits(nodes(1));
    add(&mut memory, 102, "");
    check_with(Redis, &mut memory, "XTRIM s MAXLEN ~ 1 -> 100\nXLEN s -> 2\nXTRIM s MAXLEN 1 -> 1\nDEL s -> 1");
    memory.set_limits(nodes(2));
    add(&mut memory, 3, "");
    check_with(Redis, &mut memory, "XTRIM s MAXLEN ~ 0 LIMIT 1 -> 0\nXTRIM s MAXLEN ~ 0 LIMIT 2 -> 2");
    check_records(&mut memory, b"s");
}

#[test]
fn ranges_have_their_bounds() {
    check(
        r#"
        XADD s 1-1 a 1                -> "1-1"
        XADD s 1-2 b 2 c 3            -> "1-2"
        XADD s 3 d ""                 -> "3-0"
        XRANGE s - +                  -> [["1-1", ["a", "1"]], ["1-2", ["b", "2", "c", "3"]], ["3-0", ["d", ""]]]
        XREVRANGE s + -               -> [["3-0", ["d", ""]], ["1-2", ["b", "2", "c", "3"]], ["1-1", ["a", "1"]]]
        XRANGE s 1 1                  -> [["1-1", ["a", "1"]], ["1-2", ["b", "2", "c", "3"]]]
        XRANGE s (1-1 (3              -> [["1-2", ["b", "2", "c", "3"]], ["3-0", ["d", ""]]]
        XRANGE s (1-1 (3-0            -> [["1-2", ["b", "2", "c", "3"]]]
        XRANGE s + -                  -> []
        XRANGE s - + COUNT 1          -> [["1-1", ["a", "1"]]]
        XREVRANGE s + - COUNT 1       -> [["3-0", ["d", ""]]]
        XRANGE s - + COUNT 0          -> nil
        XRANGE none - + COUNT 0       -> []
        XRANGE s - + COUNT            -> ERR syntax error
        XRANGE s (- +                 -> ERR Invalid stream ID specified as stream command argument
        XRANGE s - (0-0               -> ERR invalid end ID for the interval
        XRANGE s (18446744073709551615-18446744073709551615 + -> ERR invalid start ID for the interval
        "#,
    );
}

#[test]
fn a_stream_remembers_what_it_had() {
    check(
        r#"
        XADD s 1-0 f v                -> "1-0"
        XADD s 2-0 f v                -> "2-0"
        XADD s 3-0 f v                -> "3-0"
        XDEL s 1-0 2-0 9-9            -> 2
        XDEL s 1-0                    -> 0
        XINFO STREAM s                -> ["length", 1, "radix-tree-keys", 1, "radix-tree-nodes", 2, "last-generated-id", "3-0", "max-deleted-entry-id", "2-0", "entries-added", 3, "recorded-first-entry-id", "3-0", "groups", 0, "first-entry", ["3-0", ["f", "v"]], "last-entry", ["3-0", ["f", "v"]]]
        XSETID s 1-0                  -> ERR The ID specified in XSETID is smaller than current max_deleted_entry_id
        XSETID s 2-5                  -> ERR The ID specified in XSETID is smaller than the target stream top item
        XSETID s 5-0 ENTRIESADDED 0   -> ERR The entries_added specified in XSETID is smaller than the target stream length
        XSETID s 5-0 MAXDELETEDID 6-0 -> ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id
        XSETID s 5-0 ENTRIESADDED -1  -> ERR entries_added must be positive
        XSETID s 5-0 ENTRIESADDED     -> ERR syntax error
        XSETID none 5-0               -> ERR no such key
        XSETID s 5-0 ENTRIESADDED 7 MAXDELETEDID 4-0 -> OK
        XDEL s 3-0                    -> 1
        XLEN s                        -> 0
        XADD s 5-0 f v                -> ERR The ID specified in XADD is equal or smaller than the target stream top item
        proto 3
        XINFO STREAM s                -> {"length": 0, "radix-tree-keys": 0, "radix-tree-nodes": 1, "last-generated-id": "5-0", "max-deleted-entry-id": "4-0", "entries-added": 7, "recorded-first-entry-id": "0-0", "groups": 0, "first-entry": nil, "last-entry": nil}
        XINFO STREAM none             -> ERR no such key
        XINFO STREAM s FULL COUNT     -> ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
        "#,
    );
}

#[test]
fn reading_goes_on_behind_an_id() {
    check(
        r#"
        XADD {k}1 1-0 a 1                          -> "1-0"
        XADD {k}1 2-0 b 2                          -> "2-0"
        XADD {k}2 5-0 c 3                          -> "5-0"
        XREAD COUNT 1 STREAMS {k}1 {k}3 {k}2 0 0 0 -> [["{k}1", [["1-0", ["a", "1"]]]], ["{k}2", [["5-0", ["c", "3"]]]]]
        XREAD STREAMS {k}1 {k}2 1 5                -> [["{k}1", [["2-0", ["b", "2"]]]]]
        XREAD STREAMS {k}1 $                       -> nil
        XREAD STREAMS {k}1 +                       -> [["{k}1", [["2-0", ["b", "2"]]]]]
        XREAD STREAMS {k}3 +                       -> nil
        XREAD STREAMS {k}1 18446744073709551615-18446744073709551615 -> nil
        XREAD STREAMS {k}1 >                       -> ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
        XREAD STREAMS {k}1 {k}2 0                  -> ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.
        XREAD COUNT 1 COUNT 1                      -> ERR syntax error
        XREAD NOACK STREAMS {k}1 0                 -> ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.
        XREAD GROUP g c STREAMS {k}1 0             -> ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.
        XREAD BLOCK -1 STREAMS {k}1 0              -> ERR timeout is negative
        XREAD BLOCK x STREAMS {k}1 0               -> ERR timeout is not an integer or out of range
        XREAD BLOCK 0 STREAMS {k}1 0               -> ERR BLOCK is not supported yet
        proto 3
        XREAD STREAMS {k}1 {k}2 1 0                -> {"{k}1": [["2-0", ["b", "2"]]], "{k}2": [["5-0", ["c", "3"]]]}
        XREAD STREAMS {k}1 $                       -> nil
        "#,
    );
}

#[test]
fn a_group_delivers_to_its_consumers() {
    check(
        r#"
        XGROUP CREATE s g $             -> ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
        XGROUP CREATE s g $ MKSTREAM    -> OK
        XGROUP CREATE s g 0             -> BUSYGROUP Consumer Group name already exists
        XREADGROUP GROUP g c STREAMS s > -> nil
        # Since 7.2 a consumer is there although it got nothing.
        XINFO CONSUMERS s g             -> [["name", "c", "pending", 0, "idle", 0, "inactive", -1]]
        XADD s 1-0 f v                  -> "1-0"
        XADD s 2-0 f w                  -> "2-0"
        XADD s 3-0 f x                  -> "3-0"
        wait 10
        XREADGROUP GROUP g c COUNT 2 STREAMS s > -> [["s", [["1-0", ["f", "v"]], ["2-0", ["f", "w"]]]]]
        wait 5
        XREADGROUP GROUP g d NOACK STREAMS s > -> [["s", [["3-0", ["f", "x"]]]]]
        XINFO CONSUMERS s g             -> [["name", "c", "pending", 2, "idle", 5, "inactive", 5], ["name", "d", "pending", 0, "idle", 0, "inactive", -1]]
        XPENDING s g                    -> [2, "1-0", "2-0", [["c", "2"]]]
        XPENDING s g - + 10             -> [["1-0", "c", 5, 1], ["2-0", "c", 5, 1]]
        XPENDING s g IDLE 6 - + 10      -> []
        XPENDING s g (1-0 + 10 c        -> [["2-0", "c", 5, 1]]
        XPENDING s g - + 10 d           -> []
        XPENDING s g - + 10 nobody      -> []
        XREADGROUP GROUP g c STREAMS s 0 -> [["s", [["1-0", ["f", "v"]], ["2-0", ["f", "w"]]]]]
        XPENDING s g - + 10             -> [["1-0", "c", 0, 2], ["2-0", "c", 0, 2]]
        XDEL s 1-0                      -> 1
        XREADGROUP GROUP g c STREAMS s 0 -> [["s", [["1-0", nil], ["2-0", ["f", "w"]]]]]
        XREADGROUP GROUP g d STREAMS s 0 -> [["s", []]]
        XACK s g 2-0 2-0 7-7            -> 1
        XACK s g 1-0 x                  -> ERR Invalid stream ID specified as stream command argument
        XACK s none x                   -> 0
        XPENDING s g                    -> [1, "1-0", "1-0", [["c", "1"]]]
        XGROUP DELCONSUMER s g c        -> 1
        XPENDING s g                    -> [0, nil, nil, nil]
        XINFO GROUPS s                  -> [["name", "g", "consumers", 1, "pending", 0, "last-delivered-id", "3-0", "entries-read", 3, "lag", 0]]
        XGROUP SETID s g 2 ENTRIESREAD 2 -> OK
        XINFO GROUPS s                  -> [["name", "g", "consumers", 1, "pending", 0, "last-delivered-id", "2-0", "entries-read", 2, "lag", 1]]
        XGROUP CREATECONSUMER s g d     -> 0
        XGROUP CREATECONSUMER s g e     -> 1
        XGROUP DESTROY s none           -> 0
        XGROUP DESTROY s g              -> 1
        XPENDING s g                    -> NOGROUP No such key 's' or consumer group 'g'
        XREADGROUP GROUP g c STREAMS s > -> NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option
        XINFO CONSUMERS s g             -> NOGROUP No such consumer group 'g' for key name 's'
        XGROUP SETID s g 0              -> NOGROUP No such consumer group 'g' for key name 's'
        "#,
    );
}

#[test]
fn what_is_pending_changes_hands() {
    check(
        r#"
        XADD s 1-0 f a                  -> "1-0"
        XADD s 2-0 f b                  -> "2-0"
        XADD s 3-0 f c                  -> "3-0"
        XGROUP CREATE s g 0             -> OK
        XREADGROUP GROUP g x STREAMS s > -> [["s", [["1-0", ["f", "a"]], ["2-0", ["f", "b"]], ["3-0", ["f", "c"]]]]]
        wait 100
        XCLAIM s g y 101 1-0            -> []
        XCLAIM s g y 100 1-0 9-9        -> [["1-0", ["f", "a"]]]
        XCLAIM s g y 0 2-0 JUSTID IDLE 40 RETRYCOUNT 7 -> ["2-0"]
        XPENDING s g - + 10             -> [["1-0", "y", 0, 2], ["2-0", "y", 40, 7], ["3-0", "x", 100, 1]]
        XDEL s 2-0                      -> 1
        XAUTOCLAIM s g z 100 0 COUNT 2  -> ["0-0", [["3-0", ["f", "c"]]], ["2-0"]]
        XPENDING s g                    -> [2, "1-0", "3-0", [["y", "1"], ["z", "1"]]]
        XAUTOCLAIM s g z 0 - COUNT 1 JUSTID -> ["3-0", ["1-0"], []]
        XACK s g 1-0                    -> 1
        XCLAIM s g z 0 1-0              -> []
        XCLAIM s g z 0 1-0 FORCE LASTID 5-0 -> [["1-0", ["f", "a"]]]
        XINFO GROUPS s                  -> [["name", "g", "consumers", 3, "pending", 2, "last-delivered-id", "5-0", "entries-read", 3, "lag", 0]]
        XINFO STREAM s FULL COUNT 1     -> ["length", 2, "radix-tree-keys", 1, "radix-tree-nodes", 2, "last-generated-id", "3-0", "max-deleted-entry-id", "2-0", "entries-added", 3, "recorded-first-entry-id", "1-0", "entries", [["1-0", ["f", "a"]]], "groups", [["name", "g", "last-delivered-id", "5-0", "entries-read", 3, "lag", 0, "pel-count", 2, "pending", [["1-0", "z", 1000100, 2]], "consumers", [["name", "x", "seen-time", 1000000, "active-time", 1000000, "pel-count", 0, "pending", []], ["name", "y", "seen-time", 1000100, "active-time", 1000100, "pel-count", 0, "pending", []], ["name", "z", "seen-time", 1000100, "active-time", 1000100, "pel-count", 2, "pending", [["1-0", 1000100, 2]]]]]]]
        XCLAIM s g z x 1-0              -> ERR Invalid min-idle-time argument for XCLAIM
        XCLAIM s g z 0 1-0 FOO          -> ERR Unrecognized XCLAIM option 'FOO'
        XCLAIM s none z 0 1-0           -> NOGROUP No such key 's' or consumer group 'none'
        XAUTOCLAIM s none z x 0         -> ERR Invalid min-idle-time argument for XAUTOCLAIM
        XAUTOCLAIM s none z 0 0 COUNT 0 -> ERR COUNT must be > 0
        "#,
    );
}

#[test]
fn errors_quote_the_bytes_that_were_sent() {
    let mut memory = Memory::new(NOW);
    let reply = memory.run(&Redis, Database(0), Proto::Resp2, [&b"XPENDING"[..], b"k\xff", b"g\r\n+OK\0x"]);
    assert_eq!(reply.escape_ascii().to_string(), r"-NOGROUP No such key \'k\xff\' or consumer group \'g  +OK\'\r\n");
}

/// A queue whose first entry nobody acknowledges.
#[test]
fn a_pending_list_moves_away_from_what_was_acknowledged() {
    let mut memory = Memory::new(NOW);
    check_with(Redis, &mut memory, "XGROUP CREATE s g 0 MKSTREAM -> OK");
    for id in 1..=3000 {
        let script =
            format!("XADD s {id}-0 f v -> \"{id}-0\"\nXREADGROUP GROUP g c STREAMS s > -> [[\"s\", [[\"{id}-0\", [\"f\", \"v\"]]]]]");
        check_with(Redis, &mut memory, &script);
        if id > 1 {
            check_with(Redis, &mut memory, &format!("XACK s g {id}-0 -> 1"));
        }
    }
    let generation = |memory: &mut Memory| {
        let root = memory.root_of(Database(0), b"s").unwrap().clone();
        let value = ValueId::of(&HashKey::new(Database(0), b"s"), root.id);
        Group::get(memory, value, b"g").unwrap().unwrap().pel().generation
    };
    assert_eq!(generation(&mut memory), 2, "2999 acknowledgements, a move after each 1041");
    check_records(&mut memory, b"s");
    check_with(Redis, &mut memory, "XPENDING s g - + 10 -> [[\"1-0\", \"c\", 0, 1]]\nXACK s g 1-0 -> 1");
    assert_eq!(generation(&mut memory), 3);
    check_records(&mut memory, b"s");
}

#[test]
fn a_stream_moves_away_from_what_was_deleted() {
    let mut memory = Memory::new(NOW);
    check_with(Redis, &mut memory, "XADD s 1-0 f v -> \"1-0\"\nXGROUP CREATE s g 0 -> OK");
    let before = memory.root_of(Database(0), b"s").unwrap().id;
    for id in 2..4200 {
        check_with(Redis, &mut memory, &format!("XADD s {id}-0 f v -> \"{id}-0\"\nXDEL s {id}-0 -> 1"));
    }
    assert_ne!(memory.root_of(Database(0), b"s").unwrap().id, before);
    check_with(Redis, &mut memory, "XRANGE s - + -> [[\"1-0\", [\"f\", \"v\"]]]\nXPENDING s g -> [0, nil, nil, nil]");
    check_records(&mut memory, b"s");
}

#[test]
fn a_trimmed_stream_knows_where_it_begins() {
    let mut memory = Memory::new(NOW);
    for id in 1..=1000 {
        memory.run(&Redis, Database(0), Proto::Resp2, words(&format!("XADD s {id} f v")));
    }
    for (trim, first) in [("MAXLEN 743", 258), ("MINID 600", 600), ("MAXLEN ~ 300", 701), ("MINID ~ 850", 801), ("MAXLEN 1", 1000)] {
        memory.run(&Redis, Database(0), Proto::Resp2, words(&format!("XTRIM s {trim}")));
        check_with(Redis, &mut memory, &format!("XRANGE s - + COUNT 1 -> [[\"{first}-0\", [\"f\", \"v\"]]]"));
        check_records(&mut memory, b"s");
    }
}

#[test]
fn a_stream_is_read_and_written_as_a_whole() {
    let mut memory = Memory::new(NOW);
    for line in [
        "XADD s 1-0 f a",
        "XADD s 2-0 f b g c",
        "XADD s 3-0 f d",
        "XADD s 4-0 f d",
        "XGROUP CREATE s g 0",
        "XGROUP CREATE s h 2-0 ENTRIESREAD 2",
        "XREADGROUP GROUP g x COUNT 2 STREAMS s >",
        "XREADGROUP GROUP g y COUNT 1 STREAMS s >",
        "XGROUP CREATECONSUMER s h z",
        "XCLAIM s g y 0 1-0 JUSTID TIME 5",
        "XDEL s 2-0",
        "XDEL s 1-0",
    ] {
        let reply = show(&memory.run(&Redis, Database(0), Proto::Resp2, words(line)));
        assert!(!reply.starts_with("ERR"), "{reply}");
    }
    let (s, t) = (HashKey::new(Database(0), b"s"), HashKey::new(Database(1), b"t"));
    let root = memory.root_of(Database(0), b"s").unwrap().clone();
    let contents = read_all(&mut memory, &s, &root).unwrap();
    assert_eq!((contents.entries.len(), contents.groups.len(), contents.groups[0].pending.len()), (2, 2, 3));
    write_all(&mut memory, &Limits::DEFAULT, &t, &contents, Some(types::time::UnixMs(NOW.0 + 5))).unwrap();
    let copy = memory.root_of(Database(1), b"t").unwrap().clone();
    assert_eq!(copy.expire, Some(types::time::UnixMs(NOW.0 + 5)));
    assert_eq!(read_all(&mut memory, &t, &copy).unwrap(), contents);
    for line in ["XINFO STREAM k FULL", "XINFO GROUPS k", "XPENDING k g - + 9", "XREADGROUP GROUP h z STREAMS k >", "XACK k g 1-0 2-0 3-0"]
    {
        let of = |memory: &mut Memory, database: u16, key: &str| {
            let reply = memory.run(&Redis, Database(database), Proto::Resp2, words(&line.replace('k', key)));
            show(&reply).replace(&format!("\"{key}\""), "\"k\"")
        };
        assert_eq!(of(&mut memory, 0, "s"), of(&mut memory, 1, "t"), "{line}");
    }
}

/// Damaged records abort the command, whatever they hold.
#[test]
fn damage_is_told_and_never_a_panic() {
    let lines =
        ["XRANGE s - +", "XINFO STREAM s FULL", "XREADGROUP GROUP g c STREAMS s 0", "XACK s g 1-0", "XPENDING s g - + 9", "XDEL s 1-0"];
    for family in [b'e', b'g', b'c', b'p', b'n'] {
        for damage in [&b""[..], b"\x01", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            let mut memory = Memory::new(NOW);
            let script = "XADD s 1-0 f v -> \"1-0\"\nXGROUP CREATE s g 0 -> OK\nXREADGROUP GROUP g c STREAMS s > -> [[\"s\", [[\"1-0\", [\"f\", \"v\"]]]]]";
            check_with(Redis, &mut memory, script);
            let key = HashKey::new(Database(0), b"s");
            let value = ValueId::of(&key, memory.root_of(Database(0), b"s").unwrap().id);
            let elements = collect(&mut memory, value, &SortKeys::from(&[family]), 1).unwrap();
            memory.put(value, &elements[0].0, bytes::Bytes::copy_from_slice(damage));
            let aborted = lines.iter().filter(|line| {
                let args = types::args::Args::copied(words(line));
                let command = types::txn::Coprocessor::resolve(&Redis, &args).unwrap();
                let call = types::txn::Call { command, database: Database(0), proto: Proto::Resp2, args, limits: Limits::DEFAULT };
                types::txn::Coprocessor::execute(&Redis, &mut memory, &call, &mut types::reply::Reply::default()).is_err()
            });
            assert!(aborted.count() > 0, "{} {damage:?}", family as char);
        }
    }
}

/// `docs/data-model.md` shows these bytes.
#[test]
fn the_documented_bytes_are_those_that_are_written() {
    let mut memory = Memory::new(NOW);
    for line in ["XADD s 1-1 f v", "XADD s 2-0 f w", "XGROUP CREATE s jobs 0", "XREADGROUP GROUP jobs amy COUNT 1 STREAMS s >"] {
        memory.run(&Redis, Database(0), Proto::Resp2, words(line));
    }
    let root = memory.root_of(Database(0), b"s").unwrap().clone();
    let value = ValueId::of(&HashKey::new(Database(0), b"s"), root.id);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let mut page = format!("root.value    {}\n", hex(&root.value));
    for (sort_key, element) in collect(&mut memory, value, &SortKeys::from(b""), usize::MAX).unwrap() {
        page.push_str(format!("{} {:<54}  {}", sort_key[0] as char, hex(&sort_key[1..]), hex(&element)).trim_end());
        page.push('\n');
    }
    let docs = std::fs::read_to_string("../../docs/data-model.md").unwrap();
    assert!(docs.contains(&page), "docs/data-model.md does not show\n{page}");
}

/// Panics unless all records of a stream agree with one another and nothing is left that belongs to nothing.
pub(crate) fn check_records(memory: &mut Memory, name: &[u8]) {
    let Some(root) = memory.root_of(Database(0), name).cloned() else { return };
    let key = HashKey::new(Database(0), name);
    let stream = Stream::of(key, root).unwrap();
    let (value, head) = (stream.value(), stream.head);
    let records = collect(memory, value, &SortKeys::from(b""), usize::MAX).unwrap();
    let entries: Vec<(Id, u64)> = records
        .iter()
        .filter(|(sort_key, _)| sort_key[0] == b'e')
        .map(|(sort_key, record)| (Id::from_bytes(&sort_key[1..]).unwrap(), Entry::read(record).unwrap().node))
        .collect();
    assert_eq!(entries.len() as u64, stream.len());
    assert_eq!(head.first, entries.first().map_or(Id::MIN, |&(id, _)| id));
    assert!(entries.last().is_none_or(|&(id, node)| id <= head.last && node <= head.tail.number));
    assert!(entries.is_sorted_by_key(|&(_, node)| node));
    assert_eq!(entries.iter().filter(|&&(_, node)| node == head.tail.number).count() as u64, head.tail.live);
    let mut expected = entries.len();
    let groups = group::all(memory, value).unwrap();
    assert_eq!(groups.len() as u64, head.groups);
    let numbers: BTreeSet<u64> = groups.iter().map(|(_, group)| group.number).collect();
    assert!(numbers.len() == groups.len() && numbers.iter().all(|&number| number < head.next_group));
    for (_, group) in groups {
        let mut owners: BTreeMap<u64, Vec<Id>> = BTreeMap::new();
        group
            .walk_pending(memory, value, (Id::MIN, Id::MAX), false, &mut |id, pending| {
                owners.entry(pending.consumer).or_default().push(id);
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        let consumers = group.all_consumers(memory, value).unwrap();
        assert_eq!(consumers.len() as u64, group.consumers);
        assert_eq!(owners.values().map(Vec::len).sum::<usize>() as u64, group.pending);
        for (name, consumer) in consumers {
            let mut owned = Vec::new();
            group
                .walk_owned(memory, value, &consumer, (Id::MIN, Id::MAX), &mut |id| {
                    owned.push(id);
                    std::ops::ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(owned.len() as u64, consumer.pending);
            assert_eq!(owned, owners.remove(&consumer.number).unwrap_or_default());
            assert_eq!(group.consumer_name(memory, value, consumer.number).unwrap(), name);
            assert!(consumer.number < group.next_consumer);
        }
        assert!(owners.is_empty(), "something is pending for nobody");
        expected += 1 + 2 * group.consumers as usize + 2 * group.pending as usize;
    }
    assert_eq!(records.len(), expected);
}
