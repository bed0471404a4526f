//! The bytes of each message, as they are: a change here breaks the conversation with nodes of the version before.
//!
//! `UPDATE_GOLDEN=1 cargo test -p wire --test golden` writes `golden.txt` anew. Only additions belong in such a commit.

mod common;

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use common::{bytes, frame, resolve};
use pacifica::message::{Change, Message, Mutation};
use types::args::Args;
use types::group::{GroupConfig, TableRouting};
use types::id::{Ballot, Decree, NodeId, PartitionId, RequestId, TableId};
use types::limits::Limits;
use types::time::Time;
use types::txn::{Call, Database, Proto};
use wire::control;
use wire::execute::{self, ExecuteDecoder, ExecutedDecoder};
use wire::failed::{self, Failed, Reason};
use wire::hello::{Hello, Lane, Welcome};
use wire::replicate::{self, ReplicateDecoder};
use wire::rpc::*;

const FILE: &str = "tests/golden.txt";

fn n(name: &str) -> NodeId {
    NodeId::new(name)
}

fn partition() -> PartitionId {
    PartitionId { table: TableId(1), index: 2 }
}

fn execute() -> Execute {
    let call = |database, proto, words: &[&str]| {
        let args = Args::copied(words);
        Call { command: resolve(&args).unwrap_or(UNRESOLVED), database: Database(database), proto, args, limits: Limits::DEFAULT }
    };
    Execute {
        table: TableId(1),
        request: RequestId { session: 0x0102_0304_0506_0708, number: 300 },
        again: false,
        patience: Duration::from_secs(10),
        calls: vec![(2, call(0, Proto::Resp2, &["SET", "k", "v"])), (3, call(9, Proto::Resp3, &["FROB"]))],
    }
}

fn executed() -> Executed {
    let reply = |text: &'static str| Outcome::Reply(Bytes::from_static(text.as_bytes()));
    Executed { outcomes: vec![reply("+OK\r\n"), Outcome::Refused(Refusal::NotPrimary), reply("$-1\r\n")] }
}

fn executed_long() -> Executed {
    Executed { outcomes: vec![Outcome::Long(7), executed().outcomes.remove(1), Outcome::Refused(Refusal::Apart)] }
}

fn replicate() -> Replicate {
    let (ballot, upto) = (Ballot(5), Decree(70));
    let mutation = |decree, fence, body: &'static [u8]| Mutation {
        ballot,
        decree: Decree(decree),
        committed: upto,
        fence,
        body: Bytes::from_static(body),
    };
    let mutations = vec![mutation(71, false, b"body"), mutation(72, true, b"")];
    let (sent, heard) = (Time::at(Duration::from_millis(9)), Time::at(Duration::from_millis(8)));
    let messages = vec![
        Message::Prepare { ballot, committed: upto, sent, mutations },
        Message::Prepared { ballot, upto, heard, session: 0 },
        Message::Behind { ballot, upto, heard },
        Message::Superseded { ballot },
        Message::Beacon { ballot, committed: upto, sent },
        Message::Granted { ballot, heard },
        Message::Learn { ballot, life: 77, session: 78, upto },
        Message::Prepared { ballot, upto, heard: Time::default(), session: 78 },
        Message::TooFar { ballot },
        Message::Config { config: config(), life: 77 },
        Message::Stranger { ballot, renew: false },
    ];
    Replicate { from: n("n1"), messages: messages.into_iter().map(|message| (partition(), message)).collect() }
}

fn config() -> GroupConfig {
    GroupConfig { ballot: Ballot(5), primary: Some(n("n1")), secondaries: vec![n("n2"), n("n3")] }
}

fn report() -> ReplicaReport {
    let (ballot, prepared_ballot, prepared, committed) = (Ballot(5), Ballot(4), Decree(70), Decree(69));
    let lease = Some(Duration::from_millis(1500));
    ReplicaReport { partition: partition(), ballot, prepared_ballot, prepared, committed, state: ReplicaState::Primary, lease }
}

fn assignment(duty: Duty, suggestion: Option<Suggestion>) -> Assignment {
    let addresses = vec![(n("n2"), "h2:1".to_owned())];
    Assignment { partition: partition(), partition_count: 8, config: config(), addresses, duty, replicas: 3, suggestion }
}

fn assignments() -> Vec<Assignment> {
    vec![
        assignment(Duty::Member, None),
        assignment(Duty::Learner, Some(Suggestion::TakeOver)),
        assignment(Duty::Discard, Some(Suggestion::HandOver(n("n2")))),
        assignment(Duty::Bystander, Some(Suggestion::Remove(n("n3")))),
    ]
}

fn change(change: Change) -> ControlRequest {
    ControlRequest::Change(ChangeRequest { partition: partition(), node: n("n1"), incarnation: 77, ballot: Ballot(5), change })
}

fn requests() -> Vec<(&'static str, ControlRequest)> {
    let node = NodeReport { node: n("n1"), address: "h1:1".into(), zone: "z".into(), incarnation: 77, replicas: vec![report()] };
    vec![
        ("ping", ControlRequest::Ping),
        ("report", ControlRequest::Report(node)),
        ("route", ControlRequest::Route { table: "default".into(), known: 3 }),
        ("create-table", ControlRequest::CreateTable { name: "t".into(), partitions: 8, replicas: 3 }),
        ("cluster", ControlRequest::Cluster),
        ("configure", ControlRequest::Configure(assignments())),
        ("change-remove", change(Change::Remove(n("n2")))),
        ("change-add", change(Change::Add { node: n("n4"), life: 78 })),
        ("change-take-over", change(Change::TakeOver)),
        ("change-hand-over", change(Change::HandOver(n("n2")))),
        ("move-primary", ControlRequest::MovePrimary { partition: partition(), to: n("n2") }),
        ("add-replica", ControlRequest::AddReplica { partition: partition(), node: n("n4") }),
        ("remove-replica", ControlRequest::RemoveReplica { partition: partition(), node: n("n3") }),
        ("drain", ControlRequest::Drain { node: n("n1"), on: true }),
        ("freeze", ControlRequest::Freeze { on: true }),
        ("unfreeze", ControlRequest::Freeze { on: false }),
        ("force", ControlRequest::Force { partition: partition(), node: None }),
        ("force-from", ControlRequest::Force { partition: partition(), node: Some(n("n2")) }),
        ("learn-begin", ControlRequest::LearnBegin { partition: partition(), ballot: Ballot(5), applied: Decree(60), session: 9 }),
        ("learn-fetch", ControlRequest::LearnFetch { session: 9, file: 1, offset: 4096, bytes_max: 65_536 }),
        ("learn-end", ControlRequest::LearnEnd { session: 9 }),
        ("reply-piece", ControlRequest::ReplyPiece { reply: 7, offset: 262_144, bytes_max: 65_536 }),
        ("reply-end", ControlRequest::ReplyEnd { reply: 7 }),
    ]
}

fn responses() -> Vec<(&'static str, ControlResponse)> {
    let headless = GroupConfig { ballot: Ballot(1), primary: None, secondaries: vec![n("n1")] };
    let (partitions, addresses) = (vec![config(), headless], vec![(n("n1"), "h1:1".to_owned())]);
    let routing = TableRouting { table: TableId(1), name: "t".into(), version: 4, partitions, addresses };
    let node = NodeView {
        node: n("n1"),
        address: "h1:1".into(),
        zone: "z".into(),
        alive: true,
        silent: Duration::from_millis(20),
        draining: true,
        primaries: 1,
        secondaries: 2,
    };
    let table = TableView { table: TableId(1), name: "t".into(), partitions: 8, replicas: 3, healthy: 7 };
    let (replicas, waits) = (vec![(n("n2"), report())], vec!["n3 does not report".to_owned()]);
    let partition = PartitionView { partition: partition(), config: config(), replicas, waits };
    let view = ClusterView { nodes: vec![node], tables: vec![table], partitions: vec![partition], frozen: true };
    let file = |name: &str, bytes| LearnFile { name: name.to_owned(), bytes };
    let files = vec![file("000012.sst", 1 << 20), file("sessions", 100)];
    let plan = LearnPlan { session: 9, source: LearnSource::Checkpoint, decree: Decree(65), files };
    let refused = Some("n4 is a member".to_owned());
    vec![
        ("done", ControlResponse::Done),
        ("assignments", ControlResponse::Assignments(assignments())),
        ("routing", ControlResponse::Routing(routing)),
        ("unchanged", ControlResponse::Unchanged),
        ("cluster-view", ControlResponse::Cluster(view)),
        ("refused", ControlResponse::Refused("no".into())),
        ("group", ControlResponse::Group { assignment: assignment(Duty::Member, None), refused: None }),
        ("group-refused", ControlResponse::Group { assignment: assignment(Duty::Member, None), refused }),
        ("learn-plan", ControlResponse::LearnPlan(plan)),
        ("learn-chunk", ControlResponse::LearnChunk { bytes: Bytes::from_static(b"chunk"), crc: 0x0102_0304 }),
        ("piece", ControlResponse::ReplyPiece { bytes: Bytes::from_static(b"piece"), total: 300_000 }),
    ]
}

fn all() -> String {
    let mut text = String::new();
    let mut line = |name: &str, bytes: Vec<u8>| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{name} {hex}").expect("a string grows");
    };
    let hello = Hello { versions: 1..=1, lane: Lane::Control, cluster: "c".into(), node: "n1".into(), expected: "n2".into() };
    line("hello", hello.encode());
    line("welcome", Welcome::Accepted { version: 1, node: "n2".into() }.encode());
    line("welcome-refused", Welcome::Refused { node: "n2".into(), reason: "no".into() }.encode());
    line("execute", bytes(execute::draft(&execute(), true), 1));
    line("executed", bytes(execute::draft_executed(&executed(), true), 1));
    line("executed-long", bytes(execute::draft_executed(&executed_long(), true), 1));
    line("executed-unchecked", bytes(execute::draft_executed(&executed(), false), 1));
    line("replicate", bytes(replicate::draft(&replicate(), true), 0));
    line("failed", bytes(failed::draft(&Failed { reason: Reason::Timeout, text: "n1".into() }, true), 1));
    for (name, request) in requests() {
        line(name, bytes(control::draft(&request, Duration::from_secs(1), true), 2));
    }
    for (name, response) in responses() {
        line(name, bytes(control::draft_response(&response, true), 2));
    }
    text
}

#[test]
fn the_bytes_of_each_message_are_what_they_were() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(FILE, all()).expect("write the golden file");
    }
    let golden = std::fs::read_to_string(FILE).expect("read the golden file");
    for (ours, theirs) in all().lines().zip(golden.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(all().lines().count(), golden.lines().count());
}

#[test]
fn the_golden_bytes_are_understood() {
    let golden = std::fs::read_to_string(FILE).expect("read the golden file");
    let of = |name: &str| {
        let line = golden.lines().find(|line| line.split(' ').next() == Some(name)).expect("every message has a line");
        let hex = line.split(' ').nth(1).expect("name and bytes");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
        frame(&bytes)
    };
    let decoded = ExecuteDecoder::default().decode(&of("execute"), &resolve).expect("decodes");
    assert_eq!((decoded.request, decoded.patience, decoded.calls), (execute().request, execute().patience, execute().calls));
    assert_eq!(ExecutedDecoder::default().decode(&of("executed")).expect("decodes"), executed());
    assert_eq!(ExecutedDecoder::default().decode(&of("executed-long")).expect("decodes"), executed_long());
    assert_eq!(ReplicateDecoder::default().decode(&of("replicate")).expect("decodes"), replicate());
    for (name, request) in requests() {
        assert_eq!(control::decode(&of(name)).expect("decodes").0, request);
    }
    for (name, response) in responses() {
        assert_eq!(control::decode_response(&of(name)).expect("decodes"), response);
    }
}
