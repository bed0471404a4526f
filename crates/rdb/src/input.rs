//! Takes lengths, strings and fixed fields from the front of a value's bytes.
//!
//! ```text
//!   00xxxxxx            length of 6 bits               11000000  string: integer of 1 byte
//!   01xxxxxx xxxxxxxx   length of 14 bits              11000001  string: integer of 2 bytes, little endian
//!   10000000 + 4 bytes  length of 32 bits, big endian  11000010  string: integer of 4 bytes, little endian
//!   10000001 + 8 bytes  length of 64 bits, big endian  11000011  string: LZF; compressed length, length, compressed bytes
//! ```
//! A string that is not encoded is a length and that many bytes: a slice of the input.

use bytes::{Buf, Bytes};

use crate::error::Malformed;
use crate::listpack::Element;
use crate::{integer, lzf};

pub(crate) struct Input {
    rest: Bytes,
    /// Bytes that the value may still take beyond those of the payload.
    room: usize,
}

enum Prefix {
    Length(u64),
    Encoded(u8),
}

impl Input {
    pub(crate) fn new(bytes: Bytes) -> Input {
        Input::within(bytes, usize::MAX)
    }

    /// Input of a value that takes no more than about `room` bytes beyond its own: what compressed strings unpack to, and [`STRING`] for
    /// each string.
    pub(crate) fn within(bytes: Bytes, room: usize) -> Input {
        Input { rest: bytes, room }
    }

    /// What was not taken yet.
    pub(crate) fn into_rest(self) -> Bytes {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.rest.try_get_u8().map_err(|_| Malformed::Truncated)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<Bytes, Malformed> {
        if len > self.rest.len() {
            return Err(Malformed::Truncated);
        }
        Ok(self.rest.split_to(len))
    }

    pub(crate) fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Malformed> {
        let array = *self.rest.first_chunk::<LEN>().ok_or(Malformed::Truncated)?;
        self.rest.advance(LEN);
        Ok(array)
    }

    /// A point in time: milliseconds since 1970, 8 bytes little endian.
    pub(crate) fn time(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A number in the form of a length.
    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        match self.prefix()? {
            Prefix::Length(length) => Ok(length),
            Prefix::Encoded(byte) => Err(Malformed::Encoding(byte)),
        }
    }

    /// How many elements follow, of which each takes at least `element_min` bytes.
    pub(crate) fn count(&mut self, element_min: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed::Truncated)?;
        if count > self.rest.len() / element_min {
            return Err(Malformed::Truncated);
        }
        Ok(count)
    }

    /// Makes the value so many bytes larger.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.room = self.room.checked_sub(bytes).ok_or(Malformed::Memory)?;
        Ok(())
    }

    /// Elements of a container that are all kept.
    pub(crate) fn charged(
        &mut self,
        elements: impl Iterator<Item = Result<Element, Malformed>>,
    ) -> impl Iterator<Item = Result<Element, Malformed>> {
        elements.map(|element| {
            self.charge(STRING)?;
            element
        })
    }

    pub(crate) fn string(&mut self) -> Result<Bytes, Malformed> {
        self.charge(STRING)?;
        match self.prefix()? {
            Prefix::Length(length) => self.take(usize::try_from(length).map_err(|_| Malformed::Truncated)?),
            Prefix::Encoded(0xC0) => Ok(integer::text(i8::from_le_bytes(self.array()?).into())),
            Prefix::Encoded(0xC1) => Ok(integer::text(i16::from_le_bytes(self.array()?).into())),
            Prefix::Encoded(0xC2) => Ok(integer::text(i32::from_le_bytes(self.array()?).into())),
            Prefix::Encoded(0xC3) => {
                let compressed = usize::try_from(self.number()?).map_err(|_| Malformed::Truncated)?;
                let len = usize::try_from(self.number()?).map_err(|_| Malformed::Lzf)?;
                self.charge(len)?;
                Ok(lzf::decompress(&self.take(compressed)?, len)?.into())
            }
            Prefix::Encoded(byte) => Err(Malformed::Encoding(byte)),
        }
    }

    fn prefix(&mut self) -> Result<Prefix, Malformed> {
        let byte = self.byte()?;
        Ok(match byte {
            0x00..=0x3F => Prefix::Length(byte.into()),
            0x40..=0x7F => Prefix::Length(u64::from(byte & 0x3F) << 8 | u64::from(self.byte()?)),
            0x80 => Prefix::Length(u32::from_be_bytes(self.array()?).into()),
            0x81 => Prefix::Length(u64::from_be_bytes(self.array()?)),
            0x82..=0xBF => return Err(Malformed::Encoding(byte)),
            0xC0..=0xFF => Prefix::Encoded(byte),
        })
    }
}

/// What a string takes that is kept, beside its bytes: about twice a [`Bytes`], for what numbers take as texts and for vectors that grow.
pub(crate) const STRING: usize = 48;

/// Room for `count` elements, as far as it is reasonable before they have been seen.
pub(crate) fn with_room<T>(count: usize) -> Vec<T> {
    Vec::with_capacity(count.min(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input::new(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn lengths_have_four_forms() {
        assert_eq!(input(b"\x3f").number(), Ok(63));
        assert_eq!(input(b"\x41\x02").number(), Ok(258));
        assert_eq!(input(b"\x80\x00\x01\x00\x00").number(), Ok(65536));
        assert_eq!(input(b"\x81\x80\x00\x00\x00\x00\x00\x00\x01").number(), Ok((1 << 63) + 1));
        assert_eq!(input(b"\xc0\x01").number(), Err(Malformed::Encoding(0xC0)));
        assert_eq!(input(b"\x82\x01").number(), Err(Malformed::Encoding(0x82)));
        for cut in [&b""[..], b"\x41", b"\x80\x00\x00\x00", b"\x81\x00\x00\x00\x00\x00\x00\x00"] {
            assert_eq!(input(cut).number(), Err(Malformed::Truncated));
        }
    }

    #[test]
    fn strings_have_five_forms() {
        assert_eq!(input(b"\x03abcd").string().as_deref(), Ok(&b"abc"[..]));
        assert_eq!(input(b"\xc0\x80").string().as_deref(), Ok(&b"-128"[..]));
        assert_eq!(input(b"\xc1\x00\x01").string().as_deref(), Ok(&b"256"[..]));
        assert_eq!(input(b"\xc2\xff\xff\xff\x7f").string().as_deref(), Ok(&b"2147483647"[..]));
        assert_eq!(input(b"\xc3\x05\x09\x00a\xe0\x00\x00").string(), Err(Malformed::Lzf));
        assert_eq!(input(b"\xc3\x05\x0a\x00a\xe0\x00\x00").string().as_deref(), Ok(&b"aaaaaaaaaa"[..]));
        assert_eq!(input(b"\xc4\x05").string(), Err(Malformed::Encoding(0xC4)));
        assert_eq!(input(b"\x04abc").string(), Err(Malformed::Truncated));
        assert_eq!(input(b"\x81\xff\xff\xff\xff\xff\xff\xff\xffabc").string(), Err(Malformed::Truncated));
    }

    #[test]
    fn strings_take_no_more_memory_than_they_may() {
        let twice = Bytes::from_static(b"\xc3\x05\x0a\x00a\xe0\x00\x00\xc3\x05\x0a\x00a\xe0\x00\x00");
        let mut input = Input::within(twice.clone(), 20 + 2 * STRING);
        assert!(input.string().is_ok() && input.string().is_ok());
        let mut input = Input::within(twice, 19 + 2 * STRING);
        assert!(input.string().is_ok());
        assert_eq!(input.string(), Err(Malformed::Memory));
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused() {
        assert_eq!(input(b"\x02abcd").count(2), Ok(2));
        assert_eq!(input(b"\x03abcd").count(2), Err(Malformed::Truncated));
        assert_eq!(input(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff").count(1), Err(Malformed::Truncated));
    }
}
