//! APPEND and SETRANGE: a part of a value is written, the expiry stays.

use types::root::{Kind, Root};

use crate::object::GROWN;
use crate::program::{Program, Stop};

/// APPEND: answers the new length.
pub(crate) fn append(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let tail = p.args().at(2);
    let len = match p.string(&key)? {
        None => {
            p.txn.put_root(&key, Root::inline(Kind::String, p.value_at(2)))?;
            tail.len()
        }
        Some(root) => {
            let len = length(p, root.value.len(), tail.len())?;
            let mut value = Vec::with_capacity(len);
            value.extend_from_slice(&root.value);
            value.extend_from_slice(tail);
            p.txn.put_root(&key, Root { encoding: GROWN, value: value.into(), ..root })?;
            len
        }
    };
    p.integer(len as i64);
    Ok(())
}

/// SETRANGE: answers the new length. Writing nothing makes no key.
pub(crate) fn setrange(p: &mut Program<'_>) -> Result<(), Stop> {
    let offset = usize::try_from(p.integer_at(2)?).map_err(|_| Stop::refused("ERR offset is out of range"))?;
    let key = p.key(1);
    let root = p.string(&key)?;
    let part = p.args().at(3);
    let old_len = root.as_ref().map_or(0, |root| root.value.len());
    if part.is_empty() {
        p.integer(old_len as i64);
        return Ok(());
    }
    let end = length(p, offset, part.len())?;
    let len = old_len.max(end);
    let mut value = Vec::with_capacity(len);
    value.extend_from_slice(root.as_ref().map_or(&[], |root| &root.value));
    value.resize(len, 0);
    value[offset..end].copy_from_slice(part);
    let root = root.unwrap_or_else(|| Root::inline(Kind::String, Default::default()));
    p.txn.put_root(&key, Root { encoding: GROWN, value: value.into(), ..root })?;
    p.integer(len as i64);
    Ok(())
}

/// The sum of both lengths, if a string may be that long.
fn length(p: &Program<'_>, head: usize, tail: usize) -> Result<usize, Stop> {
    head.checked_add(tail)
        .filter(|&len| len as u64 <= p.limits().value_max)
        .ok_or(Stop::refused("ERR string exceeds maximum allowed size (proto-max-bulk-len)"))
}
