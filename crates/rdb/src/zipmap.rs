//! Zipmaps: small hashes of Redis before 2.6. Only read.
//!
//! ```text
//!   pairs (1; 254 and more = not known) | pair.. | 0xFF
//!   pair = length, field | length, unused bytes (1), value, that many unused bytes
//!   length = one byte below 254, or 254 and 4 bytes little endian
//! ```

use bytes::Bytes;

use crate::error::Malformed;
use crate::input::Input;

const LONG: u8 = 254;
const END: u8 = 255;
/// Bytes of the shortest pair: two lengths and the number of unused bytes.
const PAIR_MIN: usize = 3;

/// The pairs of a zipmap in their order.
///
/// # Errors
/// [`Malformed::Zipmap`] if `bytes` are not a whole zipmap.
pub fn read(bytes: Bytes) -> Result<Vec<(Bytes, Bytes)>, Malformed> {
    pairs(&mut Input::new(bytes)).map_err(|_| Malformed::Zipmap)
}

/// Pairs that a zipmap of `len` bytes has at most.
pub(crate) fn pairs_max(len: usize) -> usize {
    len / PAIR_MIN
}

fn pairs(input: &mut Input) -> Result<Vec<(Bytes, Bytes)>, Malformed> {
    let announced = input.byte()?;
    let mut pairs = Vec::new();
    while let Some(len) = length(input)? {
        let field = input.take(len)?;
        let len = length(input)?.ok_or(Malformed::Zipmap)?;
        let unused = input.byte()?;
        let value = input.take(len)?;
        input.take(unused.into())?;
        pairs.push((field, value));
    }
    let right = announced >= LONG || usize::from(announced) == pairs.len();
    if right && input.is_empty() { Ok(pairs) } else { Err(Malformed::Zipmap) }
}

/// The length of a field or value; `None` at the end of the zipmap.
fn length(input: &mut Input) -> Result<Option<usize>, Malformed> {
    Ok(match input.byte()? {
        END => None,
        LONG => Some(u32::from_le_bytes(input.array()?) as usize),
        short => Some(short.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_with_their_unused_bytes() {
        let bytes = Bytes::from_static(b"\x02\x03key\x05\x02value__\xfe\x01\0\0\0k\x00\x00\xff");
        let pairs = [("key", "value"), ("k", "")].map(|(field, value)| (Bytes::from(field), Bytes::from(value)));
        assert_eq!(read(bytes.clone()), Ok(pairs.to_vec()));
        for len in 0..bytes.len() {
            assert_eq!(read(bytes.slice(..len)), Err(Malformed::Zipmap), "cut at {len}");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let damaged: [&[u8]; 4] = [b"\x01\x01k\x01\x00v\xff_", b"\x02\x01k\x01\x00v\xff", b"\x01\x01k\xff", b"\x01\x01k\x01\x02v\xff"];
        for bytes in damaged {
            assert_eq!(read(Bytes::from_static(bytes)), Err(Malformed::Zipmap), "{bytes:?}");
        }
    }
}
