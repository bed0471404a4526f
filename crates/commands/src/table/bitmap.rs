//! Commands of the group `bitmap`.

use crate::strings;
use crate::table::argument::{Argument, ArgumentKind, block, integer, key, one_of, string, token};
use crate::table::{Category, Command, Flag, Group, KeySpec, Place};

const NEW: Command = Command { group: Group::Bitmap, since: "2.2.0", acl: &[Category::Bitmap], place: Place::Key, ..Command::NEW };

const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const UNIT: Argument = one_of("index-unit", &[token("byte", "BYTE"), token("bit", "BIT")]).since("7.0.0").optional();

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "bitcount",
        since: "2.6.0",
        summary: "Counts the bits that are set in the string of a key, or in a range of it.",
        complexity: "O(N)",
        arity: -2,
        flags: &[Flag::ReadOnly],
        keys: RO_ACCESS,
        arguments: &[key("key"), block("index", &[integer("start"), integer("end"), UNIT]).optional()],
        run: Some(strings::bitcount::bitcount),
        ..NEW
    },
    Command {
        name: "bitop",
        since: "2.6.0",
        summary: "Combines strings bit by bit (AND, OR, XOR, NOT) and stores the result.",
        complexity: "O(N)",
        arity: -4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: &[KeySpec::one(2, &["OW", "update"]), KeySpec::range(3, -1, 1, &["RO", "access"])],
        arguments: &[string("operation"), key("destkey"), Argument { kind: ArgumentKind::Key(1), ..key("key") }.multiple()],
        run: Some(strings::bitop::bitop),
        ..NEW
    },
    Command {
        name: "bitpos",
        since: "2.8.7",
        summary: "Finds the first bit that is set, or clear, in the string of a key, or in a range of it.",
        complexity: "O(N)",
        arity: -3,
        flags: &[Flag::ReadOnly],
        keys: RO_ACCESS,
        arguments: &[
            key("key"),
            integer("bit"),
            block("index", &[integer("start"), block("end-index", &[integer("end"), UNIT]).optional()]).optional(),
        ],
        run: Some(strings::bitpos::bitpos),
        ..NEW
    },
    Command {
        name: "getbit",
        summary: "Returns a bit of the string of a key; behind its end all bits are 0.",
        complexity: "O(N) where N is the length of the string",
        arity: 3,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: RO_ACCESS,
        arguments: &[key("key"), integer("offset")],
        run: Some(strings::bits::getbit),
        ..NEW
    },
    Command {
        name: "setbit",
        summary: "Sets or clears a bit of the string of a key and returns the one that was there; the string grows as needed.",
        complexity: "O(N) where N is the length of the resulting string",
        arity: 4,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        arguments: &[key("key"), integer("offset"), integer("value")],
        run: Some(strings::bits::setbit),
        ..NEW
    },
];
