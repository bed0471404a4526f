//! XREAD and XREADGROUP: what comes after an id in each of several streams.
//!
//! Both look at all arguments and streams first and answer then, stream by stream, with [`after`] and [`for_consumer`]: nothing is written
//! before all is known to be right, and a caller that waits for entries can try again.

use std::borrow::Cow;
use std::ops::ControlFlow;

use resp::reply;
use types::root::Kind;
use types::txn::{Abort, HashKey, HashKeyTxn, Proto};

use crate::program::{Program, Stop};
use crate::streams::group::{Desk, Group, Pending};
use crate::streams::id::{self, Id};
use crate::streams::stream::{Entry, Stream, put_header, write_id};

/// XREAD.
pub(crate) fn xread(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::parse(p, false)?;
    let mut froms = Vec::with_capacity(options.streams);
    for (key, id) in options.pairs() {
        let stream = Stream::open(p, p.key(key))?;
        froms.push((key, position(p.args().at(id), stream.as_ref())?));
    }
    options.refuse_block()?;
    answer(p, |p| {
        let mut served = 0;
        for (key, from) in froms {
            served += usize::from(after(p, &p.key(key), from, options.count)?);
        }
        Ok(served)
    })
}

/// XREADGROUP.
pub(crate) fn xreadgroup(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::parse(p, true)?;
    let Some((group_name, consumer)) = options.group.map(|at| (p.args().at(at), p.args().at(at + 1))) else {
        return Err(Stop::refused("ERR Missing GROUP option for XREADGROUP"));
    };
    let mut froms = Vec::with_capacity(options.streams);
    for (key, id) in options.pairs() {
        let stream = Stream::open(p, p.key(key))?;
        let group = match stream {
            Some(stream) => Group::get(p.txn, stream.value(), group_name)?,
            None => None,
        };
        if group.is_none() {
            return Err(no_group(p.args().at(key), group_name, " in XREADGROUP with GROUP option"));
        }
        froms.push((key, history(p.args().at(id))?));
    }
    options.refuse_block()?;
    let reader = Reader { group: group_name, consumer, count: options.count, acknowledged: options.no_ack };
    answer(p, |p| {
        let mut served = 0;
        for (key, from) in froms {
            served += usize::from(for_consumer(p, &p.key(key), from, &reader)?);
        }
        Ok(served)
    })
}

/// Writes what a stream has after an id, `[key, [entry, ..]]` or in RESP3 the pair of a map; says whether there was anything.
pub(super) fn after(p: &mut Program<'_>, key: &HashKey<'_>, from: Id, count: u64) -> Result<bool, Abort> {
    let (Some(stream), Some(from)) = (live(p.txn, key)?, from.next()) else { return Ok(false) };
    let start = p.out.len();
    let written = stream.write_range(p.txn, p.out, (from, Id::MAX), false, count)?;
    if written > 0 {
        put_name(p, start, key, written);
    }
    Ok(written > 0)
}

/// Who reads from a group, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The group's name.
    group: &'a [u8],
    /// The consumer's name.
    consumer: &'a [u8],
    /// How many entries at most.
    count: u64,
    /// Whether entries count as acknowledged at once.
    acknowledged: bool,
}

/// Writes what a stream has for a consumer, as [`after`] does: after an id of what is pending for it, or (`None`) what nobody of the group
/// has got yet. Says whether there was anything; what is pending is answered even if it is nothing. The consumer was seen in any case.
pub(super) fn for_consumer(p: &mut Program<'_>, key: &HashKey<'_>, from: Option<Id>, reader: &Reader<'_>) -> Result<bool, Abort> {
    let Some(stream) = live(p.txn, key)? else { return Ok(false) };
    let Some(group) = Group::get(p.txn, stream.value(), reader.group)? else { return Ok(false) };
    let mut desk = Desk::new(stream.value(), reader.group, group);
    let consumer = desk.admit(p.txn, reader.consumer)?;
    let start = p.out.len();
    let written = match from {
        Some(from) => again(p, &stream, &mut desk, consumer, (from, reader.count))?,
        None => deliver(p, &stream, &mut desk, consumer, reader)?,
    };
    desk.close(p.txn)?;
    let served = from.is_some() || written > 0;
    if served {
        put_name(p, start, key, written);
    }
    Ok(served)
}

/// Writes entries that nobody of the group has got yet, and makes them pending for the consumer.
fn deliver(p: &mut Program<'_>, stream: &Stream<'_>, desk: &mut Desk<'_>, consumer: usize, reader: &Reader<'_>) -> Result<usize, Abort> {
    let Some(from) = desk.group.last.next() else { return Ok(0) };
    let (head, len, group, out) = (stream.head, stream.len(), &mut desk.group, &mut *p.out);
    let mut ids = Vec::new();
    let mut written = 0;
    stream.walk(p.txn, from, Id::MAX, false, &mut |id, entry| {
        if group.read.is_some() && !head.has_gaps_from(len, id) {
            group.read = group.read.map(|read| read.saturating_add(1));
        } else if head.added > 0 {
            group.read = head.added_up_to(len, id);
        }
        group.last = id;
        entry.write(out, id)?;
        written += 1;
        if !reader.acknowledged {
            ids.push(id);
        }
        Ok(if (written as u64) < reader.count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let now = p.txn.now();
    for id in ids {
        // XGROUP SETID may have gone back behind what is pending already.
        let old = desk.pending(p.txn, id)?;
        let new = Pending { consumer: desk.consumer(consumer).number, delivered: now, deliveries: 1 };
        desk.assign(p.txn, id, old, new)?;
        desk.consumer(consumer).active = Some(now);
    }
    Ok(written)
}

/// Writes so much of what is pending for a consumer after an id; entries that are gone from the stream as `[id, nil]`.
fn again(p: &mut Program<'_>, stream: &Stream<'_>, desk: &mut Desk<'_>, consumer: usize, (from, count): (Id, u64)) -> Result<usize, Abort> {
    let Some(from) = from.next() else { return Ok(0) };
    let owner = *desk.consumer(consumer);
    let mut ids = Vec::new();
    desk.group.walk_owned(p.txn, stream.value(), &owner, (from, Id::MAX), &mut |id| {
        ids.push(id);
        if (ids.len() as u64) < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let now = p.txn.now();
    for &id in &ids {
        match stream.entry(p.txn, id)? {
            Some(record) => {
                Entry::read(&record)?.write(p.out, id)?;
                if let Some(old) = desk.pending(p.txn, id)? {
                    let new = Pending { delivered: now, deliveries: old.deliveries.saturating_add(1), ..old };
                    desk.assign(p.txn, id, Some(old), new)?;
                }
            }
            None => {
                reply::array(p.out, 2);
                write_id(p.out, id);
                reply::null_array(p.out, p.proto());
            }
        }
    }
    Ok(ids.len())
}

/// The options of an XREAD or an XREADGROUP.
#[derive(Debug, Clone, Copy)]
struct Options {
    /// How many entries of each stream at most.
    count: u64,
    /// Whether the client wants to wait.
    block: bool,
    /// Where the name of the group stands; that of the consumer is behind it.
    group: Option<usize>,
    /// Whether what is delivered counts as acknowledged.
    no_ack: bool,
    /// Where the keys begin.
    first: usize,
    /// How many keys there are; as many ids follow.
    streams: usize,
}

impl Options {
    fn parse(p: &Program<'_>, grouped: bool) -> Result<Options, Stop> {
        let args = p.args();
        let mut options = Options { count: u64::MAX, block: false, group: None, no_ack: false, first: 0, streams: 0 };
        let mut at = 1;
        while at < args.len() {
            let (word, more) = (args.at(at), args.len() - 1 - at);
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("block") && more > 0 {
                at += 1;
                timeout(args.at(at))?;
                options.block = true;
            } else if is("count") && more > 0 {
                at += 1;
                // As in Redis, nothing and less than nothing mean all.
                options.count = u64::try_from(p.integer_at(at)?).ok().filter(|&count| count > 0).unwrap_or(u64::MAX);
            } else if is("streams") && more > 0 {
                options.first = at + 1;
                if more % 2 != 0 {
                    return Err(Stop::refused(if grouped {
                        "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
                    } else {
                        "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
                    }));
                }
                options.streams = more / 2;
                break;
            } else if is("group") && more >= 2 {
                if !grouped {
                    return Err(Stop::refused("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."));
                }
                options.group = Some(at + 1);
                at += 2;
            } else if is("noack") {
                if !grouped {
                    return Err(Stop::refused("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."));
                }
                options.no_ack = true;
            } else {
                return Err(Stop::syntax());
            }
            at += 1;
        }
        if options.first == 0 { Err(Stop::syntax()) } else { Ok(options) }
    }

    /// Indices of each key and its id.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Options { first, streams, .. } = *self;
        (first..first + streams).map(move |key| (key, key + streams))
    }

    fn refuse_block(&self) -> Result<(), Stop> {
        if self.block { Err(Stop::refused("ERR BLOCK is not supported yet")) } else { Ok(()) }
    }
}

/// The key and the group are not there.
pub(super) fn no_group(key: &[u8], group: &[u8], what: &str) -> Stop {
    let quote = |text: &[u8]| text.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
    let parts = [b"NOGROUP No such key '", &quote(key)[..], b"' or consumer group '", &quote(group), b"'", what.as_bytes()];
    Stop::RefusedBytes(parts.concat())
}

/// After which id an XREAD reads: `$` the last one, `+` the one before that.
fn position(text: &[u8], stream: Option<&Stream<'_>>) -> Result<Id, Stop> {
    let last = stream.map(|stream| stream.head.last);
    match text {
        b"$" => Ok(last.unwrap_or(Id::MIN)),
        b"+" => match last {
            Some(last) => last.previous().ok_or(Stop::refused("ERR the stream last element ID is 0-0")),
            None => Ok(Id::MIN),
        },
        b">" => Err(Stop::refused("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")),
        text => id::strict(text),
    }
}

/// After which id an XREADGROUP reads what is pending; `None` (`>`): it wants what is new.
fn history(text: &[u8]) -> Result<Option<Id>, Stop> {
    match text {
        b">" => Ok(None),
        b"$" | b"+" => Err(Stop::Refused(meaningless(text[0] as char))),
        // The greatest id is how Redis writes `>` to itself.
        text => id::strict(text).map(|id| Some(id).filter(|&id| id != Id::MAX)),
    }
}

fn meaningless(symbol: char) -> Cow<'static, str> {
    format!(
        "ERR The {symbol} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a \
         proper ID, or use the > ID to get new messages. The {symbol} ID would just return an empty result set."
    )
    .into()
}

/// Checks how long a client wants to wait.
fn timeout(text: &[u8]) -> Result<(), Stop> {
    match resp::number::parse_integer(text) {
        None => Err(Stop::refused("ERR timeout is not an integer or out of range")),
        Some(ms) if ms < 0 => Err(Stop::refused("ERR timeout is negative")),
        Some(_) => Ok(()),
    }
}

/// Writes what `streams` writes as one array or map of as many elements as it says, or nil.
fn answer(p: &mut Program<'_>, streams: impl FnOnce(&mut Program<'_>) -> Result<usize, Abort>) -> Result<(), Stop> {
    let start = p.out.len();
    let served = streams(p)?;
    let proto = p.proto();
    if served == 0 {
        reply::null_array(p.out, proto);
    } else {
        put_header(p.out, start, |out| match proto {
            Proto::Resp2 => reply::array(out, served),
            Proto::Resp3 => reply::map(out, proto, served),
        });
    }
    Ok(())
}

/// Puts a stream's name in front of its `len` entries, which begin at `start`.
fn put_name(p: &mut Program<'_>, start: usize, key: &HashKey<'_>, len: usize) {
    let proto = p.proto();
    put_header(p.out, start, |out| {
        if proto == Proto::Resp2 {
            reply::array(out, 2);
        }
        reply::bulk(out, key.name);
        reply::array(out, len);
    });
}

/// The stream of a key that was looked at before.
fn live<'a>(txn: &mut dyn HashKeyTxn, key: &HashKey<'a>) -> Result<Option<Stream<'a>>, Abort> {
    let now = txn.now();
    let root = txn.root(key)?.filter(|root| !root.expired(now) && root.kind == Kind::Stream);
    root.map(|root| Stream::of(*key, root)).transpose()
}
