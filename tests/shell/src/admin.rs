//! An administrator who does not sit still: primaries are moved, copies are added and removed, nodes drained, the guardian is frozen.

use std::sync::Arc;
use std::time::Duration;

use net::service::Service;
use tokio::time::sleep;
use types::id::NodeId;
use wire::rpc::{ControlRequest, ControlResponse};

use crate::cluster::Cluster;
use crate::random::Random;

/// Asks the meta server for this and that until the clients are told to stop, then leaves everything as it was.
pub async fn administrate(cluster: Arc<Cluster>, meta: Arc<dyn Service>) {
    let mut random = Random::new(cluster.seed, "administrator");
    let pause_max = *random.pick(&[1_000, 4_000, 1_000_000]);
    let nodes: Vec<NodeId> = cluster.nodes.iter().map(|node| NodeId::new(node)).collect();
    while !cluster.stop_clients.is_cancelled() {
        let until = random.millis(200, pause_max).min(Duration::from_secs(20));
        tokio::select! {
            () = sleep(until) => {}
            () = cluster.stop_clients.cancelled() => break,
        }
        let Ok(ControlResponse::Cluster(view)) = meta.control(ControlRequest::Cluster, PATIENCE).await else { continue };
        if view.partitions.is_empty() {
            continue;
        }
        let (partition, node) = (random.pick(&view.partitions).partition, random.pick(&nodes).clone());
        let request = match random.below(10) {
            0..5 => ControlRequest::MovePrimary { partition, to: node },
            5..7 => ControlRequest::AddReplica { partition, node },
            7 => ControlRequest::RemoveReplica { partition, node },
            8 => ControlRequest::Drain { node, on: random.chance(0.5) },
            _ => ControlRequest::Freeze { on: random.chance(0.3) },
        };
        cluster.trace.note("administrator", &format!("{request:?}"), &[]);
        // What the meta server makes of it is its affair.
        let _ = meta.control(request, PATIENCE).await;
    }
    for node in nodes {
        insist(&*meta, ControlRequest::Drain { node, on: false }).await;
    }
    insist(&*meta, ControlRequest::Freeze { on: false }).await;
}

/// Asks until there is an answer.
async fn insist(meta: &dyn Service, request: ControlRequest) {
    while meta.control(request.clone(), PATIENCE).await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(1);
