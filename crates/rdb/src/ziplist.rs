//! Ziplists: what listpacks were before Redis 7.0. Only read.
//!
//! ```text
//!   total bytes (4) | where the last entry begins (4) | entries (2; 65535 = not known) | entry.. | 0xFF        all little endian
//!   entry = length of the entry before: one byte below 254, or 0xFE and 4 bytes little endian | encoding | data
//!
//!   00xxxxxx            string of up to 63 bytes             11000000 + 2, 11110000 + 3, 11010000 + 4, 11100000 + 8, 11111110 + 1
//!   01xxxxxx xxxxxxxx   string of up to 16383 bytes                   integer of that many bytes, signed, little endian
//!   10______ + 4 bytes  string, length big endian            1111xxxx  xxxx - 1, from 0 to 12
//! ```
//! Invariant: a [`Reader`] that came to its end without an error has checked every length, forwards and backwards.

use bytes::Bytes;

use crate::error::Malformed;
use crate::listpack::Element;

const HEADER_LEN: usize = 10;
const END: u8 = 0xFF;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The entries of a ziplist in their order. After an error there are no more.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    /// Where the next entry begins.
    at: usize,
    /// Where the entry before began; the end of the header if there is none.
    previous: usize,
    count: usize,
    done: bool,
}

impl Reader {
    /// A reader of all of `bytes`.
    ///
    /// # Errors
    /// [`Malformed::Ziplist`] if header and end are not those of a ziplist of this length.
    pub fn new(bytes: Bytes) -> Result<Reader, Malformed> {
        let total = bytes.first_chunk().map(|total| u32::from_le_bytes(*total) as usize);
        if bytes.len() <= HEADER_LEN || total != Some(bytes.len()) || bytes.last() != Some(&END) {
            return Err(Malformed::Ziplist);
        }
        Ok(Reader { bytes, at: HEADER_LEN, previous: HEADER_LEN, count: 0, done: false })
    }

    fn advance(&mut self) -> Option<Option<Element>> {
        let end = self.bytes.len() - 1;
        if self.at == end {
            let tail = u32::from_le_bytes(*self.bytes[4..].first_chunk()?) as usize;
            let announced = u16::from_le_bytes([self.bytes[8], self.bytes[9]]);
            let right = announced == COUNT_UNKNOWN || usize::from(announced) == self.count;
            return (right && tail == self.previous).then_some(None);
        }
        let (before, header) = match self.bytes[self.at..end] {
            [0xFE, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]) as usize, 5),
            [before @ 0..=0xFD, ..] => (usize::from(before), 1),
            _ => return None,
        };
        if before != self.at - self.previous {
            return None;
        }
        let (element, after) = self.element(self.at + header, end)?;
        self.previous = self.at;
        self.at = after;
        self.count += 1;
        Some(Some(element))
    }

    /// The element whose encoding is at `at`, which must end before `end`; and where it ends.
    fn element(&self, at: usize, end: usize) -> Option<(Element, usize)> {
        let input = &self.bytes[at..end];
        let integer = |number: i64, len: usize| Some((Element::Integer(number), at + len));
        let string = |header: usize, len: usize| {
            let whole = header.checked_add(len).filter(|whole| *whole <= input.len())?;
            Some((Element::String(self.bytes.slice(at + header..at + whole)), at + whole))
        };
        match *input {
            [byte @ 0x00..=0x3F, ..] => string(1, byte.into()),
            [high @ 0x40..=0x7F, low, ..] => string(2, usize::from(high & 0x3F) << 8 | usize::from(low)),
            [0x80..=0xBF, a, b, c, d, ..] => string(5, u32::from_be_bytes([a, b, c, d]) as usize),
            [0xC0, a, b, ..] => integer(i16::from_le_bytes([a, b]).into(), 3),
            [0xD0, a, b, c, d, ..] => integer(i32::from_le_bytes([a, b, c, d]).into(), 5),
            [0xE0, a, b, c, d, e, f, g, h, ..] => integer(i64::from_le_bytes([a, b, c, d, e, f, g, h]), 9),
            [0xF0, a, b, c, ..] => integer((i32::from_le_bytes([0, a, b, c]) >> 8).into(), 4),
            [0xFE, byte, ..] => integer((byte as i8).into(), 2),
            [byte @ 0xF1..=0xFD, ..] => integer(i64::from(byte & 0x0F) - 1, 1),
            _ => None,
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Element, Malformed>;

    fn next(&mut self) -> Option<Result<Element, Malformed>> {
        if self.done {
            return None;
        }
        let next = self.advance().ok_or(Malformed::Ziplist);
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Element>, Malformed> {
        Reader::new(Bytes::copy_from_slice(bytes))?.collect()
    }

    /// "hello" of three forms, then every form of an integer, the last one behind a length of five bytes.
    const WHOLE: &[u8] = b"\x46\0\0\0\x3d\0\0\0\x0a\0\
        \x00\x05hello\x07\x40\x05hello\x08\x80\0\0\0\x05hello\
        \x0b\xc0\x00\x80\x04\xd0\x00\x00\x00\x80\x06\xe0\0\0\0\0\0\0\0\x80\x0a\xf0\x00\x00\x80\x05\xfe\x80\x03\xf1\xfe\x02\0\0\0\xfd\xff";

    #[test]
    fn every_form_of_an_entry_is_read() {
        let strings = ["hello"; 3].map(|string| Element::String(Bytes::from(string)));
        let numbers = [-0x8000, -0x8000_0000, i64::MIN, -0x80_0000, -128, 0, 12].map(Element::Integer);
        let mut whole = WHOLE.to_vec();
        whole[0] = whole.len() as u8;
        whole[4] = whole.len() as u8 - 7;
        assert_eq!(read(&whole), Ok(strings.into_iter().chain(numbers).collect()));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let damaged: [(&[u8], &str); 9] = [
            (b"\x0a\0\0\0\x0a\0\0\0\0\0", "no end"),
            (b"\x0c\0\0\0\x0a\0\0\0\0\0\xff", "wrong total"),
            (b"\x0b\0\0\0\x0b\0\0\0\0\0\xff", "tail behind the end"),
            (b"\x0b\0\0\0\x0a\0\0\0\x01\0\xff", "an entry less than announced"),
            (b"\x0d\0\0\0\x0a\0\0\0\x01\0\x01\xf1\xff", "an entry before the first"),
            (b"\x0f\0\0\0\x0a\0\0\0\x02\0\0\xf1\x02\xf1\xff", "the tail is not the last entry"),
            (b"\x0f\0\0\0\x0c\0\0\0\x02\0\0\xf1\x03\xf1\xff", "wrong length of the entry before"),
            (b"\x0d\0\0\0\x0a\0\0\0\x01\0\0\x01\xff", "a string over the end"),
            (b"\x0d\0\0\0\x0a\0\0\0\x01\0\0\xc1\xff", "an unknown encoding"),
        ];
        for (bytes, why) in damaged {
            assert_eq!(read(bytes), Err(Malformed::Ziplist), "{why}");
        }
        assert_eq!(read(b"\x0b\0\0\0\x0a\0\0\0\0\0\xff"), Ok(vec![]));
        assert_eq!(read(b"\x0f\0\0\0\x0c\0\0\0\x02\0\0\xf1\x02\xf2\xff"), Ok(vec![Element::Integer(0), Element::Integer(1)]));
    }
}
