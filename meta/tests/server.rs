//! The meta server as nodes and clients meet it: through [`Service`], on its own thread, over the embedded store.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use meta::core::{Bootstrap, Options};
use meta::server::{Clock, Meta};
use meta::store::embedded::Embedded;
use net::local::Local;
use net::service::{CallError, Network, Pending, Service};
use types::id::{Ballot, Decree, NodeId, PartitionId, TableId};
use types::time::Time;
use wire::rpc::{Assignment, ControlRequest, ControlResponse, Execute, Executed, NodeReport, ReplicaReport, ReplicaState, Replicate};

/// A node that passes on what it is told.
struct Listener(Mutex<mpsc::Sender<Vec<Assignment>>>);

impl Service for Listener {
    fn execute(&self, _request: Execute) -> Pending<Executed> {
        Pending::ready(Err(CallError::NotOffered))
    }

    fn replicate(&self, _batch: Replicate) {}

    fn control(&self, request: ControlRequest, _patience: Duration) -> Pending<ControlResponse> {
        if let ControlRequest::Configure(assignments) = request {
            self.0.lock().unwrap().send(assignments).unwrap();
        }
        Pending::ready(Ok(ControlResponse::Done))
    }
}

struct House {
    meta: Arc<Meta>,
    network: Arc<Local>,
}

fn start(dir: &Path) -> House {
    let network = Arc::new(Local::new());
    // Every look at the clock takes a millisecond.
    let looks = AtomicU64::new(0);
    let clock: Clock = Arc::new(move || Time::at(Duration::from_millis(looks.fetch_add(1, Ordering::Relaxed))));
    let options = Options {
        bootstrap: Some(Bootstrap { table: "default".to_owned(), partitions: 2, replicas: 2, nodes: 2 }),
        silent_after: Duration::from_secs(3),
        dead_after: Duration::from_secs(60),
        min_write_members: 2,
        learns_max: 8,
        learns_per_node: 2,
    };
    let store = Box::new(Embedded::open(dir).unwrap());
    let meta = Meta::open(store, Arc::clone(&network) as Arc<dyn Network>, options, clock).unwrap();
    House { meta: Arc::new(meta), network }
}

impl House {
    fn listen(&self, node: &str) -> mpsc::Receiver<Vec<Assignment>> {
        let (sender, receiver) = mpsc::channel();
        self.network.insert(node, Arc::new(Listener(Mutex::new(sender))));
        receiver
    }

    async fn ask(&self, request: ControlRequest) -> ControlResponse {
        self.meta.control(request, PATIENCE).await.unwrap()
    }

    async fn report(&self, node: &str, ballot: Option<u64>) -> Vec<Assignment> {
        match self.ask(ControlRequest::Report(report(node, ballot))).await {
            ControlResponse::Assignments(assignments) => assignments,
            other => panic!("{other:?}"),
        }
    }
}

fn report(node: &str, ballot: Option<u64>) -> NodeReport {
    let replica = |ballot, index| ReplicaReport {
        partition: PartitionId { table: TableId(1), index },
        ballot: Ballot(ballot),
        prepared_ballot: Ballot(0),
        prepared: Decree(0),
        committed: Decree(0),
        state: ReplicaState::Waiting,
        lease: None,
    };
    let replicas = ballot.map_or_else(Vec::new, |ballot| vec![replica(ballot, 0), replica(ballot, 1)]);
    NodeReport { node: NodeId::new(node), address: format!("{node}:1"), zone: String::new(), incarnation: 1, replicas }
}

fn route(known: u64) -> ControlRequest {
    ControlRequest::Route { table: "default".to_owned(), known }
}

const PATIENCE: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn nodes_are_assigned_told_and_found_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let house = start(dir.path());
    let (n1, n2) = (house.listen("n1"), house.listen("n2"));
    assert_eq!(house.report("n1", None).await, []);
    assert_eq!(house.report("n2", None).await.len(), 2, "made with this report");
    assert_eq!(n1.recv_timeout(SOON).unwrap().len(), 2, "and n1 is told");

    assert!(house.report("n1", Some(0)).await.iter().all(|a| a.config.primary.is_none()));
    let appointed = house.report("n2", Some(0)).await;
    assert!(appointed.iter().all(|a| a.config.ballot == Ballot(1) && a.config.primary.is_some()), "{appointed:?}");
    assert_eq!(appointed[0].addresses, [(NodeId::new("n1"), "n1:1".to_owned())]);
    assert!(n1.recv_timeout(SOON).unwrap().iter().all(|a| a.config.ballot == Ballot(1)));
    assert!(n2.try_recv().is_err(), "who asked has its answer");

    let ControlResponse::Routing(routing) = house.ask(route(0)).await else { panic!("no routing") };
    assert_eq!(routing.partitions.iter().map(|config| config.primary.as_ref().unwrap().name()).collect::<Vec<_>>(), ["n1", "n2"]);
    assert_eq!(house.ask(route(routing.version)).await, ControlResponse::Unchanged);

    house.meta.close();
    let house = start(dir.path());
    assert_eq!(house.ask(route(0)).await, ControlResponse::Routing(routing));
}

#[tokio::test]
async fn it_is_no_replica_and_once_closed_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let House { meta, .. } = start(dir.path());
    let request = types::id::RequestId { session: 1, number: 1 };
    let execute = Execute { table: TableId(1), request, again: false, patience: PATIENCE, calls: Vec::new() };
    assert_eq!(meta.execute(execute).await, Err(CallError::NotOffered));
    assert_eq!(meta.control(ControlRequest::Ping, PATIENCE).await, Ok(ControlResponse::Done));
    meta.close();
    meta.close();
    assert!(matches!(meta.control(ControlRequest::Ping, PATIENCE).await, Err(CallError::Unreachable(_))));
    assert!(matches!(meta.control(route(0), PATIENCE).await, Err(CallError::Unreachable(_))));
}

#[tokio::test]
async fn what_waited_too_long_is_not_carried_out() {
    let dir = tempfile::tempdir().unwrap();
    let house = start(dir.path());
    house.report("n1", None).await;
    let make = ControlRequest::CreateTable { name: "t".to_owned(), partitions: 1, replicas: 1 };
    assert_eq!(house.meta.control(make.clone(), Duration::ZERO).await, Err(CallError::Timeout));
    assert_eq!(house.ask(make).await, ControlResponse::Done, "it was not there yet");
}
