//! Finding commands: the groups' entries in one sorted list, a hash table over their names and the ids, all made by the compiler.

use types::txn::CommandId;

use crate::table::{Command, bitmap, connection, generic, geo, hash, hyperloglog, list, server, set, sorted_set, stream, string};

/// All commands in alphabetical order.
pub(super) static COMMANDS: [Command; COUNT] = {
    let mut sorted = [Command::NEW; COUNT];
    let mut len = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut entry = 0;
        while entry < GROUPS[group].len() {
            let mut at = len;
            while at > 0 && before(GROUPS[group][entry].name, sorted[at - 1].name) {
                sorted[at] = sorted[at - 1];
                at -= 1;
            }
            sorted[at] = GROUPS[group][entry];
            len += 1;
            entry += 1;
        }
        group += 1;
    }
    sorted
};

/// The command of this name in any case.
pub(super) fn lookup(name: &[u8]) -> Option<(CommandId, &'static Command)> {
    if name.is_empty() {
        return None;
    }
    let mut at = hash(name);
    loop {
        let index = BUCKETS[at % BUCKETS.len()];
        let command = COMMANDS.get(usize::from(index))?;
        if command.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some((CommandId(index), command));
        }
        at += 1;
    }
}

/// The subcommand of this name, in any case, of the container `id`.
pub(super) fn subcommand(id: CommandId, container: &'static Command, name: &[u8]) -> Option<(CommandId, &'static Command)> {
    let index = container.subcommands.iter().position(|sub| sub.own_name().as_bytes().eq_ignore_ascii_case(name))?;
    Some((CommandId(FIRST_SUBCOMMAND[usize::from(id.0)] + index as u16), &container.subcommands[index]))
}

/// The command or subcommand with this id.
pub(super) fn by_id(id: CommandId) -> Option<&'static Command> {
    let index = usize::from(id.0);
    if let Some(command) = COMMANDS.get(index) {
        return Some(command);
    }
    // Subcommands are numbered behind the commands, container by container.
    let container = FIRST_SUBCOMMAND.partition_point(|&first| first <= id.0).checked_sub(1)?;
    COMMANDS[container].subcommands.get(index - usize::from(FIRST_SUBCOMMAND[container]))
}

const GROUPS: [&[Command]; 12] = [
    bitmap::COMMANDS,
    connection::COMMANDS,
    generic::COMMANDS,
    geo::COMMANDS,
    hash::COMMANDS,
    hyperloglog::COMMANDS,
    list::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    sorted_set::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
];

const COUNT: usize = {
    let mut count = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

/// Id of the first subcommand of each command. One without subcommands has that of the next container, which `by_id` skips.
static FIRST_SUBCOMMAND: [u16; COUNT] = {
    let mut first = [0; COUNT];
    let mut next = COUNT;
    let mut index = 0;
    while index < COUNT {
        first[index] = next as u16;
        next += COMMANDS[index].subcommands.len();
        index += 1;
    }
    first
};

/// Open addressing with linear probing; a quarter full at most, so that a miss ends soon.
static BUCKETS: [u16; 1024] = {
    assert!(COUNT * 4 <= 1024, "make the table of names larger");
    let mut buckets = [EMPTY; 1024];
    let mut index = 0;
    while index < COUNT {
        let mut at = hash(COMMANDS[index].name.as_bytes());
        while buckets[at % 1024] != EMPTY {
            at += 1;
        }
        buckets[at % 1024] = index as u16;
        index += 1;
    }
    buckets
};

/// Four bytes of a name in lower case and its length, mixed: enough to tell most commands apart, at the price of four loads.
const fn hash(name: &[u8]) -> usize {
    let len = name.len();
    let sample = u32::from_le_bytes([name[0], name[len / 2], name[len - 1], name[len / 4]]) | 0x2020_2020;
    let mixed = (sample as u64 ^ ((len as u64) << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 48) as usize
}

const fn before(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
        i += 1;
    }
    a.len() < b.len()
}

const EMPTY: u16 = u16::MAX;
