//! Listpacks: elements behind each other in one string, to be walked in both directions.
//!
//! ```text
//!   total bytes (4, little endian) | elements (2, little endian; 65535 = not known) | element.. | 0xFF
//!   element = encoding and data | their length, to be read backwards, 7 bits a byte
//!
//!   0xxxxxxx            0 to 127                       11110001 + 2, 11110010 + 3, 11110011 + 4, 11110100 + 8
//!   110xxxxx xxxxxxxx   13 bits, signed                         integer of that many bytes, signed, little endian
//!   10xxxxxx            string of up to 63 bytes       1110xxxx xxxxxxxx    string of up to 4095 bytes
//!                                                      11110000 + 4         string, length little endian
//! ```
//! Invariant: a [`Reader`] that came to its end without an error has seen a listpack as Redis writes it, every length in it checked.

use bytes::Bytes;

use crate::error::Malformed;
use crate::integer;

const HEADER_LEN: usize = 6;
const END: u8 = 0xFF;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// One element, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A number: the text of an integer is stored as one.
    Integer(i64),
    /// Any other string: a slice of the listpack.
    String(Bytes),
}

impl Element {
    /// The element as the string it stands for.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Element::Integer(number) => integer::text(number),
            Element::String(string) => string,
        }
    }

    /// The element as a number, also if it is stored as a number's text.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Element::Integer(number) => Some(*number),
            Element::String(string) => integer::canonical(string),
        }
    }
}

/// The elements of a listpack in their order. After an error there are no more.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    /// Where the next element begins.
    at: usize,
    count: usize,
    done: bool,
}

impl Reader {
    /// A reader of all of `bytes`.
    ///
    /// # Errors
    /// [`Malformed::Listpack`] if header and end are not those of a listpack of this length.
    pub fn new(bytes: Bytes) -> Result<Reader, Malformed> {
        let total = bytes.first_chunk().map(|total| u32::from_le_bytes(*total) as usize);
        if bytes.len() <= HEADER_LEN || total != Some(bytes.len()) || bytes.last() != Some(&END) {
            return Err(Malformed::Listpack);
        }
        Ok(Reader { bytes, at: HEADER_LEN, count: 0, done: false })
    }

    fn advance(&mut self) -> Result<Option<Element>, Malformed> {
        let end = self.bytes.len() - 1;
        if self.at == end {
            let announced = u16::from_le_bytes([self.bytes[4], self.bytes[5]]);
            let right = announced == COUNT_UNKNOWN || usize::from(announced) == self.count;
            return if right { Ok(None) } else { Err(Malformed::Listpack) };
        }
        let (element, len) = self.element(end).ok_or(Malformed::Listpack)?;
        let back = BackLength::of(len);
        let after = self.at + len + back.bytes().len();
        if self.bytes.get(self.at + len..after.min(end)) != Some(back.bytes()) {
            return Err(Malformed::Listpack);
        }
        self.at = after;
        self.count += 1;
        Ok(Some(element))
    }

    /// The element at `at`, which must end before `end`; and the length of its encoding and data.
    fn element(&self, end: usize) -> Option<(Element, usize)> {
        let input = &self.bytes[self.at..end];
        let integer = |number: i64, len: usize| Some((Element::Integer(number), len));
        let string = |header: usize, len: usize| {
            let whole = header.checked_add(len).filter(|whole| *whole <= input.len())?;
            Some((Element::String(self.bytes.slice(self.at + header..self.at + whole)), whole))
        };
        match *input {
            [byte @ 0x00..=0x7F, ..] => integer(byte.into(), 1),
            [byte @ 0x80..=0xBF, ..] => string(1, usize::from(byte & 0x3F)),
            [high @ 0xC0..=0xDF, low, ..] => integer((i16::from_be_bytes([high << 3, 0]) >> 3 | i16::from(low)).into(), 2),
            [high @ 0xE0..=0xEF, low, ..] => string(2, usize::from(high & 0x0F) << 8 | usize::from(low)),
            [0xF0, a, b, c, d, ..] => string(5, u32::from_le_bytes([a, b, c, d]) as usize),
            [0xF1, a, b, ..] => integer(i16::from_le_bytes([a, b]).into(), 3),
            [0xF2, a, b, c, ..] => integer((i32::from_le_bytes([0, a, b, c]) >> 8).into(), 4),
            [0xF3, a, b, c, d, ..] => integer(i32::from_le_bytes([a, b, c, d]).into(), 5),
            [0xF4, a, b, c, d, e, f, g, h, ..] => integer(i64::from_le_bytes([a, b, c, d, e, f, g, h]), 9),
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
        let next = self.advance();
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// Builds a listpack.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer { bytes: vec![0; HEADER_LEN], count: 0 }
    }
}

impl Writer {
    /// The most bytes that a string of `len` bytes adds.
    pub const fn room(len: usize) -> usize {
        len + 5 + 5
    }

    /// Appends a string, as a number if it is the text of one.
    pub fn push(&mut self, string: &[u8]) {
        let start = match integer::canonical(string) {
            Some(number) => return self.push_integer(number),
            None => self.bytes.len(),
        };
        match string.len() {
            len @ 0..=0x3F => self.bytes.push(0x80 | len as u8),
            len @ 0x40..=0xFFF => self.bytes.extend_from_slice(&(0xE000 | len as u16).to_be_bytes()),
            len => {
                self.bytes.push(0xF0);
                self.bytes.extend_from_slice(&(len as u32).to_le_bytes()); // what does not fit is refused by `finish`
            }
        }
        self.bytes.extend_from_slice(string);
        self.close(start);
    }

    /// Appends a number.
    pub fn push_integer(&mut self, number: i64) {
        let start = self.bytes.len();
        match number {
            0..=127 => self.bytes.push(number as u8),
            -4096..=4095 => self.bytes.extend_from_slice(&(0xC000 | (number as u16 & 0x1FFF)).to_be_bytes()),
            -0x8000..=0x7FFF => self.little_endian(0xF1, number, 2),
            -0x80_0000..=0x7F_FFFF => self.little_endian(0xF2, number, 3),
            -0x8000_0000..=0x7FFF_FFFF => self.little_endian(0xF3, number, 4),
            _ => self.little_endian(0xF4, number, 8),
        }
        self.close(start);
    }

    /// Bytes so far, the end not included.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The listpack, or `None` if it got longer than the 4 GiB that its header can say.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        self.bytes.push(END);
        let total = u32::try_from(self.bytes.len()).ok()?;
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
        Some(self.bytes)
    }

    fn little_endian(&mut self, encoding: u8, number: i64, len: usize) {
        self.bytes.push(encoding);
        self.bytes.extend_from_slice(&number.to_le_bytes()[..len]);
    }

    fn close(&mut self, start: usize) {
        let back = BackLength::of(self.bytes.len() - start);
        self.bytes.extend_from_slice(back.bytes());
        self.count += 1;
    }
}

/// The length behind an element: big endian, 7 bits a byte, all but the first byte marked.
struct BackLength {
    bytes: [u8; 5],
    len: usize,
}

impl BackLength {
    fn of(len: usize) -> BackLength {
        // One below the powers of two, but for the first: so Redis counts them.
        let bytes = match len {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        };
        let seven = |index: usize| (len >> (7 * (4 - index)) & 0x7F) as u8 | if index > 5 - bytes { 0x80 } else { 0 };
        BackLength { bytes: std::array::from_fn(seven), len: bytes }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[5 - self.len..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Element>, Malformed> {
        Reader::new(Bytes::copy_from_slice(bytes))?.collect()
    }

    fn write(strings: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = Writer::default();
        strings.iter().for_each(|string| writer.push(string));
        writer.finish().expect("small")
    }

    #[test]
    fn every_form_of_an_element_is_read() {
        let bytes = b"\x2e\0\0\0\x08\0\x7f\x01\xdf\xff\x02\xf1\x00\x80\x03\xf2\x00\x00\x80\x04\xf3\x00\x00\x00\x80\x05\
            \xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09\x82hi\x03\xe0\x02hi\x04\xff";
        let numbers = [127, -1, -0x8000, -0x80_0000, -0x8000_0000, i64::MIN].map(Element::Integer);
        let strings = ["hi", "hi"].map(|string| Element::String(Bytes::from(string)));
        assert_eq!(read(bytes), Ok(numbers.into_iter().chain(strings).collect()));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let damaged: [&[u8]; 10] = [
            b"",
            b"\x06\0\0\0\0\0",
            b"\x07\0\0\0\0\0\xfe",
            b"\x08\0\0\0\0\0\xff",
            b"\x07\0\0\0\x01\0\xff",
            b"\x09\0\0\0\x02\0\x05\x01\xff",
            b"\x09\0\0\0\x01\0\x05\x02\xff",
            b"\x09\0\0\0\x01\0\x82\x01\xff",
            b"\x0c\0\0\0\x01\0\xf0\xff\xff\xff\xff\xff",
            b"\x09\0\0\0\x01\0\xf5\x01\xff",
        ];
        for bytes in damaged {
            assert_eq!(read(bytes), Err(Malformed::Listpack), "{bytes:?}");
        }
        assert_eq!(read(b"\x07\0\0\0\0\0\xff"), Ok(vec![]));
        assert_eq!(read(b"\x09\0\0\0\xff\xff\x05\x01\xff"), Ok(vec![Element::Integer(5)]), "the count may be unknown");
    }

    #[test]
    fn lengths_behind_elements_change_form_one_below_the_powers_of_two() {
        let of = |len| BackLength::of(len).bytes().to_vec();
        assert_eq!(of(127), [0x7F]);
        assert_eq!(of(128), [0x01, 0x80]);
        assert_eq!(of(16_382), [0x7F, 0xFE]);
        assert_eq!(of(16_383), [0x00, 0xFF, 0xFF]);
        assert_eq!(of(2_097_150), [0x7F, 0xFF, 0xFE]);
        assert_eq!(of(2_097_151), [0x00, 0xFF, 0xFF, 0xFF]);
        assert_eq!(of(268_435_455), [0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    }

    #[test]
    fn strings_of_every_length_class_come_back() {
        for len in [0, 63, 64, 125, 126, 127, 4095, 4096, 16_375, 16_380, 16_383, 70_000] {
            let strings = vec![vec![b'x'; len], b"after".to_vec()];
            let read: Vec<Bytes> = read(&write(&strings)).expect("whole").into_iter().map(Element::into_bytes).collect();
            assert_eq!(read, strings, "{len}");
        }
    }

    #[test]
    fn more_than_65534_elements_are_not_counted() {
        let bytes = write(&vec![b"1".to_vec(); 70_000]);
        assert_eq!(bytes[4..6], [0xFF, 0xFF]);
        assert_eq!(read(&bytes).map(|elements| elements.len()), Ok(70_000));
    }

    proptest! {
        #[test]
        fn numbers_come_back(number in prop_oneof![any::<i64>(), any::<i32>().prop_map(i64::from), -70_000..70_000i64]) {
            let mut writer = Writer::default();
            writer.push_integer(number);
            prop_assert_eq!(read(&writer.finish().expect("small")), Ok(vec![Element::Integer(number)]));
        }

        #[test]
        fn strings_come_back(strings in prop::collection::vec(prop_oneof!["[0-9-]{0,5}", "[a-z]{0,80}"].prop_map(String::into_bytes), 0..20)) {
            let read: Vec<Bytes> = read(&write(&strings)).expect("whole").into_iter().map(Element::into_bytes).collect();
            prop_assert_eq!(read, strings);
        }
    }
}
