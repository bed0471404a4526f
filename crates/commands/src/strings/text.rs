//! A string, whatever its layout: what every program that reads or writes strings works with.
//!
//! A string of up to `Limits::string_value` bytes lies **whole** in its key's root; a longer one lies in chunks
//! ([`crate::strings::chunks`]), and the root has its length. A string that is set as a whole gets the layout of its length, one that grows
//! past the bound goes to chunks, and as it never shrinks in place it does not come back. `root.count` is 0 in both.
//!
//! Invariant: nothing is stored of a [`Text`] that was written to until it is saved, or else its command is aborted.

use std::ops::{ControlFlow, Range};

use bytes::{Bytes, BytesMut};
use resp::reply;
use types::limits::Limits;
use types::reply::Reply;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::object::PLAIN;
use crate::program::{Program, Stop};
use crate::strings::chunks::{Chunks, Piece, VisitPieces};

/// The string of one key while a command works with it.
pub(crate) struct Text<'a> {
    key: HashKey<'a>,
    /// The key's root without its value.
    root: Root,
    layout: Layout,
}

enum Layout {
    Whole(Bytes),
    Chunks(Chunks),
}

impl<'a> Text<'a> {
    /// The string of a key that exists; `root` is its root, of this kind.
    ///
    /// # Errors
    /// [`Abort`], if what the root says of chunks is damaged.
    pub(crate) fn open(key: HashKey<'a>, root: Root) -> Result<Text<'a>, Abort> {
        if root.id != 0 {
            let layout = Layout::Chunks(Chunks::open(&key, &root)?);
            return Ok(Text { key, root, layout });
        }
        let Root { value, .. } = root;
        Ok(Text { key, root: Root { value: Bytes::new(), ..root }, layout: Layout::Whole(value) })
    }

    /// The empty string, not stored yet, that never expires.
    pub(crate) fn empty(key: HashKey<'a>) -> Text<'a> {
        Text { key, root: Root::inline(Kind::String, Bytes::new()), layout: Layout::Whole(Bytes::new()) }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match &self.layout {
            Layout::Whole(value) => value.len() as u64,
            Layout::Chunks(chunks) => chunks.len(),
        }
    }

    /// The root's `encoding`, which says how the string came about.
    pub(crate) fn encoding(&self) -> u8 {
        self.root.encoding
    }

    /// When the key ceases to exist.
    pub(crate) fn expire(&self) -> Option<UnixMs> {
        self.root.expire
    }

    /// All bytes.
    pub(crate) fn whole(&mut self, txn: &mut dyn HashKeyTxn) -> Result<Bytes, Abort> {
        self.read(txn, 0..self.len())
    }

    /// All bytes, if they are `max` at most.
    pub(crate) fn short(&mut self, txn: &mut dyn HashKeyTxn, max: u64) -> Result<Option<Bytes>, Abort> {
        if self.len() <= max { self.whole(txn).map(Some) } else { Ok(None) }
    }

    /// The bytes of a range, as far as the string has them.
    pub(crate) fn read(&mut self, txn: &mut dyn HashKeyTxn, range: Range<u64>) -> Result<Bytes, Abort> {
        let range = self.cut(range);
        match &mut self.layout {
            Layout::Whole(value) => Ok(value.slice(range.start as usize..range.end as usize)),
            Layout::Chunks(chunks) => chunks.read(txn, range),
        }
    }

    /// Shows the bytes of a range, as far as the string has them, in memory of one chunk.
    pub(crate) fn walk(&mut self, txn: &mut dyn HashKeyTxn, range: Range<u64>, visit: &mut VisitPieces<'_>) -> Result<(), Abort> {
        let range = self.cut(range);
        match &mut self.layout {
            Layout::Whole(_) if range.is_empty() => Ok(()),
            Layout::Whole(value) => {
                let _ = visit(Piece::Bytes(&value[range.start as usize..range.end as usize])); // nothing comes after it
                Ok(())
            }
            Layout::Chunks(chunks) => chunks.walk(txn, range, visit),
        }
    }

    /// Writes bytes at `at`; the string grows as needed. The caller has compared its length with `value_max`.
    pub(crate) fn write(&mut self, txn: &mut dyn HashKeyTxn, limits: &Limits, at: u64, bytes: &[u8]) -> Result<(), Abort> {
        let end = at + bytes.len() as u64;
        match self.grown(txn, limits, end)? {
            Layout::Whole(value) => change(value, 0, |value| value[at as usize..end as usize].copy_from_slice(bytes)),
            Layout::Chunks(chunks) => chunks.write(txn, at, bytes)?,
        }
        Ok(())
    }

    /// Appends zeros until the string has `len` bytes at least; changes its layout, if it needs another one.
    pub(crate) fn grow(&mut self, txn: &mut dyn HashKeyTxn, limits: &Limits, len: u64) -> Result<(), Abort> {
        self.grown(txn, limits, len).map(|_| ())
    }

    /// Stores it.
    pub(crate) fn save(self, txn: &mut dyn HashKeyTxn, encoding: u8) -> Result<(), Abort> {
        let (id, value) = match self.layout {
            Layout::Whole(value) => (0, value),
            Layout::Chunks(mut chunks) => {
                chunks.flush(txn);
                (chunks.id(), chunks.describe())
            }
        };
        txn.put_root(&self.key, Root { encoding, id, value, ..self.root })
    }

    /// Stores it with another expiry. It has not been written to.
    pub(crate) fn save_expiry(self, txn: &mut dyn HashKeyTxn, expire: Option<UnixMs>) -> Result<(), Abort> {
        let encoding = self.encoding();
        Text { root: Root { expire, ..self.root }, ..self }.save(txn, encoding)
    }

    /// Appends the bytes of a range, as far as the string has them, to a reply.
    fn reply(&mut self, txn: &mut dyn HashKeyTxn, range: Range<u64>, out: &mut Reply) -> Result<(), Abort> {
        let range = self.cut(range);
        match &mut self.layout {
            Layout::Whole(value) => reply::bulk(out, &value[range.start as usize..range.end as usize]),
            Layout::Chunks(chunks) => {
                reply::bulk_header(out, range.end - range.start);
                chunks.append_to(txn, range, out)?;
                out.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    /// Bytes that are read and written together: those of a chunk.
    pub(crate) fn step(&self, limits: &Limits) -> u64 {
        match &self.layout {
            Layout::Whole(_) => u64::from(limits.string_chunk.max(1)),
            Layout::Chunks(chunks) => chunks.size() as u64,
        }
    }

    /// What its chunks take on disk at most, before compression.
    pub(crate) fn elements_size(&self) -> u64 {
        match &self.layout {
            Layout::Whole(_) => 0,
            Layout::Chunks(chunks) => chunks.len() + chunks.len().div_ceil(chunks.size() as u64) * CHUNK_OVERHEAD,
        }
    }

    fn grown(&mut self, txn: &mut dyn HashKeyTxn, limits: &Limits, len: u64) -> Result<&mut Layout, Abort> {
        match &mut self.layout {
            Layout::Whole(value) if len <= u64::from(limits.string_value).max(value.len() as u64) => {
                if value.len() < len as usize {
                    change(value, len as usize, |value| value.resize(len as usize, 0));
                }
            }
            Layout::Whole(value) => {
                let mut chunks = Chunks::create(txn, limits, &self.key);
                chunks.fill(txn, value)?;
                chunks.grow(len);
                self.layout = Layout::Chunks(chunks);
            }
            Layout::Chunks(chunks) => chunks.grow(len),
        }
        Ok(&mut self.layout)
    }

    fn cut(&self, range: Range<u64>) -> Range<u64> {
        let end = range.end.min(self.len());
        range.start.min(end)..end
    }
}

impl<'a> Program<'a> {
    /// The string of a key that has to hold one, if it exists.
    pub(crate) fn text(&mut self, key: HashKey<'a>) -> Result<Option<Text<'a>>, Stop> {
        self.string(&key)?.map(|root| Ok(Text::open(key, root)?)).transpose()
    }

    /// Answers the string of a key whose root this is, or null.
    ///
    /// # Errors
    /// As [`Program::part`].
    pub(crate) fn value(&mut self, key: &HashKey<'_>, root: Option<Root>) -> Result<(), Stop> {
        match root {
            Some(root) => {
                let mut text = Text::open(*key, root)?;
                let len = text.len();
                self.part(&mut text, 0..len)
            }
            None => {
                self.null();
                Ok(())
            }
        }
    }

    /// Answers a part of a string.
    ///
    /// # Errors
    /// The reply would be too long; nothing was read then. [`Abort`].
    pub(crate) fn part(&mut self, text: &mut Text<'_>, range: Range<u64>) -> Result<(), Stop> {
        let len = range.end.saturating_sub(range.start);
        if self.out.len() as u64 + len > REPLY_MAX {
            return Err(Stop::refused("ERR the reply would be longer than 128 MiB, GETRANGE reads a value in parts"));
        }
        Ok(text.reply(self.txn, range, self.out)?)
    }
}

/// Makes `value` the whole of a key, whatever it held, at the price of its own length.
pub(crate) fn put(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    value: Bytes,
    encoding: u8,
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    let root = Root { encoding, expire, ..Root::inline(Kind::String, Bytes::new()) };
    if value.len() as u64 <= u64::from(limits.string_value) {
        return txn.put_root(key, Root { value, ..root });
    }
    let mut chunks = Chunks::create(txn, limits, key);
    chunks.fill(txn, &value)?;
    txn.put_root(key, Root { id: chunks.id(), value: chunks.describe(), ..root })
}

/// Reads the whole of a string: what DUMP and its relatives work with. `root` is the root of `key`, of this kind.
///
/// # Errors
/// [`Abort`], also if the string is damaged.
pub(crate) fn read_all(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: Root) -> Result<Bytes, Abort> {
    Text::open(*key, root)?.whole(txn)
}

/// Creates or overwrites a key with a string, in the layout that its length asks for.
///
/// # Errors
/// [`Abort`].
pub(crate) fn write_all(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    value: Bytes,
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    put(txn, limits, key, value, PLAIN, expire)
}

/// Changes bytes in place where nobody else has them, else in a copy that has room for `room` bytes.
fn change(value: &mut Bytes, room: usize, change: impl FnOnce(&mut BytesMut)) {
    let mut bytes = std::mem::take(value).try_into_mut().unwrap_or_else(|shared| {
        let mut copy = BytesMut::with_capacity(room.max(shared.len()));
        copy.extend_from_slice(&shared);
        copy
    });
    change(&mut bytes);
    *value = bytes.freeze();
}

/// What a walk's visitor says that wants everything.
pub(crate) const ON: ControlFlow<()> = ControlFlow::Continue(());

/// Longest reply of one request, which may be several commands, in bytes: a string with a hole is easily made much longer than what is stored of
/// it. Half of what a frame between nodes may hold: the other half is room for what the same request writes.
pub(crate) const REPLY_MAX: u64 = 128 << 20;
/// Key of a chunk: slot, database, id, sort key, and the storage engine's sequence number.
const CHUNK_OVERHEAD: u64 = 2 + 4 + 8 + 5 + 8;
