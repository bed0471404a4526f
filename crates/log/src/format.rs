//! The bytes of a log's files. All integers are little-endian.
//!
//! ```text
//! segment   magic 8 | version 4 | crc 4 | log 8 | segment 8 | first sequence 8 | end of the segment before 8 | zeros to 4096
//!           record | record | .. zeros or, in a recycled file, what an earlier segment left
//! record    magic 4 | crc 4 | sequence 8 | decree 8 | table 4 | index 4 | body length 4 | body crc 4 | synced 8 | body | 0..7 zeros
//! mark      two slots, at 0 and 4096, written in turns:
//!           magic 8 | version 4 | crc 4 | log 8 | serial 8 | first segment 8 | segment 8 | synced 8
//! ```
//! - The crc of a record's header covers the log's id (random), the segment's id and the position as well: bytes that an earlier
//!   use of the file left, a misplaced block, or a client's value that looks like a record are never taken for one.
//! - A record's `synced` says: when this was written, everything before that position had been fdatasynced.
//! - Sequence numbers run through all segments without gaps.

use types::id::{Decree, PartitionId, TableId};

/// What a format of another release is told by.
pub(crate) const VERSION: u32 = 1;
/// First position of a record.
pub(crate) const FILE_HEADER_BYTES: u64 = 4096;
/// Bytes before a record's body.
pub(crate) const RECORD_HEADER_BYTES: u64 = 48;
/// A record starts at a multiple of this.
pub(crate) const ALIGN: u64 = 8;
/// The first record after a sync starts at a multiple of this, so that no sector with synced bytes is ever written again.
pub(crate) const SECTOR: u64 = 512;
/// Sizes of files are multiples of this.
pub(crate) const PAGE: u64 = 4096;
/// Distance of the two slots of the mark.
pub(crate) const MARK_SLOT_BYTES: u64 = 4096;

/// Why bytes are not a header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotAHeader {
    /// Whole, but of this version.
    Version(u32),
    /// Not whole.
    Damaged,
}

/// The start of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    /// The log it belongs to.
    pub(crate) log: u64,
    /// Its number.
    pub(crate) segment: u64,
    /// Sequence number of its first record.
    pub(crate) first_sequence: u64,
    /// Where the last record of the segment before ends. That one was sealed and synced before this header was written.
    pub(crate) previous_end: u64,
}

impl FileHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        seal(SEGMENT_MAGIC, &[self.log, self.segment, self.first_sequence, self.previous_end])
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<FileHeader, NotAHeader> {
        let [log, segment, first_sequence, previous_end] = unseal(SEGMENT_MAGIC, bytes)?;
        Ok(FileHeader { log, segment, first_sequence, previous_end })
    }
}

/// How far the log is known to be on disk, kept beside the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The log's id: random, made once.
    pub(crate) log: u64,
    /// Grows with every writing of the mark.
    pub(crate) serial: u64,
    /// The oldest segment that has to exist.
    pub(crate) first: u64,
    /// The youngest segment known to exist; 0 if none yet.
    pub(crate) segment: u64,
    /// Everything of it before this position was fdatasynced.
    pub(crate) synced: u64,
}

impl Mark {
    pub(crate) fn encode(&self) -> Vec<u8> {
        seal(MARK_MAGIC, &[self.log, self.serial, self.first, self.segment, self.synced])
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Mark, NotAHeader> {
        let [log, serial, first, segment, synced] = unseal(MARK_MAGIC, bytes)?;
        Ok(Mark { log, serial, first, segment, synced })
    }
}

/// Where a record's header is, which its crc covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) log: u64,
    pub(crate) segment: u64,
    pub(crate) position: u64,
}

/// What stands before a record's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) sequence: u64,
    pub(crate) partition: PartitionId,
    pub(crate) decree: Decree,
    pub(crate) body_bytes: u32,
    pub(crate) body_crc: u32,
    pub(crate) synced: u64,
}

impl RecordHeader {
    pub(crate) fn encode(&self, place: Place) -> [u8; RECORD_HEADER_BYTES as usize] {
        let mut out = [0; RECORD_HEADER_BYTES as usize];
        out[0..4].copy_from_slice(&RECORD_MAGIC);
        out[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        out[16..24].copy_from_slice(&self.decree.0.to_le_bytes());
        out[24..28].copy_from_slice(&self.partition.table.0.to_le_bytes());
        out[28..32].copy_from_slice(&self.partition.index.to_le_bytes());
        out[32..36].copy_from_slice(&self.body_bytes.to_le_bytes());
        out[36..40].copy_from_slice(&self.body_crc.to_le_bytes());
        out[40..48].copy_from_slice(&self.synced.to_le_bytes());
        let crc = place.crc(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header that starts `bytes`, if one was written at this very place.
    pub(crate) fn decode(bytes: &[u8], place: Place) -> Option<RecordHeader> {
        let bytes: &[u8; RECORD_HEADER_BYTES as usize] = bytes.first_chunk()?;
        if bytes[0..4] != RECORD_MAGIC || u32_at(bytes, 4) != place.crc(&bytes[8..]) {
            return None;
        }
        Some(RecordHeader {
            sequence: u64_at(bytes, 8),
            decree: Decree(u64_at(bytes, 16)),
            partition: PartitionId { table: TableId(u32_at(bytes, 24)), index: u32_at(bytes, 28) },
            body_bytes: u32_at(bytes, 32),
            body_crc: u32_at(bytes, 36),
            synced: u64_at(bytes, 40),
        })
    }
}

impl Place {
    fn crc(self, header: &[u8]) -> u32 {
        let mut seed = [0; 24];
        seed[0..8].copy_from_slice(&self.log.to_le_bytes());
        seed[8..16].copy_from_slice(&self.segment.to_le_bytes());
        seed[16..24].copy_from_slice(&self.position.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&seed), header)
    }
}

/// Bytes on disk of a record with a body of this length.
pub(crate) fn record_bytes(body: usize) -> u64 {
    (RECORD_HEADER_BYTES + body as u64).next_multiple_of(ALIGN)
}

/// The name of a segment's file.
pub(crate) fn segment_name(segment: u64) -> String {
    format!("{segment:016x}.log")
}

/// The segment a file name stands for.
pub(crate) fn segment_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let segment = u64::from_str_radix(digits, 16).ok()?;
    (segment_name(segment) == name).then_some(segment)
}

fn seal(magic: [u8; 8], fields: &[u64]) -> Vec<u8> {
    let mut body = VERSION.to_le_bytes().to_vec();
    let fields: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&body), &fields);
    body.extend_from_slice(&crc.to_le_bytes());
    [&magic[..], &body, &fields].concat()
}

fn unseal<const N: usize>(magic: [u8; 8], bytes: &[u8]) -> Result<[u64; N], NotAHeader> {
    if bytes.len() < 16 + 8 * N || bytes[0..8] != magic {
        return Err(NotAHeader::Damaged);
    }
    let version = u32_at(bytes, 8);
    let fields = &bytes[16..16 + 8 * N];
    if crc32c::crc32c_append(crc32c::crc32c(&bytes[8..12]), fields) != u32_at(bytes, 12) {
        return Err(NotAHeader::Damaged);
    }
    if version != VERSION {
        return Err(NotAHeader::Version(version));
    }
    Ok(std::array::from_fn(|i| u64_at(fields, 8 * i)))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

const SEGMENT_MAGIC: [u8; 8] = *b"PEGASLOG";
const MARK_MAGIC: [u8; 8] = *b"PEGASMRK";
const RECORD_MAGIC: [u8; 4] = *b"PgR\xd1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_version_1_are_these() {
        let header = FileHeader { log: 1, segment: 2, first_sequence: 3, previous_end: 4 };
        assert_eq!(hex(&header.encode()), "5045474153 4c4f47 01000000 d65cdab7 01".replace(' ', "") + &tail(&[2, 3, 4]));
        assert_eq!(FileHeader::decode(&header.encode()), Ok(header));
        let mark = Mark { log: 1, serial: 2, first: 3, segment: 4, synced: 5 };
        assert_eq!(hex(&mark.encode()), "5045474153 4d524b 01000000 1ccfeecb 01".replace(' ', "") + &tail(&[2, 3, 4, 5]));
        assert_eq!(Mark::decode(&mark.encode()), Ok(mark));
        let record = RecordHeader {
            sequence: 1,
            partition: PartitionId { table: TableId(2), index: 3 },
            decree: Decree(4),
            body_bytes: 5,
            body_crc: 6,
            synced: 7,
        };
        let place = Place { log: 1, segment: 2, position: 4096 };
        assert_eq!(
            hex(&record.encode(place)),
            "506752d1 fc8617c3 0100000000000000 0400000000000000 02000000 03000000 05000000 06000000 0700000000000000".replace(' ', "")
        );
        assert_eq!(RecordHeader::decode(&record.encode(place), place), Some(record));
        assert_eq!(RecordHeader::decode(&record.encode(place), Place { position: 4104, ..place }), None);
        assert_eq!(RecordHeader::decode(&record.encode(place), Place { segment: 3, ..place }), None);
    }

    #[test]
    fn a_whole_header_of_another_version_says_so_and_a_broken_one_does_not() {
        let mut bytes = FileHeader { log: 1, segment: 2, first_sequence: 3, previous_end: 4 }.encode();
        bytes[8] = 2;
        assert_eq!(FileHeader::decode(&bytes), Err(NotAHeader::Damaged));
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[8..12]), &bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(FileHeader::decode(&bytes), Err(NotAHeader::Version(2)));
    }

    #[test]
    fn only_our_names_are_segments() {
        assert_eq!(segment_of(&segment_name(77)), Some(77));
        for other in ["1.log", "000000000000000G.log", "00000000000000ff.logs", "00000000000000FF.log", "mark"] {
            assert_eq!(segment_of(other), None, "{other}");
        }
    }

    fn tail(fields: &[u64]) -> String {
        "00000000000000".to_string() + &fields.iter().map(|f| hex(&f.to_le_bytes())).collect::<String>()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }
}
