//! A mutation as a record of the node's log.
//!
//! `version u8 | flags u8 (1: fence) | ballot u64 | committed u64 | body`, little-endian. Partition and decree are the log's own fields.

use bytes::{Buf, Bytes};
use pacifica::message::Mutation;
use pegasus_log::record::Record;
use types::id::{Ballot, Decree, PartitionId};

/// The record that holds `mutation`.
pub(crate) fn encode(partition: PartitionId, mutation: &Mutation) -> Record {
    let mut body = Vec::with_capacity(HEADER + mutation.body.len());
    body.push(VERSION);
    body.push(u8::from(mutation.fence));
    body.extend_from_slice(&mutation.ballot.0.to_le_bytes());
    body.extend_from_slice(&mutation.committed.0.to_le_bytes());
    body.extend_from_slice(&mutation.body);
    Record { partition, decree: mutation.decree, body: body.into() }
}

/// The mutation in `record`; `None` if it is not one (the log's checksum held, so another version wrote it).
pub(crate) fn decode(record: Record) -> Option<Mutation> {
    let mut bytes: Bytes = record.body;
    if bytes.len() < HEADER || bytes.get_u8() != VERSION {
        return None;
    }
    let fence = bytes.get_u8() & 1 == 1;
    let ballot = Ballot(bytes.get_u64_le());
    let committed = Decree(bytes.get_u64_le());
    Some(Mutation { ballot, decree: record.decree, committed, fence, body: bytes })
}

const VERSION: u8 = 1;
const HEADER: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use types::id::TableId;

    #[test]
    fn a_mutation_survives_the_round_trip() {
        let partition = PartitionId { table: TableId(1), index: 3 };
        let mutation =
            Mutation { ballot: Ballot(3), decree: Decree(9), committed: Decree(8), fence: true, body: Bytes::from_static(b"body") };
        assert_eq!(decode(encode(partition, &mutation)), Some(mutation));
        assert_eq!(decode(Record { partition, decree: Decree(1), body: Bytes::from_static(b"\x02short") }), None);
    }
}
