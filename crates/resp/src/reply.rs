//! Writes replies, in the shapes of RESP2 and RESP3.
//!
//! Free functions that append to a byte vector: an aggregate is its header followed by its elements, so a reply of any size is
//! written in one pass and never exists as a tree. Where RESP2 has no such type, the function writes what Redis writes instead:
//!
//! | | RESP3 | RESP2 |
//! | --- | --- | --- |
//! | [`null`], [`null_array`] | `_` | `$-1`, `*-1` |
//! | [`map`] | `%pairs` | `*` with twice as many elements |
//! | [`set`], [`push`] | `~len`, `>len` | `*len` |
//! | [`double`], [`big_number`] | `,1.5`, `(123` | bulk string |
//! | [`boolean`] | `#t`, `#f` | `:1`, `:0` |
//! | [`verbatim`] | `=len` with its format | bulk string |
//!
//! Invariant: whatever text is handed in, one call writes one reply. What could end a line early is replaced.

use types::txn::Proto;

use crate::number::format_double;

/// A status such as `OK`.
pub fn simple(out: &mut Vec<u8>, text: &str) {
    line(out, b'+', text.as_bytes());
}

/// An error; `text` begins with its code: `ERR syntax error`.
pub fn error(out: &mut Vec<u8>, text: &str) {
    error_bytes(out, text.as_bytes());
}

/// An error whose text quotes what a client sent, which need not be UTF-8.
pub fn error_bytes(out: &mut Vec<u8>, text: &[u8]) {
    line(out, b'-', text);
}

/// A signed integer.
pub fn integer(out: &mut Vec<u8>, value: i64) {
    header(out, b':', value);
}

/// A string of any bytes.
pub fn bulk(out: &mut Vec<u8>, value: &[u8]) {
    out.reserve(value.len() + FRAMING_MAX);
    header(out, b'$', value.len() as u64);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Header of a string of any bytes; `len` bytes and a line end (`\r\n`) follow.
pub fn bulk_header(out: &mut Vec<u8>, len: u64) {
    header(out, b'$', len);
}

/// The absence of a value.
pub fn null(out: &mut Vec<u8>, proto: Proto) {
    out.extend_from_slice(match proto {
        Proto::Resp2 => b"$-1\r\n",
        Proto::Resp3 => b"_\r\n",
    });
}

/// The absence of an array: what a blocking command answers at its timeout.
pub fn null_array(out: &mut Vec<u8>, proto: Proto) {
    out.extend_from_slice(match proto {
        Proto::Resp2 => b"*-1\r\n",
        Proto::Resp3 => b"_\r\n",
    });
}

/// Header of an array; `len` elements follow.
pub fn array(out: &mut Vec<u8>, len: usize) {
    header(out, b'*', len as u64);
}

/// Header of a map; `pairs` times a key and its value follow.
pub fn map(out: &mut Vec<u8>, proto: Proto, pairs: usize) {
    match proto {
        Proto::Resp2 => header(out, b'*', 2 * pairs as u64),
        Proto::Resp3 => header(out, b'%', pairs as u64),
    }
}

/// Header of a set; `len` members follow.
pub fn set(out: &mut Vec<u8>, proto: Proto, len: usize) {
    aggregate(out, proto, b'~', len);
}

/// Header of a message nobody asked for (invalidations, published messages); `len` elements follow.
pub fn push(out: &mut Vec<u8>, proto: Proto, len: usize) {
    aggregate(out, proto, b'>', len);
}

/// A floating point number, see [`format_double`].
pub fn double(out: &mut Vec<u8>, proto: Proto, value: f64) {
    let text = format_double(value);
    match proto {
        Proto::Resp2 => bulk(out, &text),
        Proto::Resp3 => line(out, b',', &text),
    }
}

/// True or false.
pub fn boolean(out: &mut Vec<u8>, proto: Proto, value: bool) {
    match proto {
        Proto::Resp2 => integer(out, i64::from(value)),
        Proto::Resp3 => out.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
    }
}

/// Text for people, with the three letters that say how it is laid out (`txt`, `mkd`). Other lengths are cut or filled with spaces.
pub fn verbatim(out: &mut Vec<u8>, proto: Proto, format: &str, text: &[u8]) {
    match proto {
        Proto::Resp2 => bulk(out, text),
        Proto::Resp3 => {
            let mut prefix = [b' ', b' ', b' ', b':'];
            for (to, from) in prefix.iter_mut().zip(format.bytes().take(3)) {
                *to = from;
            }
            out.reserve(text.len() + FRAMING_MAX);
            header(out, b'=', (text.len() + prefix.len()) as u64);
            out.extend_from_slice(&prefix);
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// An integer of any size, as its decimal text.
pub fn big_number(out: &mut Vec<u8>, proto: Proto, digits: &str) {
    match proto {
        Proto::Resp2 => bulk(out, digits.as_bytes()),
        Proto::Resp3 => line(out, b'(', digits.as_bytes()),
    }
}

/// Header of what is said beside the next value; `pairs` follow, then that value. RESP3 only: RESP2 cannot tell it from a reply.
pub fn attribute(out: &mut Vec<u8>, pairs: usize) {
    header(out, b'|', pairs as u64);
}

/// Header of an aggregate that RESP2 shows as an array.
fn aggregate(out: &mut Vec<u8>, proto: Proto, kind: u8, len: usize) {
    match proto {
        Proto::Resp2 => header(out, b'*', len as u64),
        Proto::Resp3 => header(out, kind, len as u64),
    }
}

fn header(out: &mut Vec<u8>, kind: u8, value: impl itoa::Integer) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// One line. As Redis does: line breaks around the text are dropped and those inside become spaces, so that bytes of a client that
/// reach an error text cannot pose as a reply of their own.
fn line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    let is_break = |b: &u8| matches!(b, b'\r' | b'\n');
    let start = text.iter().position(|b| !is_break(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !is_break(b)).map_or(start, |last| last + 1);
    out.reserve(end - start + FRAMING_MAX);
    out.push(kind);
    out.extend(text[start..end].iter().map(|b| if is_break(b) { b' ' } else { *b }));
    out.extend_from_slice(b"\r\n");
}

/// The kind, a length of up to 20 digits, a format of four bytes and two line ends fit into this.
const FRAMING_MAX: usize = 32;
