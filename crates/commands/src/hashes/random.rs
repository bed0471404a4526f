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
use crate::random::{Selection, below};

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
        return Err(Stop::refused("ERR the reply would be longer than proto-max-bulk-len"));
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
    if let Some(elements) = hash.elements().filter(|elements| draws_are_few(elements.1, live, wanted)) {
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
    let mut shown = 0;
    while live > 0 && shown < times {
        let draws = (times - shown).min(DRAWS_AT_ONCE);
        let before = shown;
        let mut go_on = true;
        let walked = match hash.elements() {
            Some((_, count)) if draws_are_few(count, live, draws) => None,
            elements => walked(txn, hash, live, draws, elements.is_some())?,
        };
        if let (None, Some(elements)) = (&walked, hash.elements()) {
            draw(txn, elements, hash.now(), &mut |entry| {
                shown += 1;
                go_on = show(entry).is_continue();
                if go_on && shown < before + draws { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        } else if let Some((indices, sorted, found)) = walked {
            for index in indices {
                let place = sorted.binary_search(&index).map_err(|_| damaged())?;
                let (field, value) = &found[place];
                shown += 1;
                if show(Entry { field, value, expire: None }).is_break() {
                    return Ok(shown);
                }
            }
        }
        if !go_on || shown == before {
            break;
        }
    }
    Ok(shown)
}

/// Whether drawing `wanted` living ones of `count` fields one by one costs less than a walk over all.
fn draws_are_few(count: u64, live: u64, wanted: u64) -> bool {
    let draws = u128::from(wanted) * u128::from(count) / u128::from(live.max(1));
    hashed::is_few(u64::try_from(draws).unwrap_or(u64::MAX), count)
}

/// Draws elements until `show` has seen enough living ones. Where it would take very many draws, the root is wrong about how many live.
fn draw(txn: &mut dyn HashKeyTxn, (value, count): (ValueId, u64), now: UnixMs, show: &mut Show<'_>) -> Result<(), Abort> {
    let mut missed = 0;
    loop {
        let found = hashed::random(txn, value, count)?.ok_or_else(damaged)?;
        let (expire, value) = exploded::decode(&found.element)?;
        missed += 1;
        if lives(expire, now) {
            missed = 0;
            if show(Entry { field: found.member(), value, expire }).is_break() {
                return Ok(());
            }
        }
        // One in `count` lives at least, and draws are only made where a hundred for each field wanted are fewer than `count`.
        if missed > count.max(DRAWS_MISSED_MIN) {
            return Err(damaged());
        }
    }
}

/// Places drawn, the same without repetition and in order, and the fields and values there.
type Walked = (Vec<u64>, Vec<u64>, Vec<(Bytes, Bytes)>);

/// Draws places among the `live` fields and walks to them; `None` if that is `bounded` and they are too large to be held together.
fn walked(txn: &mut dyn HashKeyTxn, hash: &Hash<'_>, live: u64, draws: u64, bounded: bool) -> Result<Option<Walked>, Abort> {
    let indices: Vec<u64> = (0..draws).map(|_| below(txn, live)).collect();
    let mut sorted = indices.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let (mut found, mut at, mut bytes) = (Vec::with_capacity(sorted.len()), 0, 0);
    let too_large = |bytes| bounded && bytes > hashed::HELD_BYTES;
    hash.walk(txn, &mut |entry| {
        if sorted.get(found.len()) == Some(&at) {
            found.push((Bytes::copy_from_slice(entry.field), Bytes::copy_from_slice(entry.value)));
            bytes += entry.field.len() + entry.value.len();
        }
        at += 1;
        if found.len() < sorted.len() && !too_large(bytes) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    match found.len() == sorted.len() {
        true => Ok(Some((indices, sorted, found))),
        false if too_large(bytes) => Ok(None),
        false => Err(damaged()),
    }
}

/// Draws that are held in memory at once.
const DRAWS_AT_ONCE: u64 = 65_536;
/// Draws in a row of what has expired, at least, before the data is damaged.
const DRAWS_MISSED_MIN: u64 = 10_000;
