//! The command table: what each command is called, what it takes, what it does to which keys, and where it runs.
//!
//! One list is the source of dispatch, arity errors, key extraction, `COMMAND` output and the documentation. The entries stand in
//! one file per group; here is what an entry is made of and how it is found.
//!
//! Invariant: a command has a program (`run`) exactly when it runs at a partition (its place is not [`Place::Proxy`])
//! and has no subcommands.

use types::args::Args;
use types::txn::CommandId;

use crate::program::Run;
use crate::table::argument::Argument;

pub mod argument;
mod bitmap;
mod connection;
mod generic;
mod index;
mod not_found;
mod server;
mod string;
mod words;

pub use not_found::NotFound;
pub use words::{Category, Flag, Group};

/// One command or subcommand.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its name in lower case; of a subcommand with its container: `object|encoding`.
    pub name: &'static str,
    /// The group it is documented in.
    pub group: Group,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What it costs.
    pub complexity: &'static str,
    /// Number of arguments, the name(s) included; negative: at least so many.
    pub arity: i32,
    /// What kind of command it is.
    pub flags: &'static [Flag],
    /// ACL categories beyond those that follow from the flags, see [`Command::categories`].
    pub acl: &'static [Category],
    /// Hints for cluster clients, in Redis' words.
    pub tips: &'static [&'static str],
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// Its arguments, for `COMMAND DOCS` and for people.
    pub arguments: &'static [Argument],
    /// Since which version it should no longer be used, and what instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Where it runs.
    pub place: Place,
    /// The subcommands of a container such as `CLIENT`; empty for everything else.
    pub subcommands: &'static [Command],
    /// How it differs from Redis; empty if it does not.
    pub differs: &'static str,
    /// What a partition's primary runs.
    pub(crate) run: Option<Run>,
}

/// Where a command runs, and how the replies of several partitions become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the proxy.
    Proxy,
    /// At the partition of its keys; keys in several partitions: `CROSSSLOT`.
    Key,
    /// At each partition that has some of its keys, with just those (see [`Args::pick`]).
    Split(Merge),
    /// At every partition of the table.
    Every(Merge),
    /// At the partition of its cursor's slot (see [`crate::scan::cursor`]).
    Cursor,
    /// At any one partition; which one is the proxy's choice (`RANDOMKEY`: weighted by `DBSIZE`).
    Any,
}

/// How replies become one. An error among them is the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Integers are added.
    Sum,
    /// Elements of arrays go back to the places of the keys they answer.
    Interleave,
    /// All of them say `OK`, and so does the reply.
    Ok,
    /// Arrays are chained.
    Concat,
}

/// Where keys stand among the arguments and what happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// Index of the first one; the command's name has index 0.
    pub first: usize,
    /// The last one, counted from the first; negative: from the end, -1 being the last argument.
    pub last: i32,
    /// Distance from one key to the next.
    pub step: usize,
    /// What happens to them, in Redis' words.
    pub flags: &'static [&'static str],
    /// A remark.
    pub notes: &'static str,
}

/// All commands, in alphabetical order.
pub static COMMANDS: &[Command] = &index::COMMANDS;

/// The command of this name in any case, containers not opened: `lookup(b"Object")`. About 10 ns.
pub fn lookup(name: &[u8]) -> Option<(CommandId, &'static Command)> {
    index::lookup(name)
}

/// The command or subcommand that these arguments name, if their number is right. The id is that of the subcommand.
///
/// # Errors
/// [`NotFound`], which knows Redis' error text: [`NotFound::write`].
pub fn find(args: &Args) -> Result<(CommandId, &'static Command), NotFound> {
    let (id, command) = args.get(0).and_then(lookup).ok_or(NotFound::Command)?;
    if command.subcommands.is_empty() || args.len() < 2 {
        return if command.fits(args.len()) { Ok((id, command)) } else { Err(NotFound::Arity(command)) };
    }
    let (id, subcommand) = index::subcommand(id, command, args.at(1)).ok_or(NotFound::Subcommand(command))?;
    if subcommand.fits(args.len()) { Ok((id, subcommand)) } else { Err(NotFound::Arity(subcommand)) }
}

/// The command or subcommand with this id; `None` for an id that is not the table's.
pub fn by_id(id: CommandId) -> Option<&'static Command> {
    index::by_id(id)
}

/// The command `get`, or the subcommand `config|get`, by its full name in any case.
pub fn by_name(name: &[u8]) -> Option<&'static Command> {
    let Some(bar) = name.iter().position(|&b| b == b'|') else { return lookup(name).map(|(_, command)| command) };
    let (id, container) = lookup(&name[..bar])?;
    index::subcommand(id, container, &name[bar + 1..]).map(|(_, command)| command)
}

impl Command {
    /// What entries of the table start from.
    pub(crate) const NEW: Command = Command {
        name: "",
        group: Group::Generic,
        since: "1.0.0",
        summary: "",
        complexity: "O(1)",
        arity: -1,
        flags: &[],
        acl: &[],
        tips: &[],
        keys: &[],
        arguments: &[],
        deprecated: None,
        place: Place::Proxy,
        subcommands: &[],
        differs: "",
        run: None,
    };

    /// Whether it has this property.
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Whether it can be called with so many arguments, its name(s) included. Where keys take several arguments each, the last key
    /// must have all of its own.
    pub fn fits(&self, arguments: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        let enough = if self.arity < 0 { arguments >= wanted } else { arguments == wanted };
        enough && self.keys.iter().all(|spec| spec.last >= 0 || (arguments - spec.first).is_multiple_of(spec.step))
    }

    /// The name without that of the container: `encoding` of `object|encoding`.
    pub fn own_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, own)| own)
    }

    /// Indices of its keys among `len` arguments, name(s) included. A command that was called with too few has none.
    pub fn keys(&self, len: usize) -> impl Iterator<Item = usize> + use<> {
        self.keys.iter().flat_map(move |spec| spec.indices(len))
    }

    /// The first key's index among `len` arguments: all that routing a command with one key needs.
    pub fn first_key(&self, len: usize) -> Option<usize> {
        self.keys.first().map(|spec| spec.first).filter(|&first| first < len)
    }

    /// All its ACL categories.
    pub fn categories(&self) -> impl Iterator<Item = Category> + use<> {
        let command = *self;
        Category::ALL.into_iter().filter(move |&category| {
            command.acl.contains(&category)
                || match category {
                    Category::Write => command.is(Flag::Write),
                    Category::Read => command.is(Flag::ReadOnly),
                    Category::Admin => command.is(Flag::Admin),
                    Category::Dangerous => command.is(Flag::Admin),
                    Category::Fast => command.is(Flag::Fast),
                    Category::Slow => !command.is(Flag::Fast),
                    Category::Blocking => command.is(Flag::Blocking),
                    Category::Keyspace | Category::String | Category::Bitmap | Category::Connection => false,
                }
        })
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Command) -> bool {
        self.name == other.name
    }
}

impl Eq for Command {}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Command").field(&self.name).finish()
    }
}

impl KeySpec {
    /// Indices of the keys among `len` arguments.
    pub fn indices(&self, len: usize) -> impl Iterator<Item = usize> + use<> {
        let last = if self.last < 0 { len.saturating_sub(self.last.unsigned_abs() as usize) } else { self.first + self.last as usize };
        let end = if self.first < len { len.min(last + 1) } else { self.first };
        (self.first..end).step_by(self.step)
    }

    const fn one(first: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { first, last: 0, step: 1, flags, notes: "" }
    }

    const fn all(step: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { first: 1, last: -1, step, flags, notes: "" }
    }
}

#[cfg(test)]
mod tests;
