//! Commands of the group `stream`.

use crate::streams::{ack, add, admin, claim, edit, info, range, read, trim};
use crate::table::argument::{Argument, block, integer, key, one_of, string, token, unix_time};
use crate::table::{Begin, Category, Command, Find, Flag, Group, KeySpec, Merge, Place};

const NEW: Command = Command { group: Group::Stream, acl: &[Category::Stream], since: "5.0.0", place: Place::Key, ..Command::NEW };

const WRITE: &[Flag] = &[Flag::Write];
const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];
const WRITE_MORE: &[Flag] = &[Flag::Write, Flag::DenyOom];
const WRITE_MORE_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
const READ: &[Flag] = &[Flag::ReadOnly];

const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const RW_UPDATE: &[KeySpec] = &[KeySpec::one(1, &["RW", "update"])];
const RW_DELETE: &[KeySpec] = &[KeySpec::one(1, &["RW", "delete"])];

const UNPREDICTABLE: &[&str] = &["nondeterministic_output"];

const COUNT: Argument = integer("count").after("COUNT").optional();
const BLOCK: Argument = integer("milliseconds").after("BLOCK").optional();
const STREAMS: Argument = block("streams", &[key("key").multiple(), string("ID").multiple()]).after("STREAMS");
const ID_OR_NEW: Argument = one_of("id-selector", &[string("id"), token("new-id", "$")]);
const ENTRIES_READ: Argument = integer("entriesread").after("ENTRIESREAD").optional();
const TRIM: Argument = block(
    "trim",
    &[
        one_of("strategy", &[token("maxlen", "MAXLEN"), token("minid", "MINID").since("6.2.0")]),
        one_of("operator", &[token("equal", "="), token("approximately", "~")]).optional(),
        string("threshold"),
        integer("count").after("LIMIT").since("6.2.0").optional(),
    ],
);

const NO_BLOCK: &str = "BLOCK is refused.";

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xack",
        summary: "Acknowledges entries of a stream that were delivered to a consumer group; counts those that were pending.",
        complexity: "O(N) where N is the number of ids",
        arity: -4,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), string("group"), string("ID").multiple()],
        run: Some(ack::xack),
        ..NEW
    },
    Command {
        name: "xadd",
        summary: "Adds an entry to a stream; creates the key if there is none.",
        complexity: "O(1), and O(N) for trimming where N is the number of entries removed",
        arity: -5,
        flags: WRITE_MORE_FAST,
        tips: UNPREDICTABLE,
        keys: &[KeySpec {
            notes: "UPDATE instead of INSERT because of the optional trimming feature",
            ..KeySpec::one(1, &["RW", "update"])
        }],
        arguments: &[
            key("key"),
            token("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
            TRIM.optional(),
            one_of("id-selector", &[token("auto-id", "*"), string("id")]),
            block("data", &[string("field"), string("value")]).multiple(),
        ],
        run: Some(add::xadd),
        ..NEW
    },
    Command {
        name: "xautoclaim",
        since: "6.2.0",
        summary: "Makes a consumer the owner of entries that have been pending for long, from an id on.",
        complexity: "O(N) where N is COUNT",
        arity: -6,
        flags: WRITE_FAST,
        tips: UNPREDICTABLE,
        keys: RW_DELETE,
        arguments: &[
            key("key"),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("start"),
            COUNT,
            token("justid", "JUSTID").optional(),
        ],
        run: Some(claim::xautoclaim),
        ..NEW
    },
    Command {
        name: "xclaim",
        summary: "Makes a consumer the owner of pending entries.",
        complexity: "O(N) where N is the number of ids",
        arity: -6,
        flags: WRITE_FAST,
        tips: UNPREDICTABLE,
        keys: RW_UPDATE,
        arguments: &[
            key("key"),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("ID").multiple(),
            integer("ms").after("IDLE").optional(),
            unix_time("unix-time-milliseconds").after("TIME").optional(),
            integer("count").after("RETRYCOUNT").optional(),
            token("force", "FORCE").optional(),
            token("justid", "JUSTID").optional(),
            string("lastid").after("LASTID").optional(),
        ],
        run: Some(claim::xclaim),
        ..NEW
    },
    Command {
        name: "xdel",
        summary: "Removes entries from a stream and counts them.",
        complexity: "O(N) where N is the number of ids",
        arity: -3,
        flags: WRITE_FAST,
        keys: RW_DELETE,
        arguments: &[key("key"), string("ID").multiple()],
        run: Some(edit::xdel),
        ..NEW
    },
    Command {
        name: "xgroup",
        summary: "Container of commands for consumer groups.",
        complexity: "Depends on the subcommand.",
        arity: -2,
        acl: &[],
        place: Place::Proxy,
        subcommands: XGROUP,
        ..NEW
    },
    Command {
        name: "xinfo",
        summary: "Container of commands that tell about streams.",
        complexity: "Depends on the subcommand.",
        arity: -2,
        acl: &[],
        place: Place::Proxy,
        subcommands: XINFO,
        ..NEW
    },
    Command {
        name: "xlen",
        summary: "Returns the number of entries of a stream.",
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: &[KeySpec::one(1, &["RO"])],
        arguments: &[key("key")],
        run: Some(range::xlen),
        ..NEW
    },
    Command {
        name: "xpending",
        summary: "Returns what is pending in a consumer group: a summary, or entries of a range.",
        complexity: "O(N) where N is the number of pending entries looked at, or of consumers for the summary",
        arity: -3,
        flags: READ,
        tips: UNPREDICTABLE,
        keys: RO_ACCESS,
        arguments: &[
            key("key"),
            string("group"),
            block(
                "filters",
                &[
                    integer("min-idle-time").after("IDLE").since("6.2.0").optional(),
                    string("start"),
                    string("end"),
                    integer("count"),
                    string("consumer").optional(),
                ],
            )
            .optional(),
        ],
        run: Some(ack::xpending),
        ..NEW
    },
    Command {
        name: "xrange",
        summary: "Returns the entries of a stream between two ids.",
        complexity: "O(N) where N is the number of entries returned",
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("start"), string("end"), COUNT],
        run: Some(range::xrange),
        ..NEW
    },
    Command {
        name: "xread",
        summary: "Returns the entries of streams behind given ids.",
        complexity: "O(N) where N is the number of entries returned",
        arity: -4,
        flags: &[Flag::ReadOnly, Flag::Blocking, Flag::MovableKeys],
        keys: &[streams_from(1, &["RO", "access"])],
        arguments: &[COUNT, BLOCK, STREAMS],
        place: Place::Split(Merge::Streams),
        differs: NO_BLOCK,
        run: Some(read::xread),
        ..NEW
    },
    Command {
        name: "xreadgroup",
        summary: "Returns entries of streams to a consumer of a group: new ones, or those that are pending for it.",
        complexity: "O(N) where N is the number of entries returned",
        arity: -7,
        flags: &[Flag::Write, Flag::Blocking, Flag::MovableKeys],
        keys: &[streams_from(4, &["RO", "access"])],
        arguments: &[
            block("group-block", &[string("group"), string("consumer")]).after("GROUP"),
            COUNT,
            BLOCK,
            token("noack", "NOACK").optional(),
            STREAMS,
        ],
        differs: NO_BLOCK,
        run: Some(read::xreadgroup),
        ..NEW
    },
    Command {
        name: "xrevrange",
        summary: "Returns the entries of a stream between two ids, the last one first.",
        complexity: "O(N) where N is the number of entries returned",
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("end"), string("start"), COUNT],
        run: Some(range::xrevrange),
        ..NEW
    },
    Command {
        name: "xsetid",
        summary: "Sets the last id of a stream and what is known of entries that are gone.",
        arity: -3,
        flags: WRITE_MORE_FAST,
        keys: RW_UPDATE,
        arguments: &[
            key("key"),
            string("last-id"),
            integer("entries-added").after("ENTRIESADDED").since("7.0.0").optional(),
            string("max-deleted-id").after("MAXDELETEDID").since("7.0.0").optional(),
        ],
        run: Some(edit::xsetid),
        ..NEW
    },
    Command {
        name: "xtrim",
        summary: "Removes entries from the beginning of a stream.",
        complexity: "O(N) where N is the number of entries removed",
        arity: -4,
        flags: WRITE,
        tips: UNPREDICTABLE,
        keys: RW_DELETE,
        arguments: &[key("key"), TRIM],
        run: Some(trim::xtrim),
        ..NEW
    },
];

const XGROUP: &[Command] = &[
    Command {
        name: "xgroup|create",
        summary: "Creates a consumer group; creates the stream if that is wanted.",
        arity: -5,
        flags: WRITE_MORE,
        keys: &[KeySpec::one(2, &["RW", "insert"])],
        arguments: &[key("key"), string("group"), ID_OR_NEW, token("mkstream", "MKSTREAM").optional(), ENTRIES_READ],
        run: Some(admin::create),
        ..NEW
    },
    Command {
        name: "xgroup|createconsumer",
        since: "6.2.0",
        summary: "Creates a consumer of a group.",
        arity: 5,
        flags: WRITE_MORE,
        keys: &[KeySpec::one(2, &["RW", "insert"])],
        arguments: &[key("key"), string("group"), string("consumer")],
        run: Some(admin::create_consumer),
        ..NEW
    },
    Command {
        name: "xgroup|delconsumer",
        summary: "Removes a consumer of a group, and what is pending for it.",
        complexity: "O(N) where N is the number of entries that are pending for it",
        arity: 5,
        flags: WRITE,
        keys: &[KeySpec::one(2, &["RW", "delete"])],
        arguments: &[key("key"), string("group"), string("consumer")],
        run: Some(admin::delete_consumer),
        ..NEW
    },
    Command {
        name: "xgroup|destroy",
        summary: "Removes a consumer group.",
        complexity: "O(N) where N is the number of its pending entries and consumers",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(2, &["RW", "delete"])],
        arguments: &[key("key"), string("group")],
        run: Some(admin::destroy),
        ..NEW
    },
    HELP_XGROUP,
    Command {
        name: "xgroup|setid",
        summary: "Sets the id behind which a consumer group reads on.",
        arity: -5,
        flags: WRITE,
        keys: &[KeySpec::one(2, &["RW", "update"])],
        arguments: &[key("key"), string("group"), ID_OR_NEW, ENTRIES_READ],
        run: Some(admin::setid),
        ..NEW
    },
];

const XINFO: &[Command] = &[
    Command {
        name: "xinfo|consumers",
        summary: "Returns the consumers of a group.",
        complexity: "O(N) where N is the number of consumers",
        arity: 4,
        flags: READ,
        tips: UNPREDICTABLE,
        keys: &[KeySpec::one(2, &["RO", "access"])],
        arguments: &[key("key"), string("group")],
        run: Some(info::consumers),
        ..NEW
    },
    Command {
        name: "xinfo|groups",
        summary: "Returns the consumer groups of a stream.",
        complexity: "O(N) where N is the number of groups",
        arity: 3,
        flags: READ,
        keys: &[KeySpec::one(2, &["RO", "access"])],
        arguments: &[key("key")],
        run: Some(info::groups),
        ..NEW
    },
    Command { name: "xinfo|help", ..HELP_XGROUP },
    Command {
        name: "xinfo|stream",
        summary: "Returns what is known of a stream.",
        complexity: "O(1); FULL: O(N) where N is the number of entries, groups, consumers and pending entries shown",
        arity: -3,
        flags: READ,
        keys: &[KeySpec::one(2, &["RO", "access"])],
        arguments: &[key("key"), block("full-block", &[token("full", "FULL"), COUNT]).optional()],
        differs: "There is no radix tree: `radix-tree-keys` is about the number of nodes that Redis would have, `radix-tree-nodes` one more.",
        run: Some(info::stream),
        ..NEW
    },
];

const HELP_XGROUP: Command = Command {
    name: "xgroup|help",
    summary: "Explains the subcommands.",
    arity: 2,
    flags: &[Flag::Loading, Flag::Stale],
    place: Place::Proxy,
    ..NEW
};

/// The first half of what stands behind the word `STREAMS`.
const fn streams_from(from: i32, flags: &'static [&'static str]) -> KeySpec {
    KeySpec { begin: Begin::Keyword("STREAMS", from), find: Find::Range { last: -1, step: 1, limit: 2 }, flags, notes: "" }
}
