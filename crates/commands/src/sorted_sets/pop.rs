//! ZPOPMIN, ZPOPMAX, ZMPOP: members leave at an end and are the reply.

use resp::{number, reply};
use types::txn::Proto;

use crate::program::{Program, Stop};
use crate::sorted_sets::view::SortedSet;

/// An end of a sorted set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The lowest score.
    Min,
    /// The highest score.
    Max,
}

/// ZPOPMIN.
pub(crate) fn zpopmin(p: &mut Program<'_>) -> Result<(), Stop> {
    pop_one_key(p, End::Min)
}

/// ZPOPMAX.
pub(crate) fn zpopmax(p: &mut Program<'_>) -> Result<(), Stop> {
    pop_one_key(p, End::Max)
}

/// ZMPOP: the first of the keys that has members.
pub(crate) fn zmpop(p: &mut Program<'_>) -> Result<(), Stop> {
    let request = Request::parse(p, 1)?;
    if !pop_first(p, &request)? {
        reply::null_array(p.out, p.proto());
    }
    Ok(())
}

/// What a ZMPOP asks for.
pub(crate) struct Request {
    /// Index of the first key.
    first: usize,
    /// Number of keys.
    keys: usize,
    end: End,
    count: u64,
}

impl Request {
    /// The request whose number of keys is argument `index`.
    pub(crate) fn parse(p: &Program<'_>, index: usize) -> Result<Request, Stop> {
        let args = p.args();
        let positive =
            |index: usize| number::parse_integer(args.at(index)).and_then(|number| u64::try_from(number).ok()).filter(|&number| number > 0);
        let keys = positive(index).ok_or(Stop::refused("ERR numkeys should be greater than 0"))?;
        let keys = usize::try_from(keys).unwrap_or(usize::MAX);
        let first = index + 1;
        let at = first.checked_add(keys).filter(|&at| at < args.len()).ok_or_else(Stop::syntax)?;
        let end = match args.at(at) {
            o if o.eq_ignore_ascii_case(b"min") => End::Min,
            o if o.eq_ignore_ascii_case(b"max") => End::Max,
            _ => return Err(Stop::syntax()),
        };
        let count = match args.len() - at - 1 {
            0 => 1,
            rest if rest >= 2 && args.at(at + 1).eq_ignore_ascii_case(b"count") => {
                let count = positive(at + 2).ok_or(Stop::refused("ERR count should be greater than 0"))?;
                if rest > 2 {
                    return Err(Stop::syntax());
                }
                count
            }
            _ => return Err(Stop::syntax()),
        };
        Ok(Request { first, keys, end, count })
    }
}

/// Pops from the first of the keys that has members and answers its name and those members; `false`, and no reply, if none has any.
pub(crate) fn pop_first(p: &mut Program<'_>, request: &Request) -> Result<bool, Stop> {
    for index in request.first..request.first + request.keys {
        let Some(set) = SortedSet::open(p, index)? else { continue };
        reply::array(p.out, 2);
        p.bulk(p.call.args.at(index));
        let count = request.count.min(set.len());
        reply::array(p.out, usize::try_from(count).unwrap_or(usize::MAX));
        pop(p, set, request.end, count, Shape::Pairs)?;
        return Ok(true);
    }
    Ok(false)
}

fn pop_one_key(p: &mut Program<'_>, end: End) -> Result<(), Stop> {
    let counted = match p.args().len() {
        2 => false,
        3 => true,
        _ => return Err(Stop::syntax()),
    };
    let count = match counted {
        true => number::parse_integer(p.args().at(2))
            .and_then(|count| u64::try_from(count).ok())
            .ok_or(Stop::refused("ERR value is out of range, must be positive"))?,
        false => 1,
    };
    let Some(set) = SortedSet::open(p, 1)? else {
        reply::array(p.out, 0);
        return Ok(());
    };
    let count = count.min(set.len());
    // Without a count RESP3 has no pairs, either: there is one member at most.
    let shape = if counted && p.proto() == Proto::Resp3 { Shape::Pairs } else { Shape::Flat };
    let elements = if shape == Shape::Pairs { count } else { count.saturating_mul(2) };
    reply::array(p.out, usize::try_from(elements).unwrap_or(usize::MAX));
    pop(p, set, end, count, shape)
}

/// How members and scores stand in the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One after another.
    Flat,
    /// An array for each member.
    Pairs,
}

/// Shows `count` members, of which there are so many, and removes them.
fn pop(p: &mut Program<'_>, mut set: SortedSet<'_>, end: End, count: u64, shape: Shape) -> Result<(), Stop> {
    let ranks = match end {
        End::Min => 0..count,
        End::Max => set.len() - count..set.len(),
    };
    let (out, proto) = (&mut *p.out, p.call.proto);
    set.walk(p.txn, ranks.clone(), end == End::Max, &mut |score, member| {
        if shape == Shape::Pairs {
            reply::array(out, 2);
        }
        reply::bulk(out, member);
        reply::double(out, proto, score);
    })?;
    set.remove_ranks(p.txn, ranks)?;
    Ok(set.store(p.txn)?)
}
