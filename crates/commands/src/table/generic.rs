//! Commands of the group `generic`: keys of any type.

use crate::table::argument::{Argument, block, integer, key, one_of, pattern, string, token, unix_time};
use crate::table::{Begin, Category, Command, Find, Flag, Group, KeySpec, Merge, Place};
use crate::{dump, expiry, keyspace, object, relocate, scan, sort};

const NEW: Command = Command { group: Group::Generic, acl: &[Category::Keyspace], place: Place::Key, ..Command::NEW };

const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];
const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];

const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const RW_UPDATE: &[KeySpec] = &[KeySpec::one(1, &["RW", "update"])];

const CONDITION: Argument =
    one_of("condition", &[token("nx", "NX"), token("xx", "XX"), token("gt", "GT"), token("lt", "LT")]).since("7.0.0").optional();

/// Where both kinds of SORT have keys that their elements make.
const SORT_PATTERNS: KeySpec = KeySpec {
    begin: Begin::Unknown,
    find: Find::Unknown,
    flags: &["RO", "access"],
    notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
};
const SORT_STORE: KeySpec = KeySpec {
    begin: Begin::Unknown,
    find: Find::Option { from: 2, word: "STORE", others: &[("LIMIT", 2), ("BY", 1), ("GET", 1)] },
    flags: &["OW", "update"],
    notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
};
const SORT_ACL: &[Category] = &[Category::Set, Category::SortedSet, Category::List, Category::Dangerous];
const SORT_BY: Argument = pattern("by-pattern").after("BY").optional();
const SORT_LIMIT: Argument = block("limit", &[integer("offset"), integer("count")]).after("LIMIT").optional();
const SORT_GET: Argument = pattern("get-pattern").after("GET").optional().multiple();
const SORT_ORDER: Argument = one_of("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional();
const SORT_ALPHA: Argument = token("sorting", "ALPHA").optional();

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "copy",
        since: "6.2.0",
        summary: "Gives a copy of a value to another key.",
        complexity: "O(N) where N is the number of elements of a value with a record per element, otherwise O(1)",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: &[KeySpec::one(1, &["RO", "access"]), KeySpec::one(2, &["OW", "update"])],
        arguments: &[
            key("source"),
            key("destination").of_spec(1),
            integer("destination-db").after("DB").optional(),
            token("replace", "REPLACE").optional(),
        ],
        differs: TOO_LARGE,
        run: Some(relocate::copy),
        ..NEW
    },
    Command {
        name: "del",
        summary: "Deletes keys.",
        complexity: "O(N) where N is the number of keys",
        arity: -2,
        flags: &[Flag::Write],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::all(1, &["RM", "delete"])],
        arguments: &[key("key").multiple()],
        place: Place::Split(Merge::Sum),
        differs: SPLIT,
        run: Some(keyspace::del),
        ..NEW
    },
    Command {
        name: "dump",
        since: "2.6.0",
        summary: "Returns the value of a key as bytes that RESTORE reads.",
        complexity: "O(N) where N is the number of elements",
        arity: 2,
        flags: READ,
        tips: &["nondeterministic_output"],
        keys: RO_ACCESS,
        arguments: &[key("key")],
        differs: "For the oldest version of Redis, from 7.0 on, that can read the value. A value of more than 1000000 elements or 128 MiB \
                  is refused.",
        run: Some(dump::dump),
        ..NEW
    },
    Command {
        name: "exists",
        summary: "Counts those of the keys that exist.",
        complexity: "O(N) where N is the number of keys",
        arity: -2,
        flags: READ_FAST,
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::all(1, &["RO"])],
        arguments: &[key("key").multiple()],
        place: Place::Split(Merge::Sum),
        differs: SPLIT,
        run: Some(keyspace::exists),
        ..NEW
    },
    Command {
        name: "expire",
        summary: "Lets a key expire after some seconds.",
        arity: -3,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), integer("seconds"), CONDITION],
        run: Some(expiry::expire),
        ..NEW
    },
    Command {
        name: "expireat",
        since: "1.2.0",
        summary: "Lets a key expire at a time given in seconds since 1970.",
        arity: -3,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), unix_time("unix-time-seconds"), CONDITION],
        run: Some(expiry::expireat),
        ..NEW
    },
    Command {
        name: "expiretime",
        since: "7.0.0",
        summary: "Returns when a key expires, in seconds since 1970.",
        arity: 2,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(expiry::expiretime),
        ..NEW
    },
    Command {
        name: "keys",
        summary: "Returns the keys that match a pattern.",
        complexity: "O(N) where N is the number of keys in the database",
        arity: 2,
        flags: READ,
        acl: &[Category::Keyspace, Category::Dangerous],
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        arguments: &[pattern("pattern")],
        place: Place::Every(Merge::Concat),
        differs: "Atomic per partition, not as a whole.",
        run: Some(scan::keys),
        ..NEW
    },
    Command {
        name: "move",
        summary: "Moves a key to another logical database.",
        complexity: "O(N) where N is the number of elements of a value with a record per element, otherwise O(1)",
        arity: 3,
        flags: WRITE_FAST,
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        arguments: &[key("key"), integer("db")],
        differs: TOO_LARGE,
        run: Some(relocate::shift),
        ..NEW
    },
    Command {
        name: "object",
        since: "2.2.3",
        summary: "Container of commands that look into a key.",
        complexity: "Depends on the subcommand.",
        arity: -2,
        acl: &[],
        place: Place::Proxy,
        subcommands: OBJECT,
        ..NEW
    },
    Command {
        name: "persist",
        since: "2.2.0",
        summary: "Removes the expiry of a key.",
        arity: 2,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key")],
        run: Some(expiry::persist),
        ..NEW
    },
    Command {
        name: "pexpire",
        since: "2.6.0",
        summary: "Lets a key expire after some milliseconds.",
        arity: -3,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), integer("milliseconds"), CONDITION],
        run: Some(expiry::pexpire),
        ..NEW
    },
    Command {
        name: "pexpireat",
        since: "2.6.0",
        summary: "Lets a key expire at a time given in milliseconds since 1970.",
        arity: -3,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), unix_time("unix-time-milliseconds"), CONDITION],
        run: Some(expiry::pexpireat),
        ..NEW
    },
    Command {
        name: "pexpiretime",
        since: "7.0.0",
        summary: "Returns when a key expires, in milliseconds since 1970.",
        arity: 2,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(expiry::pexpiretime),
        ..NEW
    },
    Command {
        name: "pttl",
        since: "2.6.0",
        summary: "Returns for how many more milliseconds a key lives.",
        arity: 2,
        flags: READ_FAST,
        tips: &["nondeterministic_output"],
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(expiry::pttl),
        ..NEW
    },
    Command {
        name: "randomkey",
        summary: "Returns a random key.",
        arity: 1,
        flags: READ,
        tips: &["request_policy:all_shards", "nondeterministic_output"],
        place: Place::Any,
        run: Some(scan::randomkey),
        ..NEW
    },
    Command {
        name: "rename",
        summary: "Gives a key another name.",
        complexity: "O(1) within a slot; to another one O(N) where N is the number of elements of a value with a record per element",
        arity: 3,
        flags: &[Flag::Write],
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["OW", "update"])],
        arguments: &[key("key"), key("newkey").of_spec(1)],
        differs: RENAME_TOO_LARGE,
        run: Some(relocate::rename),
        ..NEW
    },
    Command {
        name: "renamenx",
        summary: "Gives a key another name, if nothing has that name.",
        complexity: "O(1) within a slot; to another one O(N) where N is the number of elements of a value with a record per element",
        arity: 3,
        flags: WRITE_FAST,
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["OW", "insert"])],
        arguments: &[key("key"), key("newkey").of_spec(1)],
        differs: RENAME_TOO_LARGE,
        run: Some(relocate::renamenx),
        ..NEW
    },
    Command {
        name: "restore",
        since: "2.6.0",
        summary: "Makes what DUMP returned the value of a key.",
        complexity: "O(N) where N is the number of elements; for sorted sets O(N*log(N))",
        arity: -4,
        flags: &[Flag::Write, Flag::DenyOom],
        acl: &[Category::Keyspace, Category::Dangerous],
        keys: &[KeySpec::one(1, &["OW", "update"])],
        arguments: &[
            key("key"),
            integer("ttl"),
            string("serialized-value"),
            token("replace", "REPLACE").since("3.0.0").optional(),
            token("absttl", "ABSTTL").since("5.0.0").optional(),
            integer("seconds").after("IDLETIME").since("5.0.0").optional(),
            integer("frequency").after("FREQ").since("5.0.0").optional(),
        ],
        differs: "IDLETIME and FREQ are checked and not kept. Every value is checked in depth, whatever `sanitize-dump-payload` says. One of \
                  more than 1000000 elements or 128 MiB is refused.",
        run: Some(dump::restore),
        ..NEW
    },
    Command {
        name: "scan",
        since: "2.8.0",
        summary: "Iterates over the keys.",
        complexity: "O(1) for every call, O(N) for a whole iteration where N is the number of keys",
        arity: -2,
        flags: READ,
        tips: &["nondeterministic_output", "request_policy:special"],
        arguments: &[
            integer("cursor"),
            pattern("pattern").after("MATCH").optional(),
            integer("count").after("COUNT").optional(),
            string("type").after("TYPE").since("6.0.0").optional(),
        ],
        place: Place::Cursor,
        differs: "A cursor is a place in the order of keys and stays valid for ever; a number that cannot be one is an invalid cursor. \
                  One call returns at most 65536 keys.",
        run: Some(scan::scan),
        ..NEW
    },
    Command {
        name: "sort",
        summary: "Sorts the elements of a list, set or sorted set and returns or stores them.",
        complexity: "O(N*log(N)) where N is the number of elements; BY without `*`: O(N), for lists and sorted sets O(log(N)+M) where M is \
                     the number of elements that LIMIT leaves",
        arity: -2,
        flags: &[Flag::Write, Flag::DenyOom, Flag::MovableKeys],
        acl: SORT_ACL,
        keys: &[RO_ACCESS[0], SORT_PATTERNS, SORT_STORE],
        arguments: &[
            key("key"),
            SORT_BY,
            SORT_LIMIT,
            SORT_GET,
            SORT_ORDER,
            SORT_ALPHA,
            key("destination").of_spec(2).after("STORE").optional(),
        ],
        differs: SORT_DIFFERS,
        run: Some(sort::sort),
        ..NEW
    },
    Command {
        name: "sort_ro",
        since: "7.0.0",
        summary: "Sorts the elements of a list, set or sorted set and returns them.",
        complexity: "As SORT",
        arity: -2,
        flags: &[Flag::ReadOnly, Flag::MovableKeys],
        acl: SORT_ACL,
        keys: &[RO_ACCESS[0], SORT_PATTERNS],
        arguments: &[key("key"), SORT_BY, SORT_LIMIT, SORT_GET, SORT_ORDER, SORT_ALPHA],
        differs: SORT_DIFFERS,
        run: Some(sort::sort_ro),
        ..NEW
    },
    Command {
        name: "touch",
        since: "3.2.1",
        summary: "Counts those of the keys that exist.",
        complexity: "O(N) where N is the number of keys",
        arity: -2,
        flags: READ_FAST,
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::all(1, &["RO"])],
        arguments: &[key("key").multiple()],
        place: Place::Split(Merge::Sum),
        differs: "Reads leave no trace, so there is no access time to change.",
        run: Some(keyspace::exists),
        ..NEW
    },
    Command {
        name: "ttl",
        summary: "Returns for how many more seconds a key lives.",
        arity: 2,
        flags: READ_FAST,
        tips: &["nondeterministic_output"],
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(expiry::ttl),
        ..NEW
    },
    Command {
        name: "type",
        summary: "Returns what kind of value a key holds.",
        arity: 2,
        flags: READ_FAST,
        keys: &[KeySpec::one(1, &["RO"])],
        arguments: &[key("key")],
        run: Some(keyspace::kind),
        ..NEW
    },
    Command {
        name: "unlink",
        since: "4.0.0",
        summary: "Deletes keys.",
        complexity: "O(N) where N is the number of keys",
        arity: -2,
        flags: WRITE_FAST,
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::all(1, &["RM", "delete"])],
        arguments: &[key("key").multiple()],
        place: Place::Split(Merge::Sum),
        differs: SPLIT,
        run: Some(keyspace::del),
        ..NEW
    },
    Command {
        name: "wait",
        since: "3.0.0",
        summary: "Returns how many replicas hold the writes of this session.",
        arity: 3,
        flags: &[Flag::Blocking],
        acl: &[Category::Connection],
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        arguments: &[integer("numreplicas"), integer("timeout")],
        place: Place::Proxy,
        differs: "Never waits: a write that was answered is on the log of every replica.",
        ..NEW
    },
];

const OBJECT: &[Command] = &[
    Command {
        name: "object|encoding",
        since: "2.2.3",
        summary: "Returns how the value of a key is stored.",
        run: Some(object::encoding),
        ..OBJECT_NEW
    },
    Command {
        name: "object|freq",
        since: "4.0.0",
        summary: "Returns how often a key is accessed.",
        differs: "Always refused, as by a Redis without an LFU policy.",
        run: Some(object::freq),
        ..OBJECT_NEW
    },
    Command {
        name: "object|help",
        since: "6.2.0",
        summary: "Explains the subcommands.",
        arity: 2,
        flags: &[Flag::Loading, Flag::Stale],
        place: Place::Proxy,
        ..NEW
    },
    Command {
        name: "object|idletime",
        since: "2.2.3",
        summary: "Returns how many seconds ago a key was used.",
        differs: "Counts from the last write: reads leave no trace.",
        run: Some(object::idletime),
        ..OBJECT_NEW
    },
    Command {
        name: "object|refcount",
        since: "2.2.3",
        summary: "Returns how many references there are to the value of a key.",
        differs: "Always 1.",
        run: Some(object::refcount),
        ..OBJECT_NEW
    },
];

const OBJECT_NEW: Command = Command {
    arity: 3,
    flags: READ,
    tips: &["nondeterministic_output"],
    keys: &[KeySpec::one(2, &["RO"])],
    arguments: &[key("key")],
    ..NEW
};

const SPLIT: &str = "Keys in several partitions: atomic per partition, not as a whole.";

const TOO_LARGE: &str = "A value of more than 1000000 elements or 128 MiB is refused.";
const RENAME_TOO_LARGE: &str = "To another slot, a value of more than 1000000 elements or 128 MiB is refused.";
const SORT_DIFFERS: &str = "With several partitions, BY and GET take patterns with a hash tag that keeps their keys in the slot of the \
                            key, as Redis Cluster does. ALPHA compares bytes, whatever the locale. More than 1000000 elements or 128 MiB \
                            to sort, of weights or in the reply are refused. Sorting a sorted set leaves its layout as it is.";
