//! From configuration to running parts: what `onebox` and the separate processes have in common.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use commands::coprocessor::Redis;
use engine::shared::{Options as StoreOptions, Shared};
use meta::core::{Bootstrap, Options as MetaOptions};
use meta::server::Meta;
use meta::store::embedded::Embedded;
use net::service::{Network, Service};
use net::tcp::options::{Identity, Options as NetOptions};
use net::tcp::server::Server;
use replica::clock::{Clock, SystemClock};
use replica::machine::ThisMachine;
use replica::node::{Node, NodeOptions, NodeWorld};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use types::id::NodeId;
use types::txn::Coprocessor;

use crate::config::{Config, Sync};
use crate::runtime;

/// A meta server over the directory `data`.
///
/// # Errors
/// Its state cannot be opened.
pub fn meta(config: &Config, data: &Path, network: Arc<dyn Network>, clock: SystemClock) -> Result<Arc<Meta>> {
    let store = Embedded::open(data).with_context(|| format!("meta server's state in {}", data.display()))?;
    let bootstrap = (!config.meta.table.is_empty()).then(|| Bootstrap {
        table: config.meta.table.clone(),
        partitions: config.meta.partitions,
        replicas: config.meta.replicas,
        nodes: config.meta.nodes.max(config.meta.replicas),
    });
    let options = MetaOptions {
        bootstrap,
        silent_after: SILENT_AFTER,
        dead_after: config.meta.dead_after,
        min_write_members: config.replication.min_write_members,
        learns_max: config.meta.learns_max,
        learns_per_node: config.meta.learns_per_node,
    };
    let meta = Meta::open(Box::new(store), network, options, Arc::new(move || clock.now())).context("meta server")?;
    Ok(Arc::new(meta))
}

/// Memory and threads that all stores of the process share.
///
/// # Errors
/// RocksDB cannot set up its environment.
pub fn shared(config: &Config) -> Result<Shared> {
    let memory = memory_mib();
    let or = |configured: usize, default: usize| (if configured == 0 { default } else { configured }) << 20;
    let options = StoreOptions {
        cache_bytes: or(config.store.cache_mib, (memory / 5).clamp(48, 64 << 10)),
        row_bytes: or(config.store.rows_mib, (memory / 20).clamp(16, 16 << 10)),
        memtable_bytes: or(config.store.memtables_mib, (memory / 8).clamp(64, 4 << 10)),
        store_memtable_bytes: config.store.memtable_mib << 20,
        ..engine::shared::DEFAULT_OPTIONS
    };
    Shared::new(&options).context("storage engine")
}

/// A replica node called `name` over the directory `data`, on `runtimes`.
///
/// # Errors
/// The directory cannot be used; the message says why.
pub fn node(config: &Config, name: &str, data: &Path, address: String, world: World) -> Result<Arc<Node>> {
    let log = pegasus_log::options::Options {
        segment_bytes: config.log.segment_mib << 20,
        bytes_max: config.log.size_max_mib << 20,
        retain_bytes: config.log.segment_mib << 20,
        queue_bytes_max: config.log.queue_max_mib << 20,
        ..pegasus_log::options::Options::new(match config.log.sync {
            Sync::Always => pegasus_log::options::Sync::Always,
            Sync::Everysec => pegasus_log::options::Sync::Everysec,
            Sync::No => pegasus_log::options::Sync::No,
        })
    };
    let options = NodeOptions {
        node: NodeId::new(name),
        zone: config.replica.zone.clone(),
        address,
        data: data.to_owned(),
        pool_threads: config.replica.read_threads,
        pipeline_max: config.replica.pipeline_max,
        queue_max: config.replica.queue_max,
        sessions_max: config.replica.sessions_max,
        lease: config.replication.lease,
        grace: config.replication.grace,
        beacon: config.replication.beacon,
        min_write_members: config.replication.min_write_members,
        learn_rate: config.learn.rate_mib << 20,
        learn_concurrent_max: config.learn.concurrent_max,
        reply_spool_max: config.reply.spool_max_mib << 20,
        log,
    };
    let world = NodeWorld {
        clock: Arc::new(world.clock),
        machine: Arc::new(ThisMachine),
        coprocessor: Arc::new(Redis),
        network: world.network,
        meta: world.meta,
        shared: world.shared,
        runtimes: world.runtimes,
    };
    Node::open(options, world).with_context(|| format!("replica node {name} in {}", data.display()))
}

/// What the nodes of a process share.
#[derive(Clone)]
pub struct World {
    /// The machine's clocks.
    pub clock: SystemClock,
    /// How other nodes are reached.
    pub network: Arc<dyn Network>,
    /// The meta server.
    pub meta: Arc<dyn Service>,
    /// Memory of the stores.
    pub shared: Shared,
    /// Threads that drive partitions.
    pub runtimes: Vec<Handle>,
}

/// Listens on `address`; a failure names the configuration key.
///
/// # Errors
/// In use, or not this machine's.
pub async fn listen(address: SocketAddr, key: &str) -> Result<TcpListener> {
    let listener = async {
        let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listener.await.with_context(|| format!("listen on {address} ({key})"))
}

/// Offers `service` to other nodes until `stop`.
pub fn serve(config: &Config, name: &str, listener: TcpListener, service: Arc<dyn Service>, stop: CancellationToken) {
    let server = Server {
        us: Identity { cluster: config.cluster.name.clone(), node: name.to_owned() },
        service,
        resolve: Arc::new(|args| Redis.resolve(args)),
        options: NetOptions::default(),
    };
    runtime::spawn(net::tcp::server::serve(listener, Arc::new(server), stop));
}

/// The data directory of node `number` of a onebox.
pub fn node_directory(data: &Path, number: u32) -> PathBuf {
    data.join(format!("node-{number}"))
}

/// The machine's memory (or what a container may use of it), in MiB.
fn memory_mib() -> usize {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<usize>().ok()
    });
    let machine = total.map_or(4096, |kib| kib / 1024);
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<usize>().ok());
    container.map_or(machine, |bytes| machine.min(bytes >> 20))
}

/// A node that has not reported for so long counts as not alive.
const SILENT_AFTER: std::time::Duration = std::time::Duration::from_secs(3);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
