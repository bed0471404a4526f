//! Commands about single members: SADD, SREM, SISMEMBER, SMISMEMBER, SCARD, SMEMBERS, SMOVE.

use std::ops::ControlFlow;

use resp::reply;

use crate::program::{Program, Stop};
use crate::sets::view::Set;

/// SADD: how many were not there.
pub(crate) fn sadd(p: &mut Program<'_>) -> Result<(), Stop> {
    let (key, args, limits) = (p.key(1), p.args(), p.limits());
    let hint = args.len() - 2;
    let mut set = match Set::open(p, &key)? {
        Some(set) => set,
        None => Set::beginning_with(&key, args.at(2), hint, limits),
    };
    set.expect(limits, hint);
    let mut added = 0;
    for member in args.iter().skip(2) {
        added += i64::from(set.add(p.txn, limits, member)?);
    }
    if added > 0 {
        set.save(p.txn, &key)?;
    }
    p.integer(added);
    Ok(())
}

/// SREM: how many were there.
pub(crate) fn srem(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let mut removed = 0;
    if let Some(mut set) = Set::open(p, &key)? {
        for member in p.args().iter().skip(2) {
            removed += i64::from(set.remove(p.txn, member)?);
        }
        if removed > 0 {
            set.save(p.txn, &key)?;
        }
    }
    p.integer(removed);
    Ok(())
}

/// SISMEMBER.
pub(crate) fn sismember(p: &mut Program<'_>) -> Result<(), Stop> {
    let set = Set::open(p, &p.key(1))?;
    let member = p.args().at(2);
    let is_member = set.map_or(Ok(false), |set| set.contains(p.txn, member))?;
    p.integer(i64::from(is_member));
    Ok(())
}

/// SMISMEMBER: an array of answers.
pub(crate) fn smismember(p: &mut Program<'_>) -> Result<(), Stop> {
    let set = Set::open(p, &p.key(1))?;
    reply::array(p.out, p.args().len() - 2);
    for member in p.args().iter().skip(2) {
        let is_member = set.as_ref().map_or(Ok(false), |set| set.contains(p.txn, member))?;
        p.integer(i64::from(is_member));
    }
    Ok(())
}

/// SCARD.
pub(crate) fn scard(p: &mut Program<'_>) -> Result<(), Stop> {
    let members = Set::open(p, &p.key(1))?.map_or(0, |set| set.len());
    p.integer(i64::try_from(members).unwrap_or(i64::MAX));
    Ok(())
}

/// SMEMBERS.
pub(crate) fn smembers(p: &mut Program<'_>) -> Result<(), Stop> {
    let set = Set::open(p, &p.key(1))?;
    reply::set(p.out, p.proto(), set.as_ref().map_or(0, |set| set.len() as usize));
    if let Some(set) = set {
        set.visit(p.txn, &mut |member| {
            reply::bulk(p.out, member);
            ControlFlow::Continue(())
        })?;
    }
    Ok(())
}

/// SMOVE: whether the member was in the first set, and now is in the second.
pub(crate) fn smove(p: &mut Program<'_>) -> Result<(), Stop> {
    let (from, to, member) = (p.key(1), p.key(2), p.args().at(3));
    // As in Redis, what the second key holds matters only if there is a first one.
    let Some(mut source) = Set::open(p, &from)? else {
        p.integer(0);
        return Ok(());
    };
    let target = Set::open(p, &to)?;
    let moved = if from == to { source.contains(p.txn, member)? } else { source.remove(p.txn, member)? };
    if moved && from != to {
        source.save(p.txn, &from)?;
        let limits = p.limits();
        let mut target = target.unwrap_or_else(|| Set::beginning_with(&to, member, 1, limits));
        if target.add(p.txn, limits, member)? {
            target.save(p.txn, &to)?;
        }
    }
    p.integer(i64::from(moved));
    Ok(())
}
