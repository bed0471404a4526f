//! The router against nodes that do what a test tells them. Time is tokio's, paused: no test sleeps.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::router::{Options, Router};
use client::session::Session;
use net::service::{CallError, Network, Pending, Service};
use parking_lot::Mutex;
use types::args::Args;
use types::group::{GroupConfig, TableRouting};
use types::id::{Ballot, NodeId, RequestId, TableId};
use types::limits::Limits;
use types::slot::Slot;
use types::txn::{Call, CommandId, Database, Proto};
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Outcome, Refusal, Replicate};

use client::long::{Long, Lost};
use client::outcome::Outcome as Told;

/// What a node does with one request.
enum Do {
    Reply,
    Refuse(Refusal),
    Fail(CallError),
    Hang,
    /// Replies after a while.
    Late(Duration),
    /// Replies to all calls but those of this partition.
    RefusePartition(u32, Refusal),
    /// Cuts the request at this call: it and those behind it in its partition have to run apart.
    Cut(usize),
    /// Says that the reply is long.
    Long,
}

#[derive(Default)]
struct Node {
    name: String,
    /// What to do next; replies when empty.
    script: Mutex<Vec<Do>>,
    seen: Mutex<Vec<(RequestId, Vec<String>)>>,
    hanging: Mutex<Vec<tokio::sync::oneshot::Sender<Result<Executed, CallError>>>>,
    /// The long reply, and what goes wrong when it is asked for.
    long: Mutex<(Vec<u8>, Vec<ControlAnswer>)>,
    /// Offsets and sizes of pieces that were asked for; `None` where it was given up.
    pieces: Mutex<Vec<Option<(u64, u32)>>>,
}

type ControlAnswer = Result<ControlResponse, CallError>;

impl Node {
    fn script(&self, mut steps: Vec<Do>) {
        steps.reverse();
        *self.script.lock() = steps;
    }

    fn seen(&self) -> Vec<Vec<String>> {
        self.seen.lock().iter().map(|(_, calls)| calls.clone()).collect()
    }
}

impl Service for Node {
    fn execute(&self, request: Execute) -> Pending<Executed> {
        let names = request.calls.iter().map(|(p, call)| format!("{p}:{}", call.args.at(0).escape_ascii())).collect();
        self.seen.lock().push((request.request, names));
        let reply = |call: &Call| Outcome::Reply(Bytes::from(format!("{}@{}", call.args.at(0).escape_ascii(), self.name)));
        let step = self.script.lock().pop().unwrap_or(Do::Reply);
        let outcomes = match step {
            Do::Reply => request.calls.iter().map(|(_, call)| reply(call)).collect(),
            Do::Refuse(refusal) => request.calls.iter().map(|_| Outcome::Refused(refusal)).collect(),
            Do::RefusePartition(refused, refusal) => {
                request.calls.iter().map(|(p, call)| if *p == refused { Outcome::Refused(refusal) } else { reply(call) }).collect()
            }
            Do::Cut(place) => {
                let partition = request.calls[place].0;
                let apart = |(index, (p, call)): (usize, &(u32, Call))| {
                    if index >= place && *p == partition { Outcome::Refused(Refusal::Apart) } else { reply(call) }
                };
                request.calls.iter().enumerate().map(apart).collect()
            }
            Do::Long => request.calls.iter().map(|_| Outcome::Long(77)).collect(),
            Do::Fail(error) => return Pending::ready(Err(error)),
            Do::Late(after) => {
                let outcomes = request.calls.iter().map(|(_, call)| reply(call)).collect();
                let (sender, pending) = Pending::waiting();
                tokio::runtime::Handle::current().spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = sender.send(Ok(Executed { outcomes }));
                });
                return pending;
            }
            Do::Hang => {
                let (sender, pending) = Pending::waiting();
                self.hanging.lock().push(sender);
                return pending;
            }
        };
        Pending::ready(Ok(Executed { outcomes }))
    }

    fn replicate(&self, _: Replicate) {}

    fn control(&self, request: ControlRequest, _: Duration) -> Pending<ControlResponse> {
        match request {
            ControlRequest::ReplyPiece { reply: 77, offset, bytes_max } => {
                self.pieces.lock().push(Some((offset, bytes_max)));
                let (reply, wrong) = &mut *self.long.lock();
                if let Some(answer) = wrong.pop() {
                    return Pending::ready(answer);
                }
                let from = &reply[offset as usize..];
                let bytes = Bytes::copy_from_slice(&from[..from.len().min(bytes_max as usize)]);
                Pending::ready(Ok(ControlResponse::ReplyPiece { bytes, total: reply.len() as u64 }))
            }
            ControlRequest::ReplyEnd { reply: 77 } => {
                self.pieces.lock().push(None);
                Pending::ready(Ok(ControlResponse::Done))
            }
            _ => Pending::ready(Err(CallError::NotOffered)),
        }
    }
}

type Unanswered = tokio::sync::oneshot::Sender<Result<ControlResponse, CallError>>;

struct Meta {
    routing: Mutex<TableRouting>,
    asked: Mutex<u32>,
    /// While it hangs it answers nobody.
    hanging: Mutex<Option<Vec<Unanswered>>>,
}

impl Service for Meta {
    fn execute(&self, _: Execute) -> Pending<Executed> {
        Pending::ready(Err(CallError::NotOffered))
    }

    fn replicate(&self, _: Replicate) {}

    fn control(&self, request: ControlRequest, _: Duration) -> Pending<ControlResponse> {
        *self.asked.lock() += 1;
        if let Some(hanging) = &mut *self.hanging.lock() {
            let (sender, pending) = Pending::waiting();
            hanging.push(sender);
            return pending;
        }
        let routing = self.routing.lock().clone();
        match request {
            ControlRequest::Route { known, .. } if known == routing.version => Pending::ready(Ok(ControlResponse::Unchanged)),
            ControlRequest::Route { .. } => Pending::ready(Ok(ControlResponse::Routing(routing))),
            _ => Pending::ready(Err(CallError::NotOffered)),
        }
    }
}

struct World {
    nodes: HashMap<String, Arc<Node>>,
    meta: Arc<Meta>,
    router: Router,
    session: Session,
}

struct Net(HashMap<String, Arc<Node>>);

impl Network for Net {
    fn node(&self, node: &NodeId, _: &str) -> Arc<dyn Service> {
        Arc::clone(&self.0[node.name()]) as Arc<dyn Service>
    }

    fn address(&self, _: &str) -> Arc<dyn Service> {
        unreachable!("metas are handed in")
    }
}

/// Partitions with these primaries.
fn routing(version: u64, primaries: &[&str]) -> TableRouting {
    let group = |name: &&str| GroupConfig { ballot: Ballot(version), primary: Some(NodeId::new(name)), secondaries: Vec::new() };
    TableRouting {
        table: TableId(1),
        name: "t".to_owned(),
        version,
        partitions: primaries.iter().map(group).collect(),
        addresses: ["a", "b", "c"].map(|name| (NodeId::new(name), format!("{name}:1"))).to_vec(),
    }
}

impl World {
    async fn of(primaries: &[&str]) -> World {
        let node = |name: &str| (name.to_owned(), Arc::new(Node { name: name.to_owned(), ..Node::default() }));
        let nodes: HashMap<_, _> = ["a", "b", "c"].map(node).into();
        let meta = Arc::new(Meta { routing: Mutex::new(routing(1, primaries)), asked: Mutex::new(0), hanging: Mutex::default() });
        let metas = vec![Arc::clone(&meta) as Arc<dyn Service>];
        let router = Router::new(Arc::new(Net(nodes.clone())), metas, "t", Options::default());
        assert!(router.ready().await);
        World { nodes, meta, router, session: Session::new(42) }
    }

    fn node(&self, name: &str) -> &Node {
        &self.nodes[name]
    }

    /// Runs calls written `partition:name`; replies come as text, refusals as their names.
    async fn run(&mut self, calls: &[&str]) -> Vec<String> {
        let calls: Vec<(u32, Call)> = calls
            .iter()
            .map(|text| {
                let (partition, name) = text.split_once(':').unwrap();
                let args = Args::copied([name]);
                (
                    partition.parse().unwrap(),
                    Call { command: CommandId(0), database: Database(0), proto: Proto::Resp2, args, limits: Limits::DEFAULT },
                )
            })
            .collect();
        let outcomes = self.router.execute(&mut self.session, &calls).await;
        let show = |outcome: Told| match outcome {
            Told::Reply(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Told::Long(_) => "long".to_owned(),
            Told::Refused(refusal) => format!("{refusal:?}"),
        };
        outcomes.into_iter().map(show).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_node_travel_as_they_are() {
    let mut w = World::of(&["a", "a"]).await;
    assert_eq!(w.run(&["0:x", "1:y", "0:z"]).await, ["x@a", "y@a", "z@a"]);
    assert_eq!(w.node("a").seen(), [["0:x", "1:y", "0:z"]]);
    assert_eq!(w.router.retries(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_of_several_nodes_are_sent_at_once_and_answered_in_order() {
    let mut w = World::of(&["a", "b", "c"]).await;
    assert_eq!(w.run(&["2:u", "0:v", "2:w", "1:x"]).await, ["u@c", "v@a", "w@c", "x@b"]);
    assert_eq!(w.node("c").seen(), [["2:u", "2:w"]]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_meets_a_former_primary_follows_the_new_one_under_the_same_id() {
    let mut w = World::of(&["a", "a"]).await;
    *w.meta.routing.lock() = routing(2, &["b", "a"]);
    w.node("a").script((0..8).map(|_| Do::RefusePartition(0, Refusal::NotPrimary)).collect());
    assert_eq!(w.run(&["0:x", "1:y", "0:z"]).await, ["x@b", "y@a", "z@b"]);
    assert_eq!(w.node("b").seen(), [["0:x", "0:z"]]);
    let first = w.node("a").seen.lock()[0].0;
    assert_eq!(w.node("b").seen.lock()[0].0, first);
    assert_eq!(w.run(&["0:x"]).await, ["x@b"]);
    assert_eq!(w.node("b").seen.lock()[1].0.number, first.number + 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_node_refuses_for_now_is_tried_again() {
    for refusal in [Refusal::NotReady, Refusal::Busy, Refusal::Expired, Refusal::Unknown, Refusal::TooFewMembers] {
        let mut w = World::of(&["a"]).await;
        w.node("a").script(vec![Do::Refuse(refusal), Do::Refuse(refusal)]);
        assert_eq!(w.run(&["0:x"]).await, ["x@a"], "{refusal:?}");
        assert_eq!(w.router.retries(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_change_is_not_tried_again() {
    for refusal in [Refusal::DiskFull, Refusal::TooLarge, Refusal::UnknownCommand] {
        let mut w = World::of(&["a"]).await;
        w.node("a").script(vec![Do::Refuse(refusal)]);
        assert_eq!(w.run(&["0:x"]).await, [format!("{refusal:?}")]);
        assert_eq!(w.router.retries(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_and_a_node_that_hangs_are_asked_again() {
    for first in [Do::Fail(CallError::Broken("a".into())), Do::Fail(CallError::Unreachable("a".into())), Do::Hang] {
        let mut w = World::of(&["a"]).await;
        w.node("a").script(vec![first, Do::Fail(CallError::Overloaded)]);
        assert_eq!(w.run(&["0:x"]).await, ["x@a"]);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test measures tokio's own clock")]
#[tokio::test(start_paused = true)]
async fn when_patience_ends_a_call_that_may_have_run_is_unknown_and_one_that_cannot_have_is_not() {
    let started = tokio::time::Instant::now();
    let mut w = World::of(&["a", "b"]).await;
    let refuse = |n| (0..n).map(|_| Do::Refuse(Refusal::NotReady));
    w.node("a").script(std::iter::once(Do::Fail(CallError::Broken("a".into()))).chain(refuse(1000)).collect());
    w.node("b").script(refuse(1000).collect());
    assert_eq!(w.run(&["0:x", "1:y"]).await, ["Unknown", "NotReady"]);
    let took = started.elapsed();
    assert!(took > Duration::from_secs(9) && took <= Duration::from_secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn too_few_members_are_waited_for_until_patience_ends() {
    let mut w = World::of(&["a"]).await;
    w.node("a").script((0..1000).map(|_| Do::Refuse(Refusal::TooFewMembers)).collect());
    let started = now();
    assert_eq!(w.run(&["0:x"]).await, ["TooFewMembers"]);
    assert!(started.elapsed() > Duration::from_secs(9), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_too_few_outcomes_leaves_everything_unknown_until_the_next() {
    struct Short(Node);
    impl Service for Short {
        fn execute(&self, request: Execute) -> Pending<Executed> {
            if self.0.seen.lock().is_empty() {
                drop(self.0.execute(request));
                return Pending::ready(Ok(Executed { outcomes: Vec::new() }));
            }
            self.0.execute(request)
        }
        fn replicate(&self, _: Replicate) {}
        fn control(&self, _: ControlRequest, _: Duration) -> Pending<ControlResponse> {
            Pending::ready(Ok(ControlResponse::Routing(routing(1, &["a"]))))
        }
    }
    struct One(Arc<Short>);
    impl Network for One {
        fn node(&self, _: &NodeId, _: &str) -> Arc<dyn Service> {
            Arc::clone(&self.0) as Arc<dyn Service>
        }
        fn address(&self, _: &str) -> Arc<dyn Service> {
            Arc::clone(&self.0) as Arc<dyn Service>
        }
    }
    let node = Arc::new(Short(Node::default()));
    let router = Router::new(Arc::new(One(Arc::clone(&node))), vec![Arc::clone(&node) as Arc<dyn Service>], "t", Options::default());
    assert!(router.ready().await);
    let call =
        Call { command: CommandId(0), database: Database(0), proto: Proto::Resp2, args: Args::copied(["x"]), limits: Limits::DEFAULT };
    let outcomes = router.execute(&mut Session::new(1), &[(0, call)]).await;
    assert_eq!(outcomes, [Told::Reply(Bytes::from_static(b"x@"))]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_a_primary_is_waited_for() {
    let mut w = World::of(&["a", "a"]).await;
    let mut without = routing(2, &["a", "a"]);
    without.partitions[1].primary = None;
    *w.meta.routing.lock() = without;
    tokio::time::sleep(Duration::from_secs(1)).await;
    w.router.refresh().await.unwrap();
    let meta = Arc::clone(&w.meta);
    let healed = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        *meta.routing.lock() = routing(3, &["a", "b"]);
    };
    let (replies, ()) = tokio::join!(w.run(&["0:x", "1:y"]), healed);
    assert_eq!(replies, ["x@a", "y@b"]);
    assert_eq!(w.node("a").seen(), [["0:x"]]);
}

#[expect(clippy::disallowed_methods, reason = "a test measures tokio's own clock")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hangs_holds_nobody_up_once_another_leads_the_partition() {
    let mut w = World::of(&["a", "a", "c"]).await;
    w.node("a").script(vec![Do::Hang]);
    let meta = Arc::clone(&w.meta);
    let started = now();
    let moved = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        *meta.routing.lock() = routing(2, &["b", "b", "c"]);
    };
    let (replies, ()) = tokio::join!(w.run(&["0:x", "2:y", "1:z"]), moved);
    assert_eq!(replies, ["x@b", "y@c", "z@b"]);
    let took = started.elapsed();
    assert!(took < Duration::from_millis(2500 + 250), "{took:?}");
    assert_eq!(w.node("b").seen(), [["0:x", "1:z"]]);
    assert_eq!(w.node("a").seen.lock()[0].0, w.node("b").seen.lock()[0].0, "the same request");
    assert_eq!(w.node("c").seen(), [["2:y"]], "what was answered is not asked again");
}

#[tokio::test(start_paused = true)]
async fn a_new_ballot_is_reason_enough_to_ask_the_same_node_again() {
    let mut w = World::of(&["a"]).await;
    w.node("a").script(vec![Do::Hang]);
    let mut changed = routing(2, &["a"]);
    changed.partitions[0].ballot = Ballot(7);
    *w.meta.routing.lock() = changed;
    let started = now();
    assert_eq!(w.run(&["0:x"]).await, ["x@a"]);
    assert!(started.elapsed() < Duration::from_millis(400));
    let seen = w.node("a").seen.lock();
    assert_eq!((seen.len(), seen[0].0), (2, seen[1].0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_waited_for_while_nothing_changes_where_it_matters() {
    let mut w = World::of(&["a", "b"]).await;
    w.node("a").script(vec![Do::Late(Duration::from_secs(2))]);
    // The other partition moves; ballots are those of the table's version here.
    let mut elsewhere = routing(2, &["a", "c"]);
    elsewhere.partitions[0].ballot = Ballot(1);
    *w.meta.routing.lock() = elsewhere;
    let (asked, started) = (*w.meta.asked.lock(), now());
    assert_eq!(w.run(&["0:x"]).await, ["x@a"]);
    assert_eq!(started.elapsed().as_secs(), 2);
    assert_eq!((w.node("a").seen().len(), w.router.retries(), w.router.routes().version()), (1, 0, 2));
    let asked = *w.meta.asked.lock() - asked;
    assert!((5..=10).contains(&asked), "looked from time to time: {asked}");
}

#[tokio::test(start_paused = true)]
async fn a_meta_server_that_hangs_holds_no_answer_up() {
    let mut w = World::of(&["a"]).await;
    *w.meta.hanging.lock() = Some(Vec::new());
    w.node("a").script(vec![Do::Late(Duration::from_millis(700))]);
    let started = now();
    assert_eq!(w.run(&["0:x"]).await, ["x@a"]);
    assert_eq!(started.elapsed().as_millis(), 700);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_soon_costs_no_question() {
    let mut w = World::of(&["a"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = *w.meta.asked.lock();
    for _ in 0..100 {
        w.node("a").script(vec![Do::Late(Duration::from_millis(100))]);
        assert_eq!(w.run(&["0:x"]).await, ["x@a"]);
    }
    assert_eq!((*w.meta.asked.lock(), w.router.retries()), (asked, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_costs_less_than_fifty_milliseconds() {
    for (refusal, after) in [(Refusal::NotPrimary, 0), (Refusal::NotReady, 1), (Refusal::NotPrimary, 5), (Refusal::NotReady, 20)] {
        let mut w = World::of(&["a"]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        w.node("a").script((0..100).map(|_| Do::Refuse(refusal)).collect());
        let meta = Arc::clone(&w.meta);
        let (started, after) = (now(), Duration::from_millis(after));
        let hand_over = async {
            tokio::time::sleep(after).await;
            *meta.routing.lock() = routing(2, &["b"]);
        };
        let (replies, ()) = tokio::join!(w.run(&["0:x"]), hand_over);
        assert_eq!(replies, ["x@b"]);
        let took = started.elapsed();
        assert!(took < Duration::from_millis(50), "{refusal:?} until {after:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_sessions_that_are_refused_ask_the_meta_server_once() {
    let w = World::of(&["a"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = *w.meta.asked.lock();
    let asking = (0..100).map(|_| w.router.refresh());
    for asked in asking {
        asked.await.unwrap();
    }
    assert_eq!(*w.meta.asked.lock(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn an_older_table_never_replaces_a_newer_one() {
    let w = World::of(&["a"]).await;
    *w.meta.routing.lock() = routing(5, &["b"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    w.router.refresh().await.unwrap();
    *w.meta.routing.lock() = routing(4, &["c", "c"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    w.router.refresh().await.unwrap();
    assert_eq!((w.router.routes().version(), w.router.routes().partitions()), (5, 1));
    assert_eq!(w.router.routes().partition_of(Slot::of(b"foo")), 0);
}

#[tokio::test(start_paused = true)]
async fn the_background_loop_hears_of_changes_and_stops() {
    let w = World::of(&["a"]).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let change = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        *w.meta.routing.lock() = routing(2, &["b", "c"]);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(w.router.routes().partitions(), 2);
        stop.cancel();
    };
    tokio::join!(w.router.run(stop.clone()), change);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_has_to_run_apart_keeps_its_place_among_the_others() {
    let mut w = World::of(&["a", "a"]).await;
    // Cut once, and what follows is cut again.
    w.node("a").script(vec![Do::Cut(1), Do::Reply, Do::Cut(1)]);
    assert_eq!(w.run(&["0:w", "0:long", "1:r", "0:x", "0:long2", "0:y"]).await, ["w@a", "long@a", "r@a", "x@a", "long2@a", "y@a"]);
    let seen = w.node("a").seen();
    assert_eq!(seen[1..], [vec!["0:long"], vec!["0:x", "0:long2", "0:y"], vec!["0:long2"], vec!["0:y"]]);
    let numbers: Vec<u64> = w.node("a").seen.lock().iter().map(|(request, _)| request.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5], "each is a request of its own: none is a retry");
}

#[tokio::test(start_paused = true)]
async fn what_is_always_cut_ends_with_patience() {
    let mut w = World::of(&["a"]).await;
    w.node("a").script((0..100_000).map(|_| Do::Cut(0)).collect());
    assert_eq!(w.run(&["0:x"]).await, ["Apart"]);
}

/// A long reply of so many bytes, at node `a`.
async fn long(w: &mut World, len: usize) -> Box<Long> {
    w.node("a").script(vec![Do::Long]);
    w.node("a").long.lock().0 = (0..len).map(|at| at as u8).collect();
    let call =
        Call { command: CommandId(0), database: Database(0), proto: Proto::Resp2, args: Args::copied(["x"]), limits: Limits::DEFAULT };
    match w.router.execute(&mut w.session, &[(0, call)]).await.pop() {
        Some(Told::Long(long)) => long,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_reply_comes_piece_by_piece_and_is_given_up_at_its_end() {
    let mut w = World::of(&["a"]).await;
    let mut reply = long(&mut w, 700_000).await;
    let broken = || Err(CallError::Broken("a".to_owned()));
    w.node("a").long.lock().1 = vec![broken(), Err(CallError::Timeout), Err(CallError::Overloaded)];
    let mut got = Vec::new();
    while let Some(piece) = reply.next().await.unwrap() {
        got.extend_from_slice(&piece);
    }
    assert_eq!(got, w.node("a").long.lock().0);
    drop(reply);
    const PIECE: u32 = 256 << 10;
    let at = |n: u64| Some((n * u64::from(PIECE), PIECE));
    assert_eq!(*w.node("a").pieces.lock(), [at(0), at(0), at(0), at(0), at(1), at(2), None]);
}

#[tokio::test(start_paused = true)]
async fn a_long_reply_that_cannot_be_had_says_why() {
    let mut w = World::of(&["a"]).await;
    let mut reply = long(&mut w, 700_000).await;
    w.node("a").long.lock().1 = vec![Ok(ControlResponse::Refused("ERR no room".to_owned()))];
    assert_eq!(reply.next().await.unwrap_err(), Lost::Refused("ERR no room".to_owned()));
    // Nonsense is none of it.
    let piece = |bytes: &'static [u8], total| Ok(ControlResponse::ReplyPiece { bytes: Bytes::from_static(bytes), total });
    for nonsense in [piece(b"", 9), piece(b"12345", 4), Ok(ControlResponse::Done)] {
        w.node("a").long.lock().1 = vec![nonsense];
        assert_eq!(reply.next().await.unwrap_err(), Lost::Gone(CallError::NotOffered));
    }
    // A node that is gone is not waited for for ever.
    w.node("a").long.lock().1 = (0..100_000).map(|_| Err(CallError::Unreachable("a".to_owned()))).collect();
    assert!(matches!(reply.next().await, Err(Lost::Gone(CallError::Unreachable(_)))));
    assert!(!reply.begun());
    w.node("a").long.lock().1.clear();
    assert_eq!(reply.whole(600_000).await.unwrap_err(), Lost::TooLong);
    assert_eq!(w.node("a").pieces.lock().last(), Some(&None), "it is given up");
}
