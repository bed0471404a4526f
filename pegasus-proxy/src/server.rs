//! The proxy as the program drives it: listening, serving connections, housekeeping, draining.
//!
//! A [`Proxy`] is a handle to what all threads share; sessions belong to the runtime of the thread that accepted them:
//! ```text
//!   thread 0: current_thread runtime ── proxy.listen(listener.try_clone()) ── its sessions
//!   thread 1: current_thread runtime ── proxy.listen(listener.try_clone()) ── its sessions
//!   any:      proxy.run()   once: idle connections, rates
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use client::router::Router;
use client::session::{Session as Numbers, SessionIds};
use commands::table;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use types::time::Time;
use types::txn::CommandId;

pub use crate::clients::Peer;
use crate::clients::{Client, Clients, Signal};
use crate::clock::Clock;
use crate::errors;
use crate::local::{self, Local};
use crate::metrics::Metrics;
use crate::parameters::Parameters;
use crate::session::Session;
use crate::settings::{Options, Settings};
use crate::stats::Stats;

/// The Redis front end of one table. Cheap to clone.
#[derive(Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
    sessions: TaskTracker,
    stop: CancellationToken,
}

/// What the sessions of a proxy share. Nothing in it is locked on the way of a command to its partition.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) router: Arc<Router>,
    pub(crate) clock: Clock,
    pub(crate) settings: ArcSwap<Settings>,
    /// Grows when `settings` change.
    pub(crate) settings_version: AtomicU64,
    pub(crate) parameters: Mutex<Parameters>,
    pub(crate) clients: Clients,
    pub(crate) stats: Stats,
    pub(crate) counters: Counters,
    pub(crate) pause: Pause,
    pub(crate) ids: SessionIds,
    /// How local commands run, by command id.
    pub(crate) local: Vec<Option<Local>>,
    /// The one subcommand of DEBUG that runs at a partition.
    pub(crate) debug_object: Option<CommandId>,
    /// When somebody last spoke HTTP to us, in seconds: told once a minute.
    pub(crate) http_told: AtomicU64,
}

/// What is counted per connection, not per command.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) rejected: AtomicU64,
    /// Commands per second, lately.
    pub(crate) rate: AtomicU64,
    /// Bytes read and written per second, lately.
    pub(crate) rate_in: AtomicU64,
    pub(crate) rate_out: AtomicU64,
}

/// `CLIENT PAUSE`.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// Milliseconds of the proxy's clock; 0: not paused.
    until: AtomicU64,
    all: AtomicBool,
}

impl Proxy {
    /// A proxy in front of what `router` reaches. It serves until `stop`.
    pub fn new(options: Options, router: Arc<Router>, stop: CancellationToken) -> Proxy {
        let local = local::table();
        let id_of = |name: &str| (0..local.len() as u16).map(CommandId).find(|id| table::by_id(*id).is_some_and(|c| c.name == name));
        let shared = Shared {
            router,
            clock: Clock::new(),
            settings: ArcSwap::from_pointee(options.settings.clone()),
            settings_version: AtomicU64::new(0),
            parameters: Mutex::default(),
            clients: Clients::default(),
            stats: Stats::new(local.len()),
            counters: Counters::default(),
            pause: Pause::default(),
            ids: SessionIds::new(options.seed),
            debug_object: id_of("debug|object"),
            local,
            http_told: AtomicU64::new(0),
            options,
        };
        Proxy { shared: Arc::new(shared), sessions: TaskTracker::new(), stop }
    }

    /// Accepts connections and serves them on the calling runtime, until the proxy stops.
    pub async fn listen(&self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.serve_connection(stream),
                Err(error) if is_about_the_connection(&error) => debug!(%error, "connection not accepted"),
                Err(error) => {
                    // Out of descriptors, as a rule. Connections that end make room.
                    warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection on the calling runtime.
    pub fn serve_connection(&self, stream: TcpStream) {
        let (Ok(remote), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return }; // gone already
        if let Err(error) = self.prepare(&stream) {
            debug!(%error, "socket options");
        }
        self.serve(stream, Peer { remote, local });
    }

    /// Serves a client over any stream on the calling runtime.
    pub fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, mut stream: S, peer: Peer) {
        let shared = Arc::clone(&self.shared);
        shared.counters.accepted.fetch_add(1, Ordering::Relaxed);
        if shared.clients.len() >= shared.settings.load().maxclients {
            shared.counters.rejected.fetch_add(1, Ordering::Relaxed);
            self.sessions.spawn(async move {
                let text = format!("-{}\r\n", errors::MAX_CLIENTS);
                let _ = tokio::time::timeout(ACCEPT_PAUSE, stream.write_all(text.as_bytes())).await; // as much as one can do
            });
            return;
        }
        let client = Arc::new(Client::new(shared.clients.next_id(), peer, shared.clock.now()));
        shared.clients.add(Arc::clone(&client));
        if self.stop.is_cancelled() {
            client.send(Signal::Drain);
        }
        let session = Session::new(Arc::clone(&shared), Arc::clone(&client), stream, Numbers::new(shared.ids.next_id()));
        let entry = Entry { shared, id: client.id };
        self.sessions.spawn(async move {
            let end = session.run().await;
            debug!(client = entry.id, peer = %peer.remote, end = &end as &dyn std::error::Error, "session ended");
            drop(entry);
        });
    }

    /// Does what has to be done now and then, until the proxy stops: closes idle connections, measures rates.
    pub async fn run(&self) {
        let mut last = Sample::take(&self.shared);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(HOUSEKEEPING_INTERVAL) => {}
            }
            last = Sample::take(&self.shared).since(last, &self.shared.counters);
            let timeout = self.shared.settings.load().timeout;
            if !timeout.is_zero() {
                let now = self.shared.clock.now();
                self.shared.clients.all().iter().filter(|client| client.idle(now) > timeout).for_each(|client| client.send(Signal::Kill));
            }
        }
    }

    /// To be called when the proxy has stopped: lets every session finish the commands that have arrived, for `grace` at most, and closes
    /// all connections. Whether all of them finished in time.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.sessions.close();
        let tell_all = |signal| self.shared.clients.all().iter().for_each(|client| client.send(signal));
        tell_all(Signal::Drain);
        if tokio::time::timeout(grace, self.sessions.wait()).await.is_ok() {
            return true;
        }
        info!(sessions = self.shared.clients.len(), "closing sessions that are still busy");
        tell_all(Signal::Kill);
        let _ = tokio::time::timeout(grace, self.sessions.wait()).await; // one may be waiting for a partition: it is dropped with its runtime
        false
    }

    /// What happened so far.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.shared)
    }

    /// Whether commands can be routed: the routing table is known.
    pub fn ready(&self) -> bool {
        self.shared.router.routes().partitions() > 0
    }

    fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let idle = self.shared.settings.load().tcp_keepalive;
        if !idle.is_zero() {
            let keepalive =
                socket2::TcpKeepalive::new().with_time(idle).with_interval((idle / 3).max(Duration::from_secs(1))).with_retries(3);
            socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
        }
        Ok(())
    }
}

impl Shared {
    /// Puts new settings in force. The caller holds the lock of `parameters`.
    pub(crate) fn change(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
        self.settings_version.fetch_add(1, Ordering::Release);
    }
}

/// A session's place in the list of clients; gone with the session, however it ends.
struct Entry {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.clients.remove(self.id);
    }
}

impl Counters {
    /// `CONFIG RESETSTAT`.
    pub(crate) fn reset(&self) {
        self.accepted.store(0, Ordering::Relaxed);
        self.rejected.store(0, Ordering::Relaxed);
    }
}

impl Pause {
    pub(crate) fn set(&self, until: Time, all: bool) {
        self.all.store(all, Ordering::Relaxed);
        self.until.store(until.since_start().as_millis() as u64, Ordering::Release);
    }

    pub(crate) fn clear(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Whether anything is held back at all: all that the hot path asks.
    pub(crate) fn is_set(&self) -> bool {
        self.until.load(Ordering::Acquire) != 0
    }

    /// Whether a batch that `writes` is held back at `now`. Ends a pause whose time has come.
    pub(crate) fn holds(&self, now: Time, writes: bool) -> bool {
        let until = self.until.load(Ordering::Acquire);
        if until <= now.since_start().as_millis() as u64 {
            let _ = self.until.compare_exchange(until, 0, Ordering::AcqRel, Ordering::Relaxed); // else it was set anew
            return false;
        }
        writes || self.all.load(Ordering::Relaxed)
    }
}

/// Totals at one moment.
struct Sample {
    at: Time,
    commands: u64,
    bytes_read: u64,
    bytes_written: u64,
}

impl Sample {
    fn take(shared: &Shared) -> Sample {
        let sum = shared.stats.sum();
        let commands = sum.commands.iter().map(|counts| counts.calls).sum();
        Sample { at: shared.clock.now(), commands, bytes_read: sum.bytes_read, bytes_written: sum.bytes_written }
    }

    fn since(self, before: Sample, counters: &Counters) -> Sample {
        let millis = (self.at.since(before.at).as_millis() as u64).max(1);
        for (rate, now, then) in [
            (&counters.rate, self.commands, before.commands),
            (&counters.rate_in, self.bytes_read, before.bytes_read),
            (&counters.rate_out, self.bytes_written, before.bytes_written),
        ] {
            rate.store(now.saturating_sub(then) * 1000 / millis, Ordering::Relaxed);
        }
        self
    }
}

/// Errors of `accept` that are about one connection, not about accepting.
fn is_about_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused | io::ErrorKind::Interrupted
    )
}

/// Where the proxy is told to be: for tests and programs that serve streams that are no sockets.
impl Peer {
    /// A peer whose two ends are `address`.
    pub fn at(address: SocketAddr) -> Peer {
        Peer { remote: address, local: address }
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(500);
