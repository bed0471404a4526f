//! LMOVE and RPOPLPUSH. What a blocking form tries again is [`transfer`]: it says whether there was anything.

use bytes::Bytes;

use crate::counted::End;
use crate::lists::damaged;
use crate::lists::list::List;
use crate::lists::pop::end_at;
use crate::program::{Program, Stop};

/// LMOVE: the element that went from one list to the other, or null.
pub(crate) fn lmove(p: &mut Program<'_>) -> Result<(), Stop> {
    let (from, to) = (end_at(p, 3)?, end_at(p, 4)?);
    if !transfer(p, from, to)? {
        p.null();
    }
    Ok(())
}

/// RPOPLPUSH.
pub(crate) fn rpoplpush(p: &mut Program<'_>) -> Result<(), Stop> {
    if !transfer(p, End::Last, End::First)? {
        p.null();
    }
    Ok(())
}

/// Moves an element from an end of the list that argument 1 names to one of that of argument 2 and answers it; says whether there is one.
pub(crate) fn transfer(p: &mut Program<'_>, from: End, to: End) -> Result<bool, Stop> {
    let Some(mut source) = List::existing(p, 1)? else { return Ok(false) };
    let same = p.args().at(1) == p.args().at(2);
    // Whether it is a list is asked before anything is written.
    let target = if same { None } else { Some(List::open(p, 2)?) };
    let mut moved = None;
    source.pop(p.txn, from, 1, &mut |element| moved = Some(Bytes::copy_from_slice(element)))?;
    let moved = moved.ok_or_else(damaged)?;
    match target {
        Some(mut target) => {
            target.push(p.txn, to, std::slice::from_ref(&moved))?;
            source.store(p.txn)?;
            target.store(p.txn)?;
        }
        None => {
            source.push(p.txn, to, std::slice::from_ref(&moved))?;
            source.store(p.txn)?;
        }
    }
    p.bulk(&moved);
    Ok(true)
}
