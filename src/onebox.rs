//! Everything in one process: the code of the separate processes, with function calls for a network.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use net::local::Local;
use net::service::{Network, Service};
use replica::clock::SystemClock;
use replica::node::Node;
use tokio_util::sync::CancellationToken;
use wire::rpc::ReplicaState;

use crate::config::{Config, threads};
use crate::http::{self, Pages};
use crate::measures;
use crate::parts::{self, World};
use crate::processes::{DRAIN, Front};
use crate::runtime::{self, Threads};

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// A part cannot start; nothing is left running.
pub fn run(config: &Config, data: &Path, nodes: u32) -> Result<()> {
    ensure!(nodes >= config.meta.replicas, "--nodes {nodes} must be at least --replicas {}", config.meta.replicas);
    let threads = Threads::start("pegasus", threads(config.proxy.threads))?;
    runtime::block_on(async {
        let redis = SocketAddr::new(config.proxy.bind, config.proxy.port);
        // First of all: nothing is opened or made when somebody else answers here.
        let listener = parts::listen(redis, "proxy.port").await?;
        let redis = listener.local_addr()?;
        let stop = CancellationToken::new();
        let clock = SystemClock::new();
        let local = Arc::new(Local::new());
        let network: Arc<dyn Network> = Arc::clone(&local) as _;
        let meta = parts::meta(config, &config.meta.data, Arc::clone(&network), clock)?;
        let world = World {
            clock,
            network: Arc::clone(&network),
            meta: Arc::clone(&meta) as _,
            shared: parts::shared(config)?,
            runtimes: threads.handles().to_vec(),
        };
        let nodes = open_nodes(config, data, nodes, &local, &world)?;
        let admin = serve_admin(config, redis, Arc::clone(&meta) as _, &stop).await;
        let front = Front::start(config, redis, network, vec![meta.clone() as _], &threads, &stop)?;
        let pages = Pages { registry: measures::registry(&nodes, Some(&front.proxy), Some(&world.shared)), not_ready: not_ready(&nodes) };
        let http = http::serve(&config.http, pages, stop.clone()).await?;
        wait_until_serving(&nodes, &config.proxy.table, &front).await;
        let summary = format!(
            "{} nodes, {} partitions of {} replicas, sync = {}, data in {}",
            nodes.len(),
            config.meta.partitions,
            config.meta.replicas,
            format!("{:?}", config.log.sync).to_lowercase(),
            data.display(),
        );
        runtime::say(&crate::banner::onebox(redis, admin, http, &summary));
        front.listen(listener, &threads)?;
        runtime::stop_signal().await?;
        // In the reverse of the order they began: no new clients, no new commands, then the data.
        front.close(DRAIN).await;
        stop.cancel();
        close_nodes(&nodes, DRAIN).await;
        meta.close();
        Ok(())
    })
}

/// Opens the nodes side by side: each spends most of the time waiting for the disk.
fn open_nodes(config: &Config, data: &Path, count: u32, local: &Arc<Local>, world: &World) -> Result<Vec<Arc<Node>>> {
    let opened: Vec<Result<Arc<Node>>> = std::thread::scope(|scope| {
        let opening: Vec<_> = (1..=count)
            .map(|number| {
                let name = format!("node-{number}");
                scope.spawn(move || {
                    parts::node(config, &name, &parts::node_directory(data, number), format!("{name}:{NOWHERE}"), world.clone())
                })
            })
            .collect();
        opening.into_iter().map(|thread| thread.join().expect("opening a node does not panic")).collect()
    });
    let nodes = opened.into_iter().collect::<Result<Vec<_>>>()?;
    for node in &nodes {
        local.insert(node.name().name(), Arc::clone(node) as _);
    }
    Ok(nodes)
}

/// Closes all nodes at once: a node's last writes may wait for the others.
pub async fn close_nodes(nodes: &[Arc<Node>], patience: Duration) {
    let mut closing = tokio::task::JoinSet::new();
    for node in nodes {
        let node = Arc::clone(node);
        closing.spawn(async move { node.close(patience).await });
    }
    closing.join_all().await;
}

/// The meta server for `pegasus admin`, ten thousand above the Redis port unless told otherwise. A convenience: where the port is taken
/// the store runs without it.
async fn serve_admin(config: &Config, redis: SocketAddr, meta: Arc<dyn Service>, stop: &CancellationToken) -> Option<SocketAddr> {
    let default = Config::default().meta.port;
    let port = if config.meta.port == default { redis.port().checked_add(ADMIN_PORT_OFFSET)? } else { config.meta.port };
    match parts::listen(SocketAddr::new(config.meta.bind, port), "meta.port").await {
        Ok(listener) => {
            let address = listener.local_addr().ok();
            parts::serve(config, "meta", listener, meta, stop.clone());
            address
        }
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "no administration port");
            None
        }
    }
}

/// Waits until every partition has a serving primary, so that the first command of the first client finds it. Says so when it takes long.
async fn wait_until_serving(nodes: &[Arc<Node>], table: &str, front: &Front) {
    let mut waited = Duration::ZERO;
    while front.partitions() == 0 || not_serving(nodes) > 0 {
        tokio::time::sleep(SERVING_POLL).await;
        waited += SERVING_POLL;
        if waited.as_millis().is_multiple_of(5000) {
            tracing::warn!(table, ?waited, "still waiting for partitions; `pegasus admin partitions` tells which");
        }
        if waited >= SERVING_PATIENCE {
            // Serve what can be served: clients of the other partitions hear why.
            return;
        }
    }
}

/// Replicas without a role.
fn not_serving(nodes: &[Arc<Node>]) -> usize {
    let waits = |state| !matches!(state, ReplicaState::Primary | ReplicaState::Secondary | ReplicaState::Learner);
    nodes.iter().flat_map(|node| node.replicas()).filter(|replica| waits(replica.state)).count()
}

/// Why the nodes cannot serve everything.
pub fn not_ready(nodes: &[Arc<Node>]) -> Box<dyn Fn() -> Option<String> + Send + std::marker::Sync> {
    let nodes = nodes.to_vec();
    Box::new(move || match not_serving(&nodes) {
        _ if nodes.iter().all(|node| node.replicas().is_empty()) => Some("no partitions yet".to_owned()),
        0 => None,
        n => Some(format!("{n} replicas have no role")),
    })
}

/// Nodes of a onebox are reached by name; the port in their address says that nobody listens there.
const NOWHERE: u16 = 1;
const ADMIN_PORT_OFFSET: u16 = 10_000;
const SERVING_POLL: Duration = Duration::from_millis(10);
const SERVING_PATIENCE: Duration = Duration::from_secs(30);
