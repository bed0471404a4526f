//! [`Replicate`] as frames. The bodies of mutations are the payload.

use std::time::Duration;

use bytes::{Buf, Bytes};
use pacifica::message::{Message as GroupMessage, Mutation};
use prost::Message;
use types::id::{Ballot, Decree, NodeId, PartitionId, TableId};
use types::time::Time;

use crate::control;
use crate::error::DecodeError;
use crate::frame::{Draft, Frame, Kind, Parts, Piece};
use crate::proto::data as proto;
use crate::proto::data::GroupMessageKind as Said;
use crate::rpc::Replicate;

/// Drafts the frame of a batch.
pub fn draft(batch: &Replicate, checked: bool) -> impl Draft {
    let head = proto::Replicate {
        from: batch.from.name().to_owned(),
        messages: batch.messages.iter().map(|(partition, message)| encode(*partition, message)).collect(),
    };
    let bodies = batch.messages.iter().flat_map(|(_, message)| mutations(message)).map(|mutation| Piece::Shared(mutation.body.clone()));
    Parts::new(Kind::REPLICATE, head, bodies, checked)
}

fn encode(partition: PartitionId, message: &GroupMessage) -> proto::GroupMessage {
    let kind = match message {
        GroupMessage::Prepare { ballot, committed, sent, mutations } => Said::Prepare(proto::Prepare {
            sent: nanos(*sent),
            ballot: ballot.0,
            committed: committed.0,
            mutations: mutations
                .iter()
                .map(|m| proto::Mutation {
                    ballot: m.ballot.0,
                    decree: m.decree.0,
                    committed: m.committed.0,
                    fence: m.fence,
                    body: m.body.len() as u64,
                })
                .collect(),
        }),
        GroupMessage::Beacon { ballot, committed, sent } => {
            Said::Beacon(proto::Beacon { ballot: ballot.0, committed: committed.0, sent: nanos(*sent) })
        }
        GroupMessage::Granted { ballot, heard } => Said::Granted(proto::Position { heard: nanos(*heard), ..at(*ballot, Decree(0)) }),
        GroupMessage::Prepared { ballot, upto, heard, session } => {
            Said::Prepared(proto::Position { heard: nanos(*heard), session: *session, ..at(*ballot, *upto) })
        }
        GroupMessage::Behind { ballot, upto, heard } => Said::Behind(proto::Position { heard: nanos(*heard), ..at(*ballot, *upto) }),
        GroupMessage::Learn { ballot, life, session, upto } => {
            Said::Learn(proto::Position { life: *life, session: *session, ..at(*ballot, *upto) })
        }
        GroupMessage::TooFar { ballot } => Said::TooFar(at(*ballot, Decree(0))),
        GroupMessage::Config { config, life } => Said::Config(proto::Config { config: config.into(), life: *life }),
        GroupMessage::Stranger { ballot, renew } => Said::Stranger(proto::Stranger { ballot: ballot.0, renew: *renew }),
        GroupMessage::Superseded { ballot } => Said::Superseded(at(*ballot, Decree(0))),
    };
    proto::GroupMessage { table: partition.table.0, index: partition.index, payload: bodies_length(message) as u64, kind: Some(kind) }
}

fn at(ballot: Ballot, upto: Decree) -> proto::Position {
    proto::Position { ballot: ballot.0, upto: upto.0, ..proto::Position::default() }
}

fn nanos(time: Time) -> u64 {
    u64::try_from(time.since_start().as_nanos()).unwrap_or(u64::MAX)
}

fn time(nanos: u64) -> Time {
    Time::at(Duration::from_nanos(nanos))
}

/// Understands batches. Remembers the sender's name: one per connection.
#[derive(Debug, Default)]
pub struct ReplicateDecoder(Option<NodeId>);

impl ReplicateDecoder {
    /// The batch in a frame of kind [`Kind::REPLICATE`]. Messages of a kind this version does not have are left out, as if lost.
    ///
    /// # Errors
    /// If the frame is not a batch.
    pub fn decode(&mut self, frame: &Frame) -> Result<Replicate, DecodeError> {
        let head = proto::Replicate::decode(frame.head()).map_err(|source| DecodeError::Head { message: REPLICATE, source })?;
        if head.from.is_empty() {
            return Err(malformed("no sender"));
        }
        if self.0.as_ref().is_none_or(|known| known.name() != head.from) {
            self.0 = Some(NodeId::new(&head.from));
        }
        let from = self.0.clone().expect("just set");
        let mut payload = frame.payload();
        let mut messages = Vec::with_capacity(head.messages.len());
        for message in head.messages {
            let bodies = cut(&mut payload, message.payload)?;
            let partition = PartitionId { table: TableId(message.table), index: message.index };
            if let Some(kind) = message.kind {
                messages.push((partition, decode(kind, bodies)?));
            }
        }
        if payload.has_remaining() {
            return Err(malformed("more payload than announced"));
        }
        Ok(Replicate { from, messages })
    }
}

fn decode(kind: Said, mut bodies: Bytes) -> Result<GroupMessage, DecodeError> {
    let message = match kind {
        Said::Prepare(prepare) => {
            let mut mutations = Vec::with_capacity(prepare.mutations.len());
            for m in prepare.mutations {
                mutations.push(Mutation {
                    ballot: Ballot(m.ballot),
                    decree: Decree(m.decree),
                    committed: Decree(m.committed),
                    fence: m.fence,
                    body: cut(&mut bodies, m.body)?,
                });
            }
            if mutations.is_empty() {
                return Err(malformed("a prepare of nothing"));
            }
            let (ballot, committed, sent) = (Ballot(prepare.ballot), Decree(prepare.committed), time(prepare.sent));
            GroupMessage::Prepare { ballot, committed, sent, mutations }
        }
        Said::Beacon(b) => GroupMessage::Beacon { ballot: Ballot(b.ballot), committed: Decree(b.committed), sent: time(b.sent) },
        Said::Granted(p) => GroupMessage::Granted { ballot: Ballot(p.ballot), heard: time(p.heard) },
        Said::Prepared(p) => {
            GroupMessage::Prepared { ballot: Ballot(p.ballot), upto: Decree(p.upto), heard: time(p.heard), session: p.session }
        }
        Said::Behind(p) => GroupMessage::Behind { ballot: Ballot(p.ballot), upto: Decree(p.upto), heard: time(p.heard) },
        Said::Learn(p) => GroupMessage::Learn { ballot: Ballot(p.ballot), life: p.life, session: p.session, upto: Decree(p.upto) },
        Said::TooFar(p) => GroupMessage::TooFar { ballot: Ballot(p.ballot) },
        Said::Config(c) => GroupMessage::Config { config: control::group_config(REPLICATE, c.config)?, life: c.life },
        Said::Stranger(s) => GroupMessage::Stranger { ballot: Ballot(s.ballot), renew: s.renew },
        Said::Superseded(p) => GroupMessage::Superseded { ballot: Ballot(p.ballot) },
    };
    if bodies.has_remaining() {
        return Err(malformed("more bodies than mutations"));
    }
    Ok(message)
}

fn cut(payload: &mut Bytes, length: u64) -> Result<Bytes, DecodeError> {
    match usize::try_from(length) {
        Ok(length) if length <= payload.len() => Ok(payload.split_to(length)),
        _ => Err(malformed("less payload than announced")),
    }
}

fn malformed(fault: &'static str) -> DecodeError {
    DecodeError::Malformed { message: REPLICATE, fault }
}

/// About how many bytes a batch takes on the wire.
pub fn weight(batch: &Replicate) -> usize {
    batch.messages.iter().map(|(_, message)| weight_of(message)).sum()
}

fn weight_of(message: &GroupMessage) -> usize {
    let names = match message {
        GroupMessage::Config { config, .. } => config.members().map(|node| NAME_WEIGHT + node.name().len()).sum(),
        _ => 0,
    };
    MESSAGE_WEIGHT * (1 + mutations(message).len()) + bodies_length(message) + names
}

/// Cuts a batch into batches of about `bytes_max`, between mutations: one prepare of many mutations says the same as several of fewer.
/// The order is kept; a mutation is never cut.
pub fn split(batch: Replicate, bytes_max: usize) -> Vec<Replicate> {
    let Replicate { from, messages } = batch;
    let mut parts = vec![Replicate { from, messages: Vec::new() }];
    let mut bytes = 0;
    let mut add = |partition, message: GroupMessage| {
        let weight = weight_of(&message);
        let last = parts.last_mut().expect("starts with one");
        if bytes + weight > bytes_max && !last.messages.is_empty() {
            let from = last.from.clone();
            parts.push(Replicate { from, messages: vec![(partition, message)] });
            bytes = weight;
        } else {
            last.messages.push((partition, message));
            bytes += weight;
        }
    };
    for (partition, message) in messages {
        match message {
            GroupMessage::Prepare { ballot, committed, sent, mutations } if mutations.len() > 1 => {
                let mut run = Vec::new();
                let mut run_bytes = 0;
                for mutation in mutations {
                    let weight = MESSAGE_WEIGHT + mutation.body.len();
                    if run_bytes + weight > bytes_max && !run.is_empty() {
                        add(partition, GroupMessage::Prepare { ballot, committed, sent, mutations: std::mem::take(&mut run) });
                        run_bytes = 0;
                    }
                    run_bytes += weight;
                    run.push(mutation);
                }
                add(partition, GroupMessage::Prepare { ballot, committed, sent, mutations: run });
            }
            message => add(partition, message),
        }
    }
    parts
}

fn mutations(message: &GroupMessage) -> &[Mutation] {
    match message {
        GroupMessage::Prepare { mutations, .. } => mutations,
        _ => &[],
    }
}

fn bodies_length(message: &GroupMessage) -> usize {
    mutations(message).iter().map(|mutation| mutation.body.len()).sum()
}

const REPLICATE: &str = "Replicate";
/// More than the head of a message or of a mutation takes.
const MESSAGE_WEIGHT: usize = 64;
/// More than a name takes beside its bytes.
const NAME_WEIGHT: usize = 4;
