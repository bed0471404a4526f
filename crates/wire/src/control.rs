//! [`ControlRequest`] and [`ControlResponse`] as frames, and the translation of what they carry.

use std::time::Duration;

use prost::Message;
use types::group::GroupConfig;
use types::id::{Ballot, Decree};

use crate::error::DecodeError;
use crate::frame::{Draft, Frame, Kind, Parts, Piece};
use crate::proto::cluster as proto;
use crate::rpc::{ControlRequest, ControlResponse};
use names::Names;

mod names;
mod translate;

/// Drafts the frame of a request whose asker waits for `patience`.
pub fn draft(request: &ControlRequest, patience: Duration, checked: bool) -> impl Draft + use<> {
    let question = match request {
        ControlRequest::Ping => proto::Question::Ping(proto::Empty {}),
        ControlRequest::Report(report) => proto::Question::Report(report.into()),
        ControlRequest::Route { table, known } => proto::Question::Route(proto::Route { table: table.clone(), known: *known }),
        ControlRequest::CreateTable { name, partitions, replicas } => {
            proto::Question::CreateTable(proto::CreateTable { name: name.clone(), partitions: *partitions, replicas: *replicas })
        }
        ControlRequest::Cluster => proto::Question::Cluster(proto::Empty {}),
        ControlRequest::Configure(assignments) => proto::Question::Configure(translate::assignments(assignments)),
        ControlRequest::Change(request) => proto::Question::Change(request.into()),
        ControlRequest::MovePrimary { partition, to } => proto::Question::MovePrimary(translate::place(*partition, Some(to))),
        ControlRequest::AddReplica { partition, node } => proto::Question::AddReplica(translate::place(*partition, Some(node))),
        ControlRequest::RemoveReplica { partition, node } => proto::Question::RemoveReplica(translate::place(*partition, Some(node))),
        ControlRequest::Drain { node, on } => proto::Question::Drain(proto::Drain { node: node.name().to_owned(), on: *on }),
        ControlRequest::Freeze { on } => proto::Question::Freeze(*on),
        ControlRequest::Force { partition, node } => proto::Question::Force(translate::place(*partition, node.as_ref())),
        ControlRequest::LearnBegin { partition, ballot, applied, session } => proto::Question::LearnBegin(proto::LearnBegin {
            partition: (*partition).into(),
            ballot: ballot.0,
            applied: applied.0,
            session: *session,
        }),
        ControlRequest::LearnFetch { session, file, offset, bytes_max } => {
            proto::Question::LearnFetch(proto::LearnFetch { session: *session, file: *file, offset: *offset, bytes_max: *bytes_max })
        }
        ControlRequest::LearnEnd { session } => proto::Question::LearnEnd(*session),
        ControlRequest::ReplyPiece { reply, offset, bytes_max } => {
            proto::Question::ReplyPiece(proto::ReplyPiece { reply: *reply, offset: *offset, bytes_max: *bytes_max })
        }
        ControlRequest::ReplyEnd { reply } => proto::Question::ReplyEnd(*reply),
    };
    let head = proto::ControlRequest { patience_us: patience.as_micros() as u64, question: Some(question) };
    Parts::new(Kind::CONTROL, head, std::iter::empty(), checked)
}

/// Drafts the frame of an answer.
pub fn draft_response(response: &ControlResponse, checked: bool) -> impl Draft + use<> {
    let answer = match response {
        ControlResponse::Done => proto::Answer::Done(proto::Empty {}),
        ControlResponse::Assignments(assignments) => proto::Answer::Assignments(translate::assignments(assignments)),
        ControlResponse::Routing(routing) => proto::Answer::Routing(routing.into()),
        ControlResponse::Unchanged => proto::Answer::Unchanged(proto::Empty {}),
        ControlResponse::Cluster(view) => proto::Answer::Cluster(view.into()),
        ControlResponse::Refused(reason) => proto::Answer::Refused(reason.clone()),
        ControlResponse::Group { assignment, refused } => {
            proto::Answer::Group(proto::Group { assignment: assignment.into(), refused: refused.clone() })
        }
        ControlResponse::LearnPlan(plan) => proto::Answer::LearnPlan(plan.into()),
        ControlResponse::LearnChunk { crc, .. } => proto::Answer::LearnChunk(*crc),
        ControlResponse::ReplyPiece { total, .. } => proto::Answer::ReplyPiece(*total),
    };
    let payload = match response {
        ControlResponse::LearnChunk { bytes, .. } | ControlResponse::ReplyPiece { bytes, .. } => Some(Piece::Shared(bytes.clone())),
        _ => None,
    };
    Parts::new(Kind::CONTROLLED, proto::ControlResponse { answer: Some(answer) }, payload.into_iter(), checked)
}

/// The request in a frame of kind [`Kind::CONTROL`], and how long the asker waits.
///
/// # Errors
/// If the frame is not a request; [`DecodeError::Unknown`] if this version does not have it.
pub fn decode(frame: &Frame) -> Result<(ControlRequest, Duration), DecodeError> {
    let head = proto::ControlRequest::decode(frame.head()).map_err(|source| DecodeError::Head { message: REQUEST, source })?;
    let mut names = Names::of(REQUEST);
    let request = match head.question.ok_or(DecodeError::Unknown("control request"))? {
        proto::Question::Ping(_) => ControlRequest::Ping,
        proto::Question::Report(report) => ControlRequest::Report(names.node_report(report)?),
        proto::Question::Route(route) => ControlRequest::Route { table: route.table, known: route.known },
        proto::Question::CreateTable(t) => ControlRequest::CreateTable { name: t.name, partitions: t.partitions, replicas: t.replicas },
        proto::Question::Cluster(_) => ControlRequest::Cluster,
        proto::Question::Configure(assignments) => ControlRequest::Configure(names.assignments(assignments)?),
        proto::Question::Change(request) => ControlRequest::Change(names.change_request(request)?),
        proto::Question::MovePrimary(place) => {
            ControlRequest::MovePrimary { partition: place.partition.into(), to: names.node(place.node)? }
        }
        proto::Question::AddReplica(place) => {
            ControlRequest::AddReplica { partition: place.partition.into(), node: names.node(place.node)? }
        }
        proto::Question::RemoveReplica(place) => {
            ControlRequest::RemoveReplica { partition: place.partition.into(), node: names.node(place.node)? }
        }
        proto::Question::Drain(drain) => ControlRequest::Drain { node: names.node(drain.node)?, on: drain.on },
        proto::Question::Freeze(on) => ControlRequest::Freeze { on },
        proto::Question::Force(place) => {
            let node = if place.node.is_empty() { None } else { Some(names.node(place.node)?) };
            ControlRequest::Force { partition: place.partition.into(), node }
        }
        proto::Question::LearnBegin(begin) => ControlRequest::LearnBegin {
            partition: begin.partition.into(),
            ballot: Ballot(begin.ballot),
            applied: Decree(begin.applied),
            session: begin.session,
        },
        proto::Question::LearnFetch(fetch) => {
            ControlRequest::LearnFetch { session: fetch.session, file: fetch.file, offset: fetch.offset, bytes_max: fetch.bytes_max }
        }
        proto::Question::LearnEnd(session) => ControlRequest::LearnEnd { session },
        proto::Question::ReplyPiece(piece) => {
            ControlRequest::ReplyPiece { reply: piece.reply, offset: piece.offset, bytes_max: piece.bytes_max }
        }
        proto::Question::ReplyEnd(reply) => ControlRequest::ReplyEnd { reply },
    };
    Ok((request, Duration::from_micros(head.patience_us)))
}

/// The answer in a frame of kind [`Kind::CONTROLLED`].
///
/// # Errors
/// If the frame is not an answer; [`DecodeError::Unknown`] if this version does not have it.
pub fn decode_response(frame: &Frame) -> Result<ControlResponse, DecodeError> {
    let head = proto::ControlResponse::decode(frame.head()).map_err(|source| DecodeError::Head { message: RESPONSE, source })?;
    let mut names = Names::of(RESPONSE);
    Ok(match head.answer.ok_or(DecodeError::Unknown("control response"))? {
        proto::Answer::Done(_) => ControlResponse::Done,
        proto::Answer::Assignments(assignments) => ControlResponse::Assignments(names.assignments(assignments)?),
        proto::Answer::Routing(routing) => ControlResponse::Routing(names.table_routing(routing)?),
        proto::Answer::Unchanged(_) => ControlResponse::Unchanged,
        proto::Answer::Cluster(view) => ControlResponse::Cluster(names.cluster_view(view)?),
        proto::Answer::Refused(reason) => ControlResponse::Refused(reason),
        proto::Answer::Group(group) => ControlResponse::Group { assignment: names.assignment(group.assignment)?, refused: group.refused },
        proto::Answer::LearnPlan(plan) => ControlResponse::LearnPlan(names.learn_plan(plan)?),
        proto::Answer::LearnChunk(crc) => ControlResponse::LearnChunk { bytes: frame.payload(), crc },
        proto::Answer::ReplyPiece(total) => ControlResponse::ReplyPiece { bytes: frame.payload(), total },
    })
}

/// The configuration in a message that is not a control message.
pub(crate) fn group_config(message: &'static str, config: proto::GroupConfig) -> Result<GroupConfig, DecodeError> {
    Names::of(message).group_config(config)
}

const REQUEST: &str = "ControlRequest";
const RESPONSE: &str = "ControlResponse";
