//! [`Execute`] and [`Executed`] as frames.
//!
//! Arguments and replies are the payload, in order, without anything between them.

use std::ops::Range;
use std::time::Duration;

use prost::Message;
use types::args::Args;
use types::id::{RequestId, TableId};
use types::txn::{Call, CommandId, Database, Proto};

use crate::error::DecodeError;
use crate::frame::{Draft, Frame, Kind, Parts, Piece};
use crate::limits;
use crate::outgoing::SHARED_MIN;
use crate::proto::data as proto;
use crate::rpc::{Execute, Executed, Outcome, Refusal, UNRESOLVED};

/// Finds the command that `args[0]` names.
pub type Resolve<'a> = &'a (dyn Fn(&Args) -> Option<CommandId> + 'a);

/// Drafts the frame of a request.
pub fn draft(request: &Execute, checked: bool) -> impl Draft {
    let calls = &request.calls;
    let column = |differs: bool, value: fn(&Call) -> u32| -> Vec<u32> {
        if differs { calls.iter().map(|(_, call)| value(call)).collect() } else { Vec::new() }
    };
    let mut lengths = Vec::with_capacity(calls.iter().map(|(_, call)| call.args.len()).sum());
    lengths.extend(calls.iter().flat_map(|(_, call)| call.args.iter().map(|arg| arg.len() as u32)));
    let (limits, limit_sets) = limits::columns(calls.iter().map(|(_, call)| &call.limits));
    let head = proto::Execute {
        table: request.table.0,
        session: request.request.session,
        number: request.request.number,
        again: request.again,
        patience_us: request.patience.as_micros() as u64,
        partitions: calls.iter().map(|&(partition, _)| partition).collect(),
        args: calls.iter().map(|(_, call)| call.args.len() as u32).collect(),
        lengths,
        databases: column(calls.iter().any(|(_, call)| call.database.0 != 0), |call| call.database.0.into()),
        protos: column(calls.iter().any(|(_, call)| call.proto != Proto::Resp2), |call| (call.proto == Proto::Resp3).into()),
        limits,
        limit_sets,
    };
    let args = calls.iter().flat_map(|(_, call)| (0..call.args.len()).map(|index| argument(&call.args, index)));
    Parts::new(Kind::EXECUTE, head, args, checked)
}

fn argument(args: &Args, index: usize) -> Piece<'_> {
    let bytes = args.at(index);
    if bytes.len() < SHARED_MIN { Piece::Copied(bytes) } else { Piece::Shared(args.bytes(index)) }
}

/// Drafts the frame of an answer.
pub fn draft_executed(answer: &Executed, checked: bool) -> impl Draft {
    let mut head = proto::Executed { lengths: Vec::with_capacity(answer.outcomes.len()), ..proto::Executed::default() };
    for (index, outcome) in answer.outcomes.iter().enumerate() {
        match outcome {
            Outcome::Reply(reply) => head.lengths.push(reply.len() as u32),
            Outcome::Refused(refusal) => {
                head.lengths.push(0);
                head.refused.push(index as u32);
                head.refusals.push(refusal_number(*refusal));
            }
            // To who does not know of long replies it is a refusal: nothing is known.
            Outcome::Long(reply) => {
                head.lengths.push(0);
                head.refused.push(index as u32);
                head.refusals.push(LONG);
                head.longs.push(*reply);
            }
        }
    }
    let replies = answer.outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Reply(reply) => Some(if reply.len() < SHARED_MIN { Piece::Copied(reply) } else { Piece::Shared(reply.clone()) }),
        Outcome::Refused(_) | Outcome::Long(_) => None,
    });
    Parts::new(Kind::EXECUTED, head, replies, checked)
}

/// Understands requests. Keeps memory between them: one per connection.
#[derive(Debug, Default)]
pub struct ExecuteDecoder(proto::Execute);

impl ExecuteDecoder {
    /// The request in a frame of kind [`Kind::EXECUTE`]. A command that `resolve` does not know becomes [`UNRESOLVED`].
    ///
    /// # Errors
    /// If the frame is not a request.
    pub fn decode(&mut self, frame: &Frame, resolve: Resolve<'_>) -> Result<Execute, DecodeError> {
        let head = &mut self.0;
        head.clear();
        head.merge(frame.head()).map_err(|source| DecodeError::Head { message: EXECUTE, source })?;
        let malformed = |fault| Err(DecodeError::Malformed { message: EXECUTE, fault });
        let count = head.partitions.len();
        if count > CALLS_MAX {
            return malformed("too many calls");
        }
        if head.args.len() != count || ![0, count].contains(&head.databases.len()) || ![0, count].contains(&head.protos.len()) {
            return malformed("columns of different lengths");
        }
        let Some(limits) = limits::sets(&head.limits) else { return malformed("limits that are none") };
        if ![0, count].contains(&head.limit_sets.len()) {
            return malformed("columns of different lengths");
        }
        let payload = frame.payload();
        let mut calls = Vec::with_capacity(count);
        let mut lengths = &head.lengths[..];
        let mut start = 0;
        for index in 0..count {
            let Some((these, rest)) = lengths.split_at_checked(head.args[index] as usize) else {
                return malformed("fewer arguments than announced");
            };
            if these.is_empty() {
                return malformed("a call without a command");
            }
            lengths = rest;
            let end = start + sum(these);
            if end > payload.len() {
                return malformed("arguments longer than the payload");
            }
            let args = Args::new(payload.slice(start..end), ranges(these));
            start = end;
            let Ok(database) = u16::try_from(head.databases.get(index).copied().unwrap_or(0)) else {
                return malformed("database out of range");
            };
            let proto = match head.protos.get(index).copied().unwrap_or(0) {
                0 => Proto::Resp2,
                1 => Proto::Resp3,
                _ => return malformed("unknown reply protocol"),
            };
            let set = head.limit_sets.get(index).copied().unwrap_or(0) as usize;
            let Some(&limits) = limits.get(set) else { return malformed("limits that are none") };
            let command = resolve(&args).unwrap_or(UNRESOLVED);
            calls.push((head.partitions[index], Call { command, database: Database(database), proto, args, limits }));
        }
        if !lengths.is_empty() || start != payload.len() {
            return malformed("more arguments than announced");
        }
        Ok(Execute {
            table: TableId(head.table),
            request: RequestId { session: head.session, number: head.number },
            again: head.again,
            patience: Duration::from_micros(head.patience_us),
            calls,
        })
    }
}

/// Understands answers. Keeps memory between them: one per connection.
#[derive(Debug, Default)]
pub struct ExecutedDecoder(proto::Executed);

impl ExecutedDecoder {
    /// The answer in a frame of kind [`Kind::EXECUTED`]. A refusal this version does not know counts as [`Refusal::Unknown`].
    ///
    /// # Errors
    /// If the frame is not an answer.
    pub fn decode(&mut self, frame: &Frame) -> Result<Executed, DecodeError> {
        let head = &mut self.0;
        head.clear();
        head.merge(frame.head()).map_err(|source| DecodeError::Head { message: EXECUTED, source })?;
        let malformed = |fault| Err(DecodeError::Malformed { message: EXECUTED, fault });
        let payload = frame.payload();
        if head.lengths.len() > CALLS_MAX {
            return malformed("too many outcomes");
        }
        if head.refused.len() != head.refusals.len() {
            return malformed("columns of different lengths");
        }
        if sum(&head.lengths) != payload.len() {
            return malformed("replies and payload of different lengths");
        }
        let mut outcomes: Vec<Outcome> = ranges(&head.lengths).map(|range| Outcome::Reply(payload.slice(range))).collect();
        let mut longs = head.longs.iter();
        for (&index, &number) in head.refused.iter().zip(&head.refusals) {
            let Some(outcome) = outcomes.get_mut(index as usize) else { return malformed("a refusal of no call") };
            *outcome = match number {
                LONG => match longs.next() {
                    Some(&reply) => Outcome::Long(reply),
                    None => return malformed("a long reply without a number"),
                },
                number => Outcome::Refused(refusal_of(number)),
            };
        }
        if longs.next().is_some() {
            return malformed("the number of no long reply");
        }
        Ok(Executed { outcomes })
    }
}

/// Replaces the last replies by [`Refusal::Unknown`] until the rest is no longer than `bytes_max`: what cannot be sent may still have
/// taken effect. Returns how many it replaced.
pub fn curtail(answer: &mut Executed, bytes_max: usize) -> usize {
    let mut bytes = 0;
    let mut replaced = 0;
    for outcome in &mut answer.outcomes {
        if let Outcome::Reply(reply) = outcome {
            bytes += reply.len();
            if bytes > bytes_max {
                *outcome = Outcome::Refused(Refusal::Unknown);
                replaced += 1;
            }
        }
    }
    replaced
}

fn sum(lengths: &[u32]) -> usize {
    lengths.iter().map(|&length| length as usize).sum()
}

/// Consecutive ranges of these lengths, from 0.
fn ranges(lengths: &[u32]) -> impl Iterator<Item = Range<usize>> {
    lengths.iter().scan(0, |end, &length| {
        let start = *end;
        *end += length as usize;
        Some(start..*end)
    })
}

fn refusal_number(refusal: Refusal) -> u32 {
    match refusal {
        Refusal::NotPrimary => 1,
        Refusal::NotReady => 2,
        Refusal::Busy => 3,
        Refusal::DiskFull => 4,
        Refusal::TooLarge => 5,
        Refusal::UnknownCommand => 6,
        Refusal::Expired => 7,
        Refusal::Unknown => 8,
        Refusal::TooFewMembers => 9,
        Refusal::Apart => 10,
    }
}

fn refusal_of(number: u32) -> Refusal {
    match number {
        1 => Refusal::NotPrimary,
        2 => Refusal::NotReady,
        3 => Refusal::Busy,
        4 => Refusal::DiskFull,
        5 => Refusal::TooLarge,
        6 => Refusal::UnknownCommand,
        7 => Refusal::Expired,
        9 => Refusal::TooFewMembers,
        10 => Refusal::Apart,
        // Said by a newer node, or 8: nothing is known about the call.
        _ => Refusal::Unknown,
    }
}

/// Calls of one request. A proxy gathers far fewer; it bounds what a small frame can make a receiver allocate.
pub const CALLS_MAX: usize = 65_536;
/// Stands among the refusals for a long reply.
const LONG: u32 = 11;
const EXECUTE: &str = "Execute";
const EXECUTED: &str = "Executed";
