//! How sorted sets lie in records, and what changes write.

use types::txn::Database;

use crate::memory::Memory;

/// What holds between commands, whatever they were.
pub(super) fn check_structure(memory: &mut Memory, key: &[u8]) {
    let root = memory.root_of(Database(0), key).cloned();
    if root.is_none_or(|root| root.id == 0) {
        assert_eq!(memory.elements(), 0, "nothing is left of what was exploded");
    }
}
