//! Finds the requests in what a client sends, whatever pieces it arrives in.
//!
//! ```text
//!   *2 CR LF $3 CR LF GET CR LF $5 CR LF hel|lo CR LF ...
//!   ╰──────── understood ──────────────╯     ╰─ not here yet
//!   start              ranges: GET      position, bulk = 5
//! ```
//! A [`Scanner`] keeps what it has understood of an unfinished request and goes on from there: every byte is looked at once, but for
//! the ten or so of an unfinished length. It accepts what `processInlineBuffer` and `processMultibulkBuffer` of Redis accept and
//! refuses what they refuse, in the same words. Two habits of theirs are kept on purpose:
//! - the two bytes behind an argument and the one behind the `\r` of a length are skipped unseen, whatever they are;
//! - a NUL hides the end of its line (`strchr`), so such a line never ends and is refused when it exceeds [`Limits::inline_max`].
//!
//! Invariant: what is kept is bounded by [`Limits`], and nothing is reserved because a client announced it.
//! How many bytes to hold for an announced argument is the reader's decision, see [`Scan::More`].

use std::ops::Range;

use types::args::Args;

use crate::inline;
pub use crate::limits::Limits;
use crate::number::parse_integer;
pub use crate::refusal::ProtocolError;

/// What is at the start of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// A request of `len` bytes. Its arguments are [`Scanner::inline`] if that is something, else [`Scanner::ranges`].
    Request {
        /// Bytes of the buffer it takes up.
        len: usize,
    },
    /// Bytes that ask for nothing: an empty line, an array of no elements.
    Nothing {
        /// How many to skip.
        len: usize,
    },
    /// The beginning of a request.
    More {
        /// Bytes the buffer has to hold at least before there can be more to find, 0 if that is not known.
        /// A client says so: bound what is reserved by what has arrived.
        wanted: usize,
    },
}

/// Finds requests. One for each connection; see the module.
#[derive(Debug, Default)]
pub struct Scanner {
    /// Where the request begins. Other than 0 only while a batch is scanned.
    pub(crate) start: usize,
    /// Everything before is understood.
    pub(crate) position: usize,
    /// Bytes behind `position` that are known to hold no end of line.
    searched: usize,
    /// Arguments still to come; 0 before the first line is understood.
    left: usize,
    /// Length of the argument that begins at `position`, once its length is understood.
    bulk: Option<usize>,
    /// Arguments found; while a batch is scanned, of all its requests.
    pub(crate) ranges: Vec<Range<usize>>,
    /// While a batch is scanned, where in `ranges` each of its requests ends.
    pub(crate) ends: Vec<usize>,
    /// Arguments of a request that came as a line of text.
    inline: Option<Args>,
    /// The request was finished: the next scan begins another.
    finished: bool,
    /// The client broke the protocol. Nothing behind that means anything.
    failed: Option<ProtocolError>,
}

impl Scanner {
    /// A scanner before its first byte.
    pub fn new() -> Scanner {
        Scanner::default()
    }

    /// Looks for a request at the start of `buffer`.
    ///
    /// After [`Scan::Request`] and [`Scan::Nothing`] the caller removes `len` bytes; after [`Scan::More`] it comes back with the same
    /// bytes and others behind them.
    ///
    /// # Errors
    /// What the client did wrong. There is no way to go on: tell it so ([`ProtocolError::reply`]) and close the connection.
    pub fn scan(&mut self, buffer: &[u8], limits: &Limits) -> Result<Scan, ProtocolError> {
        self.begin();
        let found = self.step(buffer, limits)?;
        Ok(match found {
            Found::Request => Scan::Request { len: self.finish() },
            Found::Nothing => Scan::Nothing { len: self.finish() },
            Found::More => Scan::More { wanted: self.wanted() },
        })
    }

    /// The arguments of the request that was just found, as ranges of the buffer; empty if it came as a line of text.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// The arguments of the request that was just found, if it came as a line of text. They are unquoted, hence copied.
    pub fn inline(&mut self) -> Option<Args> {
        self.inline.take()
    }

    /// Bytes that must have arrived, counted from the start of the request, before there can be more to find; 0 if that is not known.
    pub(crate) fn wanted(&self) -> usize {
        self.bulk.map_or(0, |len| self.position - self.start + len + LINE_END)
    }

    /// Forgets the finished request. What a large one took goes back: a connection is idle most of the time.
    pub(crate) fn begin(&mut self) {
        if self.finished {
            self.finished = false;
            self.inline = None;
            self.ranges.clear();
            self.ranges.shrink_to(RANGES_KEPT);
        }
    }

    fn finish(&mut self) -> usize {
        self.finished = true;
        std::mem::take(&mut self.position)
    }

    /// Goes on with the request that begins at `start`. Appends to `ranges`; when it is done `position` is behind the request.
    #[inline]
    pub(crate) fn step(&mut self, buffer: &[u8], limits: &Limits) -> Result<Found, ProtocolError> {
        match self.failed {
            None => self.request(buffer, limits).inspect_err(|error| self.failed = Some(*error)),
            Some(error) => Err(error),
        }
    }

    #[inline]
    fn request(&mut self, buffer: &[u8], limits: &Limits) -> Result<Found, ProtocolError> {
        if self.left == 0 {
            match buffer.get(self.start) {
                None => return Ok(Found::More),
                Some(b'*') => {}
                Some(_) => return self.line(buffer, limits),
            }
            match self.count(buffer, limits)? {
                None => return Ok(Found::More),
                Some(0) => return Ok(Found::Nothing),
                Some(count) => self.left = count,
            }
        }
        self.arguments(buffer, limits)
    }

    /// Reads the number of arguments.
    #[inline]
    fn count(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let count = match self.plain_header(buffer, b'*') {
            Some(count) => count,
            None => match self.header(buffer, limits, ProtocolError::TooBigMultibulkCount)? {
                None => return Ok(None),
                Some(line) => parse_integer(&line[1..]).ok_or(ProtocolError::InvalidMultibulkLength)?.max(0) as usize,
            },
        };
        limits.check_count(count)?;
        Ok(Some(count))
    }

    /// Reads arguments until there are none left.
    #[inline]
    fn arguments(&mut self, buffer: &[u8], limits: &Limits) -> Result<Found, ProtocolError> {
        while self.left > 0 {
            let len = match self.bulk {
                Some(len) => len,
                None => match self.length(buffer, limits)? {
                    Some(len) => len,
                    None => return Ok(Found::More),
                },
            };
            if buffer.len() - self.position < len + LINE_END {
                self.bulk = Some(len);
                return Ok(Found::More);
            }
            let end = self.position + len;
            self.ranges.push(self.position..end);
            self.position = end + LINE_END;
            self.bulk = None;
            self.left -= 1;
        }
        Ok(Found::Request)
    }

    /// Reads the length of an argument.
    #[inline]
    fn length(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let len = match self.plain_header(buffer, b'$') {
            Some(len) => len,
            None => match self.header(buffer, limits, ProtocolError::TooBigBulkCount)? {
                None => return Ok(None),
                Some([b'$', digits @ ..]) => {
                    let len = parse_integer(digits).ok_or(ProtocolError::InvalidBulkLength)?;
                    usize::try_from(len).map_err(|_negative| ProtocolError::InvalidBulkLength)?
                }
                Some(line) => return Err(ProtocolError::ExpectedBulk(line.first().copied().unwrap_or(b'\r'))),
            },
        };
        limits.check_bulk(len, self.position - self.start)?;
        Ok(Some(len))
    }

    /// Reads a header if it is there and as all clients write it: `kind`, one to nine digits, `\r` and a byte.
    #[inline]
    fn plain_header(&mut self, buffer: &[u8], kind: u8) -> Option<usize> {
        let (number, len) = plain_header(&buffer[self.position..], kind)?;
        self.position += len;
        self.searched = 0;
        Some(number)
    }

    /// The header line at `position`, its end not included, with `position` moved behind it; nothing if it has not ended yet.
    #[cold]
    fn header<'a>(&mut self, buffer: &'a [u8], limits: &Limits, too_big: ProtocolError) -> Result<Option<&'a [u8]>, ProtocolError> {
        let line = &buffer[self.position..];
        match self.line_end(line, b'\r') {
            Some(end) if end > limits.inline_max => Err(too_big),
            Some(end) if line.len() < end + LINE_END => Ok(None),
            Some(end) => {
                self.position += end + LINE_END;
                self.searched = 0;
                Ok(Some(&line[..end]))
            }
            None if line.len() > limits.inline_max => Err(too_big),
            None => Ok(None),
        }
    }

    /// Reads a request that comes as a line of text.
    #[cold]
    fn line(&mut self, buffer: &[u8], limits: &Limits) -> Result<Found, ProtocolError> {
        let line = &buffer[self.start..];
        let Some(end) = self.line_end(line, b'\n').filter(|&end| end <= limits.inline_max) else {
            return if line.len() > limits.inline_max { Err(ProtocolError::TooBigInline) } else { Ok(Found::More) };
        };
        let text = line[..end].strip_suffix(b"\r").unwrap_or(&line[..end]);
        let args = inline::split(text).ok_or(ProtocolError::UnbalancedQuotes)?;
        self.position = self.start + end + 1;
        self.searched = 0;
        if args.is_empty() {
            return Ok(Found::Nothing);
        }
        self.inline = Some(args);
        Ok(Found::Request)
    }

    /// Where `line` ends, unless a NUL comes first.
    fn line_end(&mut self, line: &[u8], end: u8) -> Option<usize> {
        let found = line[self.searched..].iter().position(|&byte| byte == end || byte == 0);
        self.searched = found.map_or(line.len(), |found| self.searched + found);
        line.get(self.searched).is_some_and(|&byte| byte == end).then_some(self.searched)
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Request,
    Nothing,
    More,
}

/// The number of a plain header and the bytes it takes.
#[inline]
fn plain_header(bytes: &[u8], kind: u8) -> Option<(usize, usize)> {
    let (&first, digits) = bytes.split_first()?;
    if first != kind {
        return None;
    }
    let mut number = 0usize;
    for (at, &byte) in digits.iter().take(PLAIN_DIGITS_MAX).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let leading_zero = digits[0] == b'0' && at > 1;
            let complete = byte == b'\r' && at > 0 && at + 1 < digits.len();
            return (complete && !leading_zero).then_some((number, 1 + at + LINE_END));
        }
        number = number.wrapping_mul(10).wrapping_add(usize::from(digit)); // nine digits: it cannot wrap
    }
    None
}

/// Digits of a plain header, and its `\r`.
const PLAIN_DIGITS_MAX: usize = 10;
/// `\r\n`.
pub(crate) const LINE_END: usize = 2;
/// Room for ranges (2 KiB) that an idle connection keeps.
pub(crate) const RANGES_KEPT: usize = 128;
