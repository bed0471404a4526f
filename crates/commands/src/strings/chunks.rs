//! The bytes of a long string, in chunks: reading and writing a part costs the chunks it touches.
//!
//! ```text
//! root.value                     length u64 | logarithm of the chunk size to base 2, u8
//! c | number of the chunk u32    its bytes, without the zeros at their end
//! ```
//! A chunk of zeros only has no element, so a string with a hole costs what is around it. The chunk size stays with the string.
//!
//! Invariant: no element is empty, none is longer than a chunk, and none has a byte at or behind the string's end.

use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use types::limits::Limits;
use types::reply::Sink;
use types::root::Root;
use types::txn::{Abort, HashKey, HashKeyTxn, SortKeys, ValueId};

/// A string in chunks, while a command works with it.
pub(super) struct Chunks {
    value: ValueId,
    len: u64,
    size_log2: u8,
    /// Chunks from this number on have no element.
    end: u64,
    /// The chunk that was changed last and is not written yet.
    held: Option<Held>,
}

struct Held {
    number: u32,
    bytes: Vec<u8>,
}

/// A part of a string that is being walked.
pub(crate) enum Piece<'a> {
    /// Bytes that are stored.
    Bytes(&'a [u8]),
    /// So many zeros.
    Zeros(u64),
}

/// Is shown the parts of a range, in order and without gaps; says whether to go on. It cannot use the transaction meanwhile.
pub(crate) type VisitPieces<'a> = dyn FnMut(Piece<'_>) -> ControlFlow<()> + 'a;

impl Chunks {
    /// An empty string of `key`, under a new id.
    pub(super) fn create(txn: &mut dyn HashKeyTxn, limits: &Limits, key: &HashKey<'_>) -> Chunks {
        let size_log2 = (limits.string_chunk.max(1).ilog2() as u8).min(SIZE_LOG2_MAX);
        Chunks { value: ValueId::of(key, txn.next_id()), len: 0, size_log2, end: 0, held: None }
    }

    /// What the root of `key` describes.
    pub(super) fn open(key: &HashKey<'_>, root: &Root) -> Result<Chunks, Abort> {
        let (len, size_log2) = match root.value.split_first_chunk::<8>() {
            Some((len, &[size_log2])) if size_log2 <= SIZE_LOG2_MAX => (u64::from_be_bytes(*len), size_log2),
            _ => return Err(damaged()),
        };
        if len >> size_log2 > u64::from(u32::MAX) {
            return Err(damaged());
        }
        Ok(Chunks { value: ValueId::of(key, root.id), len, size_log2, end: len.div_ceil(1 << size_log2), held: None })
    }

    /// The root's `value`.
    pub(super) fn describe(&self) -> Bytes {
        let mut value = self.len.to_be_bytes().to_vec();
        value.push(self.size_log2);
        value.into()
    }

    pub(super) fn id(&self) -> u64 {
        self.value.id
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of a chunk.
    pub(super) fn size(&self) -> usize {
        1 << self.size_log2
    }

    /// Appends zeros until the string has `len` bytes.
    pub(super) fn grow(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    /// The bytes of a range that ends at the string's end at most.
    pub(super) fn read(&mut self, txn: &mut dyn HashKeyTxn, range: Range<u64>) -> Result<Bytes, Abort> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let number = self.number(range.start)?;
        if number == self.number(range.end - 1)? {
            let chunk = self.load(txn, number)?;
            let start = self.start(number);
            let (from, to) = ((range.start - start) as usize, (range.end - start) as usize);
            if to <= chunk.len() {
                return Ok(chunk.slice(from..to));
            }
        }
        let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
        self.append_to(txn, range, &mut bytes)?;
        Ok(bytes.into())
    }

    /// Appends the bytes of a range to `out`.
    pub(super) fn append_to(&mut self, txn: &mut dyn HashKeyTxn, range: Range<u64>, out: &mut impl Sink) -> Result<(), Abort> {
        self.walk(txn, range, &mut |piece| {
            match piece {
                Piece::Bytes(bytes) => put(out, bytes),
                Piece::Zeros(mut count) => {
                    while count > 0 {
                        let step = count.min(ZEROS.len() as u64);
                        put(out, &ZEROS[..step as usize]);
                        count -= step;
                    }
                }
            }
            ControlFlow::Continue(())
        })
    }

    /// Shows the bytes of a range that ends at the string's end at most. Costs a search and what is stored of the range.
    pub(super) fn walk(&mut self, txn: &mut dyn HashKeyTxn, range: Range<u64>, visit: &mut VisitPieces<'_>) -> Result<(), Abort> {
        if range.is_empty() {
            return Ok(());
        }
        self.flush(txn);
        let (first, last) = (sort_key(self.number(range.start)?), sort_key(self.number(range.end - 1)?));
        let keys = SortKeys { to: std::ops::Bound::Included(&last), ..SortKeys::from(&first) };
        let (mut at, mut sound, mut wanted) = (range.start, true, true);
        txn.range(self.value, &keys, &mut |key, chunk| {
            let Some(number) = number_of(key).filter(|_| chunk.len() <= self.size()) else {
                sound = false;
                return ControlFlow::Break(());
            };
            let start = self.start(number);
            if start > at {
                wanted = visit(Piece::Zeros(start - at)).is_continue();
                at = start;
            }
            let (from, to) = ((at - start) as usize, ((range.end - start) as usize).min(chunk.len()));
            if wanted && from < to {
                wanted = visit(Piece::Bytes(&chunk[from..to])).is_continue();
                at = start + to as u64;
            }
            if wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if !sound {
            return Err(damaged());
        }
        if wanted && at < range.end {
            let _ = visit(Piece::Zeros(range.end - at)); // nothing comes after it
        }
        Ok(())
    }

    /// Writes bytes at `at`; the string grows as needed.
    pub(super) fn write(&mut self, txn: &mut dyn HashKeyTxn, at: u64, bytes: &[u8]) -> Result<(), Abort> {
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let number = self.number(at)?;
            let from = (at - self.start(number)) as usize;
            let (part, after) = rest.split_at(rest.len().min(self.size() - from));
            if part.len() == self.size() {
                self.held = self.held.take().filter(|held| held.number != number);
                self.put(txn, number, Bytes::copy_from_slice(part));
            } else {
                let chunk = self.hold(txn, number)?;
                chunk.resize(chunk.len().max(from + part.len()), 0);
                chunk[from..from + part.len()].copy_from_slice(part);
            }
            at += part.len() as u64;
            rest = after;
        }
        self.grow(at);
        Ok(())
    }

    /// Writes the whole of a string that was just created.
    pub(super) fn fill(&mut self, txn: &mut dyn HashKeyTxn, bytes: &Bytes) -> Result<(), Abort> {
        for from in (0..bytes.len()).step_by(self.size()) {
            self.put(txn, self.number(from as u64)?, bytes.slice(from..bytes.len().min(from + self.size())));
        }
        self.grow(bytes.len() as u64);
        Ok(())
    }

    /// Writes what is held back.
    pub(super) fn flush(&mut self, txn: &mut dyn HashKeyTxn) {
        if let Some(held) = self.held.take() {
            self.put(txn, held.number, held.bytes.into());
        }
    }

    /// The chunk, to be changed.
    fn hold(&mut self, txn: &mut dyn HashKeyTxn, number: u32) -> Result<&mut Vec<u8>, Abort> {
        if self.held.as_ref().is_some_and(|held| held.number != number) {
            self.flush(txn);
        }
        let held = match self.held.take() {
            Some(held) => held,
            None => Held { number, bytes: self.load(txn, number)?.into() },
        };
        Ok(&mut self.held.insert(held).bytes)
    }

    /// What is stored of a chunk.
    fn load(&self, txn: &mut dyn HashKeyTxn, number: u32) -> Result<Bytes, Abort> {
        if let Some(held) = self.held.as_ref().filter(|held| held.number == number) {
            return Ok(Bytes::copy_from_slice(&held.bytes));
        }
        if u64::from(number) >= self.end {
            return Ok(Bytes::new());
        }
        let chunk = txn.get(self.value, &sort_key(number))?.unwrap_or_default();
        if chunk.len() > self.size() { Err(damaged()) } else { Ok(chunk) }
    }

    fn put(&mut self, txn: &mut dyn HashKeyTxn, number: u32, bytes: Bytes) {
        let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        if len > 0 {
            self.end = self.end.max(u64::from(number) + 1);
            txn.put(self.value, &sort_key(number), bytes.slice(..len));
        } else if u64::from(number) < self.end {
            txn.delete(self.value, &sort_key(number));
        }
    }

    /// The chunk that byte `at` lies in.
    fn number(&self, at: u64) -> Result<u32, Abort> {
        u32::try_from(at >> self.size_log2).map_err(|_| Abort::Storage("a string has more chunks than can be numbered".to_owned()))
    }

    /// Where a chunk begins.
    fn start(&self, number: u32) -> u64 {
        u64::from(number) << self.size_log2
    }
}

fn sort_key(number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [FAMILY, a, b, c, d]
}

fn number_of(sort_key: &[u8]) -> Option<u32> {
    match sort_key {
        [FAMILY, number @ ..] => Some(u32::from_be_bytes(number.try_into().ok()?)),
        _ => None,
    }
}

fn damaged() -> Abort {
    Abort::Storage("a string in chunks is damaged".to_owned())
}

/// What the sort keys of chunks begin with.
const FAMILY: u8 = b'c';
/// Chunks of 16 MiB: no string needs longer ones.
const SIZE_LOG2_MAX: u8 = 24;

fn put(out: &mut impl Sink, bytes: &[u8]) {
    out.buffer().extend_from_slice(bytes);
    out.settle();
}

/// Zeros to copy from.
const ZEROS: [u8; 4096] = [0; 4096];
