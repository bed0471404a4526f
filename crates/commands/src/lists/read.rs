//! LLEN, LINDEX, LRANGE, LPOS.

use std::ops::ControlFlow;

use resp::{number, reply};

use crate::lists::damaged;
use crate::lists::list::List;
use crate::program::{NOT_AN_INTEGER, Program, Stop};

/// LLEN.
pub(crate) fn llen(p: &mut Program<'_>) -> Result<(), Stop> {
    let len = List::existing(p, 1)?.map_or(0, |list| list.len());
    p.integer(len as i64);
    Ok(())
}

/// LINDEX.
pub(crate) fn lindex(p: &mut Program<'_>) -> Result<(), Stop> {
    let Some(list) = List::existing(p, 1)? else {
        p.null();
        return Ok(());
    };
    let element = match index(p.integer_at(2)?, list.len()) {
        Some(index) => list.get(p.txn, index)?,
        None => None,
    };
    match element {
        Some(element) => p.bulk(&element),
        None => p.null(),
    }
    Ok(())
}

/// LRANGE.
pub(crate) fn lrange(p: &mut Program<'_>) -> Result<(), Stop> {
    let (start, stop) = (p.integer_at(2)?, p.integer_at(3)?);
    let list = List::existing(p, 1)?;
    let (from, count) = list.as_ref().map_or((0, 0), |list| span(start, stop, list.len()));
    reply::array(p.out, usize::try_from(count).map_err(|_| damaged())?);
    let Some(list) = list.filter(|_| count > 0) else { return Ok(()) };
    let mut left = count;
    list.walk(p.txn, from, &mut |element| {
        reply::bulk(p.out, element);
        left -= 1;
        if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    // A reply of another length than it says would shift all that follow.
    if left == 0 { Ok(()) } else { Err(damaged().into()) }
}

/// LPOS.
pub(crate) fn lpos(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = PosOptions::parse(p)?;
    let Some(list) = List::existing(p, 1)? else {
        match options.count {
            Some(_) => reply::array(p.out, 0),
            None => p.null(),
        }
        return Ok(());
    };
    let wanted = p.args().at(2);
    let len = list.len();
    let reverse = options.rank < 0;
    let mut skip = options.rank.unsigned_abs() - 1;
    let most = match options.count {
        None => 1,
        Some(0) => u64::MAX,
        Some(count) => count,
    };
    let compared_most = if options.len_max == 0 { len } else { options.len_max.min(len) };
    let mut found: Vec<u64> = Vec::new();
    let mut compared = 0;
    let mut seen = |element: &[u8]| {
        if compared == compared_most {
            return ControlFlow::Break(());
        }
        if element == wanted {
            if skip > 0 {
                skip -= 1;
            } else {
                found.push(if reverse { len - 1 - compared } else { compared });
            }
        }
        compared += 1;
        if (found.len() as u64) < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if reverse {
        list.walk_back(p.txn, &mut seen)?
    } else {
        list.walk(p.txn, 0, &mut seen)?
    }
    match options.count {
        Some(_) => {
            reply::array(p.out, found.len());
            found.iter().for_each(|&index| reply::integer(p.out, index as i64));
        }
        None => match found.first() {
            Some(&index) => p.integer(index as i64),
            None => p.null(),
        },
    }
    Ok(())
}

/// Options of LPOS.
struct PosOptions {
    /// Which match is the first to be answered; negative: from the end.
    rank: i64,
    /// How many matches; 0: all.
    count: Option<u64>,
    /// How many elements are compared; 0: all.
    len_max: u64,
}

impl PosOptions {
    fn parse(p: &Program<'_>) -> Result<PosOptions, Stop> {
        let mut options = PosOptions { rank: 1, count: None, len_max: 0 };
        let mut at = 3;
        while let Some(word) = p.args().get(at) {
            let value = p.args().get(at + 1).ok_or_else(Stop::syntax)?;
            let not_negative = |text| number::parse_integer(value).and_then(|n| u64::try_from(n).ok()).ok_or(Stop::refused(text));
            if word.eq_ignore_ascii_case(b"rank") {
                options.rank = number::parse_integer(value).ok_or(Stop::refused(NOT_AN_INTEGER))?;
                if options.rank == i64::MIN {
                    return Err(Stop::refused(
                        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                    ));
                }
                if options.rank == 0 {
                    return Err(Stop::refused(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
                         from the end of the list",
                    ));
                }
            } else if word.eq_ignore_ascii_case(b"count") {
                options.count = Some(not_negative("ERR COUNT can't be negative")?);
            } else if word.eq_ignore_ascii_case(b"maxlen") {
                options.len_max = not_negative("ERR MAXLEN can't be negative")?;
            } else {
                return Err(Stop::syntax());
            }
            at += 2;
        }
        Ok(options)
    }
}

/// The place that an index names, which counts from the end if it is negative.
pub(super) fn index(index: i64, len: u64) -> Option<u64> {
    let place = if index < 0 { len.checked_sub(index.unsigned_abs())? } else { index.unsigned_abs() };
    (place < len).then_some(place)
}

/// The first place of a range, and the number of places in it.
pub(super) fn span(start: i64, stop: i64, len: u64) -> (u64, u64) {
    let from = if start < 0 { len.saturating_sub(start.unsigned_abs()) } else { start.unsigned_abs() };
    // One past the last.
    let to = if stop < 0 { (len + 1).saturating_sub(stop.unsigned_abs()) } else { stop.unsigned_abs().saturating_add(1).min(len) };
    if from < to { (from, to - from) } else { (0, 0) }
}
