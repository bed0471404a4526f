//! Commands of the group `set`.

use crate::sets;
use crate::table::argument::{Argument, integer, key, pattern, string};
use crate::table::{Category, Command, Flag, Group, KeySpec, Place};

const NEW: Command = Command { group: Group::Set, acl: &[Category::Set], place: Place::Key, ..Command::NEW };

const WRITE: &[Flag] = &[Flag::Write, Flag::DenyOom];
const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];
const REMOVE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];

const RO: &[KeySpec] = &[KeySpec::one(1, &["RO"])];
const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const ALL_RO_ACCESS: &[KeySpec] = &[KeySpec::all(1, &["RO", "access"])];
const RW_ACCESS_DELETE: KeySpec = KeySpec::one(1, &["RW", "access", "delete"]);

const KEYS: Argument = key("key").multiple();
const MEMBERS: Argument = string("member").multiple();

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sadd",
        summary: "Adds members to a set; creates the key if there is none.",
        complexity: "O(N) where N is the number of members to add",
        arity: -3,
        flags: &[Flag::Write, Flag::DenyOom, Flag::Fast],
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        arguments: &[key("key"), MEMBERS],
        run: Some(sets::members::sadd),
        ..NEW
    },
    Command {
        name: "scard",
        summary: "Returns the number of members of a set.",
        arity: 2,
        flags: READ_FAST,
        keys: RO,
        arguments: &[key("key")],
        run: Some(sets::members::scard),
        ..NEW
    },
    Command {
        name: "sdiff",
        summary: "Returns the members of the first set that are in none of the others.",
        complexity: "O(N) where N is the number of members of all sets",
        arity: -2,
        flags: READ,
        tips: ORDER,
        keys: ALL_RO_ACCESS,
        arguments: &[KEYS],
        place: Place::Gather,
        differs: GATHER,
        run: Some(sets::sdiff),
        ..NEW
    },
    Command {
        name: "sdiffstore",
        summary: "Stores the members of the first set that are in none of the others.",
        complexity: "O(N) where N is the number of members of all sets",
        arity: -3,
        flags: WRITE,
        keys: STORE_KEYS,
        arguments: STORE_ARGUMENTS,
        differs: ONE_PARTITION,
        run: Some(sets::store::sdiffstore),
        ..NEW
    },
    Command {
        name: "sinter",
        summary: "Returns the members that all of the sets have.",
        complexity: "O(N*M) where N is the number of members of the smallest set and M is the number of sets",
        arity: -2,
        flags: READ,
        tips: ORDER,
        keys: ALL_RO_ACCESS,
        arguments: &[KEYS],
        place: Place::Gather,
        differs: GATHER,
        run: Some(sets::sinter),
        ..NEW
    },
    Command {
        name: "sintercard",
        since: "7.0.0",
        summary: "Returns the number of members that all of the sets have.",
        complexity: "O(N*M) where N is the number of members of the smallest set and M is the number of sets",
        arity: -3,
        flags: &[Flag::ReadOnly, Flag::MovableKeys],
        keys: &[KeySpec::counted(1, &["RO", "access"])],
        arguments: &[integer("numkeys"), KEYS, integer("limit").after("LIMIT").optional()],
        place: Place::Gather,
        differs: GATHER,
        run: Some(sets::sintercard),
        ..NEW
    },
    Command {
        name: "sinterstore",
        summary: "Stores the members that all of the sets have.",
        complexity: "O(N*M) where N is the number of members of the smallest set and M is the number of sets",
        arity: -3,
        flags: WRITE,
        keys: &[KeySpec::one(1, &["RW", "update"]), KeySpec::range(2, -1, 1, &["RO", "access"])],
        arguments: STORE_ARGUMENTS,
        differs: ONE_PARTITION,
        run: Some(sets::store::sinterstore),
        ..NEW
    },
    Command {
        name: "sismember",
        summary: "Tells whether a set has a member.",
        arity: 3,
        flags: READ_FAST,
        keys: RO,
        arguments: &[key("key"), string("member")],
        run: Some(sets::members::sismember),
        ..NEW
    },
    Command {
        name: "smembers",
        summary: "Returns all members of a set.",
        complexity: "O(N) where N is the number of members",
        arity: 2,
        flags: READ,
        tips: ORDER,
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(sets::members::smembers),
        ..NEW
    },
    Command {
        name: "smismember",
        since: "6.2.0",
        summary: "Tells which of several members a set has.",
        complexity: "O(N) where N is the number of members asked for",
        arity: -3,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), MEMBERS],
        run: Some(sets::members::smismember),
        ..NEW
    },
    Command {
        name: "smove",
        summary: "Moves a member from one set to another.",
        arity: 4,
        flags: REMOVE_FAST,
        keys: &[RW_ACCESS_DELETE, KeySpec::one(2, &["RW", "insert"])],
        arguments: &[key("source"), key("destination").of_spec(1), string("member")],
        differs: ONE_PARTITION,
        run: Some(sets::members::smove),
        ..NEW
    },
    Command {
        name: "spop",
        summary: "Removes and returns members of a set that chance chooses.",
        complexity: "O(1), or O(N) where N is the count; O(N) where N is the number of members if the count is more than a hundredth of it",
        arity: -2,
        flags: REMOVE_FAST,
        tips: &["nondeterministic_output"],
        keys: &[RW_ACCESS_DELETE],
        arguments: &[key("key"), integer("count").since("3.2.0").optional()],
        run: Some(sets::random::spop),
        ..NEW
    },
    Command {
        name: "srandmember",
        summary: "Returns members of a set that chance chooses.",
        complexity: "O(1), or O(N) where N is the count; O(N) where N is the number of members if the count is more than a hundredth of it",
        arity: -2,
        flags: READ,
        tips: &["nondeterministic_output"],
        keys: RO_ACCESS,
        arguments: &[key("key"), integer("count").since("2.6.0").optional()],
        differs: "With a negative count, a reply longer than proto-max-bulk-len is refused.",
        run: Some(sets::random::srandmember),
        ..NEW
    },
    Command {
        name: "srem",
        summary: "Removes members from a set; deletes the key with the last one.",
        complexity: "O(N) where N is the number of members to remove",
        arity: -3,
        flags: REMOVE_FAST,
        keys: &[KeySpec::one(1, &["RW", "delete"])],
        arguments: &[key("key"), MEMBERS],
        run: Some(sets::members::srem),
        ..NEW
    },
    Command {
        name: "sscan",
        since: "2.8.0",
        summary: "Walks over the members of a set.",
        complexity: "O(1) for every call, O(N) for a walk over all where N is the number of members",
        arity: -3,
        flags: READ,
        tips: &["nondeterministic_output"],
        keys: RO_ACCESS,
        arguments: &[
            key("key"),
            integer("cursor"),
            pattern("pattern").after("MATCH").optional(),
            integer("count").after("COUNT").optional(),
        ],
        run: Some(sets::scan::sscan),
        ..NEW
    },
    Command {
        name: "sunion",
        summary: "Returns the members of all of the sets.",
        complexity: "O(N*M) where N is the number of members of all sets and M is the number of sets",
        arity: -2,
        flags: READ,
        tips: ORDER,
        keys: ALL_RO_ACCESS,
        arguments: &[KEYS],
        place: Place::Gather,
        differs: GATHER,
        run: Some(sets::sunion),
        ..NEW
    },
    Command {
        name: "sunionstore",
        summary: "Stores the members of all of the sets.",
        complexity: "O(N*M) where N is the number of members of all sets and M is the number of sets",
        arity: -3,
        flags: WRITE,
        keys: STORE_KEYS,
        arguments: STORE_ARGUMENTS,
        differs: ONE_PARTITION,
        run: Some(sets::store::sunionstore),
        ..NEW
    },
];

const ORDER: &[&str] = &["nondeterministic_output_order"];
const STORE_KEYS: &[KeySpec] = &[KeySpec::one(1, &["OW", "update"]), KeySpec::range(2, -1, 1, &["RO", "access"])];
const STORE_ARGUMENTS: &[Argument] = &[key("destination"), key("key").of_spec(1).multiple()];
const GATHER: &str = "Keys in several partitions: each is read at a moment of its own.";
const ONE_PARTITION: &str = "All keys have to be in one partition.";
