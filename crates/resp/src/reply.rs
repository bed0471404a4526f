//! Writes replies, in the shapes of RESP2 and RESP3.
//!
//! Free functions that append to a byte vector or a [`types::reply::Reply`]: an aggregate is its header followed by its elements, so a reply of any size is
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

use types::reply::Sink;
use types::txn::Proto;

use crate::number::format_double;

/// A status such as `OK`.
pub fn simple(sink: &mut impl Sink, text: &str) {
    line(sink, b'+', text.as_bytes());
}

/// An error; `text` begins with its code: `ERR syntax error`.
pub fn error(sink: &mut impl Sink, text: &str) {
    error_bytes(sink, text.as_bytes());
}

/// An error whose text quotes what a client sent, which need not be UTF-8.
pub fn error_bytes(sink: &mut impl Sink, text: &[u8]) {
    line(sink, b'-', text);
}

/// A signed integer.
pub fn integer(sink: &mut impl Sink, value: i64) {
    header(sink, b':', value);
}

/// A string of any bytes.
pub fn bulk(sink: &mut impl Sink, value: &[u8]) {
    let out = sink.buffer();
    out.reserve(value.len() + FRAMING_MAX);
    put_header(out, b'$', value.len() as u64);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    sink.settle();
}

/// Header of a string of any bytes; `len` bytes and a line end (`\r\n`) follow.
pub fn bulk_header(sink: &mut impl Sink, len: u64) {
    header(sink, b'$', len);
}

/// The absence of a value.
pub fn null(sink: &mut impl Sink, proto: Proto) {
    put(
        sink,
        match proto {
            Proto::Resp2 => b"$-1\r\n",
            Proto::Resp3 => b"_\r\n",
        },
    );
}

/// The absence of an array: what a blocking command answers at its timeout.
pub fn null_array(sink: &mut impl Sink, proto: Proto) {
    put(
        sink,
        match proto {
            Proto::Resp2 => b"*-1\r\n",
            Proto::Resp3 => b"_\r\n",
        },
    );
}

/// Header of an array; `len` elements follow.
pub fn array(sink: &mut impl Sink, len: usize) {
    header(sink, b'*', len as u64);
}

/// Header of a map; `pairs` times a key and its value follow.
pub fn map(sink: &mut impl Sink, proto: Proto, pairs: usize) {
    match proto {
        Proto::Resp2 => header(sink, b'*', 2 * pairs as u64),
        Proto::Resp3 => header(sink, b'%', pairs as u64),
    }
}

/// Header of a set; `len` members follow.
pub fn set(sink: &mut impl Sink, proto: Proto, len: usize) {
    aggregate(sink, proto, b'~', len);
}

/// Header of a message nobody asked for (invalidations, published messages); `len` elements follow.
pub fn push(sink: &mut impl Sink, proto: Proto, len: usize) {
    aggregate(sink, proto, b'>', len);
}

/// A floating point number, see [`format_double`].
pub fn double(sink: &mut impl Sink, proto: Proto, value: f64) {
    let text = format_double(value);
    match proto {
        Proto::Resp2 => bulk(sink, &text),
        Proto::Resp3 => line(sink, b',', &text),
    }
}

/// True or false.
pub fn boolean(sink: &mut impl Sink, proto: Proto, value: bool) {
    match proto {
        Proto::Resp2 => integer(sink, i64::from(value)),
        Proto::Resp3 => put(sink, if value { b"#t\r\n" } else { b"#f\r\n" }),
    }
}

/// Text for people, with the three letters that say how it is laid out (`txt`, `mkd`). Other lengths are cut or filled with spaces.
pub fn verbatim(sink: &mut impl Sink, proto: Proto, format: &str, text: &[u8]) {
    match proto {
        Proto::Resp2 => bulk(sink, text),
        Proto::Resp3 => {
            let mut prefix = [b' ', b' ', b' ', b':'];
            for (to, from) in prefix.iter_mut().zip(format.bytes().take(3)) {
                *to = from;
            }
            let out = sink.buffer();
            out.reserve(text.len() + FRAMING_MAX);
            put_header(out, b'=', (text.len() + prefix.len()) as u64);
            out.extend_from_slice(&prefix);
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
            sink.settle();
        }
    }
}

/// An integer of any size, as its decimal text.
pub fn big_number(sink: &mut impl Sink, proto: Proto, digits: &str) {
    match proto {
        Proto::Resp2 => bulk(sink, digits.as_bytes()),
        Proto::Resp3 => line(sink, b'(', digits.as_bytes()),
    }
}

/// Header of what is said beside the next value; `pairs` follow, then that value. RESP3 only: RESP2 cannot tell it from a reply.
pub fn attribute(sink: &mut impl Sink, pairs: usize) {
    header(sink, b'|', pairs as u64);
}

/// Header of an aggregate that RESP2 shows as an array.
fn aggregate(sink: &mut impl Sink, proto: Proto, kind: u8, len: usize) {
    match proto {
        Proto::Resp2 => header(sink, b'*', len as u64),
        Proto::Resp3 => header(sink, kind, len as u64),
    }
}

fn put(sink: &mut impl Sink, bytes: &[u8]) {
    sink.buffer().extend_from_slice(bytes);
    sink.settle();
}

fn header(sink: &mut impl Sink, kind: u8, value: impl itoa::Integer) {
    put_header(sink.buffer(), kind, value);
    sink.settle();
}

fn put_header(out: &mut Vec<u8>, kind: u8, value: impl itoa::Integer) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// One line. As Redis does: line breaks around the text are dropped and those inside become spaces, so that bytes of a client that
/// reach an error text cannot pose as a reply of their own.
fn line(sink: &mut impl Sink, kind: u8, text: &[u8]) {
    let is_break = |b: &u8| matches!(b, b'\r' | b'\n');
    let start = text.iter().position(|b| !is_break(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !is_break(b)).map_or(start, |last| last + 1);
    let out = sink.buffer();
    out.reserve(end - start + FRAMING_MAX);
    out.push(kind);
    out.extend(text[start..end].iter().map(|b| if is_break(b) { b' ' } else { *b }));
    out.extend_from_slice(b"\r\n");
    sink.settle();
}

/// The kind, a length of up to 20 digits, a format of four bytes and two line ends fit into this.
const FRAMING_MAX: usize = 32;
