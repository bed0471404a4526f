//! BITPOS: where the first bit of a kind is.

use std::ops::ControlFlow;

use crate::program::{Program, Stop};
use crate::strings::bit_range::{BitRange, Bits};
use crate::strings::chunks::Piece;
use crate::strings::text::ON;

/// BITPOS. A string without a clear bit has one behind its end, unless the range says where to end.
pub(crate) fn bitpos(p: &mut Program<'_>) -> Result<(), Stop> {
    let wanted = match p.integer_at(2)? {
        0 => false,
        1 => true,
        _ => return Err(Stop::refused("ERR The bit argument must be 1 or 0.")),
    };
    let args = p.args().len();
    let range = match args {
        3 => BitRange::ALL,
        4..=6 => {
            let start = p.integer_at(3)?;
            let bits = BitRange::unit_at(p, 5)?;
            BitRange::new(start, if args > 4 { Some(p.integer_at(4)?) } else { None }, bits)
        }
        _ => return Err(Stop::syntax()),
    };
    let Some(mut text) = p.text(p.key(1))? else {
        p.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let found = match range.of(text.len()) {
        None => None,
        Some(bits) => {
            let (first, last) = bits.bytes();
            let mut search = Search { wanted, bits: &bits, at: first, found: None };
            text.walk(p.txn, first..last + 1, &mut |piece| search.take(piece))?;
            search.found.or((!wanted && range.end.is_none()).then_some((last + 1) * 8))
        }
    };
    p.integer(found.map_or(-1, |at| at as i64));
    Ok(())
}

struct Search<'a> {
    wanted: bool,
    bits: &'a Bits,
    /// The byte to look at next.
    at: u64,
    found: Option<u64>,
}

impl Search<'_> {
    fn take(&mut self, piece: Piece<'_>) -> ControlFlow<()> {
        match piece {
            Piece::Bytes(bytes) => {
                // What no byte without a wanted bit differs from.
                let dull = if self.wanted { 0 } else { u8::MAX };
                for block in bytes.chunks(BLOCK) {
                    if block.iter().fold(0, |differs, &byte| differs | byte ^ dull) == 0 {
                        self.at += block.len() as u64;
                    } else {
                        block.iter().try_for_each(|&byte| self.look(byte))?;
                    }
                }
                ON
            }
            Piece::Zeros(count) if self.wanted => {
                self.at += count;
                ON
            }
            // The first byte of a range has a bit in it.
            Piece::Zeros(_) => self.look(0),
        }
    }

    fn look(&mut self, byte: u8) -> ControlFlow<()> {
        let hits = if self.wanted { byte } else { !byte } & self.bits.mask(self.at);
        if hits != 0 {
            self.found = Some(self.at * 8 + u64::from(hits.leading_zeros()));
            return ControlFlow::Break(());
        }
        self.at += 1;
        ON
    }
}

/// Bytes that are skipped at once.
const BLOCK: usize = 64;
