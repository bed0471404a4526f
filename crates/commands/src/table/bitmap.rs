//! Commands of the group `bitmap`.

use crate::strings;
use crate::table::argument::{integer, key};
use crate::table::{Category, Command, Flag, Group, KeySpec, Place};

const NEW: Command = Command { group: Group::Bitmap, since: "2.2.0", acl: &[Category::Bitmap], place: Place::Key, ..Command::NEW };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "getbit",
        summary: "Returns a bit of the string of a key; behind its end all bits are 0.",
        complexity: "O(N) where N is the length of the string",
        arity: 3,
        flags: &[Flag::ReadOnly, Flag::Fast],
        keys: &[KeySpec::one(1, &["RO", "access"])],
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
        differs: "Writes the whole string anew, on every replica: meant for short strings.",
        run: Some(strings::bits::setbit),
        ..NEW
    },
];
