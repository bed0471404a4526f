//! Puts lengths, strings and fixed fields behind each other; the forms are those of [`crate::input`].

use crate::{integer, lzf};

/// Shorter strings are not worth compressing; Redis' own limit.
const COMPRESS_MIN: usize = 21;

#[derive(Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A point in time: milliseconds since 1970.
    pub(crate) fn time(&mut self, time: i64) {
        self.raw(&time.to_le_bytes());
    }

    /// A number in the form of a length.
    pub(crate) fn number(&mut self, number: u64) {
        if let Ok(byte @ 0..=0x3F) = u8::try_from(number) {
            self.bytes.push(byte);
        } else if let Ok(short @ 0..=0x3FFF) = u16::try_from(number) {
            self.raw(&(short | 0x4000).to_be_bytes());
        } else if let Ok(word) = u32::try_from(number) {
            self.bytes.push(0x80);
            self.raw(&word.to_be_bytes());
        } else {
            self.bytes.push(0x81);
            self.raw(&number.to_be_bytes());
        }
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// A string in its shortest form.
    pub(crate) fn string(&mut self, string: &[u8]) {
        match integer::canonical(string).map(i32::try_from) {
            Some(Ok(number)) => self.integer(number),
            _ => self.blob(string),
        }
    }

    fn integer(&mut self, number: i32) {
        if let Ok(byte) = i8::try_from(number) {
            self.bytes.push(0xC0);
            self.raw(&byte.to_le_bytes());
        } else if let Ok(short) = i16::try_from(number) {
            self.bytes.push(0xC1);
            self.raw(&short.to_le_bytes());
        } else {
            self.bytes.push(0xC2);
            self.raw(&number.to_le_bytes());
        }
    }

    /// A string that is not looked at as a number: containers, and ids.
    pub(crate) fn blob(&mut self, blob: &[u8]) {
        if blob.len() >= COMPRESS_MIN
            && let Some(compressed) = lzf::compress(blob, blob.len() - 4)
        {
            self.bytes.push(0xC3);
            self.count(compressed.len());
            self.count(blob.len());
            self.raw(&compressed);
        } else {
            self.count(blob.len());
            self.raw(blob);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::input::Input;

    #[test]
    fn numbers_come_back_at_every_boundary() {
        for (number, len) in [(0, 1), (63, 1), (64, 2), (16383, 2), (16384, 5), (u64::from(u32::MAX), 5), (1 << 32, 9), (u64::MAX, 9)] {
            let mut output = Output::default();
            output.number(number);
            assert_eq!(output.bytes.len(), len, "{number}");
            assert_eq!(Input::new(output.into_bytes().into()).number(), Ok(number));
        }
    }

    #[test]
    fn strings_come_back_in_their_shortest_form() {
        let long = [b'x'; 1000];
        let cases = [("", 1), ("12", 2), ("-129", 3), ("32767", 3), ("32768", 5), ("2147483648", 11), ("007", 4), ("abc", 4)];
        for (string, len) in cases.iter().map(|(string, len)| (string.as_bytes(), *len)).chain([(&long[..], 18)]) {
            let mut output = Output::default();
            output.string(string);
            assert_eq!(output.bytes.len(), len, "{}", string.escape_ascii());
            assert_eq!(Input::new(output.into_bytes().into()).string(), Ok(Bytes::copy_from_slice(string)));
        }
    }
}
