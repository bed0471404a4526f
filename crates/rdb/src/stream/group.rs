//! Consumer groups.
//!
//! ```text
//!   name | last id | entries read (from Redis 7.0 on; 2^64 - 1 = not known)
//!   pending | (id (16, big endian) | delivered (8) | deliveries)..
//!   consumers | (name | seen (8) | active (8, from Redis 7.2 on; -1 = never) | pending | (id (16, big endian))..)..
//! ```
//! Every pending entry of the group is pending for exactly one consumer.

use bytes::Bytes;

use crate::error::Malformed;
use crate::input::{Input, with_room};
use crate::output::Output;
use crate::stream::{Consumer, Group, Pending, Stream, StreamId};
use crate::value::{Kind, all_different};

/// The fewest bytes of a group.
pub(super) const LEN_MIN: usize = 5;
const PENDING_LEN_MIN: usize = 16 + 8 + 1;
const CONSUMER_LEN_MIN: usize = 1 + 8 + 1;
const ENTRIES_READ_UNKNOWN: u64 = u64::MAX;
const NEVER: i64 = -1;
/// Stands for no consumer while those are not read.
const NOBODY: usize = usize::MAX;

pub(super) fn decode(kind: Kind, stream: &Stream, input: &mut Input) -> Result<Group, Malformed> {
    let name = input.string()?;
    let last_id = StreamId::decode(input)?;
    let entries_read = match kind {
        Kind::Stream => stream.entries_up_to(last_id),
        _ => Some(input.number()?).filter(|number| *number != ENTRIES_READ_UNKNOWN),
    };
    if entries_read.is_some_and(|number| i64::try_from(number).is_err()) {
        return Err(Malformed::StreamOrder);
    }
    let mut pending = pending(input)?;
    let count = input.count(CONSUMER_LEN_MIN)?;
    let mut consumers = with_room(count);
    for index in 0..count {
        consumers.push(consumer(kind, index, &mut pending, input)?);
    }
    all_different(consumers.iter().map(|consumer: &Consumer| &consumer.name))?;
    if pending.iter().any(|pending| pending.consumer == NOBODY) {
        return Err(Malformed::Pending);
    }
    Ok(Group { name, last_id, entries_read, pending, consumers })
}

fn pending(input: &mut Input) -> Result<Vec<Pending>, Malformed> {
    let count = input.count(PENDING_LEN_MIN)?;
    let mut pending = with_room(count);
    for _ in 0..count {
        let id = StreamId::from_bytes(input.array()?);
        pending.push(Pending { id, consumer: NOBODY, delivered: input.time()?, deliveries: input.number()? });
    }
    pending.sort_by_key(|pending| pending.id);
    if pending.is_sorted_by(|one, next| one.id < next.id) { Ok(pending) } else { Err(Malformed::Duplicate) }
}

/// Reads a consumer and writes into `pending`, sorted, what is pending for it.
fn consumer(kind: Kind, index: usize, pending: &mut [Pending], input: &mut Input) -> Result<Consumer, Malformed> {
    let name: Bytes = input.string()?;
    let seen = input.time()?;
    let active = match kind {
        Kind::Stream3 => Some(input.time()?).filter(|time| *time != NEVER),
        _ => Some(seen),
    };
    for _ in 0..input.count(StreamId::LEN)? {
        let id = StreamId::from_bytes(input.array()?);
        let place = pending.binary_search_by_key(&id, |pending| pending.id).map_err(|_| Malformed::Pending)?;
        match &mut pending[place].consumer {
            consumer if *consumer == NOBODY => *consumer = index,
            _ => return Err(Malformed::Duplicate),
        }
    }
    Ok(Consumer { name, seen, active })
}

pub(super) fn encode(group: &Group, kind: Kind, output: &mut Output) {
    output.string(&group.name);
    group.last_id.encode(output);
    output.number(group.entries_read.unwrap_or(ENTRIES_READ_UNKNOWN));
    output.count(group.pending.len());
    for pending in &group.pending {
        output.raw(&pending.id.to_bytes());
        output.time(pending.delivered);
        output.number(pending.deliveries);
    }
    let mut of_consumers = vec![Vec::new(); group.consumers.len()];
    for pending in &group.pending {
        of_consumers[pending.consumer].push(pending.id);
    }
    output.count(group.consumers.len());
    for (consumer, ids) in group.consumers.iter().zip(of_consumers) {
        output.string(&consumer.name);
        output.time(consumer.seen);
        if kind == Kind::Stream3 {
            output.time(consumer.active.unwrap_or(NEVER));
        }
        output.count(ids.len());
        ids.iter().for_each(|id| output.raw(&id.to_bytes()));
    }
}
