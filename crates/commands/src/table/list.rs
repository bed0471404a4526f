//! Commands of the group `list`.

use crate::lists::{edit, moves, pop, push, read};
use crate::table::argument::{Argument, integer, key, one_of, string, token};
use crate::table::{Category, Command, Flag, Group, KeySpec, Place};

const NEW: Command = Command { group: Group::List, acl: &[Category::List], place: Place::Key, ..Command::NEW };

const WRITE: &[Flag] = &[Flag::Write];
const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];
const GROW: &[Flag] = &[Flag::Write, Flag::DenyOom];
const GROW_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
const READ: &[Flag] = &[Flag::ReadOnly];

const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const RW_INSERT: &[KeySpec] = &[KeySpec::one(1, &["RW", "insert"])];
const RW_DELETE: &[KeySpec] = &[KeySpec::one(1, &["RW", "delete"])];
const RW_ACCESS_DELETE: &[KeySpec] = &[KeySpec::one(1, &["RW", "access", "delete"])];
const FROM_TO: &[KeySpec] = &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["RW", "insert"])];

const END: &[Argument] = &[token("left", "LEFT"), token("right", "RIGHT")];
const TO: Argument = Argument { kind: crate::table::argument::ArgumentKind::Key(1), ..key("destination") };
/// Of commands that make lists longer.
const BOUNDED: &str = "A list of more than 1 KiB is a `quicklist`, also where `list-max-listpack-size` allows for more.";
const ELEMENTS: Argument = string("element").multiple();

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "lindex",
        summary: "Returns the element at an index of a list.",
        complexity: "O(log(N)) where N is the length of the list",
        arity: 3,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), integer("index")],
        run: Some(read::lindex),
        ..NEW
    },
    Command {
        name: "linsert",
        since: "2.2.0",
        summary: "Inserts an element before or after another one of a list.",
        complexity: "O(N) where N is the number of elements up to the one that is looked for",
        arity: 5,
        flags: GROW,
        keys: RW_INSERT,
        arguments: &[
            key("key"),
            one_of("where", &[token("before", "BEFORE"), token("after", "AFTER")]),
            string("pivot"),
            string("element"),
        ],
        run: Some(edit::linsert),
        ..NEW
    },
    Command {
        name: "llen",
        summary: "Returns the length of a list.",
        arity: 2,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: &[KeySpec::one(1, &["RO"])],
        arguments: &[key("key")],
        run: Some(read::llen),
        ..NEW
    },
    Command {
        name: "lmove",
        since: "6.2.0",
        summary: "Moves an element from an end of one list to an end of another, or of the same one, and returns it.",
        arity: 5,
        flags: GROW,
        keys: FROM_TO,
        arguments: &[key("source"), TO, one_of("wherefrom", END), one_of("whereto", END)],
        run: Some(moves::lmove),
        ..NEW
    },
    Command {
        name: "lmpop",
        since: "7.0.0",
        summary: "Removes and returns elements of the first of several lists that is not empty.",
        complexity: "O(N+M) where N is the number of keys and M is the number of elements returned",
        arity: -4,
        flags: &[Flag::Write, Flag::MovableKeys],
        keys: &[KeySpec::counted(1, &["RW", "access", "delete"])],
        arguments: &[integer("numkeys"), key("key").multiple(), one_of("where", END), integer("count").after("COUNT").optional()],
        run: Some(pop::lmpop),
        ..NEW
    },
    Command {
        name: "lpop",
        summary: "Removes and returns the first elements of a list.",
        complexity: "O(N) where N is the number of elements returned",
        arity: -2,
        flags: WRITE_FAST,
        keys: RW_ACCESS_DELETE,
        arguments: &[key("key"), integer("count").optional().since("6.2.0")],
        run: Some(pop::lpop),
        ..NEW
    },
    Command {
        name: "lpos",
        since: "6.0.6",
        summary: "Returns the indexes at which a list has an element.",
        complexity: "O(N) where N is the number of elements that are compared",
        arity: -3,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[
            key("key"),
            string("element"),
            integer("rank").after("RANK").optional(),
            integer("num-matches").after("COUNT").optional(),
            integer("len").after("MAXLEN").optional(),
        ],
        run: Some(read::lpos),
        ..NEW
    },
    Command {
        name: "lpush",
        summary: "Puts elements before the first one of a list; creates the list if there is none.",
        complexity: "O(N) where N is the number of elements that are added",
        arity: -3,
        flags: GROW_FAST,
        keys: RW_INSERT,
        arguments: &[key("key"), ELEMENTS],
        differs: BOUNDED,
        run: Some(push::lpush),
        ..NEW
    },
    Command {
        name: "lpushx",
        since: "2.2.0",
        summary: "Puts elements before the first one of a list, if there is a list.",
        complexity: "O(N) where N is the number of elements that are added",
        arity: -3,
        flags: GROW_FAST,
        keys: RW_INSERT,
        arguments: &[key("key"), ELEMENTS],
        run: Some(push::lpushx),
        ..NEW
    },
    Command {
        name: "lrange",
        summary: "Returns the elements of a list between two indexes.",
        complexity: "O(log(N)+M) where N is the length of the list and M is the number of elements returned",
        arity: 4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), integer("start"), integer("stop")],
        run: Some(read::lrange),
        ..NEW
    },
    Command {
        name: "lrem",
        summary: "Removes elements that are equal to a given one from a list.",
        complexity: "O(N+M) where N is the length of the list and M is the number of elements removed",
        arity: 4,
        flags: WRITE,
        keys: RW_DELETE,
        arguments: &[key("key"), integer("count"), string("element")],
        run: Some(edit::lrem),
        ..NEW
    },
    Command {
        name: "lset",
        summary: "Replaces the element at an index of a list.",
        complexity: "O(log(N)) where N is the length of the list",
        arity: 4,
        flags: GROW,
        keys: &[KeySpec::one(1, &["RW", "update"])],
        arguments: &[key("key"), integer("index"), string("element")],
        run: Some(edit::lset),
        ..NEW
    },
    Command {
        name: "ltrim",
        summary: "Removes the elements of a list that are not between two indexes.",
        complexity: "O(N) where N is the number of elements removed, or of those that stay if these are fewer",
        arity: 4,
        flags: WRITE,
        keys: RW_DELETE,
        arguments: &[key("key"), integer("start"), integer("stop")],
        run: Some(edit::ltrim),
        ..NEW
    },
    Command {
        name: "rpop",
        summary: "Removes and returns the last elements of a list.",
        complexity: "O(N) where N is the number of elements returned",
        arity: -2,
        flags: WRITE_FAST,
        keys: RW_ACCESS_DELETE,
        arguments: &[key("key"), integer("count").optional().since("6.2.0")],
        run: Some(pop::rpop),
        ..NEW
    },
    Command {
        name: "rpoplpush",
        since: "1.2.0",
        summary: "Moves the last element of a list to the beginning of another and returns it.",
        arity: 3,
        flags: GROW,
        keys: FROM_TO,
        arguments: &[key("source"), TO],
        deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
        run: Some(moves::rpoplpush),
        ..NEW
    },
    Command {
        name: "rpush",
        summary: "Puts elements behind the last one of a list; creates the list if there is none.",
        complexity: "O(N) where N is the number of elements that are added",
        arity: -3,
        flags: GROW_FAST,
        keys: RW_INSERT,
        arguments: &[key("key"), ELEMENTS],
        differs: BOUNDED,
        run: Some(push::rpush),
        ..NEW
    },
    Command {
        name: "rpushx",
        since: "2.2.0",
        summary: "Puts elements behind the last one of a list, if there is a list.",
        complexity: "O(N) where N is the number of elements that are added",
        arity: -3,
        flags: GROW_FAST,
        keys: RW_INSERT,
        arguments: &[key("key"), ELEMENTS],
        run: Some(push::rpushx),
        ..NEW
    },
];
