//! The node's conversation with the meta server: what it has, what it is to do. And its housekeeping, which keeps the same beat.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};
use wire::rpc::{Assignment, ControlRequest, ControlResponse, Duty, ReplicaState};

use crate::node::Node;

/// Reports until the node closes: often while a replica waits for its role, rarely afterwards.
pub(crate) async fn run(node: Arc<Node>) {
    // What is wrong is said when it begins, and when it is over: a meta server that is away stops nobody.
    let mut trouble = String::new();
    let mut since_maintenance = Duration::ZERO;
    loop {
        let answer = node.world.meta.control(ControlRequest::Report(node.report()), PATIENCE).await;
        let now = match answer {
            Ok(ControlResponse::Assignments(assignments)) => {
                configure(&node, assignments).await;
                String::new()
            }
            Ok(ControlResponse::Refused(reason)) => reason,
            Ok(other) => format!("unexpected answer {other:?}"),
            Err(error) => error.to_string(),
        };
        if now != trouble {
            match now.as_str() {
                "" => info!(node = %node.name(), "the meta server takes reports again"),
                now => warn!(node = %node.name(), error = now, "the meta server does not take reports"),
            }
            trouble = now;
        }
        let beat = if !node.unsettled() && !node.replicas().is_empty() && trouble.is_empty() { SETTLED } else { UNSETTLED };
        tokio::select! {
            () = node.stop.cancelled() => return,
            () = node.woken() => {}
            () = tokio::time::sleep(beat) => since_maintenance += beat,
        }
        if since_maintenance >= MAINTENANCE {
            since_maintenance = Duration::ZERO;
            let (done, finished) = oneshot::channel();
            let worker = Arc::clone(&node);
            let job = move || {
                worker.maintain();
                let _ = done.send(());
            };
            if node.pool.submit(job).is_ok() {
                let _ = finished.await;
            }
        }
    }
}

async fn configure(node: &Arc<Node>, assignments: Vec<Assignment>) {
    let replicas = node.replicas();
    let news = |a: &Assignment| match replicas.iter().find(|r| r.partition == a.partition) {
        None => a.duty != Duty::Bystander && a.duty != Duty::Discard,
        Some(r) => {
            // A primary may have to talk to a learner.
            let others = a.addresses.len() > a.config.secondaries.len();
            r.ballot < a.config.ballot || a.suggestion.is_some() || role(r.state) != a.duty || others
        }
    };
    let assignments: Vec<Assignment> = assignments.into_iter().filter(|a| news(a)).collect();
    if assignments.is_empty() {
        return;
    }
    let (done, finished) = oneshot::channel();
    let worker = Arc::clone(node);
    let job = move || {
        worker.configure(assignments);
        let _ = done.send(());
    };
    if node.pool.submit(job).is_ok() {
        let _ = finished.await;
    }
}

/// The duty that goes with what a replica is.
fn role(state: ReplicaState) -> Duty {
    match state {
        ReplicaState::Primary | ReplicaState::Reconciling | ReplicaState::Secondary => Duty::Member,
        ReplicaState::Learner => Duty::Learner,
        ReplicaState::Waiting | ReplicaState::Failed => Duty::Bystander,
    }
}

/// How long the meta server may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between reports while a replica waits for its role.
const UNSETTLED: Duration = Duration::from_millis(50);
/// Between reports otherwise.
const SETTLED: Duration = Duration::from_secs(1);
/// Between looks at the log's size and the stores' durable decrees.
const MAINTENANCE: Duration = Duration::from_secs(2);
