//! BITCOUNT: how many bits are set.

use crate::program::{Program, Stop};
use crate::strings::bit_range::BitRange;
use crate::strings::chunks::Piece;
use crate::strings::text::ON;

/// BITCOUNT.
pub(crate) fn bitcount(p: &mut Program<'_>) -> Result<(), Stop> {
    let range = match p.args().len() {
        2 => BitRange::ALL,
        4 | 5 => {
            let (start, end) = (p.integer_at(2)?, p.integer_at(3)?);
            BitRange::new(start, Some(end), BitRange::unit_at(p, 4)?)
        }
        _ => return Err(Stop::syntax()),
    };
    let mut count = 0;
    if let Some(mut text) = p.text(p.key(1))? {
        // Two ends before the string, the wrong way round, hold nothing, though both would be cut to its first byte.
        let reversed = range.end.is_some_and(|end| range.start < 0 && end < 0 && range.start > end);
        if let Some(bits) = range.of(text.len()).filter(|_| !reversed) {
            let (first, last) = bits.bytes();
            text.walk(p.txn, first..last + 1, &mut |piece| {
                if let Piece::Bytes(bytes) = piece {
                    count += ones(bytes);
                }
                ON
            })?;
            // The ends were counted whole.
            for byte in [first, last].iter().take(if first == last { 1 } else { 2 }) {
                let outside = text.read(p.txn, *byte..byte + 1)?.first().map_or(0, |bits_of| bits_of & !bits.mask(*byte));
                count -= u64::from(outside.count_ones());
            }
        }
    }
    p.integer(count as i64);
    Ok(())
}

fn ones(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let rest: u64 = words.remainder().iter().map(|byte| u64::from(byte.count_ones())).sum();
    words.map(|word| u64::from(word.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)).count_ones())).sum::<u64>() + rest
}
