//! Calls over connections, when all is well.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::*;
use net::service::{CallError, Network};
use net::tcp::pool::Phase;
use pacifica::message::{Message, Mutation};
use types::id::{Ballot, Decree, NodeId, PartitionId, TableId};
use types::txn::CommandId;
use wire::hello::Lane;
use wire::rpc::{ControlRequest, ControlResponse, Outcome, Replicate, UNRESOLVED};

#[tokio::test]
async fn a_call_is_answered_at_once_or_later() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    assert_eq!(node.execute(execute(1, &["ECHO", "hello"])).await, reply("hello"));
    let held = node.execute(execute(2, &["HOLD"]));
    until("the call is held", || server.node.held() == 1).await;
    server.node.release();
    assert_eq!(held.await, reply("held"));
    let patience = Duration::from_millis(1500);
    assert_eq!(node.control(ControlRequest::Ping, patience).await, Ok(ControlResponse::Done));
    let route = ControlRequest::Route { table: "t".into(), known: 0 };
    assert_eq!(node.control(route, patience).await, Ok(ControlResponse::Refused("1.5s".into())));
    assert_eq!(node.control(ControlRequest::Configure(Vec::new()), patience).await, Err(CallError::NotOffered));
    assert_eq!(node.execute(execute(3, &["FAIL"])).await, Err(CallError::Overloaded));
    server.stop().await;
}

#[tokio::test]
async fn commands_are_resolved_where_they_arrive() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    node.execute(execute(1, &["ECHO", "x"])).await.expect("answered");
    node.execute(execute(2, &["FROB"])).await.expect("answered");
    assert_eq!(*server.node.commands.lock(), [CommandId(2), UNRESOLVED]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_arrive_in_the_order_they_were_made() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    // Large and small, answered at once and later: nothing overtakes.
    let large = "x".repeat(100_000);
    let mut pending = Vec::new();
    for number in 0..2000 {
        let words: &[&str] = match number % 50 {
            0 => &["ECHO", &large],
            1 => &["HOLD"],
            _ => &["ECHO", "small"],
        };
        pending.push(node.execute(execute(number, words)));
    }
    until("all have arrived", || server.node.executed.lock().len() == 2000).await;
    server.node.release();
    for answer in pending {
        answer.await.expect("answered");
    }
    assert!(server.node.executed.lock().iter().copied().eq(0..2000));
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_one_before() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    let held = node.execute(execute(1, &["HOLD"]));
    assert_eq!(node.execute(execute(2, &["ECHO", "first"])).await, reply("first"));
    server.node.release();
    assert_eq!(held.await, reply("held"));
}

#[tokio::test]
async fn a_value_of_many_megabytes_comes_through() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    let large = "y".repeat(20 << 20);
    let executed = node.execute(execute(1, &["ECHO", &large])).await.expect("answered");
    assert!(executed.outcomes == [Outcome::Reply(Bytes::from(large))]);
}

#[tokio::test]
async fn messages_of_groups_arrive_in_order_and_large_batches_in_parts() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    let (ballot, committed) = (Ballot(1), Decree(0));
    let mutation = |decree| Mutation { ballot, decree: Decree(decree), committed, fence: false, body: vec![0; 3 << 20].into() };
    let prepare = Message::Prepare { ballot, committed, sent: types::time::Time::default(), mutations: (1..=8).map(mutation).collect() };
    let partition = PartitionId { table: TableId(1), index: 0 };
    node.replicate(Replicate { from: NodeId::new("client"), messages: vec![(partition, prepare)] });
    let decrees = || -> Vec<u64> {
        let batches = server.node.batches.lock();
        let messages = batches.iter().flat_map(|batch| &batch.messages);
        messages
            .flat_map(|(_, message)| match message {
                Message::Prepare { mutations, .. } => mutations.iter().map(|m| m.decree.0).collect(),
                _ => Vec::new(),
            })
            .collect()
    };
    until("all mutations have arrived", || decrees().len() == 8).await;
    assert!(decrees().into_iter().eq(1..=8));
    assert_eq!(server.node.batches.lock().len(), 8);
}

#[tokio::test]
async fn a_peer_is_connected_to_once_per_lane_and_again_where_it_moved_to() {
    let (first, second) = (Listening::start(options()).await, Listening::start(options()).await);
    let pool = pool(options());
    let (node, again) = (reach(&pool, &first.address), reach(&pool, &first.address));
    assert!(Arc::ptr_eq(&node, &again));
    node.execute(execute(1, &["ECHO", "x"])).await.expect("answered");
    let phases: Vec<_> = pool.stats().iter().map(|stats| (stats.lane, stats.phase)).collect();
    assert_eq!(phases, [(Lane::Data, Phase::Up), (Lane::Replication, Phase::Idle), (Lane::Control, Phase::Idle)]);

    let moved = reach(&pool, &second.address);
    moved.execute(execute(2, &["ECHO", "x"])).await.expect("answered");
    assert_eq!(second.node.executed.lock().len(), 1);
    assert_eq!(pool.stats().len(), 3);
    // Whoever has the old one can still use it.
    node.execute(execute(3, &["ECHO", "x"])).await.expect("answered");
    assert_eq!(first.node.executed.lock().len(), 2);

    let nameless = pool.address(&first.address);
    assert_eq!(nameless.control(ControlRequest::Ping, Duration::from_secs(1)).await, Ok(ControlResponse::Done));
}

#[tokio::test]
async fn a_dropped_peer_still_gets_its_answers_then_disconnects() {
    let server = Listening::start(options()).await;
    let pool = pool(options());
    let node = reach(&pool, &server.address);
    let held = node.execute(execute(1, &["HOLD"]));
    until("the call is held", || server.node.held() == 1).await;
    drop(node);
    // The pool lets go of it because it moved.
    let _ = reach(&pool, "127.0.0.1:1");
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.node.release();
    assert_eq!(held.await, reply("held"));
    // The server would wait for its connections (two seconds) if this one were still there.
    tokio::time::timeout(Duration::from_secs(1), server.stop()).await.expect("the connection has ended");
}
