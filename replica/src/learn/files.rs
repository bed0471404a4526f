//! The two files that are not the store's own: committed mutations, and the table of requests.
//!
//! `magic u64 | records: each length u32, crc32c u32, bytes | end: length u32::MAX, count u32`, little-endian. A mutation is a record of the log with its decree before
//! it; an entry of the table is `session u64 | number u64 | decree u64 | ends u32 count, u32.. | replies`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use bytes::{Buf, Bytes};
use types::id::{Decree, RequestId};

use crate::frame::Replies;
use crate::learn::Remembered;

/// Writes records to a file.
pub(super) struct Writer {
    file: BufWriter<File>,
    count: u32,
}

impl Writer {
    pub(super) fn create(path: &Path) -> io::Result<Writer> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&MAGIC.to_le_bytes())?;
        Ok(Writer { file, count: 0 })
    }

    /// Writes one record, whose parts are given.
    pub(super) fn put(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).ok().filter(|length| *length <= RECORD_MAX).ok_or(io::ErrorKind::FileTooLarge)?;
        let crc = parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&crc.to_le_bytes())?;
        parts.iter().try_for_each(|part| self.file.write_all(part))?;
        self.count += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.write_all(&u32::MAX.to_le_bytes())?;
        self.file.write_all(&self.count.to_le_bytes())?;
        self.file.flush()
    }
}

/// Reads records of a file, which came through the network.
pub(super) struct Reader {
    file: BufReader<File>,
    count: u32,
}

impl Reader {
    pub(super) fn open(path: &Path) -> io::Result<Reader> {
        let mut file = BufReader::new(File::open(path)?);
        let mut magic = [0; 8];
        file.read_exact(&mut magic)?;
        if u64::from_le_bytes(magic) != MAGIC {
            return Err(damaged("not a file of records"));
        }
        Ok(Reader { file, count: 0 })
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        let length = self.number()?;
        let second = self.number()?;
        if length == u32::MAX {
            return if second == self.count { Ok(None) } else { Err(damaged("records are missing")) };
        }
        if length > RECORD_MAX {
            return Err(damaged("a record is too long"));
        }
        let mut bytes = Vec::new();
        (&mut self.file).take(u64::from(length)).read_to_end(&mut bytes)?;
        if bytes.len() != length as usize || crc32c::crc32c(&bytes) != second {
            return Err(damaged("a record is damaged"));
        }
        self.count += 1;
        Ok(Some(bytes.into()))
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.file.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

/// Writes the table of requests.
pub(super) fn write_remembered(path: &Path, remembered: &Remembered) -> io::Result<()> {
    let mut file = Writer::create(path)?;
    for (request, decree, replies) in remembered {
        let mut head = Vec::with_capacity(28 + 4 * replies.ends.len());
        head.extend_from_slice(&request.session.to_le_bytes());
        head.extend_from_slice(&request.number.to_le_bytes());
        head.extend_from_slice(&decree.0.to_le_bytes());
        head.extend_from_slice(&(replies.ends.len() as u32).to_le_bytes());
        replies.ends.iter().for_each(|end| head.extend_from_slice(&end.to_le_bytes()));
        file.put(&[&head, &replies.bytes])?;
    }
    file.finish()
}

/// Reads the table of requests.
pub(super) fn read_remembered(path: &Path) -> io::Result<Remembered> {
    let mut file = Reader::open(path)?;
    let mut remembered = Vec::new();
    while let Some(mut bytes) = file.next()? {
        if bytes.len() < 28 {
            return Err(damaged("an entry is too short"));
        }
        let request = RequestId { session: bytes.get_u64_le(), number: bytes.get_u64_le() };
        let decree = Decree(bytes.get_u64_le());
        let count = bytes.get_u32_le() as usize;
        if count > bytes.len() / 4 {
            return Err(damaged("an entry has too many replies"));
        }
        let ends: smallvec::SmallVec<[u32; 2]> = (0..count).map(|_| bytes.get_u32_le()).collect();
        if !ends.is_sorted() || ends.last().map_or(0, |end| *end as usize) != bytes.len() {
            return Err(damaged("an entry's replies do not fit"));
        }
        remembered.push((request, decree, Replies { bytes, ends }));
    }
    Ok(remembered)
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

const MAGIC: u64 = u64::from_le_bytes(*b"PEGLRN1\n");
/// More than a mutation has.
const RECORD_MAX: u32 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_round_trip_and_no_cut_or_changed_byte_passes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records");
        let mut file = Writer::create(&path).unwrap();
        file.put(&[b"one", b" and a half"]).unwrap();
        file.put(&[b""]).unwrap();
        file.finish().unwrap();
        let read = |path: &Path| -> io::Result<Vec<Bytes>> {
            let mut file = Reader::open(path)?;
            let mut records = Vec::new();
            while let Some(record) = file.next()? {
                records.push(record);
            }
            Ok(records)
        };
        assert_eq!(read(&path).unwrap(), [&b"one and a half"[..], b""]);
        let whole = std::fs::read(&path).unwrap();
        for place in 0..whole.len() {
            std::fs::write(&path, &whole[..place]).unwrap();
            assert!(read(&path).is_err(), "cut at {place}");
            let mut changed = whole.clone();
            changed[place] ^= 0x40;
            std::fs::write(&path, &changed).unwrap();
            assert!(read(&path).is_err(), "changed at {place}");
        }
    }

    #[test]
    fn a_table_of_requests_survives_the_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requests");
        let replies = Replies { bytes: Bytes::from_static(b"+OK\r\n:1\r\n"), ends: [5, 9].into_iter().collect() };
        let table = vec![
            (RequestId { session: 7, number: 1 }, Decree(3), replies),
            (RequestId { session: 8, number: 9 }, Decree(4), Replies::default()),
        ];
        write_remembered(&path, &table).unwrap();
        assert_eq!(read_remembered(&path).unwrap(), table);
    }
}
