//! HRANDFIELD: fields chosen at random, each living one with the same chance.
//!
//! What has expired and was not removed yet is drawn and thrown away, or passed over in a walk over all, whichever is less work.

use std::collections::HashSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use resp::reply;
use types::time::UnixMs;
use types::txn::{Abort, HashKeyTxn, Proto, ValueId};

use crate::hashed;
use crate::hashes::hash::Hash;
use crate::hashes::packed::{Entry, lives};
use crate::hashes::{damaged, exploded};
use crate::program::{Program, Stop};
use crate::random::{Selection, TOO_LONG, below, check_repetitions};

/// HRANDFIELD.
pub(crate) fn hrandfield(p: &mut Program<'_>) -> Result<(), Stop> {
    if p.args().len() == 2 {
        return one(p);
    }
    let count = p.integer_at(2)?;
    if count == i64::MIN {
        return Err(Stop::refused("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"));
    }
    let values = p.args().len() > 3;
    if p.args().len() > 4 || values && !p.args().at(3).eq_ignore_ascii_case(b"withvalues") {
        return Err(Stop::syntax());
    }
    if values && count.unsigned_abs() > (i64::MAX / 2).unsigned_abs() {
        return Err(Stop::refused("ERR value is out of range"));
    }
    let hash = Hash::existing(p, 1)?;
    let live = match &hash {
        Some(hash) => hash.len(p.txn)?,
        None => 0,
    };
    let (Some(hash), 1..) = (hash, live) else {
        reply::array(p.out, 0);
        return Ok(());
    };
    let wanted = if count > 0 { count.unsigned_abs().min(live) } else { count.unsigned_abs() };
    if count < 0 {
        check_repetitions(p.limits(), wanted)?;
    }
    let start = p.out.len();
    let longest = start + usize::try_from(p.limits().value_max).unwrap_or(usize::MAX);
    let flat = values && p.call.proto == Proto::Resp2;
    reply::array(p.out, usize::try_from(wanted).map_err(|_| Stop::syntax())? * if flat { 2 } else { 1 });
    let show = &mut |entry: Entry<'_>| {
        if values && !flat {
            reply::array(p.out, 2);
        }
        reply::bulk(p.out, entry.field);
        if values {
            reply::bulk(p.out, entry.value);
        }
        // Only what is drawn again and again can be more than the hash itself.
        if count < 0 && p.out.len() > longest { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let shown = if count > 0 { distinct(p.txn, &hash, live, wanted, show)? } else { repeated(p.txn, &hash, live, wanted, show)? };
    if count < 0 && p.out.len() > longest {
        p.out.truncate(start);
        return Err(Stop::refused(TOO_LONG));
    }
    if shown == wanted { Ok(()) } else { Err(damaged().into()) }
}

/// One field, without a count.
fn one(p: &mut Program<'_>) -> Result<(), Stop> {
    let Some(hash) = Hash::existing(p, 1)? else {
        p.null();
        return Ok(());
    };
    let live = hash.len(p.txn)?;
    let shown = repeated(p.txn, &hash, live, 1, &mut |entry| {
        reply::bulk(p.out, entry.field);
        ControlFlow::Continue(())
    })?;
    if shown == 0 {
        p.null();
    }
    Ok(())
}

/// Is shown a field.
type Show<'a> = dyn FnMut(Entry<'_>) -> ControlFlow<()> + 'a;

/// Shows `wanted` different ones of the `live` fields; answers how many were shown.
fn distinct(txn: &mut dyn HashKeyTxn, hash: &Hash<'_>, live: u64, wanted: u64, show: &mut Show<'_>) -> Result<u64, Abort> {
    if let Some(elements) = draws_are_few(hash, live, wanted) {
        let mut seen = HashSet::new();
        draw(txn, elements, hash.now(), &mut |entry| {
            let new = (seen.len() as u64) < wanted && seen.insert(entry.field.to_vec());
            if new && show(entry).is_break() || seen.len() as u64 == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        return Ok(seen.len() as u64);
    }
    let mut selection = Selection::new(txn, wanted, live);
    let mut shown = 0;
    hash.walk(txn, &mut |entry| {
        if selection.takes_next() {
            shown += 1;
            return show(entry);
        }
        if selection.wanted() > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(shown)
}

/// Shows one of the `live` fields `times` times, each time drawn anew, unless there is none; answers how many were shown.
fn repeated(txn: &mut dyn HashKeyTxn, hash: &Hash<'_>, live: u64, times: u64, show: &mut Show<'_>) -> Result<u64, Abort> {
    let (mut shown, mut enough) = (0, live == 0);
    while shown < times && !enough {
        let wanted = DRAWS_AT_ONCE.min(times - shown);
        let end = shown + wanted;
        let show_one = &mut |entry: Entry<'_>| {
            shown += 1;
            enough = show(entry).is_break();
            if enough || shown == end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match draws_are_few(hash, live, wanted) {
            Some(elements) => draw(txn, elements, hash.now(), show_one)?,
            None => {
                let places: Vec<u64> = (0..wanted).map(|_| below(txn, live)).collect();
                show_at(txn, hash, &places, show_one)?;
            }
        }
    }
    Ok(shown)
}

/// How many draws it takes on average to hit a living one of `count` fields `wanted` times.
fn draws(count: u64, live: u64, wanted: u64) -> u64 {
    let draws = u128::from(wanted) * u128::from(count) / u128::from(live.max(1));
    u64::try_from(draws).unwrap_or(u64::MAX)
}

/// The elements, if drawing `wanted` living fields one by one costs less than a walk over all; and how many draws are far too many.
fn draws_are_few(hash: &Hash<'_>, live: u64, wanted: u64) -> Option<(ValueId, u64, u64)> {
    let (value, count) = hash.elements()?;
    let draws = draws(count, live, wanted);
    // What is few are draws of which one in a hundredth of `count` hits: `count` of them miss once in e^100.
    hashed::is_few(draws, count).then(|| (value, count, draws.saturating_mul(DRAWS_FACTOR).saturating_add(count)))
}

/// Draws elements until `show` has seen enough living ones.
fn draw(txn: &mut dyn HashKeyTxn, (value, count, max): (ValueId, u64, u64), now: UnixMs, show: &mut Show<'_>) -> Result<(), Abort> {
    for _ in 0..max {
        let found = hashed::random(txn, value, count)?.ok_or_else(damaged)?;
        let (expire, value) = exploded::decode(&found.element)?;
        if lives(expire, now) && show(Entry { field: found.member(), value, expire }).is_break() {
            return Ok(());
        }
    }
    // The root is wrong about how many of them live.
    Err(damaged())
}

/// Shows the living fields at these places in the order of all, as many at a time as may be held in memory together.
fn show_at(txn: &mut dyn HashKeyTxn, hash: &Hash<'_>, mut places: &[u64], show: &mut Show<'_>) -> Result<(), Abort> {
    let mut step = places.len();
    while !places.is_empty() {
        step = step.min(places.len());
        let mut sorted = places[..step].to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let Some(found) = walk_to(txn, hash, &sorted)? else {
            step = (step / 2).max(1);
            continue;
        };
        for place in &places[..step] {
            let at = sorted.binary_search(place).map_err(|_| damaged())?;
            let (field, value) = &found[at];
            if show(Entry { field, value, expire: None }).is_break() {
                return Ok(());
            }
        }
        places = &places[step..];
    }
    Ok(())
}

/// The fields and values at these ascending places; `None` if they are several and too large to be held together.
fn walk_to(txn: &mut dyn HashKeyTxn, hash: &Hash<'_>, places: &[u64]) -> Result<Option<Vec<(Bytes, Bytes)>>, Abort> {
    let (mut found, mut at, mut bytes) = (Vec::with_capacity(places.len()), 0, 0);
    let too_large = |bytes| bytes > hashed::HELD_BYTES && places.len() > 1;
    hash.walk(txn, &mut |entry| {
        if places.get(found.len()) == Some(&at) {
            found.push((Bytes::copy_from_slice(entry.field), Bytes::copy_from_slice(entry.value)));
            bytes += entry.field.len() + entry.value.len();
        }
        at += 1;
        if found.len() < places.len() && !too_large(bytes) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    match found.len() == places.len() {
        true => Ok(Some(found)),
        false if too_large(bytes) => Ok(None),
        false => Err(damaged()),
    }
}

/// Draws that are held in memory at once.
const DRAWS_AT_ONCE: u64 = 65_536;
/// So many times more draws than it takes on average do not happen.
const DRAWS_FACTOR: u64 = 16;
