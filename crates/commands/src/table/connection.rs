//! Commands of the group `connection`: sessions and their settings. All of them run in the proxy.

use crate::table::argument::{Argument, block, integer, one_of, string, token};
use crate::table::{Category, Command, Flag, Group};

const NEW: Command = Command { group: Group::Connection, acl: &[Category::Connection], ..Command::NEW };

const ALWAYS: &[Flag] = &[Flag::Loading, Flag::Stale];
const ALWAYS_FAST: &[Flag] = &[Flag::Loading, Flag::Stale, Flag::Fast];
const SESSION: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale];
const SESSION_FAST: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy];
const ADMIN: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];

const ON_OFF: &[Argument] = &[token("on", "ON"), token("off", "OFF")];
const TYPES: &[Argument] = &[token("normal", "NORMAL"), token("master", "MASTER"), token("replica", "REPLICA"), token("pubsub", "PUBSUB")];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "auth",
        summary: "Tells who the session is.",
        complexity: "O(N) where N is the number of passwords of the user",
        arity: -2,
        flags: SESSION_FAST,
        arguments: &[string("username").since("6.0.0").optional(), string("password")],
        differs: "There is one user, `default`, with one password.",
        ..NEW
    },
    Command {
        name: "client",
        since: "2.4.0",
        summary: "Container of commands about sessions.",
        complexity: "Depends on the subcommand.",
        arity: -2,
        acl: &[],
        subcommands: CLIENT,
        ..NEW
    },
    Command { name: "echo", summary: "Returns its argument.", arity: 2, flags: ALWAYS_FAST, arguments: &[string("message")], ..NEW },
    Command {
        name: "hello",
        since: "6.0.0",
        summary: "Chooses the version of the protocol and tells who the session is.",
        arity: -1,
        flags: SESSION_FAST,
        arguments: &[block(
            "arguments",
            &[
                integer("protover"),
                block("auth", &[string("username"), string("password")]).after("AUTH").optional(),
                string("clientname").after("SETNAME").optional(),
            ],
        )
        .optional()],
        ..NEW
    },
    Command {
        name: "ping",
        summary: "Returns `PONG` or its argument.",
        arity: -1,
        flags: &[Flag::Fast],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        arguments: &[string("message").optional()],
        ..NEW
    },
    Command {
        name: "quit",
        summary: "Ends the session.",
        flags: SESSION_FAST,
        deprecated: Some(("7.2.0", "just closing the connection")),
        ..NEW
    },
    Command { name: "reset", since: "6.2.0", summary: "Makes the session as new.", arity: 1, flags: SESSION_FAST, ..NEW },
    Command {
        name: "select",
        summary: "Chooses the logical database of the session.",
        arity: 2,
        flags: ALWAYS_FAST,
        arguments: &[integer("index")],
        ..NEW
    },
];

const CLIENT: &[Command] = &[
    Command { name: "client|getname", since: "2.6.9", summary: "Returns the name of the session.", arity: 2, flags: SESSION, ..NEW },
    Command { name: "client|help", since: "5.0.0", summary: "Explains the subcommands.", arity: 2, flags: ALWAYS, ..NEW },
    Command { name: "client|id", since: "5.0.0", summary: "Returns the number of the session.", arity: 2, flags: SESSION, ..NEW },
    Command {
        name: "client|info",
        since: "6.2.0",
        summary: "Describes the session.",
        arity: 2,
        flags: SESSION,
        tips: &["nondeterministic_output"],
        ..NEW
    },
    Command {
        name: "client|kill",
        since: "2.4.0",
        summary: "Ends sessions.",
        complexity: "O(N) where N is the number of sessions",
        arity: -3,
        flags: ADMIN,
        arguments: &[one_of(
            "filter",
            &[
                string("old-format"),
                one_of(
                    "new-format",
                    &[
                        integer("client-id").after("ID").since("2.8.12"),
                        one_of("client-type", TYPES).after("TYPE").since("2.8.12"),
                        string("username").after("USER"),
                        string("addr").after("ADDR"),
                        string("laddr").after("LADDR").since("6.2.0"),
                        one_of("skipme", &[token("yes", "YES"), token("no", "NO")]).after("SKIPME"),
                        integer("maxage").after("MAXAGE").since("7.4.0"),
                    ],
                )
                .multiple(),
            ],
        )],
        differs: "Ends sessions of the proxy it is sent to.",
        ..NEW
    },
    Command {
        name: "client|list",
        since: "2.4.0",
        summary: "Describes sessions.",
        complexity: "O(N) where N is the number of sessions",
        arity: -2,
        flags: ADMIN,
        tips: &["nondeterministic_output"],
        arguments: &[
            one_of("client-type", TYPES).after("TYPE").since("5.0.0").optional(),
            block("id", &[integer("client-id").multiple()]).after("ID").since("6.2.0").optional(),
        ],
        differs: "Lists sessions of the proxy it is sent to.",
        ..NEW
    },
    Command {
        name: "client|no-evict",
        since: "7.0.0",
        summary: "Protects the session from being closed for want of memory.",
        arity: 3,
        flags: ADMIN,
        arguments: &[one_of("enabled", ON_OFF)],
        ..NEW
    },
    Command {
        name: "client|no-touch",
        since: "7.2.0",
        summary: "Lets the session's reads leave access times alone.",
        arity: 3,
        flags: SESSION,
        arguments: &[one_of("enabled", ON_OFF)],
        differs: "Reads never change access times.",
        ..NEW
    },
    Command {
        name: "client|pause",
        since: "2.9.50",
        summary: "Holds back the commands of all sessions.",
        arity: -3,
        flags: ADMIN,
        arguments: &[integer("timeout"), one_of("mode", &[token("write", "WRITE"), token("all", "ALL")]).since("6.2.0").optional()],
        differs: "Holds back sessions of the proxy it is sent to.",
        ..NEW
    },
    Command {
        name: "client|reply",
        since: "3.2.0",
        summary: "Turns replies off and on.",
        arity: 3,
        flags: SESSION,
        arguments: &[one_of("action", &[token("on", "ON"), token("off", "OFF"), token("skip", "SKIP")])],
        ..NEW
    },
    Command {
        name: "client|setinfo",
        since: "7.2.0",
        summary: "Names the client's library or its version.",
        arity: 4,
        flags: SESSION,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        arguments: &[one_of("attr", &[string("libname").after("LIB-NAME"), string("libver").after("LIB-VER")])],
        ..NEW
    },
    Command {
        name: "client|setname",
        since: "2.6.9",
        summary: "Names the session.",
        arity: 3,
        flags: SESSION,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        arguments: &[string("connection-name")],
        ..NEW
    },
    Command {
        name: "client|unblock",
        since: "5.0.0",
        summary: "Wakes a session that waits in a blocking command.",
        complexity: "O(log N) where N is the number of sessions",
        arity: -3,
        flags: ADMIN,
        arguments: &[integer("client-id"), one_of("unblock-type", &[token("timeout", "TIMEOUT"), token("error", "ERROR")]).optional()],
        differs: "No command blocks yet, so the answer is 0.",
        ..NEW
    },
    Command {
        name: "client|unpause",
        since: "6.2.0",
        summary: "Ends what `CLIENT PAUSE` began.",
        complexity: "O(N) where N is the number of sessions held back",
        arity: 2,
        flags: ADMIN,
        ..NEW
    },
];
