//! XADD: an entry is put behind all others.

use types::txn::HashKeyTxn;

use crate::program::{Program, Stop};
use crate::streams::id::{Id, NewId};
use crate::streams::stream::{Stream, write_id};
use crate::streams::trim::Options;

/// XADD.
pub(crate) fn xadd(p: &mut Program<'_>) -> Result<(), Stop> {
    let (args, limits) = (p.args(), p.limits());
    let options = Options::parse(args, limits, true)?;
    let Some((new, at)) = options.id.filter(|(_, at)| args.len() - at > 2 && (args.len() - at) % 2 == 1) else {
        return Err(Stop::refused("ERR wrong number of arguments for 'xadd' command"));
    };
    if new == NewId::Given(Id::MIN) {
        return Err(Stop::refused("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let key = p.key(1);
    let old = Stream::open(p, key)?;
    if old.is_none() && options.no_create {
        p.null();
        return Ok(());
    }
    let last = old.as_ref().map_or(Id::MIN, |stream| stream.head.last);
    let id = choose(p.txn, new, last)?;
    let pairs = (at + 1..args.len()).step_by(2).map(|field| (args.at(field), args.at(field + 1)));
    if pairs.clone().map(|(field, value)| field.len() + value.len()).sum::<usize>() > ENTRY_MAX {
        return Err(Stop::refused("ERR Elements are too large to be stored"));
    }
    let mut stream = match old {
        Some(stream) => stream,
        None => Stream::create(p.txn, key),
    };
    stream.append(p.txn, limits, id, pairs);
    if let Some(trim) = options.trim {
        trim.apply(p.txn, &mut stream)?;
    }
    stream.save(p.txn)?;
    write_id(p.out, id);
    Ok(())
}

/// The id of the new entry. A clock that went backwards does not matter: ids go on from the last one.
fn choose(txn: &dyn HashKeyTxn, new: NewId, last: Id) -> Result<Id, Stop> {
    if last == Id::MAX {
        return Err(Stop::refused("ERR The stream has exhausted the last possible ID, unable to add more items"));
    }
    let now = u64::try_from(txn.now().0).unwrap_or(0);
    let id = match new {
        NewId::Auto if now > last.ms => Some(Id { ms: now, seq: 0 }),
        NewId::Auto => last.next(),
        NewId::Within(ms) if ms == last.ms => last.seq.checked_add(1).map(|seq| Id { ms, seq }),
        NewId::Within(ms) => Some(Id { ms, seq: 0 }),
        NewId::Given(id) => Some(id),
    };
    id.filter(|&id| id > last).ok_or(Stop::refused("ERR The ID specified in XADD is equal or smaller than the target stream top item"))
}

/// Bytes of all fields and values of an entry at most: Redis' bound.
const ENTRY_MAX: usize = 1 << 30;
