//! Sort keys of a stream's elements. The first byte is the family; numbers are varints, which never begin one another.
//!
//! ```text
//!   e | ms u64 | seq u64                          an entry
//!   g | name                                      a group, by name
//!   c | group | name                              a consumer, by name
//!   n | group | number                            the name of a consumer, by number
//!   p | group | generation | ms | seq             what is pending in a group
//!   q | group | generation | consumer | ms | seq  what is pending for a consumer
//! ```

use types::txn::Abort;

use crate::elements::SortKey;
use crate::streams::id::Id;
use crate::streams::record::{damaged, put_number};

/// The first byte of entries.
pub(super) const ENTRY: u8 = b'e';
/// The first byte of groups.
pub(super) const GROUP: u8 = b'g';

/// What stands before the ids of a list of pending entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pel {
    /// Number of the group.
    pub(super) group: u64,
    /// The group's generation: goes up when the list moves away from what was deleted.
    pub(super) generation: u64,
}

/// The key of an entry.
pub(super) fn entry(id: Id) -> SortKey {
    with_id(SortKey::from_slice(&[ENTRY]), id)
}

/// The key of a group.
pub(super) fn group(name: &[u8]) -> SortKey {
    let mut key = SortKey::from_slice(&[GROUP]);
    key.extend_from_slice(name);
    key
}

/// What the keys of a group's consumers begin with.
pub(super) fn consumers(group: u64) -> SortKey {
    numbered(b'c', &[group])
}

/// The key of a consumer.
pub(super) fn consumer(group: u64, name: &[u8]) -> SortKey {
    let mut key = consumers(group);
    key.extend_from_slice(name);
    key
}

/// What the keys of the names of a group's consumers begin with.
pub(super) fn names(group: u64) -> SortKey {
    numbered(b'n', &[group])
}

/// The key of a consumer's name.
pub(super) fn name(group: u64, consumer: u64) -> SortKey {
    numbered(b'n', &[group, consumer])
}

impl Pel {
    /// What the keys of the whole list begin with.
    pub(super) fn all(self) -> SortKey {
        numbered(b'p', &[self.group, self.generation])
    }

    /// The key of one pending entry.
    pub(super) fn of(self, id: Id) -> SortKey {
        with_id(self.all(), id)
    }

    /// What the keys of a consumer's part begin with.
    pub(super) fn owned(self, consumer: u64) -> SortKey {
        numbered(b'q', &[self.group, self.generation, consumer])
    }

    /// What the keys of all consumers' parts begin with.
    pub(super) fn all_owned(self) -> SortKey {
        numbered(b'q', &[self.group, self.generation])
    }

    /// The key of one pending entry in its consumer's part.
    pub(super) fn owned_of(self, consumer: u64, id: Id) -> SortKey {
        with_id(self.owned(consumer), id)
    }
}

/// The id behind `prefix` bytes of a sort key.
pub(super) fn id(sort_key: &[u8], prefix: usize) -> Result<Id, Abort> {
    sort_key.get(prefix..).and_then(Id::from_bytes).ok_or_else(damaged)
}

fn numbered(family: u8, numbers: &[u64]) -> SortKey {
    let mut key = SortKey::from_slice(&[family]);
    for &number in numbers {
        put_number(&mut key, number);
    }
    key
}

fn with_id(mut key: SortKey, id: Id) -> SortKey {
    key.extend_from_slice(&id.to_bytes());
    key
}
