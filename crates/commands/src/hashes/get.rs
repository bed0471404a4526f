//! One field or some: HGET, HMGET, HEXISTS, HSTRLEN, HDEL, HGETDEL; and how many there are: HLEN.

use crate::hashes::fields;
use crate::hashes::hash::Hash;
use crate::program::{Program, Stop};

/// HGET.
pub(crate) fn hget(p: &mut Program<'_>) -> Result<(), Stop> {
    let hash = Hash::existing(p, 1)?;
    reply_value(p, hash.as_ref(), 2)?;
    Ok(())
}

/// HMGET.
pub(crate) fn hmget(p: &mut Program<'_>) -> Result<(), Stop> {
    let hash = Hash::existing(p, 1)?;
    let fields = 2..p.args().len();
    resp::reply::array(p.out, fields.len());
    for index in fields {
        reply_value(p, hash.as_ref(), index)?;
    }
    Ok(())
}

/// HEXISTS.
pub(crate) fn hexists(p: &mut Program<'_>) -> Result<(), Stop> {
    let exists = match Hash::existing(p, 1)? {
        Some(hash) => hash.get(p.txn, p.call.args.at(2))?.is_some(),
        None => false,
    };
    p.integer(i64::from(exists));
    Ok(())
}

/// HSTRLEN.
pub(crate) fn hstrlen(p: &mut Program<'_>) -> Result<(), Stop> {
    let len = match Hash::existing(p, 1)? {
        Some(hash) => hash.get(p.txn, p.call.args.at(2))?.map_or(0, |found| found.value.len()),
        None => 0,
    };
    p.integer(len as i64);
    Ok(())
}

/// HLEN.
pub(crate) fn hlen(p: &mut Program<'_>) -> Result<(), Stop> {
    let len = match Hash::existing(p, 1)? {
        Some(hash) => hash.len(p.txn)?,
        None => 0,
    };
    p.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

/// HDEL: answers how many of the fields were there.
pub(crate) fn hdel(p: &mut Program<'_>) -> Result<(), Stop> {
    let Some(mut hash) = Hash::existing(p, 1)? else {
        p.integer(0);
        return Ok(());
    };
    let mut removed = 0;
    for field in p.call.args.iter().skip(2) {
        removed += i64::from(hash.remove(p.txn, field)?);
    }
    hash.store(p.txn)?;
    p.integer(removed);
    Ok(())
}

/// HGETDEL: answers the values of fields and removes them.
pub(crate) fn hgetdel(p: &mut Program<'_>) -> Result<(), Stop> {
    let hash = Hash::existing(p, 1)?;
    let fields = fields::parse(p, 2)?;
    resp::reply::array(p.out, fields.len());
    let Some(mut hash) = hash else {
        fields.clone().for_each(|_| p.null());
        return Ok(());
    };
    for index in fields {
        reply_value(p, Some(&hash), index)?;
        hash.remove(p.txn, p.call.args.at(index))?;
    }
    hash.store(p.txn)?;
    Ok(())
}

/// Answers the value of the field that argument `index` names, or null; says whether the field is there.
pub(super) fn reply_value(p: &mut Program<'_>, hash: Option<&Hash<'_>>, index: usize) -> Result<bool, Stop> {
    let found = match hash {
        Some(hash) => hash.get(p.txn, p.call.args.at(index))?,
        None => None,
    };
    match &found {
        Some(found) => p.bulk(&found.value),
        None => p.null(),
    }
    Ok(found.is_some())
}
