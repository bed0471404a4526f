//! Whole lists, for commands that copy, sort or serialize values.

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

/// Up to `count` elements of the list with this root from index `from` on, in order; fewer, too, as soon as `wanted` says no.
///
/// # Errors
/// [`Abort`].
pub(crate) fn read_some(
    txn: &mut dyn HashKeyTxn,
    key: &HashKey<'_>,
    root: &Root,
    from: u64,
    count: u64,
    wanted: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<Vec<Bytes>, Abort> {
    let list = List::of(*key, root.clone(), &Limits::DEFAULT)?;
    let mut elements = Vec::new();
    list.walk(txn, from, &mut |element| {
        if !wanted(element) {
            return ControlFlow::Break(());
        }
        elements.push(Bytes::copy_from_slice(element));
        if (elements.len() as u64) < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(elements)
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
