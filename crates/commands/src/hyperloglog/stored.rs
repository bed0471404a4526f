//! A key that holds a HyperLogLog: it is read as a whole, and of what has changed only that is written.

use bytes::Bytes;
use types::txn::{Abort, HashKey};

use crate::hyperloglog::sketch::{self, Encoding, HEADER, SIZE_MAX, Sketch};
use crate::hyperloglog::sparse::Corrupted;
use crate::object::GROWN;
use crate::program::{Program, Stop};
use crate::strings::text::{self, Text};

/// The string of a key, which is a HyperLogLog.
pub(super) struct Stored<'a> {
    key: HashKey<'a>,
    text: Text<'a>,
    bytes: Bytes,
}

impl<'a> Stored<'a> {
    /// The HyperLogLog of a key, if the key exists.
    ///
    /// # Errors
    /// WRONGTYPE, if the key holds anything else; INVALIDOBJ, if it is longer than all registers can be.
    pub(super) fn open(p: &mut Program<'a>, key: HashKey<'a>) -> Result<Option<Stored<'a>>, Stop> {
        let Some(mut text) = p.text(key)? else { return Ok(None) };
        let header = text.read(p.txn, 0..HEADER as u64)?;
        match sketch::encoding(&header, text.len()) {
            None => Err(Stop::refused("WRONGTYPE Key is not a valid HyperLogLog string value.")),
            Some(Encoding::Sparse) if text.len() > SIZE_MAX as u64 => Err(Corrupted.into()),
            Some(_) => {
                let bytes = text.whole(p.txn)?;
                Ok(Some(Stored { key, text, bytes }))
            }
        }
    }

    pub(super) fn sketch(&self) -> Sketch<'_> {
        Sketch::of(&self.bytes).expect("the header was looked at")
    }

    /// Writes what has become of [`Stored::sketch`].
    pub(super) fn save(self, p: &mut Program<'a>, new: Vec<u8>) -> Result<(), Abort> {
        let Stored { key, mut text, bytes } = self;
        let limits = p.limits();
        if new.len() != bytes.len() {
            return text::put(p.txn, limits, &key, new.into(), GROWN, text.expire());
        }
        let pieces = new.chunks(PIECE).zip(bytes.chunks(PIECE)).enumerate();
        let changed: Vec<usize> = pieces.filter(|(_, (new, old))| new != old).map(|(index, _)| index * PIECE).collect();
        drop(bytes);
        for at in changed {
            let piece = &new[at..new.len().min(at + PIECE)];
            text.write(p.txn, limits, at as u64, piece)?;
        }
        text.save(p.txn, GROWN)
    }
}

/// Makes a HyperLogLog the value of a key that does not exist.
pub(super) fn create(p: &mut Program<'_>, key: &HashKey<'_>, bytes: Vec<u8>) -> Result<(), Abort> {
    let limits = p.limits();
    text::put(p.txn, limits, key, bytes.into(), GROWN, None)
}

/// The longest sparse HyperLogLog that commands may make, in bytes.
pub(super) fn sparse_max(p: &Program<'_>) -> usize {
    p.limits().hll_sparse_bytes as usize
}

impl From<Corrupted> for Stop {
    fn from(_: Corrupted) -> Stop {
        Stop::refused("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// Bytes that are compared, and written if they differ, at once.
const PIECE: usize = 64;
