//! The elements of an exploded set: its members in the order of their hashes, and an array of them.
//!
//! ```text
//! m | hash48 of the member | member  ->  its index, LEB128         see hashed: SISMEMBER, SSCAN, SMEMBERS
//! i | index, 5 bytes                 ->  the member                SPOP, SRANDMEMBER
//! ```
//! Invariant: the indexes are 0 to the number of members, without holes. A new member gets the next one; where one is removed, the last one
//! takes its place. So a random member is one get, and a fair choice.
//!
//! Four bytes would end at 4 billion members, which a disk can hold. All indexes have the same length, so that they lie in order; what they
//! share is stored once in a block.

use bytes::Bytes;
use types::txn::{Abort, HashKeyTxn, ValueId};
use types::varint;

use crate::elements::SortKey;
use crate::hashed;
use crate::sets::view::{Member, damaged};

/// Writes a member under an index: a new one under the number of the others.
pub(super) fn put(txn: &mut dyn HashKeyTxn, value: ValueId, index: u64, member: &[u8]) {
    let mut element = Vec::with_capacity(5);
    varint::put(&mut element, index);
    hashed::put(txn, value, member, element.into());
    txn.put(value, &place(index), Bytes::copy_from_slice(member));
}

/// The index of a member, if it is one.
pub(super) fn index_of(txn: &mut dyn HashKeyTxn, value: ValueId, member: &[u8]) -> Result<Option<u64>, Abort> {
    let Some(element) = hashed::get(txn, value, member)? else { return Ok(None) };
    let mut rest = &element[..];
    varint::take(&mut rest).filter(|_| rest.is_empty()).map(Some).ok_or_else(damaged)
}

/// The member with an index.
pub(super) fn at(txn: &mut dyn HashKeyTxn, value: ValueId, index: u64) -> Result<Member, Abort> {
    let member = txn.get(value, &place(index))?.ok_or_else(damaged)?;
    Ok(Member::from_slice(&member))
}

/// Removes the member with an index, one of `count`.
pub(super) fn remove(txn: &mut dyn HashKeyTxn, value: ValueId, count: u64, index: u64, member: &[u8]) -> Result<(), Abort> {
    let last = count.checked_sub(1).filter(|&last| index <= last).ok_or_else(damaged)?;
    if index < last {
        let moved = at(txn, value, last)?;
        if &moved[..] == member {
            return Err(damaged());
        }
        put(txn, value, index, &moved);
    }
    txn.delete(value, &place(last));
    hashed::delete(txn, value, member);
    Ok(())
}

/// The sort key of an index.
fn place(index: u64) -> SortKey {
    let mut place = SortKey::from_slice(b"i");
    place.extend_from_slice(&index.to_be_bytes()[3..]);
    place
}

/// Members of a set at most, by far more than a partition holds. Its root cannot be right about more, and one command does not add so many
/// that five bytes would be too few.
pub(super) const MEMBERS_MAX: u64 = 1 << 39;
