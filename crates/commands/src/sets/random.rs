//! SPOP and SRANDMEMBER: members by chance, each with the same.

use std::collections::HashSet;
use std::ops::ControlFlow;

use resp::{number, reply};
use types::reply::Sink;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::hashed::HELD_BYTES;
use crate::program::{NOT_AN_INTEGER, Program, Stop};
use crate::random::{Selection, TOO_LONG, below, check_repetitions};
use crate::sets::builder::Builder;
use crate::sets::indexed;
use crate::sets::view::{Member, Set};

/// SPOP: removes a member, or `count` different ones, and answers them.
pub(crate) fn spop(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    if p.args().len() == 2 {
        return pop_one(p, &key);
    }
    let count = number::parse_integer(p.args().at(2)).and_then(|count| u64::try_from(count).ok());
    let count = count.filter(|_| p.args().len() == 3).ok_or_else(|| refused(p, "ERR value is out of range, must be positive"))?;
    let set = Set::open(p, &key)?;
    let popped = set.as_ref().map_or(0, |set| set.len()).min(count);
    reply::set(p.out, p.proto(), popped as usize);
    match set {
        Some(set) if popped == set.len() => {
            set.visit(p.txn, &mut |member| answer(p.out, member))?;
            p.txn.delete_root(&key)?;
        }
        Some(set) if popped > 0 => match set.exploded() {
            None => pop_inline(p, &key, set, popped)?,
            Some(_) if (set.len() - popped).saturating_mul(LEFT_FACTOR) <= popped => {
                let rest = Builder::new(p.limits(), &key, false);
                keep_rest(p, &set, popped, rest)?;
            }
            Some(_) if popped >= MANY && popped.saturating_mul(MANY_FACTOR) > set.len() => {
                let limits = p.limits();
                let rest = Builder::exploded(p.txn, limits, &key);
                keep_rest(p, &set, popped, rest)?;
            }
            Some(_) => pop_drawn(p, &key, set, popped)?,
        },
        _ => {}
    }
    Ok(())
}

/// SRANDMEMBER: a member; `count` different ones; or, with a negative count, so many draws that know nothing of each other.
pub(crate) fn srandmember(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    if p.args().len() == 2 {
        match Set::open(p, &key)? {
            Some(set) => {
                let member = set.random(p.txn)?;
                p.bulk(&member);
            }
            None => p.null(),
        }
        return Ok(());
    }
    let count = number::parse_integer(p.args().at(2)).filter(|_| p.args().len() == 3).ok_or_else(|| refused(p, NOT_AN_INTEGER))?;
    if count == i64::MIN {
        return Err(Stop::refused("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"));
    }
    match Set::open(p, &key)? {
        Some(set) if count > 0 => distinct(p, &set, count.unsigned_abs())?,
        Some(set) if count < 0 => repeated(p, &set, count.unsigned_abs())?,
        _ => reply::array(p.out, 0),
    }
    Ok(())
}

/// More arguments than the command has are a syntax error, whatever the count is.
fn refused(p: &Program<'_>, text: &'static str) -> Stop {
    if p.args().len() > 3 { Stop::syntax() } else { Stop::refused(text) }
}

fn pop_one(p: &mut Program<'_>, key: &HashKey<'_>) -> Result<(), Stop> {
    let Some(mut set) = Set::open(p, key)? else {
        p.null();
        return Ok(());
    };
    let member = set.pop(p.txn)?;
    set.save(p.txn, key)?;
    p.bulk(&member);
    Ok(())
}

/// Some of an inline set.
fn pop_inline(p: &mut Program<'_>, key: &HashKey<'_>, mut set: Set, popped: u64) -> Result<(), Abort> {
    let mut selection = Selection::new(p.txn, popped, set.len());
    let mut chosen = Vec::with_capacity(popped as usize);
    set.visit(p.txn, &mut |member| {
        if selection.takes_next() {
            chosen.push(Member::from_slice(member));
        }
        ControlFlow::Continue(())
    })?;
    for member in &chosen {
        set.remove(p.txn, member)?;
        p.bulk(member);
    }
    set.save(p.txn, key)
}

/// One by one.
fn pop_drawn(p: &mut Program<'_>, key: &HashKey<'_>, mut set: Set, popped: u64) -> Result<(), Abort> {
    for _ in 0..popped {
        let member = set.pop(p.txn)?;
        p.bulk(&member);
    }
    set.save(p.txn, key)
}

/// Many: what is left is less to write than what is removed, so the set is made anew of it.
fn keep_rest(p: &mut Program<'_>, set: &Set, popped: u64, mut rest: Builder<'_>) -> Result<(), Abort> {
    let mut selection = Selection::new(p.txn, popped, set.len());
    let out = &mut *p.out;
    set.each(p.txn, &mut |txn, member| {
        if selection.takes_next() {
            reply::bulk(out, member);
        } else {
            rest.add(txn, member);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    rest.finish(p.txn, set.expire())?;
    Ok(())
}

fn distinct(p: &mut Program<'_>, set: &Set, count: u64) -> Result<(), Abort> {
    let count = count.min(set.len());
    reply::array(p.out, count as usize);
    if count == set.len() {
        return set.visit(p.txn, &mut |member| answer(p.out, member));
    }
    if let Some(elements) = set.exploded().filter(|_| is_few(count, set.len())) {
        // Each of the last numbers below the length in turn, or one below it, whichever is not chosen yet: Floyd's way to a fair choice
        // (Bentley, Programming pearls: a sample of brilliance, 1987).
        let mut chosen = HashSet::new();
        for last in set.len() - count..set.len() {
            let drawn = below(p.txn, last + 1);
            let index = if chosen.insert(drawn) { drawn } else { last };
            chosen.insert(index);
            let member = indexed::at(p.txn, elements, index)?;
            p.bulk(&member);
        }
        return Ok(());
    }
    let mut selection = Selection::new(p.txn, count, set.len());
    set.visit(p.txn, &mut |member| if selection.takes_next() { answer(p.out, member) } else { ControlFlow::Continue(()) })
}

/// The reply can be longer than the set by any factor, so it has a bound of its own.
fn repeated(p: &mut Program<'_>, set: &Set, times: u64) -> Result<(), Stop> {
    check_repetitions(p.limits(), times)?;
    let start = p.out.len();
    let max = usize::try_from(p.limits().value_max).unwrap_or(usize::MAX);
    reply::array(p.out, usize::try_from(times).unwrap_or(usize::MAX));
    let out = &mut *p.out;
    let mut show = |member: &[u8]| {
        reply::bulk(out, member);
        if out.len() - start <= max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let held = held(p.txn, set, times)?;
    for _ in 0..times {
        let flow = match &held {
            Some(members) => show(&members[below(p.txn, members.len() as u64) as usize]),
            None => show(&set.random(p.txn)?),
        };
        if flow.is_break() {
            break;
        }
    }
    if p.out.len() - start > max {
        p.out.truncate(start);
        return Err(Stop::refused(TOO_LONG));
    }
    Ok(())
}

/// All members, where draws from a copy of them are less work than from the set, and they may be in memory together.
fn held(txn: &mut dyn HashKeyTxn, set: &Set, times: u64) -> Result<Option<Vec<Member>>, Abort> {
    let room = if set.exploded().is_none() { usize::MAX } else { HELD_BYTES };
    if set.len() == 0 || set.exploded().is_some() && (is_few(times, set.len()) || set.len() > (room / size_of::<Member>()) as u64) {
        return Ok(None);
    }
    let (mut members, mut bytes) = (Vec::new(), 0usize);
    set.visit(txn, &mut |member| {
        members.push(Member::from_slice(member));
        bytes += size_of::<Member>() + member.len();
        if bytes <= room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok((bytes <= room).then_some(members))
}

fn answer(out: &mut impl Sink, member: &[u8]) -> ControlFlow<()> {
    reply::bulk(out, member);
    ControlFlow::Continue(())
}

/// Whether so many gets cost less than a walk over all members.
fn is_few(wanted: u64, len: u64) -> bool {
    wanted.saturating_mul(WALK_PER_GET) < len
}

/// Members that a walk passes in the time of a get: 3 us against 0.3.
const WALK_PER_GET: u64 = 10;
/// SPOP of so many members ...
const MANY: u64 = 256;
/// ... and of one in so many makes an exploded set anew: a member that is popped takes four writes, one that stays two.
const MANY_FACTOR: u64 = 3;
/// SPOP makes a set anew if what it removes is so many times what is left, or more: as Redis does.
const LEFT_FACTOR: u64 = 5;
