//! A mutation as a record of the node's log.
//!
//! `version u8 | flags u8 (1: fence, 2: a learner's marker) | ballot u64 | committed u64 | body`, little-endian. Partition and decree are the log's own fields.

use bytes::{Buf, Bytes};
use pacifica::message::Mutation;
use pegasus_log::record::Record;
use types::id::{Ballot, Decree, PartitionId};

/// The record that holds `mutation`.
pub(crate) fn encode(partition: PartitionId, mutation: &Mutation) -> Record {
    let mut body = Vec::with_capacity(HEADER + mutation.body.len());
    body.push(VERSION);
    body.push(if mutation.fence { FENCE } else { 0 });
    body.extend_from_slice(&mutation.ballot.0.to_le_bytes());
    body.extend_from_slice(&mutation.committed.0.to_le_bytes());
    body.extend_from_slice(&mutation.body);
    Record { partition, decree: mutation.decree, body: body.into() }
}

/// The record of a marker: a learner begins at `decree`.
pub(crate) fn encode_mark(partition: PartitionId, ballot: Ballot, decree: Decree) -> Record {
    let mut body = vec![VERSION, MARK];
    body.extend_from_slice(&ballot.0.to_le_bytes());
    body.extend_from_slice(&decree.0.to_le_bytes());
    Record { partition, decree, body: body.into() }
}

/// What a record is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mutation(Mutation),
    /// A learner began at `decree`.
    Mark {
        ballot: Ballot,
        decree: Decree,
    },
}

/// What `record` is; `None` if it is nothing (the log's checksum held, so another version wrote it).
pub(crate) fn decode(record: Record) -> Option<Kind> {
    let mut bytes: Bytes = record.body;
    if bytes.len() < HEADER || bytes.get_u8() != VERSION {
        return None;
    }
    let flags = bytes.get_u8();
    let ballot = Ballot(bytes.get_u64_le());
    let committed = Decree(bytes.get_u64_le());
    let decree = record.decree;
    match flags {
        0 | FENCE => Some(Kind::Mutation(Mutation { ballot, decree, committed, fence: flags == FENCE, body: bytes })),
        MARK => Some(Kind::Mark { ballot, decree }),
        _ => None,
    }
}

const VERSION: u8 = 1;
const FENCE: u8 = 1;
const MARK: u8 = 2;
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
        assert_eq!(decode(encode(partition, &mutation)), Some(Kind::Mutation(mutation)));
        let mark = encode_mark(partition, Ballot(3), Decree(9));
        assert_eq!(decode(mark), Some(Kind::Mark { ballot: Ballot(3), decree: Decree(9) }));
        assert_eq!(decode(Record { partition, decree: Decree(1), body: Bytes::from_static(b"\x02short") }), None);
    }
}
