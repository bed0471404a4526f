//! Calls within the process.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use net::local::Local;
use net::service::{CallError, Network, Service};
use types::id::NodeId;
use wire::rpc::{ControlRequest, ControlResponse};

#[tokio::test]
async fn a_node_in_the_process_is_called_straight() {
    let (local, node) = (Local::new(), Arc::new(Node::default()));
    local.insert("n1", Arc::clone(&node) as Arc<dyn Service>);
    let (found, n1) = (local.node(&NodeId::new("n1"), "anywhere"), Arc::clone(&node) as Arc<dyn Service>);
    assert!(Arc::ptr_eq(&found, &n1));
    assert_eq!(found.execute(execute(1, &["ECHO", "x"])).await, reply("x"));
    assert_eq!(local.address("n1").control(ControlRequest::Ping, Duration::ZERO).await, Ok(ControlResponse::Done));
    let held = found.execute(execute(2, &["HOLD"]));
    node.lose();
    assert!(matches!(held.await, Err(CallError::Broken(_))));
    local.remove("n1");
    let gone = local.node(&NodeId::new("n1"), "anywhere");
    assert_eq!(gone.execute(execute(3, &["ECHO", "x"])).await, Err(CallError::Unreachable("n1".into())));
}

#[tokio::test]
async fn a_node_elsewhere_is_found_beyond() {
    let server = Listening::start(options()).await;
    let local = Local::over(Arc::new(pool(options())));
    let node = local.node(&NodeId::new("n1"), &server.address);
    assert_eq!(node.execute(execute(1, &["ECHO", "x"])).await, reply("x"));
    assert_eq!(local.address(&server.address).control(ControlRequest::Ping, Duration::from_secs(1)).await, Ok(ControlResponse::Done));
}
