//! Bytes of a stream's records: numbers as varints (LEB128: seven bits a byte, the lowest first), bytes with their length in front.
//!
//! Whatever is read is checked: a record that ends early or goes on for too long is damaged, never a panic.

use types::time::UnixMs;
use types::txn::Abort;

use crate::streams::id::Id;

/// Appends a number.
pub(super) fn put_number(out: &mut impl Extend<u8>, mut number: u64) {
    while number >= 0x80 {
        out.extend([number as u8 | 0x80]);
        number >>= 7;
    }
    out.extend([number as u8]);
}

/// Appends an id.
pub(super) fn put_id(out: &mut Vec<u8>, id: Id) {
    put_number(out, id.ms);
    put_number(out, id.seq);
}

/// Appends a time. Times before 1970 take ten bytes.
pub(super) fn put_time(out: &mut Vec<u8>, time: UnixMs) {
    put_number(out, time.0 as u64);
}

/// Appends bytes and their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads a record from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Result<u64, Abort> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(damaged)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return Err(damaged());
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged())
    }

    pub(super) fn id(&mut self) -> Result<Id, Abort> {
        Ok(Id { ms: self.number()?, seq: self.number()? })
    }

    pub(super) fn time(&mut self) -> Result<UnixMs, Abort> {
        Ok(UnixMs(self.number()? as i64))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Abort> {
        let len = usize::try_from(self.number()?).map_err(|_| damaged())?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), Abort> {
        if self.0.is_empty() { Ok(()) } else { Err(damaged()) }
    }
}

/// A record of a stream is not what it has to be.
pub(super) fn damaged() -> Abort {
    Abort::Storage("a stream's record is damaged".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            let mut reader = Reader(&out);
            assert_eq!(reader.number().unwrap(), number);
            reader.end().unwrap();
        }
    }

    #[test]
    fn damage_is_noticed() {
        let long = [[0xFF; 9].as_slice(), &[0x02]].concat();
        for bytes in [&[][..], &[0x80], &[0xFF; 10], &[0xFF; 11], &long] {
            assert!(Reader(bytes).number().is_err(), "{bytes:?}");
        }
        for bytes in [&[3, 1, 2][..], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 1]] {
            assert!(Reader(bytes).bytes().is_err(), "{bytes:?}");
        }
        assert!(Reader(&[0]).end().is_err());
    }
}
