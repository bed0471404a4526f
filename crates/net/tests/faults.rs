//! Calls over connections, when something is wrong.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use common::*;
use net::service::{CallError, Network};
use net::tcp::options::{Identity, Options};
use net::tcp::pool::{Phase, Pool};
use net::tcp::server::serve_stream;
use net::tcp::transport::Connect;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use types::id::NodeId;
use wire::execute::{self as bytes_of, ExecutedDecoder};
use wire::frame::{self, Draft, Kind, Limits};
use wire::hello::{Hello, Lane, VERSIONS, Welcome};
use wire::outgoing::Outgoing;
use wire::rpc::{ControlRequest, Execute, Outcome, Refusal, Replicate};

fn is_unreachable<T: std::fmt::Debug>(answer: &Result<T, CallError>) -> bool {
    matches!(answer, Err(CallError::Unreachable(_)))
}

#[tokio::test]
async fn nobody_there_is_told_soon_and_somebody_who_comes_is_found() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("bind").local_addr().expect("bound").to_string();
    let pool = pool(options());
    let node = reach(&pool, &free);
    let answer = timeout(Duration::from_secs(2), node.execute(execute(1, &["ECHO", "x"]))).await.expect("in time");
    assert!(is_unreachable(&answer), "{answer:?}");
    let server = Listening::at(&free, "n1", options()).await;
    for attempt in 0.. {
        match node.execute(execute(2, &["ECHO", "x"])).await {
            Ok(_) => break,
            error => assert!(attempt < 200 && is_unreachable(&error), "{error:?}"),
        }
        sleep(Duration::from_millis(5)).await;
    }
    // And after a restart as well; in between nothing is known about what was under way.
    let held = node.execute(execute(3, &["HOLD"]));
    until("the call is held", || server.node.held() == 1).await;
    server.node.lose();
    assert!(matches!(held.await, Err(CallError::Broken(_))));
    server.stop().await;
    let server = Listening::at(&free, "n1", options()).await;
    for attempt in 0.. {
        match node.execute(execute(4, &["ECHO", "x"])).await {
            Ok(_) => break,
            error => assert!(attempt < 200, "{error:?}"),
        }
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.node.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn another_cluster_or_another_node_is_not_talked_to() {
    let server = Listening::start(options()).await;
    let other = Identity { cluster: "other".into(), node: "client".into() };
    let stranger = Pool::new(other, options(), Handle::current());
    assert!(is_unreachable(&reach(&stranger, &server.address).execute(execute(1, &["ECHO", "x"])).await));
    let pool = pool(options());
    let wrong = pool.node(&NodeId::new("n2"), &server.address);
    assert!(is_unreachable(&wrong.execute(execute(1, &["ECHO", "x"])).await));
    assert_eq!(server.node.calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_listener_that_does_not_greet_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let pool = pool(options());
    let node = reach(&pool, &silent.local_addr().expect("bound").to_string());
    let impatient = node.execute(patient(execute(1, &["ECHO", "x"]), 50));
    let answer = timeout(Duration::from_secs(2), node.execute(execute(1, &["ECHO", "x"]))).await.expect("in time");
    assert!(is_unreachable(&answer), "{answer:?}");
    assert_eq!(impatient.await, Err(CallError::Timeout));
}

#[tokio::test]
async fn patience_ends_and_a_late_answer_harms_nobody() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    let long = node.execute(execute(1, &["HOLD"]));
    let short = node.execute(patient(execute(2, &["HOLD"]), 50));
    assert_eq!(short.await, Err(CallError::Timeout));
    assert_eq!(node.control(ControlRequest::Cluster, Duration::from_millis(50)).await, Err(CallError::Timeout));
    server.node.release();
    assert_eq!(long.await, reply("held"));
    assert_eq!(node.execute(execute(3, &["ECHO", "after"])).await, reply("after"));
    assert!(pool.stats().iter().all(|lane| lane.phase != Phase::Up || lane.lane == Lane::Control || lane.in_flight == 0));
}

#[tokio::test]
async fn too_many_requests_are_refused_and_the_others_go_on() {
    let server = Listening::start(options()).await;
    let pool = pool(Options { in_flight_max: 3, ..options() });
    let node = reach(&pool, &server.address);
    let held: Vec<_> = (0..3).map(|number| node.execute(execute(number, &["HOLD"]))).collect();
    assert_eq!(node.execute(execute(9, &["ECHO", "x"])).await, Err(CallError::Overloaded));
    until("three are held", || server.node.held() == 3).await;
    server.node.release();
    for answer in held {
        assert_eq!(answer.await, reply("held"));
    }
    assert_eq!(node.execute(execute(10, &["ECHO", "x"])).await, reply("x"));
}

/// Accepts one connection, welcomes it, and never reads again.
async fn deaf_server() -> (String, tokio::task::JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("bound").to_string();
    let serving = spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accept");
        let mut buffer = BytesMut::new();
        while Hello::take(&mut buffer).expect("a hello").is_none() {
            stream.read_buf(&mut buffer).await.expect("read");
        }
        stream.write_all(&Welcome::Accepted { version: 1, node: "n1".into() }.encode()).await.expect("write");
        stream
    });
    (address, serving)
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_refused_more_and_does_not_fill_our_memory() {
    let (address, serving) = deaf_server().await;
    let pool = pool(Options { queue_bytes_max: 1 << 20, ..options() });
    let node = reach(&pool, &address);
    let large = "x".repeat(100_000);
    let mut pending = Vec::new();
    let mut refused = 0;
    for number in 0..2000 {
        let mut answer = node.execute(execute(number, &["ECHO", &large]));
        if let net::service::Pending::Ready(answer) = &mut answer {
            assert_eq!(answer.take(), Some(Err(CallError::Overloaded)));
            refused += 1;
        } else {
            pending.push(answer);
        }
        tokio::task::yield_now().await;
    }
    assert!(refused > 1500, "{refused} of 2000 refused: what the kernel takes and two queues fit, no more");
    assert!(pool.stats().iter().all(|lane| lane.queued_bytes < (1 << 20) + 200_000));
    // What has left in part is lost, what has not is known to be unsent.
    drop(serving.await.expect("a stream"));
    let (mut broken, mut unsent) = (0, 0);
    for answer in pending {
        match answer.await {
            Err(CallError::Broken(_)) => {
                assert_eq!(unsent, 0, "sent in order");
                broken += 1;
            }
            answer if is_unreachable(&answer) => unsent += 1,
            answer => panic!("{answer:?}"),
        }
    }
    assert!(broken > 0 && unsent > 5, "{broken} broken, {unsent} unsent");
}

#[tokio::test]
async fn a_peer_that_nobody_holds_is_disconnected_from() {
    let (address, serving) = deaf_server().await;
    let pool = pool(options());
    let node = reach(&pool, &address);
    let unanswered = node.execute(patient(execute(1, &["ECHO", "x"]), 100));
    let mut stream = serving.await.expect("a stream");
    drop(node);
    let _ = reach(&pool, "127.0.0.1:1");
    let mut all = Vec::new();
    timeout(Duration::from_secs(2), stream.read_to_end(&mut all)).await.expect("ends").expect("well");
    assert!(!all.is_empty());
    assert_eq!(unanswered.await, Err(CallError::Timeout));
}

#[tokio::test]
async fn messages_of_groups_that_find_no_room_are_dropped_and_counted() {
    let (address, _serving) = deaf_server().await;
    let pool = pool(Options { queue_bytes_max: 1 << 20, ..options() });
    let node = reach(&pool, &address);
    let message = || pacifica::message::Message::Prepare {
        ballot: types::id::Ballot(1),
        committed: types::id::Decree(0),
        sent: types::time::Time::default(),
        mutations: vec![pacifica::message::Mutation {
            ballot: types::id::Ballot(1),
            decree: types::id::Decree(1),
            committed: types::id::Decree(0),
            fence: false,
            body: vec![0; 100_000].into(),
        }],
    };
    let partition = types::id::PartitionId { table: types::id::TableId(1), index: 0 };
    for _ in 0..2000 {
        node.replicate(Replicate { from: NodeId::new("client"), messages: vec![(partition, message())] });
        tokio::task::yield_now().await;
    }
    assert!(pool.stats().iter().map(|lane| lane.dropped).sum::<u64>() > 1500);
}

#[tokio::test]
async fn what_is_too_large_for_a_frame_is_refused_either_way() {
    let limits = Limits { frame_max: 100_000, head_max: 10_000 };
    let server = Listening::start(Options { limits, ..options() }).await;
    let pool = pool(Options { limits, ..options() });
    let node = reach(&pool, &server.address);
    let large = "x".repeat(100_000);
    let executed = node.execute(execute(1, &["ECHO", &large])).await.expect("answered here");
    assert_eq!(executed.outcomes, [Outcome::Refused(Refusal::TooLarge)]);
    let executed = node.execute(execute(2, &["BIG", "100000"])).await.expect("answered");
    assert_eq!(executed.outcomes, [Outcome::Refused(Refusal::Unknown)]);
    assert_eq!(*server.node.executed.lock(), [2]);
    assert_eq!(node.execute(execute(3, &["ECHO", "x"])).await, reply("x"));
}

#[tokio::test]
async fn a_server_that_stops_answers_what_is_under_way_and_nothing_more() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    let held = node.execute(execute(1, &["HOLD"]));
    until("the call is held", || server.node.held() == 1).await;
    server.stop.cancel();
    sleep(Duration::from_millis(30)).await;
    let late = node.execute(execute(2, &["ECHO", "x"]));
    server.node.release();
    assert_eq!(held.await, reply("held"));
    assert!(late.await.is_err());
    timeout(Duration::from_secs(1), server.serving).await.expect("ends").expect("well");
    assert_eq!(*server.node.executed.lock(), [1]);
}

#[tokio::test]
async fn a_closed_pool_reaches_nobody() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    let held = node.execute(execute(1, &["HOLD"]));
    until("the call is held", || server.node.held() == 1).await;
    timeout(Duration::from_secs(1), pool.close()).await.expect("closes");
    assert!(matches!(held.await, Err(CallError::Broken(_))));
    assert!(is_unreachable(&node.execute(execute(2, &["ECHO", "x"])).await));
}

/// A client that speaks bytes, over a pipe.
struct Raw {
    stream: DuplexStream,
    buffer: BytesMut,
}

impl Raw {
    async fn connect(node: &Arc<Node>, options: Options, pipe: usize) -> Raw {
        let (mut stream, theirs) = duplex(pipe);
        let server = server(node, "n1", options);
        spawn(async move { serve_stream(theirs, "a pipe", &server, CancellationToken::new()).await });
        let (cluster, us) = ("test".to_owned(), "client".to_owned());
        let hello = Hello { versions: VERSIONS, lane: Lane::Data, cluster, node: us, expected: String::new() };
        stream.write_all(&hello.encode()).await.expect("write");
        let mut buffer = BytesMut::new();
        while Welcome::take(&mut buffer).expect("a welcome").is_none() {
            stream.read_buf(&mut buffer).await.expect("read");
        }
        Raw { stream, buffer }
    }

    async fn frame(&mut self) -> frame::Frame {
        loop {
            if let Some(frame) = frame::take(&mut self.buffer, &Limits::default()).expect("a frame") {
                return frame;
            }
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.expect("read"), 0, "closed");
        }
    }
}

fn encoded(request: &Execute, id: u64) -> Vec<u8> {
    let mut out = Outgoing::default();
    bytes_of::draft(request, true).write(id, &mut out);
    let mut bytes = vec![0; bytes::Buf::remaining(&out)];
    bytes::Buf::copy_to_slice(&mut out, &mut bytes);
    bytes
}

#[tokio::test]
async fn a_request_of_a_newer_version_is_answered_with_a_no() {
    let node = Arc::new(Node::default());
    let mut raw = Raw::connect(&node, options(), 4096).await;
    let mut unknown = vec![0; frame::HEADER];
    unknown[0] = 24;
    unknown[4] = 99;
    unknown[8] = 5;
    raw.stream.write_all(&unknown).await.expect("write");
    // The same without an id is not answered at all.
    unknown[8] = 0;
    raw.stream.write_all(&unknown).await.expect("write");
    raw.stream.write_all(&encoded(&execute(1, &["ECHO", "x"]), 6)).await.expect("write");
    let first = raw.frame().await;
    assert_eq!((first.kind, first.request), (Kind::FAILED, 5));
    let second = raw.frame().await;
    assert_eq!((second.kind, second.request), (Kind::EXECUTED, 6));
    assert_eq!(Ok(ExecutedDecoder::default().decode(&second).expect("decodes")), reply("x"));
}

#[tokio::test]
async fn damage_and_nonsense_end_the_connection() {
    let node = Arc::new(Node::default());
    let mut damaged = encoded(&execute(1, &["ECHO", "x"]), 6);
    *damaged.last_mut().expect("bytes") ^= 1;
    for bytes in [damaged, vec![0xff; 64]] {
        let mut raw = Raw::connect(&node, options(), 4096).await;
        raw.stream.write_all(&bytes).await.expect("write");
        let read = timeout(Duration::from_secs(2), raw.stream.read_u8()).await.expect("closed");
        assert!(read.is_err());
    }
    assert_eq!(node.calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_from() {
    let node = Arc::new(Node::default());
    let mut raw = Raw::connect(&node, Options { queue_bytes_max: 1 << 20, ..options() }, 4096).await;
    let (mut reader, mut writer) = tokio::io::split(raw.stream);
    let writing = spawn(async move {
        for id in 1..=1000 {
            writer.write_all(&encoded(&execute(id, &["BIG", "100000"]), id)).await.expect("write");
        }
    });
    sleep(Duration::from_millis(200)).await;
    let served = node.calls.load(Ordering::Relaxed);
    assert_eq!(served, 11, "so many replies fill the queue");
    assert!(!writing.is_finished());
    // All are answered once it reads.
    let mut answered = 0;
    while answered < 1000 {
        match frame::take(&mut raw.buffer, &Limits::default()).expect("frames") {
            Some(_) => answered += 1,
            None => assert_ne!(reader.read_buf(&mut raw.buffer).await.expect("read"), 0),
        }
    }
    writing.await.expect("all written");
}

#[tokio::test]
async fn a_client_with_too_much_under_way_is_not_read_from() {
    let node = Arc::new(Node::default());
    let raw = Raw::connect(&node, Options { in_flight_max: 8, ..options() }, 256).await;
    let (_reader, mut writer) = tokio::io::split(raw.stream);
    let writing = spawn(async move {
        for id in 1..=100 {
            writer.write_all(&encoded(&execute(id, &["HOLD"]), id)).await.expect("write");
        }
    });
    until("eight are held", || node.held() >= 8).await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(node.held(), 8);
    assert!(!writing.is_finished());
    // As answers leave, requests come in.
    for round in 1..=12 {
        node.release();
        until("the next eight are held", || node.calls.load(Ordering::Relaxed) >= (8 * (round + 1)).min(100)).await;
        assert!(node.held() <= 8);
    }
    writing.await.expect("all written");
}

/// Counts whom a pool says to be gone.
fn count_gone(pool: &Pool) -> Arc<parking_lot::Mutex<Vec<NodeId>>> {
    let told: Arc<parking_lot::Mutex<Vec<NodeId>>> = Arc::default();
    let gone = Arc::clone(&told);
    pool.on_gone(Arc::new(move |node| gone.lock().push(node.clone())));
    told
}

/// Connects all lanes of `node`.
async fn connect_all(node: &Arc<dyn net::service::Service>) {
    node.replicate(Replicate { from: NodeId::new("client"), messages: Vec::new() });
    node.execute(execute(1, &["ECHO", "x"])).await.expect("answered");
    node.control(ControlRequest::Ping, Duration::from_secs(1)).await.expect("answered");
    sleep(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn a_node_whose_process_ended_is_told_to_be_gone_once_each_time() {
    let pool = pool(options());
    let told = count_gone(&pool);
    let server = Listening::start(options()).await;
    let (node, address) = (reach(&pool, &server.address), server.address.clone());
    connect_all(&node).await;
    server.stop().await;
    until("it is told", || !told.lock().is_empty()).await;
    for round in 1..=2 {
        sleep(Duration::from_millis(100)).await;
        // It stays away, and is still sent to.
        node.replicate(Replicate { from: NodeId::new("client"), messages: Vec::new() });
        sleep(Duration::from_millis(100)).await;
        assert_eq!(*told.lock(), vec![NodeId::new("n1"); round]);
        let server = Listening::at(&address, "n1", options()).await;
        connect_all(&node).await;
        server.stop().await;
        until("it is told", || told.lock().len() > round).await;
    }
}

#[tokio::test]
async fn a_connection_to_a_named_node_that_breaks_is_made_again_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let pool = pool(Options { backoff_min: Duration::from_secs(60), backoff_max: Duration::from_secs(60), ..options() });
    let told = count_gone(&pool);
    let node = reach(&pool, &listener.local_addr().expect("bound").to_string());
    node.replicate(Replicate { from: NodeId::new("client"), messages: Vec::new() });
    for _ in 0..3 {
        let (mut stream, _) = timeout(Duration::from_secs(2), listener.accept()).await.expect("soon").expect("accept");
        let mut buffer = BytesMut::new();
        while Hello::take(&mut buffer).expect("a hello").is_none() {
            stream.read_buf(&mut buffer).await.expect("read");
        }
        stream.write_all(&Welcome::Accepted { version: 1, node: "n1".into() }.encode()).await.expect("write");
        sleep(Duration::from_millis(150)).await;
    }
    assert!(told.lock().is_empty(), "somebody listens there");
    // One that is known by its address only is connected to when there is something to send.
    let nameless = pool.address("127.0.0.1:1");
    assert!(is_unreachable(&nameless.execute(execute(1, &["ECHO", "x"])).await));
    assert!(told.lock().is_empty());
}

/// Connects within the process: what a simulated network would do.
struct Pipes(Arc<Node>);

impl Connect for Pipes {
    type Stream = DuplexStream;

    async fn connect(&self, address: &str) -> std::io::Result<DuplexStream> {
        let (ours, theirs) = duplex(1000);
        let (server, name) = (server(&self.0, "n1", options()), address.to_owned());
        spawn(async move { serve_stream(theirs, &name, &server, CancellationToken::new()).await });
        Ok(ours)
    }
}

#[tokio::test]
async fn any_stream_will_do() {
    let node = Arc::new(Node::default());
    let pool = Pool::over(Pipes(Arc::clone(&node)), identity("client"), options(), Handle::current());
    let peer = pool.node(&NodeId::new("n1"), "somewhere");
    let pending: Vec<_> = (0..500).map(|number| peer.execute(execute(number, &["ECHO", "x"]))).collect();
    for answer in pending {
        assert_eq!(answer.await, reply("x"));
    }
    assert_eq!(node.calls.load(Ordering::Relaxed), 500);
}
