//! A meta server and three replica nodes in this process, over the in-process network: what happens to groups, whatever the front end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use client::outcome::Outcome as Told;
use client::router::{Options as RouterOptions, Router};
use client::session::Session;
use commands::coprocessor::Redis;
use engine::shared::{Options as StoreOptions, Shared};
use meta::core::{Bootstrap, Options as MetaOptions};
use meta::server::Meta;
use meta::store::embedded::Embedded;
use net::local::Local;
use net::service::{CallError, Network, Pending, Service};
use parking_lot::Mutex;
use replica::clock::{Clock, SystemClock};
use replica::node::{Node, NodeOptions, NodeWorld};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use types::args::Args;
use types::id::{NodeId, PartitionId, RequestId, TableId};
use types::limits::Limits;
use types::slot::Slot;
use types::txn::{Call, Coprocessor, Database, Proto};
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Outcome, Refusal, ReplicaState, Replicate};

const PARTITIONS: u32 = 4;

/// The way to a node that may be closed and opened again: nobody but the test holds the node itself.
#[derive(Default)]
struct Door {
    node: Mutex<Option<Arc<Node>>>,
    trouble: Mutex<Trouble>,
    tasks: TaskTracker,
}

/// What learners asked a node for, and how to disturb them.
#[derive(Default)]
struct Trouble {
    on: bool,
    /// Session, file, place; and whether the piece arrived whole.
    asked: Vec<(u64, u32, u64, bool)>,
}

impl Door {
    /// Every seventh piece does not come, every ninth is changed on its way.
    fn disturbed(&self, node: &Node, request: ControlRequest, patience: Duration) -> Pending<ControlResponse> {
        let &ControlRequest::LearnFetch { session, file, offset, .. } = &request else { return node.control(request, patience) };
        let mut trouble = self.trouble.lock();
        let number = trouble.asked.len();
        let (lost, changed) = (number % 7 == 1, number % 9 == 2);
        trouble.asked.push((session, file, offset, !lost && !changed));
        let (sender, pending) = Pending::waiting();
        let answer = node.control(request, patience);
        self.tasks.spawn(async move {
            let answer = match answer.await {
                _ if lost => Err(CallError::Unreachable("disturbed".to_owned())),
                Ok(ControlResponse::LearnChunk { bytes, crc }) if changed => {
                    let mut bytes = bytes.to_vec();
                    bytes[0] ^= 1;
                    Ok(ControlResponse::LearnChunk { bytes: bytes.into(), crc })
                }
                answer => answer,
            };
            let _ = sender.send(answer); // who asked may have given up
        });
        pending
    }
}

impl Service for Door {
    fn execute(&self, request: Execute) -> Pending<Executed> {
        match &*self.node.lock() {
            Some(node) => node.execute(request),
            None => Pending::ready(Err(CallError::Unreachable("closed".to_owned()))),
        }
    }

    fn replicate(&self, batch: Replicate) {
        if let Some(node) = &*self.node.lock() {
            node.replicate(batch);
        }
    }

    fn control(&self, request: ControlRequest, patience: Duration) -> Pending<ControlResponse> {
        match &*self.node.lock() {
            Some(node) if self.trouble.lock().on => self.disturbed(node, request, patience),
            Some(node) => node.control(request, patience),
            None => Pending::ready(Err(CallError::Unreachable("closed".to_owned()))),
        }
    }
}

struct Cluster {
    doors: Vec<Arc<Door>>,
    local: Arc<Local>,
    meta: Arc<Meta>,
    shared: Shared,
    nodes: Vec<Option<Arc<Node>>>,
    router: Router,
    session: Session,
}

impl Cluster {
    async fn start(data: &Path) -> Cluster {
        let local = Arc::new(Local::new());
        let clock = SystemClock::new();
        let bootstrap = Bootstrap { table: "default".to_owned(), partitions: PARTITIONS, replicas: 3, nodes: 3 };
        let options = MetaOptions {
            bootstrap: Some(bootstrap),
            silent_after: Duration::from_secs(3),
            dead_after: Duration::from_secs(60),
            min_write_members: 2,
            learns_max: 8,
            learns_per_node: 2,
        };
        let store = Box::new(Embedded::open(&data.join("meta")).expect("a store"));
        let meta = Meta::open(store, Arc::clone(&local) as _, options, Arc::new(move || clock.now())).expect("a meta server");
        let meta = Arc::new(meta);
        let metas: Vec<Arc<dyn Service>> = vec![Arc::clone(&meta) as _];
        let router = Router::new(Arc::clone(&local) as _, metas, "default", RouterOptions::default());
        let options = StoreOptions { cache_bytes: 32 << 20, memtable_bytes: 32 << 20, ..engine::shared::DEFAULT_OPTIONS };
        let shared = Shared::new(&options).expect("memory");
        let mut cluster = Cluster { doors: vec![], local, meta, shared, nodes: vec![None, None, None], router, session: Session::new(1) };
        for number in 0..3 {
            cluster.doors.push(Arc::default());
            cluster.local.insert(&format!("node-{number}"), Arc::clone(&cluster.doors[number]) as _);
            cluster.open(data, number);
        }
        cluster.settled().await;
        cluster
    }

    fn open(&mut self, data: &Path, number: usize) {
        let name = format!("node-{number}");
        let options = NodeOptions {
            node: NodeId::new(&name),
            zone: String::new(),
            address: format!("{name}:1"),
            data: data.join(&name),
            pool_threads: 2,
            pipeline_max: 8,
            queue_max: 1000,
            sessions_max: 1000,
            lease: Duration::from_secs(2),
            grace: Duration::from_millis(2500),
            beacon: Duration::from_millis(500),
            min_write_members: 2,
            learn_rate: 64 << 20,
            learn_concurrent_max: 2,
            reply_spool_max: 64 << 20,
            log: pegasus_log::options::Options {
                segment_bytes: 1 << 20,
                retain_bytes: 1 << 20,
                bytes_max: 8 << 20,
                ..pegasus_log::options::Options::new(pegasus_log::options::Sync::Always)
            },
        };
        let world = NodeWorld {
            clock: Arc::new(SystemClock::new()),
            machine: Arc::new(replica::machine::ThisMachine),
            coprocessor: Arc::new(Redis),
            network: Arc::clone(&self.local) as Arc<dyn Network>,
            meta: Arc::clone(&self.meta) as _,
            shared: self.shared.clone(),
            runtimes: vec![Handle::current(), Handle::current()],
        };
        let node = Node::open(options, world).expect("a node");
        *self.doors[number].node.lock() = Some(Arc::clone(&node));
        self.nodes[number] = Some(node);
    }

    /// Closes a node and waits until its files are free.
    async fn close(&mut self, number: usize) {
        let node = self.nodes[number].take().expect("it runs");
        self.doors[number].node.lock().take();
        node.close(Duration::from_millis(300)).await;
        while Arc::strong_count(&node) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until every group has a serving primary and two secondaries.
    async fn settled(&self) {
        for _ in 0..6000 {
            let states: Vec<ReplicaState> = self.nodes.iter().flatten().flat_map(|n| n.replicas()).map(|r| r.state).collect();
            let count = |state| states.iter().filter(|s| **s == state).count();
            if count(ReplicaState::Primary) == PARTITIONS as usize && count(ReplicaState::Secondary) == 2 * PARTITIONS as usize {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let states: Vec<_> = self.nodes.iter().flatten().map(|n| (n.name().clone(), n.replicas())).collect();
        panic!("the groups do not settle: {states:#?}");
    }

    async fn call(&mut self, args: &[&str]) -> String {
        match self.router.execute(&mut self.session, &[call(args)]).await.pop() {
            Some(Told::Reply(reply)) => String::from_utf8_lossy(&reply).trim_end().to_owned(),
            other => panic!("{args:?}: {other:?}"),
        }
    }
}

fn call(args: &[&str]) -> (u32, Call) {
    let args = Args::copied(args);
    let slot = Slot::of(args.at(1));
    let command = Redis.resolve(&args).expect("a command");
    (
        types::group::partition_of(slot, PARTITIONS),
        Call { command, database: Database(0), proto: Proto::Resp2, args, limits: Limits::DEFAULT },
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_write_is_applied_once_also_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = Cluster::start(dir.path()).await;
    assert_eq!(cluster.call(&["INCR", "n"]).await, ":1");
    let (partition, incr) = call(&["INCR", "n"]);
    let execute = |number| Execute {
        table: TableId(1),
        request: RequestId { session: 77, number },
        again: false,
        patience: Duration::from_secs(5),
        calls: vec![(partition, incr.clone())],
    };
    let table = cluster.router.routes();
    let execute = move |number| Execute { table: table.table(), ..execute(number) };
    let at_primary = async |cluster: &Cluster, request: Execute| {
        for node in cluster.nodes.iter().flatten() {
            let executed = node.execute(request.clone()).await.expect("no failure");
            if let Outcome::Reply(reply) = &executed.outcomes[0] {
                return String::from_utf8_lossy(reply).trim_end().to_owned();
            }
        }
        panic!("nobody is primary")
    };
    assert_eq!(at_primary(&cluster, execute(1)).await, ":2");
    assert_eq!(at_primary(&cluster, execute(1)).await, ":2", "the first reply again");
    assert_eq!(at_primary(&cluster, execute(2)).await, ":3");
    for number in 0..3 {
        cluster.close(number).await;
    }
    for number in 0..3 {
        cluster.open(dir.path(), number);
    }
    cluster.settled().await;
    assert_eq!(at_primary(&cluster, execute(2)).await, ":3", "the table of sessions is rebuilt from the log");
    assert_eq!(cluster.call(&["GET", "n"]).await, "$1\r\n3");

    let (_, setnx) = call(&["SETNX", "n", "x"]);
    let setnx = |again| Execute { again, calls: vec![(partition, setnx.clone())], ..execute(3) };
    assert_eq!(at_primary(&cluster, setnx(true)).await, ":0");
    assert_eq!(cluster.call(&["DEL", "n"]).await, ":1");
    assert_eq!(at_primary(&cluster, setnx(false)).await, ":0", "the first attempt arrives after the second was answered");
    assert_eq!(cluster.call(&["EXISTS", "n"]).await, ":0");
}

/// A long read in the middle of writes: what comes before it is done, once, and the rest is not, however often that is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_cut_where_a_long_read_comes_and_its_retries_are_cut_there_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = Cluster::start(dir.path()).await;
    let part = "x".repeat(10_000);
    for _ in 0..150 {
        cluster.call(&["RPUSH", "{n}list", &part]).await;
    }
    let table = cluster.router.routes().table();
    let words = [&["INCR", "{n}"][..], &["LRANGE", "{n}list", "0", "-1"], &["DEL", "{n}list"], &["INCR", "{n}"]];
    let request = |number, again, from: usize| Execute {
        table,
        request: RequestId { session: 78, number },
        again,
        patience: Duration::from_secs(5),
        calls: words[from..].iter().map(|words| call(words)).collect(),
    };
    let at_primary = async |cluster: &Cluster, request: Execute| {
        for node in cluster.nodes.iter().flatten() {
            let outcomes = node.execute(request.clone()).await.expect("no failure").outcomes;
            if outcomes[0] != Outcome::Refused(Refusal::NotPrimary) {
                return outcomes;
            }
        }
        panic!("nobody is primary")
    };
    let apart = || Outcome::Refused(Refusal::Apart);
    let one = Outcome::Reply(b":1\r\n".as_slice().into());
    for again in [false, true, true, false] {
        assert_eq!(at_primary(&cluster, request(1, again, 0)).await, [one.clone(), apart(), apart(), apart()]);
    }
    // A retry that does nothing at all is remembered, too: the list is short by the time the first attempt arrives.
    assert_eq!(at_primary(&cluster, request(2, true, 1)).await, [apart(), apart(), apart()]);
    assert_eq!(cluster.call(&["LTRIM", "{n}list", "0", "0"]).await, "+OK");
    assert_eq!(at_primary(&cluster, request(2, false, 1)).await, [apart(), apart(), apart()]);
    assert_eq!(cluster.call(&["LLEN", "{n}list"]).await, ":1");
    assert_eq!(cluster.call(&["GET", "{n}"]).await, "$1\r\n1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_goes_on_without_a_member_and_the_member_catches_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = Cluster::start(dir.path()).await;
    for round in 0..3 {
        for i in 0..100 {
            assert_eq!(cluster.call(&["SET", &format!("k{i}"), &format!("{round}")]).await, "+OK");
        }
        cluster.close(round).await;
        // The others remove it, or take its place, and go on.
        for i in 0..100 {
            assert_eq!(cluster.call(&["SET", &format!("away{i}"), &format!("{round}")]).await, "+OK");
        }
        cluster.open(dir.path(), round);
        cluster.settled().await;
        for i in 0..100 {
            for key in ["k", "away"] {
                assert_eq!(cluster.call(&["GET", &format!("{key}{i}")]).await, format!("$1\r\n{round}"), "round {round}, {key}{i}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_fetched_whole_whatever_happens_to_its_pieces() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = Cluster::start(dir.path()).await;
    // More than the log keeps.
    let value = |i: u32| format!("{i}:{}", "x".repeat(16_000));
    for i in 0..1500 {
        assert_eq!(cluster.call(&["SET", &format!("k{i}"), &value(i)]).await, "+OK");
    }
    cluster.close(2).await;
    std::fs::remove_dir_all(dir.path().join("node-2")).expect("its disk is replaced");
    cluster.doors.iter().for_each(|door| door.trouble.lock().on = true);
    cluster.open(dir.path(), 2);
    cluster.settled().await;

    for door in &cluster.doors {
        let trouble = door.trouble.lock();
        let mut asked = trouble.asked.clone();
        asked.sort_by_key(|(session, ..)| *session); // each learner asks for one piece after the other
        for pair in asked.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let ((_, file, offset, whole), (_, next_file, next, _)) = (pair[0], pair[1]);
            assert!(whole || (file, offset) == (next_file, next), "what did not arrive is asked for again: {pair:?}");
            assert!(!whole || next_file > file || next > offset, "and nothing else: {pair:?}");
        }
    }
    let pieces: usize = cluster.doors.iter().map(|door| door.trouble.lock().asked.len()).sum();
    assert!(pieces > 40, "{pieces} pieces: that was no checkpoint");

    for index in 0..PARTITIONS {
        let (partition, to) = (PartitionId { table: TableId(1), index }, NodeId::new("node-2"));
        cluster.meta.control(ControlRequest::MovePrimary { partition, to }, Duration::from_secs(5)).await.expect("the meta server");
    }
    let leads = |cluster: &Cluster| {
        let node = cluster.nodes[2].as_ref().expect("it runs");
        node.replicas().iter().filter(|replica| replica.state == ReplicaState::Primary).count()
    };
    for _ in 0..2000 {
        if leads(&cluster) == PARTITIONS as usize {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(leads(&cluster), PARTITIONS as usize);
    for i in 0..1500 {
        let value = value(i);
        assert_eq!(cluster.call(&["GET", &format!("k{i}")]).await, format!("${}\r\n{value}", value.len()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_is_removed_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = Cluster::start(dir.path()).await;
    for i in 0..50 {
        cluster.call(&["SET", &format!("k{i}"), "v", "PX", "50"]).await;
    }
    cluster.call(&["HSET", "stays", "field", "v", "goes", &"v".repeat(1000)]).await;
    cluster.call(&["HPEXPIRE", "stays", "50", "FIELDS", "1", "goes"]).await;
    let mut left = 0;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let (partition, _) = call(&["HGETALL", "stays"]);
        let (_, usage) = call(&["MEMORY", "USAGE", "stays"]);
        let swept = match cluster.router.execute(&mut cluster.session, &[(partition, usage)]).await.pop() {
            Some(Told::Reply(reply)) => resp::walk::parse_integer(&reply).expect("a number") < 1000,
            other => panic!("{other:?}"),
        };
        left = 0;
        for partition in 0..PARTITIONS {
            let args = Args::copied(["DBSIZE"]);
            let command = Redis.resolve(&args).expect("a command");
            let dbsize = Call { command, database: Database(0), proto: Proto::Resp2, args, limits: Limits::DEFAULT };
            match cluster.router.execute(&mut cluster.session, &[(partition, dbsize)]).await.pop() {
                Some(Told::Reply(reply)) => left += resp::walk::parse_integer(&reply).expect("a number"),
                other => panic!("{other:?}"),
            }
        }
        if left == 1 && swept {
            return;
        }
    }
    panic!("{left} keys are left, or the field");
}
