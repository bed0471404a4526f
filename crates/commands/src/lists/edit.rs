//! LINSERT, LSET, LREM, LTRIM.

use crate::lists::list::List;
use crate::lists::read::{index, span};
use crate::program::{Program, Stop};

/// LINSERT: answers the new length; -1 if the pivot is not in the list, 0 if there is no list.
pub(crate) fn linsert(p: &mut Program<'_>) -> Result<(), Stop> {
    let before = match p.args().at(2) {
        word if word.eq_ignore_ascii_case(b"before") => true,
        word if word.eq_ignore_ascii_case(b"after") => false,
        _ => return Err(Stop::syntax()),
    };
    let Some(mut list) = List::existing(p, 1)? else {
        p.integer(0);
        return Ok(());
    };
    let (pivot, element) = (p.args().at(3), p.value_at(4));
    if !list.insert(p.txn, before, pivot, element)? {
        p.integer(-1);
        return Ok(());
    }
    p.integer(list.len() as i64);
    list.store(p.txn)?;
    Ok(())
}

/// LSET.
pub(crate) fn lset(p: &mut Program<'_>) -> Result<(), Stop> {
    let Some(mut list) = List::existing(p, 1)? else { return Err(Stop::refused("ERR no such key")) };
    let index = index(p.integer_at(2)?, list.len()).ok_or(Stop::refused("ERR index out of range"))?;
    let element = p.value_at(3);
    list.set(p.txn, index, element)?;
    list.store(p.txn)?;
    p.ok();
    Ok(())
}

/// LREM: answers how many went.
pub(crate) fn lrem(p: &mut Program<'_>) -> Result<(), Stop> {
    let count = p.integer_at(2)?;
    let Some(mut list) = List::existing(p, 1)? else {
        p.integer(0);
        return Ok(());
    };
    let most = if count == 0 { u64::MAX } else { count.unsigned_abs() };
    let element = p.args().at(3);
    let removed = list.remove(p.txn, element, most, count < 0)?;
    p.integer(removed as i64);
    if removed > 0 {
        list.store(p.txn)?;
    }
    Ok(())
}

/// LTRIM.
pub(crate) fn ltrim(p: &mut Program<'_>) -> Result<(), Stop> {
    let (start, stop) = (p.integer_at(2)?, p.integer_at(3)?);
    if let Some(mut list) = List::existing(p, 1)? {
        let (from, count) = span(start, stop, list.len());
        if count != list.len() {
            list.keep(p.txn, from, count)?;
            list.store(p.txn)?;
        }
    }
    p.ok();
    Ok(())
}
