//! Arguments as documentation: what `COMMAND DOCS` lists and what a line of syntax is made of.

use std::fmt::{self, Display};

/// One argument, or a group of them.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgumentKind,
    /// The word that stands before it, or is it ([`ArgumentKind::Token`]).
    pub token: Option<&'static str>,
    /// The version of Redis that had it first, where that is not the command's.
    pub since: Option<&'static str>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be repeated.
    pub multiple: bool,
}

/// What an argument is.
#[derive(Debug, Clone, Copy)]
pub enum ArgumentKind {
    /// A key, of the key spec with this index.
    Key(usize),
    /// Any bytes.
    String,
    /// A decimal integer.
    Integer,
    /// A floating point number.
    Double,
    /// A glob-style pattern.
    Pattern,
    /// A point in time.
    UnixTime,
    /// The token alone.
    Token,
    /// One of these.
    OneOf(&'static [Argument]),
    /// All of these, in this order.
    Block(&'static [Argument]),
}

/// A key of the first key spec.
pub(crate) const fn key(name: &'static str) -> Argument {
    Argument::of(name, ArgumentKind::Key(0))
}

/// Any bytes.
pub(crate) const fn string(name: &'static str) -> Argument {
    Argument::of(name, ArgumentKind::String)
}

/// A decimal integer.
pub(crate) const fn integer(name: &'static str) -> Argument {
    Argument::of(name, ArgumentKind::Integer)
}

/// A floating point number.
pub(crate) const fn double(name: &'static str) -> Argument {
    Argument::of(name, ArgumentKind::Double)
}

/// A glob-style pattern.
pub(crate) const fn pattern(name: &'static str) -> Argument {
    Argument::of(name, ArgumentKind::Pattern)
}

/// A point in time.
pub(crate) const fn unix_time(name: &'static str) -> Argument {
    Argument::of(name, ArgumentKind::UnixTime)
}

/// A word that stands for itself.
pub(crate) const fn token(name: &'static str, token: &'static str) -> Argument {
    Argument::of(name, ArgumentKind::Token).after(token)
}

/// One of several arguments.
pub(crate) const fn one_of(name: &'static str, arguments: &'static [Argument]) -> Argument {
    Argument::of(name, ArgumentKind::OneOf(arguments))
}

/// Several arguments in a row.
pub(crate) const fn block(name: &'static str, arguments: &'static [Argument]) -> Argument {
    Argument::of(name, ArgumentKind::Block(arguments))
}

impl Argument {
    const fn of(name: &'static str, kind: ArgumentKind) -> Argument {
        Argument { name, kind, token: None, since: None, optional: false, multiple: false }
    }

    /// It is a key of the key spec with this index.
    pub(crate) const fn of_spec(self, index: usize) -> Argument {
        Argument { kind: ArgumentKind::Key(index), ..self }
    }

    /// It may be left out.
    pub(crate) const fn optional(self) -> Argument {
        Argument { optional: true, ..self }
    }

    /// It may be repeated.
    pub(crate) const fn multiple(self) -> Argument {
        Argument { multiple: true, ..self }
    }

    /// It stands after this word.
    pub(crate) const fn after(self, token: &'static str) -> Argument {
        Argument { token: Some(token), ..self }
    }

    /// It came with this version of Redis.
    pub(crate) const fn since(self, version: &'static str) -> Argument {
        Argument { since: Some(version), ..self }
    }
}

impl ArgumentKind {
    /// Redis' word for it.
    pub fn name(self) -> &'static str {
        match self {
            ArgumentKind::Key(_) => "key",
            ArgumentKind::String => "string",
            ArgumentKind::Integer => "integer",
            ArgumentKind::Double => "double",
            ArgumentKind::Pattern => "pattern",
            ArgumentKind::UnixTime => "unix-time",
            ArgumentKind::Token => "pure-token",
            ArgumentKind::OneOf(_) => "oneof",
            ArgumentKind::Block(_) => "block",
        }
    }

    /// What a group is made of.
    pub fn members(self) -> &'static [Argument] {
        match self {
            ArgumentKind::OneOf(members) | ArgumentKind::Block(members) => members,
            _ => &[],
        }
    }
}

/// The argument as a line of syntax: `[EX seconds | PERSIST]`, `key [key ...]`.
impl Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = One(self);
        match (self.optional, self.multiple) {
            (false, false) => write!(f, "{one}"),
            (true, false) => write!(f, "[{one}]"),
            (false, true) => write!(f, "{one} [{one} ...]"),
            (true, true) => write!(f, "[{one} [{one} ...]]"),
        }
    }
}

/// An argument without its brackets.
struct One<'a>(&'a Argument);

impl Display for One<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Argument { name, kind, token, optional, .. } = self.0;
        if let Some(token) = token {
            f.write_str(token)?;
        }
        let gap = if token.is_some() { " " } else { "" };
        match kind {
            ArgumentKind::Token => Ok(()),
            ArgumentKind::OneOf(members) if *optional && token.is_none() => write!(f, "{}", joined(members, " | ")),
            ArgumentKind::OneOf(members) => write!(f, "{gap}<{}>", joined(members, " | ")),
            ArgumentKind::Block(members) => write!(f, "{gap}{}", joined(members, " ")),
            _ => write!(f, "{gap}{name}"),
        }
    }
}

fn joined(members: &[Argument], between: &str) -> String {
    members.iter().map(Argument::to_string).collect::<Vec<_>>().join(between)
}
