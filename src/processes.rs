//! The parts as separate processes, and the front end that onebox has too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use client::router::{Options as RouterOptions, Router};
use net::service::{Network, Service};
use pegasus_proxy::server::Proxy;
use pegasus_proxy::settings::{Options as ProxyOptions, Settings};
use replica::clock::SystemClock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::{Config, threads};
use crate::http::{self, Pages};
use crate::measures;
use crate::onebox::{close_nodes, not_ready};
use crate::parts::{self, World};
use crate::runtime::{self, Threads};

/// `pegasus meta`: runs until SIGTERM or SIGINT.
///
/// # Errors
/// It cannot start.
pub fn meta(config: &Config) -> Result<()> {
    let threads = Threads::start("meta-net", 1)?;
    runtime::block_on(async {
        let stop = CancellationToken::new();
        let listener = parts::listen(SocketAddr::new(config.meta.bind, config.meta.port), "meta.port").await?;
        let address = listener.local_addr()?;
        let network = runtime::network(&config.cluster.name, "meta", threads.handles()[0].clone());
        let meta = parts::meta(config, &config.meta.data, network, SystemClock::new())?;
        parts::serve(config, "meta", listener, Arc::clone(&meta) as _, stop.clone());
        let pages = Pages { registry: measures::registry(&[], None, None), not_ready: Box::new(|| None) };
        http::serve(&config.http, pages, stop.clone()).await?;
        info!(%address, cluster = config.cluster.name, "meta server is up");
        runtime::stop_signal().await?;
        stop.cancel();
        meta.close();
        Ok(())
    })
}

/// `pegasus replica`: runs until SIGTERM or SIGINT.
///
/// # Errors
/// It cannot start.
pub fn replica(config: &Config) -> Result<()> {
    ensure!(!config.replica.name.is_empty(), "replica.name must be set: it is the node's identity");
    let threads = Threads::start("replica", threads(config.replica.threads))?;
    runtime::block_on(async {
        let stop = CancellationToken::new();
        let listener = parts::listen(SocketAddr::new(config.replica.bind, config.replica.port), "replica.port").await?;
        let name = &config.replica.name;
        let host = if config.replica.advertise.is_empty() { config.replica.bind.to_string() } else { config.replica.advertise.clone() };
        let address = format!("{host}:{}", listener.local_addr()?.port());
        let network = runtime::network(&config.cluster.name, name, threads.handles()[0].clone());
        let world = World {
            clock: SystemClock::new(),
            meta: meta_service(config, &*network)?,
            network: Arc::clone(&network),
            shared: parts::shared(config)?,
            runtimes: threads.handles().to_vec(),
        };
        let node = parts::node(config, name, &config.replica.data, address.clone(), world.clone())?;
        let watching = Arc::downgrade(&node);
        network.on_gone(Arc::new(move |gone| {
            if let Some(node) = watching.upgrade() {
                node.suspect(gone);
            }
        }));
        let nodes = [Arc::clone(&node)];
        {
            // Requests are taken where the partitions are: reads are answered there and then.
            let _on = threads.handles()[0].enter();
            let listener = TcpListener::from_std(listener.into_std()?)?;
            parts::serve(config, name, listener, node, stop.clone());
        }
        let pages = Pages { registry: measures::registry(&nodes, None, Some(&world.shared)), not_ready: not_ready(&nodes) };
        http::serve(&config.http, pages, stop.clone()).await?;
        info!(node = name, address, "replica node is up");
        runtime::stop_signal().await?;
        nodes[0].retire(RETIRE).await;
        close_nodes(&nodes, DRAIN).await;
        stop.cancel();
        Ok(())
    })
}

/// `pegasus proxy`: runs until SIGTERM or SIGINT.
///
/// # Errors
/// It cannot start.
pub fn proxy(config: &Config) -> Result<()> {
    let threads = Threads::start("proxy", threads(config.proxy.threads))?;
    runtime::block_on(async {
        let stop = CancellationToken::new();
        let listener = parts::listen(SocketAddr::new(config.proxy.bind, config.proxy.port), "proxy.port").await?;
        let address = listener.local_addr()?;
        let network = runtime::network(&config.cluster.name, "", threads.handles()[0].clone());
        let metas = config.cluster.metas.iter().map(|meta| network.address(meta)).collect();
        let front = Front::start(config, address, network, metas, &threads, &stop)?;
        let router = Arc::clone(&front.router);
        let not_ready = move || (router.routes().partitions() == 0).then(|| "the table's routing is not known".to_owned());
        let pages = Pages { registry: measures::registry(&[], Some(&front.proxy), None), not_ready: Box::new(not_ready) };
        http::serve(&config.http, pages, stop.clone()).await?;
        info!(%address, table = config.proxy.table, "proxy is up");
        front.listen(listener, &threads)?;
        runtime::stop_signal().await?;
        front.close(DRAIN).await;
        stop.cancel();
        Ok(())
    })
}

fn meta_service(config: &Config, network: &dyn Network) -> Result<Arc<dyn Service>> {
    ensure!(config.cluster.metas.len() == 1, "cluster.metas must name one meta server");
    Ok(network.address(&config.cluster.metas[0]))
}

/// The Redis front end and what it needs.
pub struct Front {
    /// Sessions.
    pub proxy: Arc<Proxy>,
    /// The way to the partitions.
    pub router: Arc<Router>,
    stop: CancellationToken,
}

impl Front {
    /// A front end for the configured table; it does not listen yet.
    ///
    /// # Errors
    /// None today.
    pub fn start(
        config: &Config,
        address: SocketAddr,
        network: Arc<dyn Network>,
        metas: Vec<Arc<dyn Service>>,
        threads: &Threads,
        stop: &CancellationToken,
    ) -> Result<Front> {
        let options = RouterOptions { patience: config.proxy.patience, ..RouterOptions::default() };
        let router = Arc::new(Router::new(network, metas, &config.proxy.table, options));
        let keeping = Arc::clone(&router);
        let stopped = stop.clone();
        runtime::spawn_on(&threads.handles()[0], async move { keeping.run(stopped).await });
        let settings = Settings {
            requirepass: config.proxy.requirepass.clone(),
            maxclients: config.proxy.maxclients,
            timeout: config.proxy.timeout,
            bulk_max: config.proxy.bulk_max,
            debug: config.proxy.debug,
            ..Settings::default()
        };
        let options = ProxyOptions {
            bind: address.ip().to_string(),
            port: address.port(),
            seed: runtime::random(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            databases: config.proxy.databases,
            settings,
        };
        let accepting = stop.child_token();
        let proxy = Arc::new(Proxy::new(options, Arc::clone(&router), accepting.clone()));
        let housekeeping = Arc::clone(&proxy);
        runtime::spawn_on(&threads.handles()[0], async move { housekeeping.run().await });
        Ok(Front { proxy, router, stop: accepting })
    }

    /// Partitions of the table, as far as the routing is known.
    pub fn partitions(&self) -> usize {
        self.router.routes().partitions() as usize
    }

    /// Accepts clients: every thread takes from the same queue of the kernel, and keeps what it took.
    ///
    /// # Errors
    /// The listener cannot be handed to the threads.
    pub fn listen(&self, listener: TcpListener, threads: &Threads) -> Result<()> {
        let listener = listener.into_std()?;
        for handle in threads.handles() {
            let proxy = Arc::clone(&self.proxy);
            let _on = handle.enter();
            let listener = TcpListener::from_std(listener.try_clone()?)?;
            runtime::spawn_on(handle, async move { proxy.listen(listener).await });
        }
        Ok(())
    }

    /// Accepts nobody any more, lets sessions finish what they have begun, closes them.
    pub async fn close(&self, patience: Duration) {
        self.stop.cancel();
        self.proxy.drain(patience).await;
    }
}

/// How long a closing node tries to hand over what it leads.
const RETIRE: Duration = Duration::from_secs(2);
/// How long a closing process waits for what is under way.
pub const DRAIN: Duration = Duration::from_secs(5);
