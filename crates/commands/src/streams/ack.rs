//! XACK and XPENDING: what was delivered and not acknowledged.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;

use bytes::Bytes;
use resp::reply;
use smallvec::SmallVec;
use types::txn::{Abort, HashKeyTxn, ValueId};

use crate::elements::STEP;
use crate::program::{Program, Stop};
use crate::streams::group::{Desk, Group, Pending};
use crate::streams::id::{self, Id};
use crate::streams::read::no_group;
use crate::streams::stream::{Stream, write_id};

/// XACK: counts those of the entries that were pending.
pub(crate) fn xack(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let Some((stream, group)) = find(p, 1, 2)? else {
        p.integer(0);
        return Ok(());
    };
    let ids = args.iter().skip(3).map(id::strict).collect::<Result<SmallVec<[Id; 8]>, Stop>>()?;
    let mut desk = Desk::new(stream.value(), args.at(2), group);
    let mut acknowledged = 0;
    for id in ids {
        if let Some(pending) = desk.pending(p.txn, id)? {
            desk.release(p.txn, id, pending)?;
            acknowledged += 1;
        }
    }
    if acknowledged > 0 {
        desk.close(p.txn)?;
    }
    p.integer(acknowledged);
    Ok(())
}

/// XPENDING: a summary, or the pending entries of a range.
pub(crate) fn xpending(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let wanted = match args.len() {
        3 => None,
        6..=9 => Some(Wanted::parse(p)?),
        _ => return Err(Stop::syntax()),
    };
    let Some((stream, group)) = find(p, 1, 2)? else { return Err(no_group(args.at(1), args.at(2), "")) };
    match wanted {
        None => summary(p, stream.value(), &group),
        Some(wanted) => list(p, stream.value(), &group, &wanted),
    }
}

/// The stream of one argument and the group of another, if both are there.
pub(super) fn find<'a>(p: &mut Program<'a>, key: usize, group: usize) -> Result<Option<(Stream<'a>, Group)>, Stop> {
    let Some(stream) = Stream::open(p, p.key(key))? else { return Ok(None) };
    let name = p.args().at(group);
    let group = Group::get(p.txn, stream.value(), name)?;
    Ok(group.map(|group| (stream, group)))
}

/// Names of consumers by their numbers, looked up once each.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<u64, Bytes>);

impl Names {
    /// Names that are known already.
    pub(super) fn of(names: impl Iterator<Item = (u64, Bytes)>) -> Names {
        Names(names.collect())
    }

    pub(super) fn name(&mut self, txn: &mut dyn HashKeyTxn, value: ValueId, group: &Group, number: u64) -> Result<&Bytes, Abort> {
        Ok(match self.0.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(group.consumer_name(txn, value, number)?),
        })
    }
}

/// The arguments of an XPENDING that wants entries.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    idle_min: i64,
    range: (Id, Id),
    count: u64,
    /// Where the name of the consumer stands.
    consumer: Option<usize>,
}

impl Wanted {
    fn parse(p: &Program<'_>) -> Result<Wanted, Stop> {
        let args = p.args();
        let (mut at, mut idle_min) = (3, 0);
        if args.at(at).eq_ignore_ascii_case(b"idle") {
            idle_min = p.integer_at(at + 1)?;
            if args.len() < 8 {
                return Err(Stop::syntax());
            }
            at += 2;
        }
        let count = u64::try_from(p.integer_at(at + 2)?).unwrap_or(0);
        let range = (id::start(args.at(at))?, id::end(args.at(at + 1))?);
        Ok(Wanted { idle_min, range, count, consumer: Some(at + 3).filter(|&at| at < args.len()) })
    }
}

/// `[count, first id, last id, [[consumer, count], ..]]`.
fn summary(p: &mut Program<'_>, value: ValueId, group: &Group) -> Result<(), Stop> {
    reply::array(p.out, 4);
    p.integer(i64::try_from(group.pending).unwrap_or(i64::MAX));
    if group.pending == 0 {
        p.null();
        p.null();
        reply::null_array(p.out, p.proto());
        return Ok(());
    }
    for reverse in [false, true] {
        let out = &mut *p.out;
        group.walk_pending(p.txn, value, (Id::MIN, Id::MAX), reverse, &mut |id, _| {
            write_id(out, id);
            ControlFlow::Break(())
        })?;
    }
    let consumers = group.all_consumers(p.txn, value)?;
    let busy = || consumers.iter().filter(|(_, consumer)| consumer.pending > 0);
    reply::array(p.out, busy().count());
    for (name, consumer) in busy() {
        reply::array(p.out, 2);
        p.bulk(name);
        p.bulk(consumer.pending.to_string().as_bytes());
    }
    Ok(())
}

/// `[[id, consumer, milliseconds since it was delivered, deliveries], ..]`.
fn list(p: &mut Program<'_>, value: ValueId, group: &Group, wanted: &Wanted) -> Result<(), Stop> {
    let now = p.txn.now();
    let fits = |pending: &Pending| wanted.idle_min == 0 || now.0.saturating_sub(pending.delivered.0) >= wanted.idle_min;
    let mut found = Vec::new();
    if wanted.count > 0 {
        let done = |found: &Vec<(Id, Pending)>| match found.len() as u64 {
            len if len < wanted.count => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        match wanted.consumer {
            None => group.walk_pending(p.txn, value, wanted.range, false, &mut |id, pending| {
                found.extend(Some((id, pending)).filter(|(_, pending)| fits(pending)));
                done(&found)
            })?,
            Some(at) => {
                let name = p.args().at(at);
                let Some(consumer) = group.consumer(p.txn, value, name)? else {
                    reply::array(p.out, 0);
                    return Ok(());
                };
                let mut from = Some(wanted.range.0);
                while let Some(start) = from.take().filter(|_| (found.len() as u64) < wanted.count) {
                    let mut ids = Vec::new();
                    group.walk_owned(p.txn, value, &consumer, (start, wanted.range.1), &mut |id| {
                        ids.push(id);
                        if ids.len() < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    })?;
                    for &id in &ids {
                        let pending = group.pending(p.txn, value, id)?.filter(fits);
                        found.extend(pending.filter(|_| (found.len() as u64) < wanted.count).map(|pending| (id, pending)));
                    }
                    from = ids.last().filter(|_| ids.len() == STEP).and_then(|id| id.next());
                }
            }
        }
    }
    let mut names = Names::default();
    reply::array(p.out, found.len());
    for (id, pending) in found {
        reply::array(p.out, 4);
        write_id(p.out, id);
        reply::bulk(p.out, names.name(p.txn, value, group, pending.consumer)?);
        p.integer(now.0.saturating_sub(pending.delivered.0).max(0));
        p.integer(i64::try_from(pending.deliveries).unwrap_or(i64::MAX));
    }
    Ok(())
}
