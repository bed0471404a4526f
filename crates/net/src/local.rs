//! Nodes in this process: a call is a function call.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use types::id::NodeId;
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Replicate};

use crate::service::{CallError, Network, OnGone, Pending, Service};

/// A [`Network`] whose nodes are in this process. Those that are not are looked for in another network, if there is one.
#[derive(Default)]
pub struct Local {
    nodes: RwLock<HashMap<String, Arc<dyn Service>>>,
    beyond: Option<Arc<dyn Network>>,
}

impl Local {
    /// A network of this process only.
    pub fn new() -> Local {
        Local::default()
    }

    /// A network whose other nodes are reached through `beyond`.
    pub fn over(beyond: Arc<dyn Network>) -> Local {
        Local { nodes: RwLock::default(), beyond: Some(beyond) }
    }

    /// Makes a node known under its name, and under any other word it is asked for by (its address).
    pub fn insert(&self, name: &str, service: Arc<dyn Service>) {
        self.nodes.write().insert(name.to_owned(), service);
    }

    /// Forgets a name. Callers that hold the node keep it.
    pub fn remove(&self, name: &str) {
        self.nodes.write().remove(name);
    }

    fn find(&self, name: &str) -> Option<Arc<dyn Service>> {
        self.nodes.read().get(name).cloned()
    }
}

impl Network for Local {
    fn node(&self, node: &NodeId, address: &str) -> Arc<dyn Service> {
        match (self.find(node.name()), &self.beyond) {
            (Some(service), _) => service,
            (None, Some(beyond)) => beyond.node(node, address),
            (None, None) => Arc::new(Nobody(node.name().to_owned())),
        }
    }

    fn address(&self, address: &str) -> Arc<dyn Service> {
        match (self.find(address), &self.beyond) {
            (Some(service), _) => service,
            (None, Some(beyond)) => beyond.address(address),
            (None, None) => Arc::new(Nobody(address.to_owned())),
        }
    }

    fn on_gone(&self, gone: OnGone) {
        if let Some(beyond) = &self.beyond {
            beyond.on_gone(gone);
        }
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.nodes.read().keys()).finish()
    }
}

/// Stands where a node was not found.
struct Nobody(String);

impl Nobody {
    fn unreachable(&self) -> CallError {
        CallError::Unreachable(self.0.clone())
    }
}

impl Service for Nobody {
    fn execute(&self, _: Execute) -> Pending<Executed> {
        Pending::ready(Err(self.unreachable()))
    }

    fn replicate(&self, _: Replicate) {}

    fn control(&self, _: ControlRequest, _: Duration) -> Pending<ControlResponse> {
        Pending::ready(Err(self.unreachable()))
    }
}
