//! What all exploded values have in common: ranges of sort keys that share a prefix, walks that may write, and new generations.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use smallvec::SmallVec;
use types::txn::{Abort, HashKeyTxn, SortKeys, ValueId};

/// A sort key being put together: on the stack while it is short.
pub(crate) type SortKey = SmallVec<[u8; 48]>;

/// The smallest sort key above all that begin with `prefix`; `None` if there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<SortKey> {
    let len = prefix.iter().rposition(|&byte| byte != u8::MAX)? + 1;
    let mut after = SortKey::from_slice(&prefix[..len]);
    after[len - 1] += 1;
    Some(after)
}

/// Up to `limit` elements of a range, copied.
pub(crate) fn collect(txn: &mut dyn HashKeyTxn, value: ValueId, keys: &SortKeys<'_>, limit: usize) -> Result<Vec<(SortKey, Bytes)>, Abort> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    txn.range(value, keys, &mut |sort_key, element| {
        found.push((SortKey::from_slice(sort_key), Bytes::copy_from_slice(element)));
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}

/// Copies all elements of one value to another, which may belong to another slot or database, in steps of bounded memory.
pub(crate) fn copy(txn: &mut dyn HashKeyTxn, from: ValueId, to: ValueId) -> Result<(), Abort> {
    let mut last: Option<SortKey> = None;
    loop {
        let begin = last.as_ref().map_or(Bound::Unbounded, |last| Bound::Excluded(&last[..]));
        let keys = SortKeys { from: begin, to: Bound::Unbounded, reverse: false };
        let mut found = collect(txn, from, &keys, STEP)?;
        for (sort_key, element) in &found {
            txn.put(to, sort_key, element.clone());
        }
        if found.len() < STEP {
            return Ok(());
        }
        last = found.pop().map(|(sort_key, _)| sort_key);
    }
}

/// Elements that are held in memory at once while a whole value is walked.
pub(crate) const STEP: usize = 256;

#[cfg(test)]
mod tests {
    use types::root::{Kind, Root};
    use types::txn::{Database, HashKey};

    use super::*;
    use crate::memory::Memory;
    use crate::testing::NOW;

    #[test]
    fn a_prefix_ends_where_the_next_begins() {
        assert_eq!(after_prefix(b"ab").as_deref(), Some(&b"ac"[..]));
        assert_eq!(after_prefix(b"a\xff\xff").as_deref(), Some(&b"b"[..]));
        assert_eq!(after_prefix(b"\xff"), None);
        assert_eq!(after_prefix(b""), None);
    }

    #[test]
    fn a_copy_has_all_elements_whatever_their_number() {
        let mut memory = Memory::new(NOW);
        for count in [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP] {
            let (old, new) = (HashKey::new(Database(0), b"old"), HashKey::new(Database(1), b"new"));
            let (from, to) = (ValueId::of(&old, memory.next_id()), ValueId::of(&new, memory.next_id()));
            memory.put_root(&old, Root { id: from.id, ..Root::inline(Kind::Hash, Bytes::new()) }).unwrap();
            memory.put_root(&new, Root { id: to.id, ..Root::inline(Kind::Hash, Bytes::new()) }).unwrap();
            for number in 0..count {
                memory.put(from, &(number as u32).to_be_bytes(), Bytes::from(number.to_string()));
            }
            copy(&mut memory, from, to).unwrap();
            let all = SortKeys::from(b"");
            let copied = collect(&mut memory, to, &all, usize::MAX).unwrap();
            assert_eq!(copied.len(), count);
            assert_eq!(copied, collect(&mut memory, from, &all, usize::MAX).unwrap());
            assert_eq!(memory.elements(), 2 * count, "what was there before is gone");
        }
    }
}
