//! XINFO: what is known of a stream, its groups and their consumers.

use std::ops::ControlFlow;

use bytes::Bytes;
use resp::reply;
use types::reply::Sink;
use types::time::UnixMs;
use types::txn::{Abort, HashKeyTxn, Proto, ValueId};

use crate::program::{Program, Stop};
use crate::streams::ack::Names;
use crate::streams::admin::{no_such_group, wrong_subcommand};
use crate::streams::group::{self, Consumer, Group};
use crate::streams::id::Id;
use crate::streams::stream::{Stream, put_header, write_id};

/// XINFO STREAM.
pub(crate) fn stream(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let stream = Stream::open(p, p.key(2))?.ok_or(no_key())?;
    let full = match args.len() {
        3 => None,
        4 if is(args.at(3), "full") => Some(FULL_COUNT),
        6 if is(args.at(3), "full") && is(args.at(4), "count") => Some(match p.integer_at(5)? {
            0 => u64::MAX,
            count => u64::try_from(count).unwrap_or(FULL_COUNT),
        }),
        _ => return Err(wrong_subcommand(p)),
    };
    let keys = match (stream.edge(p.txn, false)?, stream.edge(p.txn, true)?) {
        (Some((_, first)), Some((_, last))) => last.saturating_sub(first).saturating_add(1),
        _ => 0,
    };
    reply::map(p.out, p.proto(), if full.is_some() { 9 } else { 10 });
    number(p.out, "length", stream.len());
    number(p.out, "radix-tree-keys", keys);
    number(p.out, "radix-tree-nodes", keys.saturating_add(1));
    id(p.out, "last-generated-id", stream.head.last);
    id(p.out, "max-deleted-entry-id", stream.head.max_deleted);
    number(p.out, "entries-added", stream.head.added);
    id(p.out, "recorded-first-entry-id", stream.head.first);
    match full {
        None => brief(p, &stream),
        Some(count) => everything(p, &stream, count),
    }
}

/// XINFO GROUPS.
pub(crate) fn groups(p: &mut Program<'_>) -> Result<(), Stop> {
    let stream = Stream::open(p, p.key(2))?.ok_or(no_key())?;
    let groups = group::all(p.txn, stream.value())?;
    let proto = p.proto();
    reply::array(p.out, groups.len());
    for (name, group) in groups {
        reply::map(p.out, proto, 6);
        text(p.out, "name", &name);
        number(p.out, "consumers", group.consumers);
        number(p.out, "pending", group.pending);
        id(p.out, "last-delivered-id", group.last);
        progress(p.out, proto, &stream, &group);
    }
    Ok(())
}

/// XINFO CONSUMERS.
pub(crate) fn consumers(p: &mut Program<'_>) -> Result<(), Stop> {
    let stream = Stream::open(p, p.key(2))?.ok_or(no_key())?;
    let (key, name) = (p.args().at(2), p.args().at(3));
    let group = Group::get(p.txn, stream.value(), name)?.ok_or_else(|| no_such_group(name, key))?;
    let consumers = group.all_consumers(p.txn, stream.value())?;
    let (now, proto) = (p.txn.now(), p.proto());
    let since = |time: UnixMs| now.0.saturating_sub(time.0);
    reply::array(p.out, consumers.len());
    for (name, consumer) in consumers {
        reply::map(p.out, proto, 4);
        text(p.out, "name", &name);
        number(p.out, "pending", consumer.pending);
        signed(p.out, "idle", since(consumer.seen).max(0));
        signed(p.out, "inactive", consumer.active.map_or(-1, since));
    }
    Ok(())
}

/// The end of XINFO STREAM: the first and the last entry.
fn brief(p: &mut Program<'_>, stream: &Stream<'_>) -> Result<(), Stop> {
    number(p.out, "groups", stream.head.groups);
    for (name, reverse) in [("first-entry", false), ("last-entry", true)] {
        reply::bulk(p.out, name.as_bytes());
        if stream.write_range(p.txn, p.out, (Id::MIN, Id::MAX), reverse, 1)? == 0 {
            p.null();
        }
    }
    Ok(())
}

/// The end of XINFO STREAM FULL: entries, groups, consumers and what is pending, `count` of each at most.
fn everything(p: &mut Program<'_>, stream: &Stream<'_>, count: u64) -> Result<(), Stop> {
    reply::bulk(p.out, b"entries");
    let start = p.out.len();
    let written = stream.write_range(p.txn, p.out, (Id::MIN, Id::MAX), false, count)?;
    put_header(p.out, start, |out| reply::array(out, written));
    reply::bulk(p.out, b"groups");
    let groups = group::all(p.txn, stream.value())?;
    reply::array(p.out, groups.len());
    let proto = p.proto();
    for (name, group) in groups {
        let consumers = group.all_consumers(p.txn, stream.value())?;
        reply::map(p.out, proto, 7);
        text(p.out, "name", &name);
        id(p.out, "last-delivered-id", group.last);
        progress(p.out, proto, stream, &group);
        number(p.out, "pel-count", group.pending);
        reply::bulk(p.out, b"pending");
        write_pending(p.txn, p.out, stream.value(), &group, &consumers, count)?;
        reply::bulk(p.out, b"consumers");
        reply::array(p.out, consumers.len());
        for (name, consumer) in &consumers {
            reply::map(p.out, proto, 5);
            text(p.out, "name", name);
            signed(p.out, "seen-time", consumer.seen.0);
            signed(p.out, "active-time", consumer.active.map_or(-1, |active| active.0));
            number(p.out, "pel-count", consumer.pending);
            reply::bulk(p.out, b"pending");
            write_owned(p.txn, p.out, stream.value(), &group, consumer, count)?;
        }
    }
    Ok(())
}

/// `[[id, consumer, delivered, deliveries], ..]`.
fn write_pending(
    txn: &mut dyn HashKeyTxn,
    out: &mut impl Sink,
    value: ValueId,
    group: &Group,
    consumers: &[(Bytes, Consumer)],
    count: u64,
) -> Result<(), Abort> {
    let mut found = Vec::new();
    group.walk_pending(txn, value, (Id::MIN, Id::MAX), false, &mut |id, pending| {
        found.push((id, pending));
        if (found.len() as u64) < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let mut names = Names::of(consumers.iter().map(|(name, consumer)| (consumer.number, name.clone())));
    reply::array(out, found.len());
    for (id, pending) in found {
        reply::array(out, 4);
        write_id(out, id);
        reply::bulk(out, names.name(txn, value, group, pending.consumer)?);
        reply::integer(out, pending.delivered.0);
        reply::integer(out, i64::try_from(pending.deliveries).unwrap_or(i64::MAX));
    }
    Ok(())
}

/// `[[id, delivered, deliveries], ..]` of one consumer.
fn write_owned(
    txn: &mut dyn HashKeyTxn,
    out: &mut impl Sink,
    value: ValueId,
    group: &Group,
    consumer: &Consumer,
    count: u64,
) -> Result<(), Abort> {
    let mut ids = Vec::new();
    group.walk_owned(txn, value, consumer, (Id::MIN, Id::MAX), &mut |id| {
        ids.push(id);
        if (ids.len() as u64) < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    reply::array(out, ids.len());
    for id in ids {
        let pending = group.pending(txn, value, id)?.ok_or_else(super::record::damaged)?;
        reply::array(out, 3);
        write_id(out, id);
        reply::integer(out, pending.delivered.0);
        reply::integer(out, i64::try_from(pending.deliveries).unwrap_or(i64::MAX));
    }
    Ok(())
}

/// How far a group has come, and how many entries it has not got yet, as far as that is known.
fn progress(out: &mut impl Sink, proto: Proto, stream: &Stream<'_>, group: &Group) {
    reply::bulk(out, b"entries-read");
    write_known(out, proto, group.read.map(|read| read as i64));
    reply::bulk(out, b"lag");
    write_known(out, proto, lag(stream, group));
}

fn lag(stream: &Stream<'_>, group: &Group) -> Option<i64> {
    let (head, len) = (&stream.head, stream.len());
    let known = group.read.filter(|_| !head.has_gaps_from(len, group.last));
    let read = if head.added == 0 { Some(0) } else { known.or_else(|| head.added_up_to(len, group.last)) };
    read.map(|read| head.added.wrapping_sub(read) as i64)
}

fn write_known(out: &mut impl Sink, proto: Proto, number: Option<i64>) {
    match number {
        Some(number) => reply::integer(out, number),
        None => reply::null(out, proto),
    }
}

fn is(text: &[u8], word: &str) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes())
}

fn number(out: &mut impl Sink, name: &str, value: u64) {
    signed(out, name, i64::try_from(value).unwrap_or(i64::MAX));
}

fn signed(out: &mut impl Sink, name: &str, value: i64) {
    reply::bulk(out, name.as_bytes());
    reply::integer(out, value);
}

fn id(out: &mut impl Sink, name: &str, value: Id) {
    reply::bulk(out, name.as_bytes());
    write_id(out, value);
}

fn text(out: &mut impl Sink, name: &str, value: &[u8]) {
    reply::bulk(out, name.as_bytes());
    reply::bulk(out, value);
}

fn no_key() -> Stop {
    Stop::refused("ERR no such key")
}

/// Entries that XINFO STREAM FULL shows where nothing is said.
const FULL_COUNT: u64 = 10;
