//! Commands of the group `hyperloglog`.

use crate::hyperloglog;
use crate::table::argument::{key, string};
use crate::table::{Begin, Category, Command, Find, Flag, Group, KeySpec, Place};

const NEW: Command =
    Command { group: Group::HyperLogLog, since: "2.8.9", acl: &[Category::HyperLogLog], place: Place::Key, ..Command::NEW };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "pfadd",
        summary: "Shows elements to a HyperLogLog, which is created if the key does not exist.",
        complexity: "O(1) for each element",
        arity: -2,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        arguments: &[key("key"), string("element").optional().multiple()],
        differs: "A corrupted HyperLogLog stays as it is; in Redis the elements before the one that finds it out may have changed it.",
        run: Some(hyperloglog::add::pfadd),
        ..NEW
    },
    Command {
        name: "pfcount",
        summary: "Estimates how many different elements were shown to a HyperLogLog, or to several together.",
        complexity: "O(1) for a key, with a constant of some microseconds; O(N) for N keys",
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: &[KeySpec {
            begin: Begin::Index(1),
            find: Find::Range { last: -1, step: 1, limit: 0 },
            flags: &["RW", "access"],
            notes: "RW because it may change the internal representation of the key, and propagate to replicas",
        }],
        arguments: &[key("key").multiple()],
        place: Place::Gather,
        differs: "Writes nothing: Redis keeps the estimate in bytes 8 to 15 of the string until the next change, here only one that came \
                  with the bytes is used. Keys in several partitions: each is read at a moment of its own.",
        run: Some(hyperloglog::count::pfcount),
        ..NEW
    },
    Command {
        name: "pfdebug",
        summary: "Shows what a HyperLogLog looks like inside (GETREG, DECODE, ENCODING), or makes it dense (TODENSE, GETREG).",
        complexity: "O(1), with a constant of some hundred microseconds",
        arity: 3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Admin],
        keys: &[KeySpec::one(2, &["RW", "access"])],
        arguments: &[string("subcommand"), key("key")],
        run: Some(hyperloglog::debug::pfdebug),
        ..NEW
    },
    Command {
        name: "pfmerge",
        summary: "Shows all elements that some HyperLogLogs have seen to another one, which is created if its key does not exist.",
        complexity: "O(N) for N HyperLogLogs, with a constant of some ten microseconds",
        arity: -2,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: &[KeySpec::one(1, &["RW", "access", "insert"]), KeySpec::range(2, -1, 1, &["RO", "access"])],
        arguments: &[key("destkey"), key("sourcekey").of_spec(1).optional().multiple()],
        run: Some(hyperloglog::merge::pfmerge),
        ..NEW
    },
    Command {
        name: "pfselftest",
        summary: "Tests the implementation of HyperLogLogs; touches no key.",
        complexity: "O(1), with a constant of some ten milliseconds",
        arity: 1,
        flags: &[Flag::Admin],
        place: Place::Any,
        differs: "Counts up to a million elements; Redis goes up to ten millions.",
        run: Some(hyperloglog::self_test::pfselftest),
        ..NEW
    },
];
