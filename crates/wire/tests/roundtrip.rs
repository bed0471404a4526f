//! What is encoded is what is decoded, whatever it is; what is damaged is noticed; what is nonsense does no harm.

mod common;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use common::{bytes, frame, frames_in_pieces, resolve};
use pacifica::message::{Change, Message, Mutation};
use proptest::collection::vec;
use proptest::prelude::*;
use types::args::Args;
use types::group::{GroupConfig, TableRouting};
use types::id::{Ballot, Decree, NodeId, PartitionId, RequestId, TableId};
use types::time::Time;
use types::txn::{Call, Database, Proto};
use wire::control;
use wire::error::DecodeError;
use wire::execute::{self, ExecuteDecoder, ExecutedDecoder};
use wire::failed::{self, Failed, Reason};
use wire::frame::{self as frames, Draft, FrameError, HEADER, Kind, Limits};
use wire::hello::{Hello, Lane, Welcome};
use wire::replicate::{self, ReplicateDecoder};
use wire::rpc::*;

fn call() -> impl Strategy<Value = (u32, Call)> {
    let name = prop_oneof![Just(b"SET".to_vec()), Just(b"GET".to_vec()), vec(any::<u8>(), 0..8)];
    // Some arguments are large enough to be shared instead of copied.
    let argument = prop_oneof![9 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 16_000..17_000)];
    let entries = prop_oneof![3 => Just(None), 1 => (0..3u32).prop_map(Some)];
    (any::<u32>(), any::<u16>(), any::<bool>(), name, vec(argument, 0..6), entries).prop_map(
        |(partition, database, three, name, rest, entries)| {
            let args = Args::copied([name].into_iter().chain(rest));
            let proto = if three { Proto::Resp3 } else { Proto::Resp2 };
            let command = resolve(&args).unwrap_or(UNRESOLVED);
            let limits = entries.map_or(types::limits::Limits::DEFAULT, types::limits::Limits::exploding_at);
            (partition, Call { command, database: Database(database), proto, args, limits })
        },
    )
}

fn execute() -> impl Strategy<Value = Execute> {
    let request = (any::<u64>(), any::<u64>()).prop_map(|(session, number)| RequestId { session, number });
    let parts = (any::<u32>(), request, any::<bool>(), 0..1u64 << 40, vec(call(), 0..6));
    parts.prop_map(|(table, request, again, micros, calls)| Execute {
        table: TableId(table),
        request,
        again,
        patience: Duration::from_micros(micros),
        calls,
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    use Refusal::*;
    let refusals = vec![NotPrimary, NotReady, Busy, DiskFull, TooLarge, UnknownCommand, Expired, Unknown, TooFewMembers, Apart];
    prop_oneof![
        8 => vec(any::<u8>(), 0..40).prop_map(|reply| Outcome::Reply(reply.into())),
        1 => (16_000..20_000usize).prop_map(|length| Outcome::Reply(vec![b'x'; length].into())),
        4 => proptest::sample::select(refusals).prop_map(Outcome::Refused),
        2 => any::<u64>().prop_map(Outcome::Long),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let mutation = (any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>(), vec(any::<u8>(), 0..200)).prop_map(
        |(ballot, decree, committed, fence, body)| Mutation {
            ballot: Ballot(ballot),
            decree: Decree(decree),
            committed: Decree(committed),
            fence,
            body: body.into(),
        },
    );
    let ballot = || any::<u64>().prop_map(Ballot);
    let decree = || any::<u64>().prop_map(Decree);
    let time = || any::<u64>().prop_map(|nanos| Time::at(Duration::from_nanos(nanos)));
    prop_oneof![
        (ballot(), decree(), time(), vec(mutation, 1..5)).prop_map(|(ballot, committed, sent, mutations)| Message::Prepare {
            ballot,
            committed,
            sent,
            mutations
        }),
        (ballot(), decree(), time()).prop_map(|(ballot, committed, sent)| Message::Beacon { ballot, committed, sent }),
        (ballot(), time()).prop_map(|(ballot, heard)| Message::Granted { ballot, heard }),
        (ballot(), decree(), time(), any::<u64>()).prop_map(|(ballot, upto, heard, session)| Message::Prepared {
            ballot,
            upto,
            heard,
            session
        }),
        (ballot(), decree(), time()).prop_map(|(ballot, upto, heard)| Message::Behind { ballot, upto, heard }),
        (ballot(), any::<[u64; 2]>(), decree()).prop_map(|(ballot, [life, session], upto)| Message::Learn { ballot, life, session, upto }),
        ballot().prop_map(|ballot| Message::TooFar { ballot }),
        (group(), any::<u64>()).prop_map(|(config, life)| Message::Config { config, life }),
        (ballot(), any::<bool>()).prop_map(|(ballot, renew)| Message::Stranger { ballot, renew }),
        ballot().prop_map(|ballot| Message::Superseded { ballot }),
    ]
}

fn replicate() -> impl Strategy<Value = Replicate> {
    let partition = (any::<u32>(), any::<u32>()).prop_map(|(table, index)| PartitionId { table: TableId(table), index });
    ("[a-z]{1,9}", vec((partition, message()), 0..6)).prop_map(|(from, messages)| Replicate { from: NodeId::new(&from), messages })
}

fn node() -> impl Strategy<Value = NodeId> {
    "[a-e]".prop_map(|name| NodeId::new(&name))
}

fn group() -> impl Strategy<Value = GroupConfig> {
    (any::<u64>(), any::<bool>(), proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..4)).prop_map(|(ballot, headed, names)| {
        let mut members = names.into_iter().map(NodeId::new);
        let primary = if headed { members.next() } else { None };
        GroupConfig { ballot: Ballot(ballot), primary, secondaries: members.collect() }
    })
}

fn partition() -> impl Strategy<Value = PartitionId> {
    (any::<u32>(), 0..16u32).prop_map(|(table, index)| PartitionId { table: TableId(table), index })
}

fn addresses() -> impl Strategy<Value = Vec<(NodeId, String)>> {
    vec((node(), ".{0,9}".prop_map(String::from)), 0..4)
}

fn assignment() -> impl Strategy<Value = Assignment> {
    let duty = proptest::sample::select(vec![Duty::Member, Duty::Learner, Duty::Discard, Duty::Bystander]);
    let suggestion = prop_oneof![
        Just(None),
        Just(Some(Suggestion::TakeOver)),
        node().prop_map(|node| Some(Suggestion::HandOver(node))),
        node().prop_map(|node| Some(Suggestion::Remove(node))),
    ];
    (partition(), 16..=16_384u32, group(), addresses(), duty, any::<u32>(), suggestion).prop_map(
        |(partition, partition_count, config, addresses, duty, replicas, suggestion)| Assignment {
            partition,
            partition_count,
            config,
            addresses,
            duty,
            replicas,
            suggestion,
        },
    )
}

fn assignments() -> impl Strategy<Value = Vec<Assignment>> {
    vec(assignment(), 0..4)
}

fn micros() -> impl Strategy<Value = Duration> {
    (0..1u64 << 40).prop_map(Duration::from_micros)
}

fn report() -> impl Strategy<Value = ReplicaReport> {
    use ReplicaState::*;
    let state = proptest::sample::select(vec![Waiting, Reconciling, Primary, Secondary, Learner, Failed]);
    (partition(), any::<[u64; 4]>(), state, proptest::option::of(micros())).prop_map(|(partition, [a, b, c, d], state, lease)| {
        ReplicaReport { partition, ballot: Ballot(a), prepared_ballot: Ballot(b), prepared: Decree(c), committed: Decree(d), state, lease }
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        node().prop_map(Change::Remove),
        (node(), any::<u64>()).prop_map(|(node, life)| Change::Add { node, life }),
        Just(Change::TakeOver),
        node().prop_map(Change::HandOver),
    ]
}

fn request() -> impl Strategy<Value = ControlRequest> {
    let learn_begin = (partition(), any::<[u64; 3]>()).prop_map(|(partition, [ballot, applied, session])| ControlRequest::LearnBegin {
        partition,
        ballot: Ballot(ballot),
        applied: Decree(applied),
        session,
    });
    let change_request = (partition(), node(), any::<[u64; 2]>(), change()).prop_map(|(partition, node, [incarnation, ballot], change)| {
        ControlRequest::Change(ChangeRequest { partition, node, incarnation, ballot: Ballot(ballot), change })
    });
    let asked = prop_oneof![
        (partition(), node()).prop_map(|(partition, to)| ControlRequest::MovePrimary { partition, to }),
        (partition(), node()).prop_map(|(partition, node)| ControlRequest::AddReplica { partition, node }),
        (partition(), node()).prop_map(|(partition, node)| ControlRequest::RemoveReplica { partition, node }),
        (node(), any::<bool>()).prop_map(|(node, on)| ControlRequest::Drain { node, on }),
        any::<bool>().prop_map(|on| ControlRequest::Freeze { on }),
        (partition(), proptest::option::of(node())).prop_map(|(partition, node)| ControlRequest::Force { partition, node }),
    ];
    prop_oneof![
        Just(ControlRequest::Ping),
        Just(ControlRequest::Cluster),
        (node(), ".{0,9}", ".{0,9}", any::<u64>(), vec(report(), 0..4)).prop_map(|(node, address, zone, incarnation, replicas)| {
            ControlRequest::Report(NodeReport { node, address, zone, incarnation, replicas })
        }),
        (".{0,9}", any::<u64>()).prop_map(|(table, known)| ControlRequest::Route { table, known }),
        (".{0,9}", any::<u32>(), any::<u32>()).prop_map(|(name, partitions, replicas)| ControlRequest::CreateTable {
            name,
            partitions,
            replicas
        }),
        assignments().prop_map(ControlRequest::Configure),
        change_request,
        asked,
        learn_begin,
        (any::<[u64; 2]>(), any::<[u32; 2]>()).prop_map(|([session, offset], [file, bytes_max])| ControlRequest::LearnFetch {
            session,
            file,
            offset,
            bytes_max
        }),
        any::<u64>().prop_map(|session| ControlRequest::LearnEnd { session }),
        (any::<[u64; 2]>(), any::<u32>()).prop_map(|([reply, offset], bytes_max)| ControlRequest::ReplyPiece { reply, offset, bytes_max }),
        any::<u64>().prop_map(|reply| ControlRequest::ReplyEnd { reply }),
    ]
}

fn cluster() -> impl Strategy<Value = ClusterView> {
    let node_view = (node(), ".{0,9}", ".{0,9}", any::<[bool; 2]>(), micros(), any::<[u32; 2]>()).prop_map(
        |(node, address, zone, [alive, draining], silent, [primaries, secondaries])| NodeView {
            node,
            address,
            zone,
            alive,
            silent,
            draining,
            primaries,
            secondaries,
        },
    );
    let table_view = (any::<u32>(), ".{0,9}", any::<[u32; 3]>()).prop_map(|(table, name, [partitions, replicas, healthy])| TableView {
        table: TableId(table),
        name,
        partitions,
        replicas,
        healthy,
    });
    let partition_view = (partition(), group(), vec((node(), report()), 0..4), vec(".{0,9}", 0..3))
        .prop_map(|(partition, config, replicas, waits)| PartitionView { partition, config, replicas, waits });
    (vec(node_view, 0..4), vec(table_view, 0..4), vec(partition_view, 0..4), any::<bool>())
        .prop_map(|(nodes, tables, partitions, frozen)| ClusterView { nodes, tables, partitions, frozen })
}

fn learn_plan() -> impl Strategy<Value = LearnPlan> {
    let source = proptest::sample::select(vec![LearnSource::Memory, LearnSource::Log, LearnSource::Checkpoint]);
    let file = ("[a-zA-Z0-9._-]{0,9}[a-z]", any::<u64>()).prop_map(|(name, bytes)| LearnFile { name, bytes });
    (any::<[u64; 2]>(), source, vec(file, 1..4)).prop_map(|([session, decree], source, files)| LearnPlan {
        session,
        source,
        decree: Decree(decree),
        files,
    })
}

fn response() -> impl Strategy<Value = ControlResponse> {
    let routing = (any::<u32>(), ".{0,9}", any::<u64>(), vec(group(), 1..5), addresses()).prop_map(
        |(table, name, version, partitions, addresses)| {
            ControlResponse::Routing(TableRouting { table: TableId(table), name, version, partitions, addresses })
        },
    );
    prop_oneof![
        Just(ControlResponse::Done),
        Just(ControlResponse::Unchanged),
        assignments().prop_map(ControlResponse::Assignments),
        routing,
        cluster().prop_map(ControlResponse::Cluster),
        ".{0,40}".prop_map(ControlResponse::Refused),
        (assignment(), proptest::option::of(".{0,9}")).prop_map(|(assignment, refused)| ControlResponse::Group { assignment, refused }),
        learn_plan().prop_map(ControlResponse::LearnPlan),
        (vec(any::<u8>(), 0..20_000), any::<u32>()).prop_map(|(bytes, crc)| ControlResponse::LearnChunk { bytes: bytes.into(), crc }),
        (vec(any::<u8>(), 0..20_000), any::<u64>()).prop_map(|(bytes, total)| ControlResponse::ReplyPiece { bytes: bytes.into(), total }),
    ]
}

fn assert_same(ours: &Execute, theirs: &Execute) {
    assert_eq!((ours.table, ours.request, ours.patience), (theirs.table, theirs.request, theirs.patience));
    assert_eq!(ours.calls, theirs.calls);
}

proptest! {
    #[test]
    fn execute_comes_through(request in execute(), id in any::<u64>(), checked in any::<bool>()) {
        let frame = frame(&bytes(execute::draft(&request, checked), id));
        prop_assert_eq!((frame.kind, frame.request), (Kind::EXECUTE, id));
        assert_same(&ExecuteDecoder::default().decode(&frame, &resolve).expect("decodes"), &request);
    }

    #[test]
    fn executed_comes_through(outcomes in vec(outcome(), 0..9), checked in any::<bool>()) {
        let answer = Executed { outcomes };
        let frame = frame(&bytes(execute::draft_executed(&answer, checked), 1));
        prop_assert_eq!(ExecutedDecoder::default().decode(&frame).expect("decodes"), answer);
    }

    #[test]
    fn replicate_comes_through(batch in replicate(), checked in any::<bool>()) {
        let frame = frame(&bytes(replicate::draft(&batch, checked), 0));
        prop_assert!(frame.head().len() + frame.payload().len() <= replicate::weight(&batch) + 16 + 64);
        prop_assert_eq!(ReplicateDecoder::default().decode(&frame).expect("decodes"), batch);
    }

    #[test]
    fn control_comes_through(request in request(), response in response(), micros in 0..1u64 << 40) {
        let patience = Duration::from_micros(micros);
        let asked = frame(&bytes(control::draft(&request, patience, true), 1));
        prop_assert_eq!(control::decode(&asked).expect("decodes"), (request, patience));
        let answered = frame(&bytes(control::draft_response(&response, true), 1));
        prop_assert_eq!(control::decode_response(&answered).expect("decodes"), response);
    }

    #[test]
    fn a_decoder_remembers_nothing_of_the_message_before(requests in vec(execute(), 1..4), answers in vec(vec(outcome(), 0..5), 1..4)) {
        let (mut execute, mut executed) = (ExecuteDecoder::default(), ExecutedDecoder::default());
        for request in &requests {
            let frame = frame(&bytes(execute::draft(request, true), 1));
            assert_same(&execute.decode(&frame, &resolve).expect("decodes"), request);
        }
        for outcomes in answers {
            let answer = Executed { outcomes };
            let frame = frame(&bytes(execute::draft_executed(&answer, true), 1));
            prop_assert_eq!(executed.decode(&frame).expect("decodes"), answer);
        }
    }

    #[test]
    fn frames_do_not_depend_on_how_they_arrive(
        requests in vec(execute(), 1..5),
        mut cuts in vec(any::<proptest::sample::Index>(), 0..9),
    ) {
        let stream: Vec<u8> = requests.iter().zip(1..).flat_map(|(request, id)| bytes(execute::draft(request, true), id)).collect();
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len())).collect();
        cuts.sort_unstable();
        let whole = frames_in_pieces(&stream, &[]);
        prop_assert_eq!(whole.len(), requests.len());
        prop_assert_eq!(frames_in_pieces(&stream, &cuts), whole);
    }

    #[test]
    fn a_flipped_bit_is_noticed(request in execute(), at in any::<proptest::sample::Index>(), bit in 0..8u8) {
        let mut bytes = bytes(execute::draft(&request, true), 9);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let mut buffer = BytesMut::from(&bytes[..]);
        match frames::take(&mut buffer, &Limits::default()) {
            Err(_) => {}
            Ok(None) => prop_assert!(at < 4, "only a longer length makes it wait"),
            Ok(Some(_)) => prop_assert!(false, "taken with byte {at} damaged"),
        }
    }

    #[test]
    fn nonsense_does_no_harm(head in vec(any::<u8>(), 0..64), payload in vec(any::<u8>(), 0..64), stream in vec(any::<u8>(), 0..99)) {
        let mut bytes = vec![0; HEADER];
        bytes[..4].copy_from_slice(&((HEADER - 4 + head.len() + payload.len()) as u32).to_le_bytes());
        bytes[16..20].copy_from_slice(&(head.len() as u32).to_le_bytes());
        bytes.extend(head);
        bytes.extend(payload);
        let frame = frame(&bytes);
        let _ = ExecuteDecoder::default().decode(&frame, &resolve);
        let _ = ExecutedDecoder::default().decode(&frame);
        let _ = ReplicateDecoder::default().decode(&frame);
        let _ = control::decode(&frame);
        let _ = control::decode_response(&frame);
        let _ = failed::decode(&frame);
        let mut buffer = BytesMut::from(&stream[..]);
        let _ = frames::take(&mut buffer, &Limits::default());
        let mut buffer = BytesMut::from(&stream[..]);
        let _ = Hello::take(&mut buffer);
        let mut buffer = BytesMut::from(&b"PEGANET\n"[..]);
        buffer.extend_from_slice(&stream);
        let _ = Welcome::take(&mut buffer);
    }

    #[test]
    fn a_batch_in_parts_says_the_same(batch in replicate(), max in 1..2000usize) {
        let parts = replicate::split(batch.clone(), max);
        let said = |batch: &Replicate| -> Vec<(PartitionId, Message)> {
            // Prepares taken apart to single mutations, so that it does not matter how they were cut.
            batch.messages.iter().flat_map(|(partition, message)| match message {
                Message::Prepare { ballot, committed, sent, mutations } if mutations.len() > 1 => mutations
                    .iter()
                    .map(|m| {
                        let (ballot, committed, sent) = (*ballot, *committed, *sent);
                        (*partition, Message::Prepare { ballot, committed, sent, mutations: vec![m.clone()] })
                    })
                    .collect(),
                message => vec![(*partition, message.clone())],
            }).collect()
        };
        prop_assert_eq!(parts.iter().flat_map(&said).collect::<Vec<_>>(), said(&batch));
        for part in &parts {
            let single = part.messages.len() == 1
                && matches!(&part.messages[0].1, Message::Prepare { mutations, .. } if mutations.len() <= 1)
                || part.messages.len() == 1 && !matches!(&part.messages[0].1, Message::Prepare { .. });
            prop_assert!(single || replicate::weight(part) <= max + 64, "{} of {max}", replicate::weight(part));
        }
    }
}

#[test]
fn lengths_are_compared_with_limits_before_anything_is_allocated() {
    let limits = Limits { frame_max: 1000, head_max: 100 };
    let header = |length: u32, head: u32| {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[16..20].copy_from_slice(&head.to_le_bytes());
        BytesMut::from(&bytes[..])
    };
    let take = |length, head| frames::take(&mut header(length, head), &limits).map(|frame| frame.is_some());
    assert_eq!(take(997, 0), Err(FrameError::TooLong { length: 1001, limit: 1000 }));
    assert_eq!(take(u32::MAX, 0), Err(FrameError::TooLong { length: u32::MAX as usize + 4, limit: 1000 }));
    assert_eq!(take(996, 101), Err(FrameError::TooLong { length: 101, limit: 100 }));
    assert_eq!(take(60, 37), Err(FrameError::Malformed { head: 37, length: 64 }));
    assert_eq!(take(23, 0), Err(FrameError::Malformed { head: 0, length: 27 }));
    assert_eq!(take(996, 100), Ok(false));
    assert_eq!(take(24, 0), Ok(true));

    // A header that promises the largest frame gets room for what is likely to come next, not for all of it.
    let mut buffer = header((256 << 20) - 4, 0);
    assert!(matches!(frames::take(&mut buffer, &Limits::default()), Ok(None)));
    assert!(buffer.capacity() <= 1 << 20);
}

#[test]
fn a_frame_that_does_not_fit_is_known_before_it_is_sent() {
    let args = Args::copied([&b"SET"[..], b"k", &[0; 1000]]);
    let call = Call { command: UNRESOLVED, database: Database(0), proto: Proto::Resp2, args, limits: types::limits::Limits::DEFAULT };
    let request = RequestId { session: 1, number: 1 };
    let request = Execute { table: TableId(1), request, again: false, patience: Duration::ZERO, calls: vec![(0, call)] };
    let draft = execute::draft(&request, true);
    let length = draft.length();
    assert!(draft.fits(&Limits { frame_max: length, head_max: 100 }));
    assert!(!draft.fits(&Limits { frame_max: length - 1, head_max: 100 }));
    assert!(!draft.fits(&Limits { frame_max: length, head_max: 5 }));
}

#[test]
fn arguments_and_bodies_are_slices_of_what_was_read() {
    let args = Args::copied(["SET", "key", "value"]);
    let call = Call { command: UNRESOLVED, database: Database(3), proto: Proto::Resp3, args, limits: types::limits::Limits::DEFAULT };
    let request = RequestId { session: 1, number: 1 };
    let request = Execute { table: TableId(1), request, again: false, patience: Duration::ZERO, calls: vec![(0, call)] };
    let frame = frame(&bytes(execute::draft(&request, true), 1));
    let decoded = ExecuteDecoder::default().decode(&frame, &resolve).expect("decodes");
    assert!(frame.payload().as_ptr_range().contains(&decoded.calls[0].1.args.at(2).as_ptr()));
}

#[test]
fn a_plan_that_would_write_elsewhere_is_refused() {
    let decoded = |names: &[&str]| {
        let file = |name: &&str| LearnFile { name: (*name).to_owned(), bytes: 1 };
        let files = names.iter().map(file).collect();
        let plan = ControlResponse::LearnPlan(LearnPlan { session: 1, source: LearnSource::Checkpoint, decree: Decree(3), files });
        match control::decode_response(&frame(&bytes(control::draft_response(&plan, true), 1))) {
            Ok(_) => "taken",
            Err(DecodeError::Malformed { fault, .. }) => fault,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(decoded(&["checkpoint/000012.sst", "checkpoint/CURRENT", "requests"]), "taken");
    for name in ["", ".", "..", "a/", "/etc/passwd", "../a", "a/../b", "a\0b"] {
        assert_eq!(decoded(&["CURRENT", name]), "a file whose name leads out of its directory", "{name:?}");
    }
    assert_eq!(decoded(&[]), "a plan of no or too many files");
    assert_eq!(decoded(&["a", "b", "a"]), "two files of one name");
}

#[test]
fn a_chunk_is_a_slice_of_what_was_read() {
    let chunk = ControlResponse::LearnChunk { bytes: Bytes::from(vec![7; 100]), crc: 9 };
    let frame = frame(&bytes(control::draft_response(&chunk, true), 1));
    let Ok(ControlResponse::LearnChunk { bytes, .. }) = control::decode_response(&frame) else { panic!("no chunk") };
    assert_eq!(frame.payload().as_ptr_range(), bytes.as_ptr_range());
}

#[test]
fn a_reason_comes_through() {
    use Reason::*;
    for reason in [NotOffered, Timeout, Overloaded, Unreachable, Broken] {
        let failed = Failed { reason, text: "n1".to_owned() };
        assert_eq!(failed::decode(&frame(&bytes(failed::draft(&failed, true), 5))).expect("decodes"), failed);
    }
}

#[test]
fn replies_that_do_not_fit_are_not_known() {
    let reply = |length: usize| Outcome::Reply(Bytes::from(vec![0; length]));
    let busy = || Outcome::Refused(Refusal::Busy);
    let mut answer = Executed { outcomes: vec![reply(10), busy(), reply(100), reply(1)] };
    assert_eq!(execute::curtail(&mut answer, 20), 2);
    let unknown = || Outcome::Refused(Refusal::Unknown);
    assert_eq!(answer.outcomes, [reply(10), busy(), unknown(), unknown()]);
}

#[test]
fn a_greeting_is_agreed_on_or_refused_with_the_reason() {
    let hello = |versions, cluster: &str, expected: &str| Hello {
        versions,
        lane: Lane::Replication,
        cluster: cluster.into(),
        node: "n1".into(),
        expected: expected.into(),
    };
    let refusal = |hello: Hello| {
        let mut buffer = BytesMut::from(&hello.encode()[..]);
        let understood = Hello::take(&mut buffer).expect("a hello").expect("all of it");
        assert_eq!(understood, hello);
        let welcome = understood.answer("c", "n2");
        let mut buffer = BytesMut::from(&welcome.encode()[..]);
        assert_eq!(Welcome::take(&mut buffer).expect("a welcome").expect("all of it"), welcome);
        match welcome {
            Welcome::Accepted { version, node } => {
                assert_eq!((version, node.as_str()), (1, "n2"));
                None
            }
            Welcome::Refused { reason, .. } => Some(reason),
        }
    };
    assert_eq!(refusal(hello(1..=1, "c", "n2")), None);
    assert_eq!(refusal(hello(0..=9, "c", "")), None);
    assert_eq!(refusal(hello(2..=3, "c", "n2")).expect("refused"), "protocol versions 2..=3 and 1..=1 have none in common");
    assert_eq!(refusal(hello(1..=1, "d", "n2")).expect("refused"), r#"this is cluster "c", not "d""#);
    assert_eq!(refusal(hello(1..=1, "c", "n3")).expect("refused"), r#"this is node "n2", not "n3""#);
}

#[test]
fn malformed_requests_say_what_is_wrong() {
    // Heads written by hand: fields 5 (partitions), 6 (arguments per call) and 7 (lengths), packed.
    let decode = |head: &[u8], payload: &[u8]| {
        let mut bytes = vec![0; HEADER];
        bytes[..4].copy_from_slice(&((HEADER - 4 + head.len() + payload.len()) as u32).to_le_bytes());
        bytes[16..20].copy_from_slice(&(head.len() as u32).to_le_bytes());
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(payload);
        match ExecuteDecoder::default().decode(&frame(&bytes), &resolve) {
            Ok(request) => format!("{} calls", request.calls.len()),
            Err(DecodeError::Malformed { fault, .. }) => fault.to_owned(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x01\x3a\x01\x03", b"GET"), "1 calls");
    assert_eq!(decode(b"", b""), "0 calls");
    // A field of a newer version, number 100, is skipped.
    assert_eq!(decode(b"\xa0\x06\x05\x2a\x01\x07\x32\x01\x01\x3a\x01\x03", b"GET"), "1 calls");
    assert_eq!(decode(b"\x2a\x01\x07\x3a\x01\x03", b"GET"), "columns of different lengths");
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x00", b""), "a call without a command");
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x02\x3a\x01\x03", b"GET"), "fewer arguments than announced");
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x01\x3a\x02\x03\x00", b"GET"), "more arguments than announced");
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x01\x3a\x01\x04", b"GET"), "arguments longer than the payload");
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x01\x3a\x01\x02", b"GET"), "more arguments than announced");
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x01\x3a\x01\x03\x42\x03\x80\x80\x04", b"GET"), "database out of range");
    assert_eq!(decode(b"\x2a\x01\x07\x32\x01\x01\x3a\x01\x03\x4a\x01\x02", b"GET"), "unknown reply protocol");
    assert_eq!(decode(b"\x2a\x05\x07", b""), "decode the head of Execute");
}
