//! LPOP, RPOP, LMPOP. What a blocking form tries again is [`multiple`]: it says whether there was anything.

use resp::{number, reply};

use crate::counted::End;
use crate::lists::damaged;
use crate::lists::list::List;
use crate::program::{Program, Stop};

/// LPOP.
pub(crate) fn lpop(p: &mut Program<'_>) -> Result<(), Stop> {
    pop(p, End::First)
}

/// RPOP.
pub(crate) fn rpop(p: &mut Program<'_>) -> Result<(), Stop> {
    pop(p, End::Last)
}

/// LMPOP: null if all lists are empty.
pub(crate) fn lmpop(p: &mut Program<'_>) -> Result<(), Stop> {
    let (keys, end, count) = multiple_options(p, 1)?;
    if !multiple(p, keys, end, count)? {
        reply::null_array(p.out, p.call.proto);
    }
    Ok(())
}

/// The keys, the end and the number of elements that `LMPOP` and its blocking form name, `numkeys` being argument `at`.
pub(crate) fn multiple_options(p: &Program<'_>, at: usize) -> Result<(std::ops::Range<usize>, End, u64), Stop> {
    let keys = positive(p, at, "ERR numkeys should be greater than 0")?;
    let first = at + 1;
    let place = usize::try_from(keys).ok().and_then(|keys| keys.checked_add(first)).filter(|&place| place < p.args().len());
    let place = place.ok_or_else(Stop::syntax)?;
    let end = end_at(p, place)?;
    let mut count = None;
    let mut option = place + 1;
    while let Some(word) = p.args().get(option) {
        if count.is_some() || !word.eq_ignore_ascii_case(b"count") || option + 1 == p.args().len() {
            return Err(Stop::syntax());
        }
        count = Some(positive(p, option + 1, "ERR count should be greater than 0")?);
        option += 2;
    }
    Ok((first..place, end, count.unwrap_or(1)))
}

/// Pops from the first list that has elements and answers its key and them; says whether there is one.
pub(crate) fn multiple(p: &mut Program<'_>, keys: std::ops::Range<usize>, end: End, count: u64) -> Result<bool, Stop> {
    for index in keys {
        if let Some(list) = List::existing(p, index)? {
            reply::array(p.out, 2);
            let key = p.args().at(index);
            p.bulk(key);
            several(p, list, end, count)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// LEFT or RIGHT.
pub(crate) fn end_at(p: &Program<'_>, index: usize) -> Result<End, Stop> {
    match p.args().at(index) {
        word if word.eq_ignore_ascii_case(b"left") => Ok(End::First),
        word if word.eq_ignore_ascii_case(b"right") => Ok(End::Last),
        _ => Err(Stop::syntax()),
    }
}

fn pop(p: &mut Program<'_>, end: End) -> Result<(), Stop> {
    if p.args().len() > 3 {
        let name = p.command.name;
        return Err(Stop::Refused(format!("ERR wrong number of arguments for '{name}' command").into()));
    }
    let count = match p.args().get(2) {
        None => None,
        Some(word) => {
            let count = number::parse_integer(word).ok_or(Stop::refused("ERR value is out of range, must be positive"))?;
            Some(u64::try_from(count).map_err(|_| Stop::refused("ERR value is out of range, must be positive"))?)
        }
    };
    let list = List::existing(p, 1)?;
    match (list, count) {
        (None, None) => p.null(),
        (None, Some(_)) => reply::null_array(p.out, p.call.proto),
        (Some(_), Some(0)) => reply::array(p.out, 0),
        (Some(list), Some(count)) => several(p, list, end, count)?,
        (Some(mut list), None) => {
            list.pop(p.txn, end, 1, &mut |element| reply::bulk(p.out, element))?;
            list.store(p.txn)?;
        }
    }
    Ok(())
}

/// Pops up to `count` elements and answers an array of them.
fn several(p: &mut Program<'_>, mut list: List<'_>, end: End, count: u64) -> Result<(), Stop> {
    let count = count.min(list.len());
    reply::array(p.out, usize::try_from(count).map_err(|_| damaged())?);
    list.pop(p.txn, end, count, &mut |element| reply::bulk(p.out, element))?;
    list.store(p.txn)?;
    Ok(())
}

fn positive(p: &Program<'_>, index: usize, text: &'static str) -> Result<u64, Stop> {
    let number = number::parse_integer(p.args().at(index)).filter(|&number| number > 0);
    number.map(i64::unsigned_abs).ok_or(Stop::refused(text))
}
