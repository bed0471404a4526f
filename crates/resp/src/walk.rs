//! Finds the way through replies without building them: where one ends, what an array holds.
//!
//! The proxy merges what partitions answered (counts are added, arrays are strung together) by copying slices of the answers.
//! Everything here takes bytes from another process: it is iterative, checks every length, and says `None` to what is not a whole,
//! well-formed reply nested at most [`DEPTH_MAX`] deep. Length-less ("streamed") aggregates of RESP3 are no replies of ours either.

use std::ops::Range;

use crate::number::parse_integer as parse_number;

/// Bytes of the reply at the start of `bytes`; nothing if it is not all there or malformed.
pub fn reply_len(bytes: &[u8]) -> Option<usize> {
    let head = Head::parse(bytes)?;
    match head.shape {
        Shape::Replies(count) if count > 0 => aggregate_len(bytes, head.end, count),
        _ => Some(head.end),
    }
}

/// The elements of the array, set, push or map (keys and values in turn) that is the whole of `reply`.
/// Nothing if it is something else, a null array included, or not well-formed down to its last element.
pub fn elements(reply: &[u8]) -> Option<Elements<'_>> {
    let head = Head::parse(reply)?;
    match head.shape {
        Shape::Replies(left) if reply[0] != b'|' && reply_len(reply)? == reply.len() => Some(Elements { left, rest: &reply[head.end..] }),
        _ => None,
    }
}

/// The value of an integer reply.
pub fn parse_integer(reply: &[u8]) -> Option<i64> {
    parse_number(reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?)
}

/// The value of a bulk string; nothing if it is null.
pub fn parse_bulk(reply: &[u8]) -> Option<&[u8]> {
    let head = Head::parse(reply)?;
    match head.shape {
        Shape::Bytes(range) if reply[0] == b'$' && head.end == reply.len() => Some(&reply[range]),
        _ => None,
    }
}

/// Whether the reply is an error.
pub fn is_error(reply: &[u8]) -> bool {
    matches!(reply.first(), Some(b'-' | b'!'))
}

/// Elements of an aggregate reply, each as the bytes of its own reply.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    left: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let len = reply_len(self.rest).expect("the whole aggregate was walked before");
        let element;
        (element, self.rest) = self.rest.split_at(len);
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Elements<'_> {}

/// The beginning of a reply.
struct Head {
    /// Where what belongs to it alone ends: its line, and its bytes if it is a string.
    end: usize,
    shape: Shape,
}

enum Shape {
    /// Its line says it all.
    Line,
    /// A string, and where its bytes are.
    Bytes(Range<usize>),
    /// So many replies follow that are part of this one.
    Replies(usize),
}

impl Head {
    #[inline]
    fn parse(bytes: &[u8]) -> Option<Head> {
        let line = bytes.iter().position(|&byte| byte == b'\r')?;
        if bytes.get(line + 1) != Some(&b'\n') {
            return None;
        }
        let end = line + 2;
        let (&kind, text) = bytes[..line].split_first()?;
        let shape = match kind {
            b'+' | b'-' | b',' | b'(' => Shape::Line,
            b':' => parse_number(text).map(|_| Shape::Line)?,
            b'#' if matches!(text, b"t" | b"f") => Shape::Line,
            b'_' if text.is_empty() => Shape::Line,
            b'$' | b'*' if text == b"-1" => Shape::Line,
            b'$' | b'!' | b'=' => return Head::string(bytes, end, count(text)?),
            b'*' | b'~' | b'>' => Shape::Replies(count(text)?),
            b'%' => Shape::Replies(count(text)?.checked_mul(2)?),
            // The value it belongs to is part of the same reply.
            b'|' => Shape::Replies(count(text)?.checked_mul(2)?.checked_add(1)?),
            _ => return None,
        };
        Some(Head { end, shape })
    }

    /// A string of `len` bytes that begin at `start`.
    #[inline]
    fn string(bytes: &[u8], start: usize, len: usize) -> Option<Head> {
        let end = start.checked_add(len)?;
        (bytes.get(end..)?.get(..2)? == b"\r\n").then(|| Head { end: end + 2, shape: Shape::Bytes(start..end) })
    }
}

fn count(text: &[u8]) -> Option<usize> {
    usize::try_from(parse_number(text)?).ok()
}

/// As [`reply_len`], for an aggregate whose `count` (not 0) replies begin at `at`.
fn aggregate_len(bytes: &[u8], mut at: usize, count: usize) -> Option<usize> {
    let mut open = Open { left: count, outer: [0; DEPTH_MAX], depth: 0 };
    loop {
        let head = Head::parse(&bytes[at..])?;
        at += head.end;
        match head.shape {
            Shape::Replies(count) if count > 0 => open.push(count)?,
            _ if open.one_less() => {}
            _ => return Some(at),
        }
    }
}

/// The aggregates that have begun and not ended, by how many replies each still lacks.
struct Open {
    /// The innermost.
    left: usize,
    /// Those around it, outermost first.
    outer: [usize; DEPTH_MAX],
    depth: usize,
}

impl Open {
    fn push(&mut self, count: usize) -> Option<()> {
        *self.outer.get_mut(self.depth)? = self.left;
        self.depth += 1;
        self.left = count;
        Some(())
    }

    /// Counts off one reply, and each aggregate that it completes. Whether anything is still lacking.
    fn one_less(&mut self) -> bool {
        loop {
            self.left -= 1;
            if self.left > 0 {
                return true;
            }
            if self.depth == 0 {
                return false;
            }
            self.depth -= 1;
            self.left = self.outer[self.depth];
        }
    }
}

/// How many aggregates may be around a reply, the outermost not counted. `COMMAND DOCS`, the deepest we have, needs about ten;
/// recursive readers survive this on any stack.
pub const DEPTH_MAX: usize = 32;
