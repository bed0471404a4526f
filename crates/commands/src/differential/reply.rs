//! Replies taken apart, to be compared in part and shown in scripts.

use std::fmt;

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reply {
    /// Whatever is one line: statuses, errors, numbers, nulls; with the byte that says which.
    Line(Vec<u8>),
    /// A bulk or verbatim string, and the byte that says which.
    Bulk(u8, Vec<u8>),
    /// An aggregate, and the byte that says which; of a map the keys and values in turn.
    Many(u8, Vec<Reply>),
}

impl Reply {
    /// # Panics
    /// If `bytes` are not exactly one reply.
    pub(super) fn parse(bytes: &[u8]) -> Reply {
        let (reply, rest) = take(bytes);
        assert!(rest.is_empty(), "more than one reply: {}", bytes.escape_ascii());
        reply
    }

    pub(super) fn is_error(&self) -> bool {
        matches!(self, Reply::Line(line) if line.starts_with(b"-"))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Reply::Line(line) if matches!(line.as_slice(), b"_" | b"$-1" | b"*-1"))
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Reply::Line(line) => std::str::from_utf8(line.strip_prefix(b":")?).ok()?.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Reply::Line(line) => line.strip_prefix(b"+"),
            Reply::Bulk(_, text) => Some(text),
            Reply::Many(..) => None,
        }
    }

    pub(super) fn items(&self) -> &[Reply] {
        match self {
            Reply::Many(_, items) => items,
            _ => &[],
        }
    }
}

fn take(bytes: &[u8]) -> (Reply, &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").expect("a line");
    let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
    let len = || std::str::from_utf8(&line[1..]).expect("a length").parse::<usize>().ok();
    match (line[0], len) {
        (kind @ (b'$' | b'='), len) => match len() {
            Some(len) => (Reply::Bulk(kind, rest[..len].to_vec()), &rest[len + 2..]),
            None => (Reply::Line(line.to_vec()), rest),
        },
        (kind @ (b'*' | b'~' | b'%'), len) => {
            let Some(len) = len() else { return (Reply::Line(line.to_vec()), rest) };
            let mut rest = rest;
            let mut items = Vec::new();
            for _ in 0..if kind == b'%' { 2 * len } else { len } {
                let (item, after) = take(rest);
                items.push(item);
                rest = after;
            }
            (Reply::Many(kind, items), rest)
        }
        _ => (Reply::Line(line.to_vec()), rest),
    }
}

/// As scripts of `testing::check` write it.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            reply if reply.is_null() => f.write_str("nil"),
            Reply::Line(line) => f.write_str(&String::from_utf8_lossy(&line[1..])),
            Reply::Bulk(_, text) => write!(f, "\"{}\"", text.escape_ascii()),
            Reply::Many(kind, items) => {
                let shown: Vec<String> = items.iter().map(Reply::to_string).collect();
                match kind {
                    b'%' => write!(f, "{{{}}}", shown.chunks(2).map(|pair| pair.join(": ")).collect::<Vec<_>>().join(", ")),
                    b'~' => write!(f, "~[{}]", shown.join(", ")),
                    _ => write!(f, "[{}]", shown.join(", ")),
                }
            }
        }
    }
}
