//! XCLAIM and XAUTOCLAIM: what is pending changes hands.
//!
//! Entries that are gone from the stream cannot: they are no longer pending then.

use std::ops::ControlFlow;

use resp::number::parse_integer;
use resp::reply;
use types::args::Args;
use types::reply::Sink;
use types::time::UnixMs;
use types::txn::{Abort, HashKeyTxn};

use crate::elements::STEP;
use crate::program::{Program, Stop};
use crate::streams::ack::find;
use crate::streams::group::{Desk, Pending};
use crate::streams::id::{self, Id};
use crate::streams::read::no_group;
use crate::streams::stream::{Entry, Stream, put_header, write_id};

/// XCLAIM: takes over entries that are named.
pub(crate) fn xclaim(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let Some((stream, group)) = find(p, 1, 2)? else { return Err(no_group(args.at(1), args.at(2), "")) };
    let claim = Claim::parse(args, p.txn.now())?;
    let mut desk = Desk::new(stream.value(), args.at(2), group);
    desk.group.last = desk.group.last.max(claim.last);
    let consumer = desk.admit(p.txn, args.at(3))?;
    let start = p.out.len();
    let mut claimed = 0;
    for &id in &claim.ids {
        let old = desk.pending(p.txn, id)?;
        let Some(record) = stream.entry(p.txn, id)? else {
            if let Some(old) = old {
                desk.release(p.txn, id, old)?;
            }
            continue;
        };
        let deliveries = match old {
            Some(old) if p.txn.now().0.saturating_sub(old.delivered.0) < claim.idle_min && claim.idle_min > 0 => continue,
            Some(old) => old.deliveries,
            None if claim.force => 1,
            None => continue,
        };
        let deliveries = claim.deliveries.unwrap_or(deliveries.saturating_add(u64::from(!claim.just_id)));
        take(p.txn, &mut desk, consumer, id, old, (claim.delivered, deliveries))?;
        write(p.out, id, &record, claim.just_id)?;
        claimed += 1;
    }
    desk.close(p.txn)?;
    put_header(p.out, start, |out| reply::array(out, claimed));
    Ok(())
}

/// XAUTOCLAIM: takes over entries that have been pending for long, from an id on.
pub(crate) fn xautoclaim(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let idle_min = parse_integer(args.at(4)).ok_or(Stop::refused("ERR Invalid min-idle-time argument for XAUTOCLAIM"))?;
    let from = id::start(args.at(5))?;
    let (count, just_id) = auto_options(args)?;
    let Some((stream, group)) = find(p, 1, 2)? else { return Err(no_group(args.at(1), args.at(2), "")) };
    let mut desk = Desk::new(stream.value(), args.at(2), group);
    let consumer = desk.admit(p.txn, args.at(3))?;
    reply::array(p.out, 3);
    let start = p.out.len();
    let round = Round { idle_min, just_id, stream: &stream, consumer };
    let done = round.run(p.txn, p.out, &mut desk, from, count)?;
    desk.close(p.txn)?;
    put_header(p.out, start, |out| {
        write_id(out, done.cursor);
        reply::array(out, done.claimed);
    });
    reply::array(p.out, done.deleted.len());
    for id in done.deleted {
        write_id(p.out, id);
    }
    Ok(())
}

/// What an XCLAIM asks for.
#[derive(Debug)]
struct Claim {
    ids: Vec<Id>,
    /// How long an entry has to have been pending.
    idle_min: i64,
    /// When the entries count as delivered.
    delivered: UnixMs,
    /// How many times they count as delivered, if that is said.
    deliveries: Option<u64>,
    /// Whether entries that are not pending become so.
    force: bool,
    /// Whether the reply has ids only and this is no delivery.
    just_id: bool,
    /// What the group got at least.
    last: Id,
}

impl Claim {
    fn parse(args: &Args, now: UnixMs) -> Result<Claim, Stop> {
        let number = |at: usize, refusal: &'static str| parse_integer(args.at(at)).ok_or(Stop::refused(refusal));
        let idle_min = number(4, "ERR Invalid min-idle-time argument for XCLAIM")?;
        let ids: Vec<Id> = args.iter().skip(5).map_while(|text| Id::parse(text, 0)).collect();
        let mut at = 5 + ids.len();
        let mut claim = Claim { ids, idle_min, delivered: now, deliveries: None, force: false, just_id: false, last: Id::MIN };
        while at < args.len() {
            let (word, more) = (args.at(at), at + 1 < args.len());
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("force") {
                claim.force = true;
            } else if is("justid") {
                claim.just_id = true;
            } else if is("idle") && more {
                at += 1;
                let idle = number(at, "ERR Invalid IDLE option argument for XCLAIM")?;
                claim.delivered = UnixMs(now.0.saturating_sub(idle));
            } else if is("time") && more {
                at += 1;
                claim.delivered = UnixMs(number(at, "ERR Invalid TIME option argument for XCLAIM")?);
            } else if is("retrycount") && more {
                at += 1;
                claim.deliveries = u64::try_from(number(at, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?).ok();
            } else if is("lastid") && more {
                at += 1;
                claim.last = id::strict(args.at(at))?;
            } else {
                let word = word.split(|&byte| byte == 0).next().unwrap_or_default();
                return Err(Stop::RefusedBytes([b"ERR Unrecognized XCLAIM option '", word, b"'"].concat()));
            }
            at += 1;
        }
        // A clock that is wrong is no reason to refuse.
        if claim.delivered.0 < 0 || claim.delivered > now {
            claim.delivered = now;
        }
        Ok(claim)
    }
}

/// COUNT and JUSTID of an XAUTOCLAIM.
fn auto_options(args: &Args) -> Result<(u64, bool), Stop> {
    let (mut count, mut just_id) = (100, false);
    let mut at = 6;
    while at < args.len() {
        if args.at(at).eq_ignore_ascii_case(b"count") && at + 1 < args.len() {
            at += 1;
            count = parse_integer(args.at(at))
                .and_then(|count| u64::try_from(count).ok())
                .filter(|count| (1..=COUNT_MAX).contains(count))
                .ok_or(Stop::refused("ERR COUNT must be > 0"))?;
        } else if args.at(at).eq_ignore_ascii_case(b"justid") {
            just_id = true;
        } else {
            return Err(Stop::syntax());
        }
        at += 1;
    }
    Ok((count, just_id))
}

/// One call of XAUTOCLAIM.
struct Round<'a> {
    idle_min: i64,
    just_id: bool,
    stream: &'a Stream<'a>,
    consumer: usize,
}

/// What a [`Round`] did.
struct Done {
    /// Where to go on; 0-0 at the end.
    cursor: Id,
    claimed: usize,
    /// What was pending and is gone from the stream.
    deleted: Vec<Id>,
}

impl Round<'_> {
    /// Takes over up to `count` entries and looks at ten times as many at most.
    fn run(&self, txn: &mut dyn HashKeyTxn, out: &mut impl Sink, desk: &mut Desk<'_>, from: Id, count: u64) -> Result<Done, Abort> {
        let mut done = Done { cursor: Id::MIN, claimed: 0, deleted: Vec::new() };
        let (mut left, mut attempts) = (count, count.saturating_mul(ATTEMPTS));
        let (now, value) = (txn.now(), self.stream.value());
        let mut from = Some(from);
        while let Some(start) = from.take() {
            let mut found = Vec::new();
            desk.group.walk_pending(txn, value, (start, Id::MAX), false, &mut |id, pending| {
                found.push((id, pending));
                if found.len() < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            for &(id, old) in &found {
                if left == 0 || attempts == 0 {
                    done.cursor = id;
                    return Ok(done);
                }
                attempts -= 1;
                let Some(record) = self.stream.entry(txn, id)? else {
                    desk.release(txn, id, old)?;
                    done.deleted.push(id);
                    left -= 1;
                    continue;
                };
                if self.idle_min > 0 && now.0.saturating_sub(old.delivered.0) < self.idle_min {
                    continue;
                }
                let deliveries = old.deliveries.saturating_add(u64::from(!self.just_id));
                take(txn, desk, self.consumer, id, Some(old), (now, deliveries))?;
                write(out, id, &record, self.just_id)?;
                done.claimed += 1;
                left -= 1;
            }
            from = found.last().filter(|_| found.len() == STEP).and_then(|(id, _)| id.next());
        }
        Ok(done)
    }
}

/// Makes an entry pending for a consumer at hand, who was active by that.
fn take(
    txn: &mut dyn HashKeyTxn,
    desk: &mut Desk<'_>,
    consumer: usize,
    id: Id,
    old: Option<Pending>,
    (delivered, deliveries): (UnixMs, u64),
) -> Result<(), Abort> {
    desk.consumer(consumer).active = Some(txn.now());
    let new = Pending { consumer: desk.consumer(consumer).number, delivered, deliveries };
    desk.assign(txn, id, old, new)
}

fn write(out: &mut impl Sink, id: Id, record: &[u8], just_id: bool) -> Result<(), Abort> {
    if just_id {
        write_id(out, id);
        return Ok(());
    }
    Entry::read(record)?.write(out, id)
}

/// Entries that an XAUTOCLAIM looks at for each that it may claim.
const ATTEMPTS: u64 = 10;
/// Redis' bound on COUNT: ids of 16 bytes have to fit into its memory.
const COUNT_MAX: u64 = i64::MAX as u64 / 16;
