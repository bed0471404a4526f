//! SORT and SORT_RO: the elements of a list, a set or a sorted set in the order of numbers or texts, theirs or those of other keys.
//!
//! ```text
//!   elements of the key ──▶ weights: the element itself, or what BY names ──▶ order ──▶ LIMIT ──▶ GET patterns ──▶ reply or STORE
//! ```
//! Elements, weights and results are held in memory; there is a bound to each of them ([`crate::value::Room`]).

mod options;
mod pattern;

use std::cmp::Ordering;
use std::ops::Range;

use bytes::Bytes;
use resp::reply;
use types::root::{Kind, Root};
use types::txn::HashKey;

use crate::program::{Program, Stop};
use crate::sort::options::{By, Options};
use crate::sort::pattern::Pattern;
use crate::value::{self, Room};
use crate::{float, lists, sets, sorted_sets};

/// SORT.
pub(crate) fn sort(p: &mut Program<'_>) -> Result<(), Stop> {
    run(p, true)
}

/// SORT_RO: without STORE.
pub(crate) fn sort_ro(p: &mut Program<'_>) -> Result<(), Stop> {
    run(p, false)
}

fn run(p: &mut Program<'_>, writes: bool) -> Result<(), Stop> {
    let options = Options::parse(p, writes)?;
    let key = p.key(1);
    let root = p.live(&key)?;
    if root.as_ref().is_some_and(|root| !matches!(root.kind, Kind::List | Kind::Set | Kind::ZSet)) {
        return Err(Stop::wrong_type());
    }
    let chosen = match root {
        Some(root) => chosen(p, &key, root, &options)?,
        None => Vec::new(),
    };
    match options.store {
        Some(index) => store(p, &chosen, &options.get, index),
        None => answer(p, &chosen, &options.get),
    }
}

/// The elements that LIMIT chooses, in order.
fn chosen(p: &mut Program<'_>, key: &HashKey<'_>, root: Root, options: &Options<'_>) -> Result<Vec<Bytes>, Stop> {
    let (by, alpha) = match options.by {
        // A set has no order of its own: what is stored shall not depend on its layout.
        By::Nothing if root.kind == Kind::Set && options.store.is_some() => (By::Element, true),
        by => (by, options.alpha),
    };
    if let By::Nothing = by {
        return unsorted(p, key, root, options);
    }
    let mut elements = all(p, key, root)?;
    let range = options.range(elements.len() as u64);
    order(p, &mut elements, by, alpha, options.descending)?;
    elements.truncate(range.end as usize);
    elements.drain(..range.start as usize);
    Ok(elements)
}

/// Elements in the order in which they are stored; only those that LIMIT chooses are read of what has places to begin at.
fn unsorted(p: &mut Program<'_>, key: &HashKey<'_>, root: Root, options: &Options<'_>) -> Result<Vec<Bytes>, Stop> {
    if root.kind == Kind::Set {
        // As in Redis a set is listed in one direction only.
        let mut members = all(p, key, root)?;
        let Range { start, end } = options.range(members.len() as u64);
        return Ok(members.drain(start as usize..end as usize).collect());
    }
    let Range { start, end } = options.range(root.count);
    let (skip, take) = (if options.descending { root.count - end } else { start }, end - start);
    if take == 0 {
        return Ok(Vec::new());
    }
    let mut room = Room::default();
    let mut fits = take <= value::ELEMENTS_MAX;
    let mut elements: Vec<Bytes> = Vec::new();
    if fits && root.kind == Kind::List {
        let mut wanted = |element: &[u8]| {
            fits = room.take(1, element.len());
            fits
        };
        elements = lists::items::read_some(p.txn, key, &root, skip, take, &mut wanted)?;
    } else if fits {
        elements = sorted_sets::read_some(p.txn, key, root, skip..skip + take)?.into_iter().map(|(_, member)| member.into()).collect();
    }
    if !fits {
        return Err(Stop::refused(value::TOO_LARGE));
    }
    if options.descending {
        elements.reverse();
    }
    Ok(elements)
}

fn all(p: &mut Program<'_>, key: &HashKey<'_>, root: Root) -> Result<Vec<Bytes>, Stop> {
    value::check(p.txn, key, &root)?;
    Ok(match root.kind {
        Kind::List => lists::items::read_all(p.txn, key, &root)?,
        Kind::Set => sets::read_all(p.txn, key, root)?,
        _ => sorted_sets::read_all(p.txn, key, root)?.into_iter().map(|(_, member)| member.into()).collect(),
    })
}

/// Sorts by numbers or texts; elements whose numbers are the same by themselves, those whose texts are the same stay as they were.
fn order(p: &mut Program<'_>, elements: &mut Vec<Bytes>, by: By<'_>, alpha: bool, descending: bool) -> Result<(), Stop> {
    let mut room = Room::default();
    let mut weights = Vec::with_capacity(elements.len());
    for element in elements.iter() {
        let weight = match by {
            By::Pattern(pattern) => pattern.value(p, element)?,
            _ => Some(element.clone()),
        };
        if alpha && !room.take(1, weight.as_ref().map_or(0, Bytes::len)) {
            return Err(Stop::refused(value::TOO_LARGE));
        }
        weights.push(if alpha { Weight::Text(weight) } else { Weight::Number(number(weight.as_deref())?) });
    }
    let direct = matches!(by, By::Element);
    let mut pairs: Vec<(Weight, Bytes)> = weights.into_iter().zip(elements.drain(..)).collect();
    pairs.sort_by(|(weight, element), (other_weight, other_element)| {
        let order = match (weight, other_weight) {
            (Weight::Number(number), Weight::Number(other)) => {
                number.partial_cmp(other).unwrap_or(Ordering::Equal).then_with(|| element.cmp(other_element))
            }
            (Weight::Text(_), Weight::Text(_)) if direct => element.cmp(other_element),
            (Weight::Text(text), Weight::Text(other)) => text.cmp(other),
            (Weight::Number(_), Weight::Text(_)) => Ordering::Less,
            (Weight::Text(_), Weight::Number(_)) => Ordering::Greater,
        };
        if descending { order.reverse() } else { order }
    });
    elements.extend(pairs.into_iter().map(|(_, element)| element));
    Ok(())
}

/// What an element is sorted by. All weights of a call are of one kind; no text comes before any.
enum Weight {
    Number(f64),
    Text(Option<Bytes>),
}

/// What has no weight weighs nothing.
fn number(weight: Option<&[u8]>) -> Result<f64, Stop> {
    let number = weight.map_or(Some(0.0), float::parse_weight);
    number.ok_or(Stop::refused("ERR One or more scores can't be converted into double"))
}

/// One value per element and GET pattern.
fn answer(p: &mut Program<'_>, chosen: &[Bytes], get: &[Pattern<'_>]) -> Result<(), Stop> {
    let start = p.out.len();
    reply::array(p.out, chosen.len() * get.len().max(1));
    for element in chosen {
        if get.is_empty() {
            p.bulk(element);
        }
        for pattern in get {
            match pattern.value(p, element)? {
                Some(value) => p.bulk(&value),
                None => p.null(),
            }
            if p.out.len() - start > REPLY_MAX {
                p.out.truncate(start);
                return Err(Stop::refused("ERR the reply is too large (more than 128 MiB)"));
            }
        }
    }
    Ok(())
}

/// A list of the same values, empty strings for those that are not there.
fn store(p: &mut Program<'_>, chosen: &[Bytes], get: &[Pattern<'_>], index: usize) -> Result<(), Stop> {
    let mut room = Room::default();
    let mut values = Vec::with_capacity(chosen.len());
    for element in chosen {
        for pattern in get {
            values.push(pattern.value(p, element)?.unwrap_or_default());
            if !values.last().is_some_and(|value| room.take(1, value.len())) {
                return Err(Stop::refused(value::TOO_LARGE));
            }
        }
        if get.is_empty() {
            values.push(element.clone());
        }
    }
    let to = p.key(index);
    if values.is_empty() {
        p.txn.delete_root(&to)?;
    } else {
        let limits = p.limits();
        lists::items::write_all(p.txn, limits, &to, &values, None)?;
    }
    p.integer(values.len() as i64);
    Ok(())
}

/// Bytes of a reply at most.
const REPLY_MAX: usize = 128 << 20;

#[cfg(test)]
mod tests;
