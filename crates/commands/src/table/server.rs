//! Commands of the group `server`.

use crate::table::argument::{Argument, block, double, integer, key, one_of, pattern, string, token};
use crate::table::{Category, Command, Flag, Group, KeySpec, Merge, Place};
use crate::{flush, keyspace, object, relocate, usage};

const NEW: Command = Command { group: Group::Server, ..Command::NEW };

const ALWAYS: &[Flag] = &[Flag::Loading, Flag::Stale];
const ADMIN: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];

const FLUSH_TYPE: Argument =
    one_of("flush-type", &[token("async", "ASYNC").since("4.0.0"), token("sync", "SYNC").since("6.2.0")]).optional();

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "command",
        since: "2.8.13",
        summary: "Describes all commands.",
        complexity: "O(N) where N is the number of commands",
        flags: ALWAYS,
        acl: &[Category::Connection],
        tips: &["nondeterministic_output_order"],
        subcommands: COMMAND,
        ..NEW
    },
    Command {
        name: "config",
        since: "2.0.0",
        summary: "Container of commands about the configuration.",
        complexity: "Depends on the subcommand.",
        arity: -2,
        subcommands: CONFIG,
        ..NEW
    },
    Command {
        name: "dbsize",
        summary: "Returns the number of keys.",
        arity: 1,
        flags: &[Flag::ReadOnly, Flag::Fast],
        acl: &[Category::Keyspace],
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        place: Place::Every(Merge::Sum),
        run: Some(keyspace::dbsize),
        ..NEW
    },
    Command {
        name: "debug",
        summary: "Container of commands for tests.",
        complexity: "Depends on the subcommand.",
        arity: -2,
        flags: ADMIN,
        subcommands: DEBUG,
        differs: "Off unless enabled; few subcommands.",
        ..NEW
    },
    Command {
        name: "flushall",
        summary: "Deletes all keys of all logical databases.",
        complexity: "O(N) where N is the number of logical databases",
        flags: &[Flag::Write],
        acl: &[Category::Keyspace, Category::Dangerous],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        arguments: &[FLUSH_TYPE],
        place: Place::Every(Merge::Ok),
        differs: "Atomic per partition, not as a whole.",
        run: Some(flush::flushall),
        ..NEW
    },
    Command {
        name: "flushdb",
        summary: "Deletes all keys of the logical database.",
        flags: &[Flag::Write],
        acl: &[Category::Keyspace, Category::Dangerous],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        arguments: &[FLUSH_TYPE],
        place: Place::Every(Merge::Ok),
        differs: "Atomic per partition, not as a whole.",
        run: Some(flush::flushdb),
        ..NEW
    },
    Command {
        name: "info",
        summary: "Describes the server's state.",
        flags: ALWAYS,
        acl: &[Category::Dangerous],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        arguments: &[string("section").multiple().optional()],
        differs: "Of the proxy it is sent to, but for Keyspace. Keyspace: `keys` and `expires` are exact, those of partitions that cannot \
                  be reached left out; `avg_ttl` is always 0.",
        ..NEW
    },
    Command {
        name: "lolwut",
        since: "5.0.0",
        summary: "Draws a picture and tells the version.",
        complexity: "",
        flags: &[Flag::ReadOnly, Flag::Fast],
        arguments: &[integer("version").after("VERSION").optional()],
        ..NEW
    },
    Command {
        name: "memory",
        since: "4.0.0",
        summary: "Container of commands about memory.",
        complexity: "Depends on the subcommand.",
        arity: -2,
        subcommands: MEMORY,
        ..NEW
    },
    Command {
        name: "swapdb",
        since: "4.0.0",
        summary: "Makes each of two logical databases the other.",
        arity: 3,
        flags: &[Flag::Write, Flag::Fast],
        acl: &[Category::Keyspace, Category::Dangerous],
        arguments: &[integer("index1"), integer("index2")],
        place: Place::Every(Merge::Ok),
        differs: "Atomic per partition, not as a whole.",
        run: Some(relocate::swapdb),
        ..NEW
    },
    Command {
        name: "time",
        since: "2.6.0",
        summary: "Returns the server's time.",
        arity: 1,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        tips: &["nondeterministic_output"],
        ..NEW
    },
];

const COMMAND: &[Command] = &[
    Command { name: "command|count", summary: "Returns the number of commands.", arity: 2, tips: &[], ..COMMAND_NEW },
    Command {
        name: "command|docs",
        since: "7.0.0",
        summary: "Documents commands.",
        complexity: "O(N) where N is the number of commands",
        arity: -2,
        arguments: &[string("command-name").multiple().optional()],
        ..COMMAND_NEW
    },
    Command {
        name: "command|getkeys",
        summary: "Returns the keys of a command.",
        complexity: "O(N) where N is the number of arguments",
        arity: -3,
        tips: &[],
        arguments: &[string("command"), string("arg").multiple().optional()],
        ..COMMAND_NEW
    },
    Command { name: "command|help", since: "5.0.0", summary: "Explains the subcommands.", arity: 2, tips: &[], ..COMMAND_NEW },
    Command {
        name: "command|info",
        summary: "Describes commands.",
        complexity: "O(N) where N is the number of commands",
        arity: -2,
        arguments: &[string("command-name").multiple().optional()],
        ..COMMAND_NEW
    },
    Command {
        name: "command|list",
        since: "7.0.0",
        summary: "Returns the names of commands.",
        complexity: "O(N) where N is the number of commands",
        arity: -2,
        arguments: &[one_of(
            "filterby",
            &[string("module-name").after("MODULE"), string("category").after("ACLCAT"), pattern("pattern").after("PATTERN")],
        )
        .after("FILTERBY")
        .optional()],
        ..COMMAND_NEW
    },
];

const COMMAND_NEW: Command =
    Command { since: "2.8.13", flags: ALWAYS, acl: &[Category::Connection], tips: &["nondeterministic_output_order"], ..NEW };

const CONFIG: &[Command] = &[
    Command {
        name: "config|get",
        since: "2.0.0",
        summary: "Returns parameters of the configuration.",
        complexity: "O(N) where N is the number of parameters asked for",
        arity: -3,
        flags: ADMIN,
        arguments: &[block("parameter", &[string("parameter")]).multiple()],
        ..NEW
    },
    Command { name: "config|help", since: "5.0.0", summary: "Explains the subcommands.", arity: 2, flags: ALWAYS, ..NEW },
    Command { name: "config|resetstat", since: "2.0.0", summary: "Sets the statistics to zero.", arity: 2, flags: ADMIN, ..NEW },
    Command {
        name: "config|set",
        since: "2.0.0",
        summary: "Sets parameters of the configuration.",
        complexity: "O(N) where N is the number of parameters",
        arity: -4,
        flags: ADMIN,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        arguments: &[block("data", &[string("parameter"), string("value")]).multiple()],
        differs: "Parameters that mean nothing here are kept and have no effect.",
        ..NEW
    },
];

const DEBUG: &[Command] = &[
    Command { name: "debug|help", since: "5.0.0", summary: "Explains the subcommands.", arity: 2, ..DEBUG_NEW },
    Command { name: "debug|jmap", summary: "Does nothing.", ..DEBUG_NEW },
    Command { name: "debug|log", summary: "Writes a message to the log.", arity: 3, arguments: &[string("message")], ..DEBUG_NEW },
    Command {
        name: "debug|object",
        summary: "Describes how the value of a key is stored.",
        arity: -3,
        flags: &[Flag::ReadOnly, Flag::Admin, Flag::NoScript],
        keys: &[KeySpec::one(2, &["RO"])],
        arguments: &[key("key")],
        place: Place::Key,
        differs: "The address is the number of the key's slot.",
        run: Some(object::debug),
        ..DEBUG_NEW
    },
    Command { name: "debug|pause-cron", summary: "Does nothing.", arity: 3, arguments: &[integer("toggle")], ..DEBUG_NEW },
    Command { name: "debug|protocol", summary: "Returns a reply of a given type.", arity: 3, arguments: &[string("type")], ..DEBUG_NEW },
    Command { name: "debug|quicklist-packed-threshold", summary: "Does nothing.", arity: 3, arguments: &[integer("size")], ..DEBUG_NEW },
    Command { name: "debug|replybuffer", summary: "Does nothing.", arity: -3, arguments: &[string("argument").multiple()], ..DEBUG_NEW },
    Command {
        name: "debug|set-active-expire",
        summary: "Stops or resumes the removal of expired keys that nobody asks for.",
        arity: 3,
        arguments: &[integer("toggle")],
        differs: "Does nothing: the sweep goes on.",
        ..DEBUG_NEW
    },
    Command { name: "debug|set-disable-deny-scripts", summary: "Does nothing.", arity: 3, arguments: &[integer("toggle")], ..DEBUG_NEW },
    Command { name: "debug|sleep", summary: "Makes the session wait.", arity: 3, arguments: &[double("seconds")], ..DEBUG_NEW },
    Command {
        name: "debug|stringmatch-len",
        summary: "Matches a pattern with a string of many `a`.",
        arity: 4,
        arguments: &[integer("length"), pattern("pattern")],
        ..DEBUG_NEW
    },
];

const DEBUG_NEW: Command = Command { arity: -2, flags: ADMIN, ..NEW };

const MEMORY: &[Command] = &[
    Command {
        name: "memory|doctor",
        summary: "Looks for problems with memory.",
        tips: EACH_ITS_OWN,
        differs: "Knows of no problems and says so.",
        ..MEMORY_NEW
    },
    Command { name: "memory|help", summary: "Explains the subcommands.", flags: ALWAYS, ..MEMORY_NEW },
    Command {
        name: "memory|purge",
        summary: "Asks the allocator to give memory back.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        differs: "Does nothing: the allocator gives memory back by itself.",
        ..MEMORY_NEW
    },
    Command {
        name: "memory|stats",
        summary: "Returns what memory is used for.",
        tips: EACH_ITS_OWN,
        differs: "Of the process of the proxy it is sent to; only what is known of the process as a whole.",
        ..MEMORY_NEW
    },
    Command {
        name: "memory|usage",
        summary: "Estimates how many bytes a key and its value take.",
        complexity: "O(N) where N is the length of the value",
        arity: -3,
        flags: &[Flag::ReadOnly],
        keys: &[KeySpec::one(2, &["RO"])],
        arguments: &[key("key"), integer("count").after("SAMPLES").optional()],
        place: Place::Key,
        differs: "Bytes of the key's records and of its entry in the expiry index on one replica, before compression.",
        run: Some(usage::usage),
        ..MEMORY_NEW
    },
];

const MEMORY_NEW: Command = Command { since: "4.0.0", arity: 2, ..NEW };

const EACH_ITS_OWN: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];
