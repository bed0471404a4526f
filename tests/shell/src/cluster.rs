//! The hosts of a run: a meta server, nodes, proxies and a host for the clients, each with the program's own servers on it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use client::router::{Options as RouterOptions, Router};
use commands::coprocessor::Redis;
use engine::shared::{Options as StoreOptions, Shared};
use history::event::Event;
use meta::core::{Bootstrap, Options as MetaOptions};
use meta::server::Meta;
use meta::store::memory::Memory;
use net::service::{Network, Service};
use net::tcp::options::{Identity, Options as NetOptions};
use net::tcp::pool::Pool;
use net::tcp::server::{Server, serve};
use net::tcp::transport::Listen;
use parking_lot::Mutex;
use pegasus_log::options::{Options as LogOptions, Sync};
use pegasus_proxy::server::{Peer, Proxy};
use pegasus_proxy::settings::{Options as ProxyOptions, Settings};
use replica::clock::Clock as _;
use replica::node::{Node, NodeOptions, NodeWorld};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use types::id::NodeId;
use types::limits::Limits;
use types::txn::Coprocessor;

use crate::admin::administrate;
use crate::client::Client;
use crate::clock::{Clocks, DRIFT_MAX, elapsed};
use crate::disk::Platter;
use crate::machine::SimulatedMachine;
use crate::network::{Connector, Links, Listener};
use crate::random::Random;
use crate::trace::Trace;

/// What the hosts of a run share, and the run with them.
pub struct Cluster {
    /// Of the run.
    pub seed: u64,
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// The network's directions.
    pub links: Links,
    /// What happened.
    pub trace: Trace,
    /// What the clients heard.
    pub history: Mutex<Vec<Event>>,
    /// Ends the clients.
    pub stop_clients: CancellationToken,
    /// Makes a client say its last word on each key, every time.
    pub finale: Notify,
    /// How often it has.
    pub spoken: Mutex<usize>,
    /// Makes a node hand over what it leads, and close.
    pub retiring: Mutex<BTreeMap<String, CancellationToken>>,
    /// Makes every node close.
    pub close_nodes: CancellationToken,
    /// Nodes that have closed.
    pub closed: Mutex<usize>,
    /// Partitions of the table.
    pub partitions: u32,
    /// A node that is silent for so long is replaced.
    pub dead_after: Duration,
    /// How long a primary may serve without its secondaries.
    pub lease: Duration,
    /// What the meta server's hosts remember.
    pub records: Memory,
    /// A disk for each node's log.
    pub disks: BTreeMap<String, Arc<Platter>>,
    /// Until when a host that was started does nothing.
    pub down_until: Mutex<BTreeMap<String, Duration>>,
    /// The nodes that run.
    pub running: Mutex<BTreeMap<String, Weak<Node>>>,
    data: TempDir,
    shared: Shared,
    clocks: Clocks,
    random: Mutex<Random>,
}

/// The host of the meta server.
pub const META: &str = "meta";
/// The hosts of the proxies.
pub const PROXIES: [&str; 2] = ["proxy-1", "proxy-2"];
/// The host of the clients.
pub const CLIENTS: &str = "clients";
/// How many clients there are: as many operations may be under way on one key.
const CLIENT_COUNT: usize = 5;

impl Cluster {
    /// A cluster in which nothing happened yet.
    ///
    /// # Panics
    /// Without a place for temporary files.
    pub fn new(seed: u64, trace: Trace) -> Arc<Cluster> {
        let mut random = Random::new(seed, "cluster");
        let count = REPLICAS as usize + random.below(2);
        let nodes: Vec<String> = (1..=count).map(|number| format!("node-{number}")).collect();
        let options = StoreOptions {
            cache_bytes: 8 << 20,
            row_bytes: 1 << 20,
            memtable_bytes: 64 << 20,
            store_memtable_bytes: 4 << 20,
            background_threads: 1,
        };
        let memory = Path::new("/dev/shm");
        let data = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        Arc::new(Cluster {
            seed,
            links: Links::default(),
            history: Mutex::default(),
            stop_clients: CancellationToken::new(),
            finale: Notify::new(),
            spoken: Mutex::default(),
            retiring: Mutex::default(),
            close_nodes: CancellationToken::new(),
            closed: Mutex::default(),
            partitions: 1 + random.below(3) as u32,
            dead_after: Duration::from_secs(*random.pick(&[2, 5, 300])),
            lease: Duration::from_millis(*random.pick(&[200, 500, 2000])),
            records: Memory::new(),
            disks: nodes.iter().map(|node| (node.clone(), Arc::new(Platter::new(node, seed, &trace)))).collect(),
            down_until: Mutex::default(),
            running: Mutex::default(),
            data: data.expect("a place for temporary files"),
            shared: Shared::new(&options).expect("RocksDB starts"),
            clocks: Clocks::new(seed),
            random: Mutex::new(random),
            trace,
            nodes,
        })
    }

    /// Where a node's stores are.
    pub fn data_of(&self, node: &str) -> PathBuf {
        self.data.path().join(node)
    }

    /// Memory of all stores.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    fn network(&self, host: &str, node: &str) -> Arc<dyn Network> {
        let us = Identity { cluster: "simulated".to_owned(), node: node.to_owned() };
        let connector = Connector { links: self.links.clone(), here: host.to_owned() };
        Arc::new(Pool::over(connector, us, NetOptions::default(), Handle::current()))
    }

    async fn serve(self: &Arc<Cluster>, host: &str, service: Arc<dyn Service>) -> turmoil::Result {
        let listener = Listener::bind(&self.links, host, PORT).await?;
        let redis = Redis;
        let server = Server {
            us: Identity { cluster: "simulated".to_owned(), node: host.to_owned() },
            service,
            resolve: Arc::new(move |args| redis.resolve(args)),
            options: NetOptions::default(),
        };
        Handle::current().spawn(serve(listener, Arc::new(server), CancellationToken::new()));
        Ok(())
    }

    /// Lets a host that is down be down.
    async fn boot(&self, host: &str) {
        let until = self.down_until.lock().get(host).copied().unwrap_or_default();
        let now = elapsed();
        sleep(until.saturating_sub(now)).await;
        self.trace.note(host, "boots", &[]);
    }

    fn life(&self) -> u64 {
        self.random.lock().word()
    }

    /// What runs on the meta server's host.
    ///
    /// # Errors
    /// It cannot start.
    pub async fn meta(self: Arc<Cluster>) -> turmoil::Result {
        self.boot(META).await;
        let clock = self.clocks.of(META);
        let bootstrap = Bootstrap { table: TABLE.to_owned(), partitions: self.partitions, replicas: REPLICAS, nodes: REPLICAS };
        let options = MetaOptions {
            bootstrap: Some(bootstrap),
            silent_after: Duration::from_secs(3),
            dead_after: self.dead_after,
            min_write_members: 2,
            learns_max: 8,
            learns_per_node: 2,
        };
        let network = self.network(META, META);
        let meta = loop {
            let (records, network, options) = (Box::new(self.records.clone()), Arc::clone(&network), options.clone());
            match Meta::open_on(&Handle::current(), records, network, options, Arc::new(move || clock.now())) {
                Ok(meta) => break meta,
                // Whoever keeps processes running starts it again.
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        };
        self.serve(META, Arc::new(meta)).await?;
        std::future::pending().await
    }

    /// What runs on a node's host.
    ///
    /// # Errors
    /// It cannot start.
    pub async fn node(self: Arc<Cluster>, host: String) -> turmoil::Result {
        self.boot(&host).await;
        let options = NodeOptions {
            node: NodeId::new(&host),
            zone: String::new(),
            address: format!("{host}:{PORT}"),
            data: self.data_of(&host),
            pool_threads: 1,
            pipeline_max: 64,
            queue_max: 1024,
            sessions_max: 1024,
            lease: self.lease,
            grace: self.lease.mul_f64((1.0 + DRIFT_MAX) / (1.0 - DRIFT_MAX)) + Duration::from_millis(20),
            beacon: self.lease / 4,
            min_write_members: 2,
            learn_rate: 1 << 20,
            learn_concurrent_max: 2,
            reply_spool_max: 64 << 20,
            log: LogOptions {
                segment_bytes: 64 << 10,
                bytes_max: 512 << 10,
                retain_bytes: 128 << 10,
                queue_bytes_max: 1 << 20,
                ..LogOptions::new(Sync::Always)
            },
        };
        let network = self.network(&host, &host);
        let world = NodeWorld {
            clock: Arc::new(self.clocks.of(&host)),
            machine: Arc::new(SimulatedMachine { platter: Arc::clone(&self.disks[&host]), runtime: Handle::current() }),
            coprocessor: Arc::new(Redis),
            meta: network.address(&format!("{META}:{PORT}")),
            network,
            shared: self.shared.clone(),
            runtimes: vec![Handle::current()],
        };
        let gone = Arc::clone(&world.network);
        let node = Node::open(options, world)?;
        let suspecting = Arc::downgrade(&node);
        gone.on_gone(Arc::new(move |gone| {
            if let Some(node) = suspecting.upgrade() {
                node.suspect(gone);
            }
        }));
        self.running.lock().insert(host.clone(), Arc::downgrade(&node));
        self.serve(&host, Arc::clone(&node) as _).await?;
        let retire = CancellationToken::new();
        self.retiring.lock().insert(host.clone(), retire.clone());
        tokio::select! {
            biased;
            () = self.close_nodes.cancelled() => {
                node.close(Duration::from_secs(2)).await;
                *self.closed.lock() += 1;
            }
            () = retire.cancelled() => {
                node.retire(Duration::from_secs(2)).await;
                node.close(Duration::from_secs(2)).await;
                self.trace.note(&host, "has closed", &[]);
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    }

    /// What runs on a proxy's host.
    ///
    /// # Errors
    /// It cannot start.
    pub async fn proxy(self: Arc<Cluster>, host: &'static str) -> turmoil::Result {
        self.boot(host).await;
        let network = self.network(host, "");
        let metas = vec![network.address(&format!("{META}:{PORT}"))];
        let router = Arc::new(Router::new(network, metas, TABLE, RouterOptions::default()));
        let stop = CancellationToken::new();
        let (keeping, stopped) = (Arc::clone(&router), stop.clone());
        Handle::current().spawn(async move { keeping.run(stopped).await });
        // Collections of a handful of members are exploded: both layouts, and the change between them, are what members have to agree about.
        let settings = Settings { layouts: Limits::exploding_at(4), ..Settings::default() };
        let proxy = Proxy::new(ProxyOptions { seed: self.life(), settings, ..ProxyOptions::default() }, router, stop);
        let mut listener = Listener::bind(&self.links, host, 6379).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let peer = stream.peer().unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
            proxy.serve(stream, Peer::at(peer));
        }
    }

    /// What runs on the clients' host.
    ///
    /// # Errors
    /// None.
    pub async fn clients(self: Arc<Cluster>) -> turmoil::Result {
        let clients: Vec<_> = (0..CLIENT_COUNT).map(|number| Handle::current().spawn(Client::new(&self, number).run())).collect();
        Handle::current().spawn(administrate(Arc::clone(&self), self.network(CLIENTS, "").address(&format!("{META}:{PORT}"))));
        for client in clients {
            client.await?;
        }
        let mut client = Client::new(&self, CLIENT_COUNT);
        loop {
            self.finale.notified().await;
            client.last_word().await;
            *self.spoken.lock() += 1;
        }
    }
}

/// Members of each group.
pub const REPLICAS: u32 = 3;
const PORT: u16 = 7000;
const TABLE: &str = "redis";
