//! Whole lists, for commands that copy, sort or serialize values.
#![allow(dead_code, reason = "the commands that move whole values use it")]

use std::ops::ControlFlow;

use bytes::Bytes;
use types::limits::Limits;
use types::root::Root;
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::counted::End;
use crate::lists::damaged;
use crate::lists::list::List;

/// All elements of the list with this root, in order.
///
/// # Errors
/// [`Abort`].
pub(crate) fn read_all(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: &Root) -> Result<Vec<Bytes>, Abort> {
    let list = List::of(*key, root.clone(), &Limits::DEFAULT)?;
    let mut elements = Vec::new();
    list.walk(txn, 0, &mut |element| {
        elements.push(Bytes::copy_from_slice(element));
        ControlFlow::Continue(())
    })?;
    if elements.len() as u64 == list.len() { Ok(elements) } else { Err(damaged()) }
}

/// Makes `key` a list of these elements, whatever it was before; no key, if there are none.
///
/// # Errors
/// [`Abort`].
pub(crate) fn write_all(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    elements: &[Bytes],
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    let mut list = List::empty(*key, limits).expiring(expire);
    list.push(txn, End::Last, elements)?;
    list.store(txn)
}
