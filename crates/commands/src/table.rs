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
mod geo;
mod hash;
mod hyperloglog;
mod index;
mod list;
mod not_found;
mod server;
mod set;
mod sorted_set;
mod stream;
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
    /// At the partition of its keys, or, if they lie in several, in the proxy over copies of their values. For commands that only read.
    Gather,
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
    /// `XREAD`: each stream with its id is a call of its own; what there is of them is chained, null if nothing.
    Streams,
}

/// Where keys stand among the arguments and what happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// Where to begin.
    pub begin: Begin,
    /// How to go on from there.
    pub find: Find,
    /// What happens to them, in Redis' words.
    pub flags: &'static [&'static str],
    /// A remark.
    pub notes: &'static str,
}

/// Where the search for keys begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At the argument with this index; the command's name has index 0.
    Index(usize),
    /// Behind the first argument at or after an index (negative: from the end, and backwards) that is this word in any case.
    Keyword(&'static str, i32),
    /// Nobody can say: such keys are not part of routing.
    Unknown,
}

/// Which arguments are keys, seen from where the search begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// A range.
    Range {
        /// The last one, counted from the first; negative: from the end, -1 being the last argument.
        last: i32,
        /// Distance from one key to the next.
        step: usize,
        /// With a negative `last`: 2 or more says that keys end where the first so many'th part of the remaining arguments ends.
        limit: usize,
    },
    /// An argument says how many there are.
    Count {
        /// Index of that argument, counted from the beginning.
        index: usize,
        /// Index of the first key, counted from the beginning.
        first: usize,
    },
    /// The argument behind the last `word` among the options, which begin at an index; `others` are options with so many arguments of
    /// their own. Redis has no words for this, so clients are told that it is unknown.
    Option {
        /// Index of the first option.
        from: usize,
        /// The option that names a key.
        word: &'static str,
        /// Options whose arguments are not options.
        others: &'static [(&'static str, usize)],
    },
    /// Nobody can say.
    Unknown,
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
        enough
            && self.keys.iter().all(|spec| match (spec.begin, spec.find) {
                (Begin::Index(first), Find::Range { last, step, limit: 0 }) if last < 0 => (arguments - first).is_multiple_of(step),
                _ => true,
            })
    }

    /// The name without that of the container: `encoding` of `object|encoding`.
    pub fn own_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, own)| own)
    }

    /// Indices of its keys among these arguments. A command that was called with too few has none.
    #[inline]
    pub fn keys<'a>(&self, args: &'a Args) -> impl Iterator<Item = usize> + use<'a> {
        self.keys.iter().flat_map(move |spec| spec.indices(args))
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
                    _ => false,
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
    /// Indices of the keys among these arguments, the command's name included.
    #[inline]
    pub fn indices(&self, args: &Args) -> impl Iterator<Item = usize> + use<> {
        let len = args.len();
        let begin = match self.begin {
            Begin::Index(index) => Some(index),
            Begin::Keyword(word, from) => keyword(args, word, from),
            Begin::Unknown => None,
        };
        let (first, end, step) = match (begin, self.find) {
            (Some(first), Find::Range { last, step, limit }) => {
                let end = match last {
                    0.. => first + last as usize + 1,
                    // From the end; with a limit, from where that part of the arguments ends.
                    _ if limit > 1 => (first + len.saturating_sub(first) / limit).saturating_sub(last.unsigned_abs() as usize - 1),
                    _ => (len + 1).saturating_sub(last.unsigned_abs() as usize),
                };
                (first, end, step)
            }
            (Some(begin), Find::Count { index, first }) => {
                let count = args.get(begin + index).and_then(resp::number::parse_integer).and_then(|count| usize::try_from(count).ok());
                // A count that the arguments do not bear out is the command's to refuse.
                let end = count.and_then(|count| count.checked_add(begin + first)).filter(|&end| end <= len);
                (begin + first, end.unwrap_or(0), 1)
            }
            (None, Find::Option { from, word, others }) => {
                option(args, from, word, others).map_or((0, 0, 1), |index| (index, index + 1, 1))
            }
            _ => (0, 0, 1),
        };
        (first..end.min(len).max(first.min(len))).step_by(step)
    }

    const fn one(first: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec::range(first, 0, 1, flags)
    }

    const fn all(step: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec::range(1, -1, step, flags)
    }

    const fn range(first: usize, last: i32, step: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { begin: Begin::Index(first), find: Find::Range { last, step, limit: 0 }, flags, notes: "" }
    }

    /// Argument `index` says how many keys follow it.
    const fn counted(index: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { begin: Begin::Index(index), find: Find::Count { index: 0, first: 1 }, flags, notes: "" }
    }

    /// The key behind the first `word` at or after argument `from`.
    const fn keyword(word: &'static str, from: i32, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { begin: Begin::Keyword(word, from), find: Find::Range { last: 0, step: 1, limit: 0 }, flags, notes: "" }
    }
}

/// Index of the argument of the last option `word`.
fn option(args: &Args, from: usize, word: &str, others: &[(&str, usize)]) -> Option<usize> {
    let (mut at, mut found) = (from, None);
    while at < args.len() {
        let is = |option: &str| args.at(at).eq_ignore_ascii_case(option.as_bytes());
        if is(word) {
            at += 1;
            found = (at < args.len()).then_some(at).or(found);
        } else if let Some((_, arguments)) = others.iter().find(|(other, _)| is(other)) {
            at += arguments;
        }
        at += 1;
    }
    found
}

/// Index of the argument behind `word`.
fn keyword(args: &Args, word: &str, from: i32) -> Option<usize> {
    let is = |index: &usize| args.at(*index).eq_ignore_ascii_case(word.as_bytes());
    let index = match usize::try_from(from) {
        Ok(from) => (from..args.len()).find(is),
        Err(_) => (1..(args.len() + 1).saturating_sub(from.unsigned_abs() as usize)).rev().find(is),
    };
    index.map(|index| index + 1)
}

#[cfg(test)]
mod tests;
