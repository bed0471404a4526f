//! Commands of the group `string`.

use crate::table::argument::{Argument, block, double, integer, key, one_of, string, token, unix_time};
use crate::table::{Category, Command, Flag, Group, KeySpec, Merge, Place};
use crate::{lcs, strings};

const NEW: Command = Command { group: Group::String, acl: &[Category::String], place: Place::Key, ..Command::NEW };

const WRITE: &[Flag] = &[Flag::Write, Flag::DenyOom];
const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];

const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const RW_ACCESS_UPDATE: &[KeySpec] = &[KeySpec::one(1, &["RW", "access", "update"])];
const OW_UPDATE: &[KeySpec] = &[KeySpec::one(1, &["OW", "update"])];

const KEY_VALUES: Argument = block("data", &[key("key"), string("value")]).multiple();
const EX: Argument = integer("seconds").after("EX");
const PX: Argument = integer("milliseconds").after("PX");
const EXAT: Argument = unix_time("unix-time-seconds").after("EXAT");
const PXAT: Argument = unix_time("unix-time-milliseconds").after("PXAT");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "append",
        since: "2.0.0",
        summary: "Appends to the string of a key; creates the key if there is none.",
        complexity: "O(N) where N is the length of the resulting string",
        arity: 3,
        flags: WRITE_FAST,
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        arguments: &[key("key"), string("value")],
        run: Some(strings::extend::append),
        ..NEW
    },
    Command {
        name: "decr",
        summary: "Subtracts one from the integer of a key; a key that does not exist counts as 0.",
        arity: 2,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key")],
        run: Some(strings::count::decr),
        ..NEW
    },
    Command {
        name: "decrby",
        summary: "Subtracts a number from the integer of a key; a key that does not exist counts as 0.",
        arity: 3,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key"), integer("decrement")],
        run: Some(strings::count::decrby),
        ..NEW
    },
    Command {
        name: "get",
        summary: "Returns the string of a key.",
        arity: 2,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key")],
        differs: REPLY_MAX,
        run: Some(strings::get::get),
        ..NEW
    },
    Command {
        name: "getdel",
        since: "6.2.0",
        summary: "Returns the string of a key and deletes the key.",
        arity: 2,
        flags: &[Flag::Write, Flag::Fast],
        keys: &[KeySpec::one(1, &["RW", "access", "delete"])],
        arguments: &[key("key")],
        differs: REPLY_MAX,
        run: Some(strings::get::getdel),
        ..NEW
    },
    Command {
        name: "getex",
        since: "6.2.0",
        summary: "Returns the string of a key and sets or removes its expiry.",
        arity: -2,
        flags: &[Flag::Write, Flag::Fast],
        keys: &[KeySpec { notes: "RW and UPDATE because it changes the TTL", ..KeySpec::one(1, &["RW", "access", "update"]) }],
        arguments: &[key("key"), one_of("expiration", &[EX, PX, EXAT, PXAT, token("persist", "PERSIST")]).optional()],
        differs: REPLY_MAX,
        run: Some(strings::get::getex),
        ..NEW
    },
    Command {
        name: "getrange",
        since: "2.4.0",
        summary: "Returns a part of the string of a key.",
        complexity: "O(N) where N is the length of the string",
        arity: 4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), integer("start"), integer("end")],
        differs: REPLY_MAX,
        run: Some(strings::get::getrange),
        ..NEW
    },
    Command {
        name: "getset",
        summary: "Sets the string of a key and returns the one it had.",
        arity: 3,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key"), string("value")],
        deprecated: Some(("6.2.0", "`SET` with the `GET` argument")),
        differs: REPLY_MAX,
        run: Some(strings::set::getset),
        ..NEW
    },
    Command {
        name: "incr",
        summary: "Adds one to the integer of a key; a key that does not exist counts as 0.",
        arity: 2,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key")],
        run: Some(strings::count::incr),
        ..NEW
    },
    Command {
        name: "incrby",
        summary: "Adds a number to the integer of a key; a key that does not exist counts as 0.",
        arity: 3,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key"), integer("increment")],
        run: Some(strings::count::incrby),
        ..NEW
    },
    Command {
        name: "incrbyfloat",
        since: "2.6.0",
        summary: "Adds a number to the floating point number of a key; a key that does not exist counts as 0.",
        arity: 3,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key"), double("increment")],
        differs: "Numbers in hexadecimal notation are refused.",
        run: Some(strings::count::incrbyfloat),
        ..NEW
    },
    Command {
        name: "lcs",
        since: "7.0.0",
        summary: "Finds the longest common subsequence of two strings.",
        complexity: "O(N*M) where N and M are the lengths of the strings",
        arity: -3,
        flags: READ,
        keys: &[KeySpec::range(1, 1, 1, &["RO", "access"])],
        arguments: &[
            key("key1"),
            key("key2"),
            token("len", "LEN").optional(),
            token("idx", "IDX").optional(),
            integer("min-match-len").after("MINMATCHLEN").optional(),
            token("withmatchlen", "WITHMATCHLEN").optional(),
        ],
        differs: "Both keys have to be in one partition. The product of the two lengths is limited to 2^28, because a partition waits for the answer.",
        run: Some(lcs::lcs),
        ..NEW
    },
    Command {
        name: "mget",
        summary: "Returns the strings of keys.",
        complexity: "O(N) where N is the number of keys",
        arity: -2,
        flags: READ_FAST,
        tips: &["request_policy:multi_shard"],
        keys: &[KeySpec::all(1, &["RO", "access"])],
        arguments: &[key("key").multiple()],
        place: Place::Split(Merge::Interleave),
        differs: SPLIT_REPLY_MAX,
        run: Some(strings::many::mget),
        ..NEW
    },
    Command {
        name: "mset",
        since: "1.0.1",
        summary: "Sets the strings of keys.",
        complexity: "O(N) where N is the number of keys",
        arity: -3,
        flags: WRITE,
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        keys: &[KeySpec::all(2, &["OW", "update"])],
        arguments: &[KEY_VALUES],
        place: Place::Split(Merge::Ok),
        differs: SPLIT,
        run: Some(strings::many::mset),
        ..NEW
    },
    Command {
        name: "msetnx",
        since: "1.0.1",
        summary: "Sets the strings of keys, if none of the keys exists.",
        complexity: "O(N) where N is the number of keys",
        arity: -3,
        flags: WRITE,
        keys: &[KeySpec::all(2, &["OW", "insert"])],
        arguments: &[KEY_VALUES],
        differs: "All keys have to be in one partition.",
        run: Some(strings::many::msetnx),
        ..NEW
    },
    Command {
        name: "psetex",
        since: "2.6.0",
        summary: "Sets the string of a key and its expiry in milliseconds.",
        arity: 4,
        flags: WRITE,
        keys: OW_UPDATE,
        arguments: &[key("key"), integer("milliseconds"), string("value")],
        deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
        run: Some(strings::set::psetex),
        ..NEW
    },
    Command {
        name: "set",
        summary: "Sets the string of a key, whatever the key held before.",
        arity: -3,
        flags: WRITE,
        keys: &[KeySpec {
            notes: "RW and ACCESS due to the optional `GET` argument",
            ..KeySpec::one(1, &["RW", "access", "update", "variable_flags"])
        }],
        arguments: &[
            key("key"),
            string("value"),
            one_of("condition", &[token("nx", "NX"), token("xx", "XX")]).since("2.6.12").optional(),
            token("get", "GET").since("6.2.0").optional(),
            one_of(
                "expiration",
                &[
                    EX.since("2.6.12"),
                    PX.since("2.6.12"),
                    EXAT.since("6.2.0"),
                    PXAT.since("6.2.0"),
                    token("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ],
        differs: REPLY_MAX,
        run: Some(strings::set::set),
        ..NEW
    },
    Command {
        name: "setex",
        since: "2.0.0",
        summary: "Sets the string of a key and its expiry in seconds.",
        arity: 4,
        flags: WRITE,
        keys: OW_UPDATE,
        arguments: &[key("key"), integer("seconds"), string("value")],
        deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
        run: Some(strings::set::setex),
        ..NEW
    },
    Command {
        name: "setnx",
        summary: "Sets the string of a key, if the key does not exist.",
        arity: 3,
        flags: WRITE_FAST,
        keys: &[KeySpec::one(1, &["OW", "insert"])],
        arguments: &[key("key"), string("value")],
        deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
        run: Some(strings::set::setnx),
        ..NEW
    },
    Command {
        name: "setrange",
        since: "2.2.0",
        summary: "Overwrites a part of the string of a key; what lies before it is filled with zero bytes.",
        complexity: "O(N) where N is the length of the resulting string",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(1, &["RW", "update"])],
        arguments: &[key("key"), integer("offset"), string("value")],
        run: Some(strings::extend::setrange),
        ..NEW
    },
    Command {
        name: "strlen",
        since: "2.2.0",
        summary: "Returns the length of the string of a key.",
        arity: 2,
        flags: READ_FAST,
        keys: &[KeySpec::one(1, &["RO"])],
        arguments: &[key("key")],
        run: Some(strings::get::strlen),
        ..NEW
    },
    Command {
        name: "substr",
        summary: "Returns a part of the string of a key.",
        complexity: "O(N) where N is the length of the string",
        arity: 4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), integer("start"), integer("end")],
        deprecated: Some(("2.0.0", "`GETRANGE`")),
        differs: REPLY_MAX,
        run: Some(strings::get::getrange),
        ..NEW
    },
];

const SPLIT: &str = "Keys in several partitions: atomic per partition, not as a whole.";
const REPLY_MAX: &str = "A reply longer than 128 MiB is refused; GETRANGE reads in parts.";
const SPLIT_REPLY_MAX: &str =
    "Keys in several partitions: atomic per partition, not as a whole. A reply longer than 128 MiB is refused; GETRANGE reads in parts.";
