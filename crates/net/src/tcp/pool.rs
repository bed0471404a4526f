//! All peers of this process: a [`Network`] of connections.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Buf;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::id::NodeId;
use wire::hello;

use super::gone::Gone;
pub use super::lane::Phase;
use super::options::{Identity, Options};
use super::peer::Peer;
use super::transport::{Connect, Tcp};
use super::upkeep::Upkeep;
use crate::service::{Network, OnGone, Service};

/// Connections to peers, made when first needed and kept.
pub struct Pool<C = Tcp> {
    us: Arc<Identity>,
    options: Arc<Options>,
    connect: Arc<C>,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
    nodes: RwLock<HashMap<NodeId, Arc<Peer>>>,
    addresses: RwLock<HashMap<String, Arc<Peer>>>,
    gone: Arc<Gone>,
}

/// What a connection is up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStats {
    /// Name of the peer; empty if it is only known by its address.
    pub node: String,
    /// Where it is.
    pub address: String,
    /// Which of the three.
    pub lane: hello::Lane,
    /// Whether it stands.
    pub phase: Phase,
    /// Requests without an answer; bounded by [`Options::in_flight_max`].
    pub in_flight: usize,
    /// Bytes waiting to be sent; bounded by [`Options::queue_bytes_max`] plus one frame.
    pub queued_bytes: usize,
    /// One-way messages that found no room or no connection.
    pub dropped: u64,
}

impl Pool {
    /// Connections over TCP, served on `runtime`.
    pub fn new(us: Identity, options: Options, runtime: Handle) -> Pool {
        Pool::over(Tcp, us, options, runtime)
    }
}

impl<C: Connect> Pool<C> {
    /// Connections over whatever `connect` makes.
    pub fn over(connect: C, us: Identity, options: Options, runtime: Handle) -> Pool<C> {
        Pool {
            us: Arc::new(us),
            options: Arc::new(options),
            connect: Arc::new(connect),
            runtime,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            nodes: RwLock::default(),
            addresses: RwLock::default(),
            gone: Arc::default(),
        }
    }

    /// Ends all connections at once: requests under way fail, later ones find nobody.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Every connection there is or should be.
    pub fn stats(&self) -> Vec<LaneStats> {
        let mut peers: Vec<Arc<Peer>> = self.nodes.read().values().cloned().collect();
        peers.extend(self.addresses.read().values().cloned());
        let mut stats = Vec::with_capacity(peers.len() * 3);
        for lane in peers.iter().flat_map(|peer| peer.lanes()) {
            let state = lane.state.lock();
            stats.push(LaneStats {
                node: lane.node.clone(),
                address: lane.address.clone(),
                lane: lane.kind,
                phase: state.phase,
                in_flight: state.in_flight.len(),
                queued_bytes: state.out.remaining(),
                dropped: state.dropped,
            });
        }
        stats
    }

    fn peer(&self, node: &str, address: &str) -> Arc<Peer> {
        let peer = Arc::new(Peer::new(node, address, &self.options));
        for lane in peer.lanes() {
            let upkeep = Upkeep {
                lane: Arc::clone(lane),
                us: Arc::clone(&self.us),
                connect: Arc::clone(&self.connect),
                gone: Arc::clone(&self.gone),
            };
            self.tasks.spawn_on(upkeep.run(self.stop.clone()), &self.runtime);
        }
        peer
    }
}

impl<C: Connect> Network for Pool<C> {
    fn node(&self, node: &NodeId, address: &str) -> Arc<dyn Service> {
        if let Some(peer) = self.nodes.read().get(node).filter(|peer| peer.address() == address) {
            return Arc::clone(peer) as Arc<dyn Service>;
        }
        let mut nodes = self.nodes.write();
        if let Some(peer) = nodes.get(node).filter(|peer| peer.address() == address) {
            return Arc::clone(peer) as Arc<dyn Service>;
        }
        // It moved, or is new. Who still holds the old one finishes with it.
        let peer = self.peer(node.name(), address);
        nodes.insert(node.clone(), Arc::clone(&peer));
        peer
    }

    fn address(&self, address: &str) -> Arc<dyn Service> {
        if let Some(peer) = self.addresses.read().get(address) {
            return Arc::clone(peer) as Arc<dyn Service>;
        }
        let mut addresses = self.addresses.write();
        Arc::clone(addresses.entry(address.to_owned()).or_insert_with(|| self.peer("", address))) as Arc<dyn Service>
    }

    fn on_gone(&self, gone: OnGone) {
        self.gone.listen(gone);
    }
}

impl<C> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("us", &self.us).field("nodes", &self.nodes.read().keys()).finish_non_exhaustive()
    }
}

impl<C> Drop for Pool<C> {
    fn drop(&mut self) {
        // Without the pool nobody would end the tasks of peers that are still held.
        self.stop.cancel();
    }
}
