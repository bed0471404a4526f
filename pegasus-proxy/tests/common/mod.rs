//! A proxy over partitions in memory, and a client that talks to it byte by byte.
#![allow(clippy::unwrap_used, dead_code, reason = "tests; each uses a part of this")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use client::router::{Options as RouterOptions, Router};
use commands::coprocessor::Redis;
use commands::memory::Memory;
use net::service::{CallError, Network, Pending, Service};
use parking_lot::Mutex;
use pegasus_proxy::server::Proxy;
use pegasus_proxy::settings::{Options, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use types::group::{GroupConfig, TableRouting};
use types::id::{Ballot, NodeId, TableId};
use types::slot::slots_of_partition;
use types::time::UnixMs;
use types::txn::Coprocessor;
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Outcome, Refusal, Replicate};

/// A whole cluster: one object is meta server, network and all nodes. Partition `i` lives on node `i % nodes`.
pub struct Cluster {
    redis: Redis,
    partitions: Vec<Mutex<Memory>>,
    nodes: usize,
    /// Answers come from another task.
    pub slow: AtomicBool,
    /// Everything is refused with this.
    pub refusing: Mutex<Option<Refusal>>,
    /// The meta server does not answer.
    pub lost: AtomicBool,
    pub frames: AtomicUsize,
    /// Replies of so many bytes are long; what became of each of them.
    pub long_from: AtomicUsize,
    pub long: Mutex<Vec<Option<Vec<u8>>>>,
    /// From here on long replies are forgotten.
    pub forgets_from: AtomicU64,
}

pub struct Handle(pub Arc<Cluster>);

impl Service for Handle {
    fn execute(&self, request: Execute) -> Pending<Executed> {
        self.0.frames.fetch_add(1, Ordering::Relaxed);
        let refusing = *self.0.refusing.lock();
        let run = move |cluster: &Cluster| {
            let outcomes = request.calls.iter().map(|(partition, call)| {
                if let Some(refusal) = refusing {
                    return Outcome::Refused(refusal);
                }
                let mut memory = cluster.partitions[*partition as usize].lock();
                memory.set_now(now());
                let mut reply = types::reply::Reply::default();
                cluster.redis.execute(&mut *memory, call, &mut reply).unwrap();
                let types::reply::Finished::Held(reply) = reply.finish() else { panic!("it has no limit") };
                if reply.len() < cluster.long_from.load(Ordering::Relaxed) {
                    return Outcome::Reply(Bytes::from(reply));
                }
                let mut long = cluster.long.lock();
                long.push(Some(reply));
                Outcome::Long(long.len() as u64 - 1)
            });
            Ok(Executed { outcomes: outcomes.collect() })
        };
        if !self.0.slow.load(Ordering::Relaxed) {
            return Pending::ready(run(&self.0));
        }
        let (sender, pending) = Pending::waiting();
        let cluster = Arc::clone(&self.0);
        tokio_util::task::TaskTracker::new().spawn(async move {
            tokio::task::yield_now().await;
            let _ = sender.send(run(&cluster));
        });
        pending
    }

    fn replicate(&self, _: Replicate) {}

    fn control(&self, request: ControlRequest, _: Duration) -> Pending<ControlResponse> {
        if self.0.lost.load(Ordering::Relaxed) {
            return Pending::ready(Err(CallError::Unreachable("meta".into())));
        }
        Pending::ready(match request {
            ControlRequest::ReplyPiece { reply, offset, .. } if offset >= self.0.forgets_from.load(Ordering::Relaxed) => {
                Ok(ControlResponse::Refused(format!("TRYAGAIN {reply} is forgotten")))
            }
            ControlRequest::ReplyPiece { reply, offset, bytes_max } => match &self.0.long.lock()[reply as usize] {
                Some(reply) => {
                    let from = &reply[offset as usize..];
                    let bytes = Bytes::copy_from_slice(&from[..from.len().min(bytes_max as usize)]);
                    Ok(ControlResponse::ReplyPiece { bytes, total: reply.len() as u64 })
                }
                None => Ok(ControlResponse::Refused("TRYAGAIN it was given up".to_owned())),
            },
            ControlRequest::ReplyEnd { reply } => {
                self.0.long.lock()[reply as usize] = None;
                Ok(ControlResponse::Done)
            }
            ControlRequest::Route { known: 1, .. } => Ok(ControlResponse::Unchanged),
            ControlRequest::Route { .. } => Ok(ControlResponse::Routing(self.0.routing())),
            _ => Err(CallError::NotOffered),
        })
    }
}

impl Network for Handle {
    fn node(&self, _: &NodeId, _: &str) -> Arc<dyn Service> {
        Arc::new(Handle(Arc::clone(&self.0)))
    }

    fn address(&self, _: &str) -> Arc<dyn Service> {
        Arc::new(Handle(Arc::clone(&self.0)))
    }
}

impl Cluster {
    pub fn new(partitions: u32, nodes: usize) -> Arc<Cluster> {
        let memory = |index| Mutex::new(Memory::with_slots(now(), slots_of_partition(index, partitions)));
        Arc::new(Cluster {
            redis: Redis,
            partitions: (0..partitions).map(memory).collect(),
            nodes,
            slow: AtomicBool::new(false),
            refusing: Mutex::new(None),
            lost: AtomicBool::new(false),
            frames: AtomicUsize::new(0),
            long_from: AtomicUsize::new(usize::MAX),
            long: Mutex::new(Vec::new()),
            forgets_from: AtomicU64::new(u64::MAX),
        })
    }

    fn routing(&self) -> TableRouting {
        let node = |index: usize| NodeId::new(&format!("n{}", index % self.nodes));
        let group =
            |index| GroupConfig { ballot: Ballot(1), primary: Some(node(index)), secondaries: vec![NodeId::new("x"), NodeId::new("y")] };
        TableRouting {
            table: TableId(1),
            name: "default".into(),
            version: 1,
            partitions: (0..self.partitions.len()).map(group).collect(),
            addresses: (0..self.nodes).map(|index| (node(index), "here".into())).collect(),
        }
    }

    pub fn router(self: &Arc<Cluster>, options: RouterOptions) -> Arc<Router> {
        let handle = Arc::new(Handle(Arc::clone(self)));
        Arc::new(Router::new(Arc::clone(&handle) as Arc<dyn Network>, vec![handle as Arc<dyn Service>], "default", options))
    }
}

/// A proxy that listens.
pub struct Server {
    pub cluster: Arc<Cluster>,
    pub proxy: Proxy,
    pub address: SocketAddr,
    pub stop: CancellationToken,
}

impl Server {
    pub async fn start() -> Server {
        Server::with(Cluster::new(8, 3), Settings { debug: true, ..Settings::default() }, RouterOptions::default()).await
    }

    pub async fn with_settings(settings: Settings) -> Server {
        Server::with(Cluster::new(8, 3), settings, RouterOptions::default()).await
    }

    pub async fn with(cluster: Arc<Cluster>, settings: Settings, router: RouterOptions) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let options = Options { seed: 7, port: address.port(), settings, ..Options::default() };
        let router = cluster.router(router);
        let proxy = Proxy::new(options, Arc::clone(&router), stop.clone());
        let tasks = tokio_util::task::TaskTracker::new();
        tasks.spawn({
            let stop = stop.clone();
            async move { router.run(stop).await }
        });
        tasks.spawn({
            let proxy = proxy.clone();
            async move { proxy.listen(listener).await }
        });
        tasks.spawn({
            let proxy = proxy.clone();
            async move { proxy.run().await }
        });
        Server { cluster, proxy, address, stop }
    }

    pub async fn client(&self) -> Talk {
        Talk { stream: TcpStream::connect(self.address).await.unwrap(), got: Vec::new() }
    }
}

/// One connection.
pub struct Talk {
    pub stream: TcpStream,
    got: Vec<u8>,
}

impl Talk {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// One reply, as text; bytes that are no text are replaced.
    pub async fn reply(&mut self) -> String {
        loop {
            if let Some(len) = resp::walk::reply_len(&self.got) {
                let reply: Vec<u8> = self.got.drain(..len).collect();
                return String::from_utf8_lossy(&reply).into_owned();
            }
            let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read_buf(&mut self.got)).await;
            let count = read.unwrap_or_else(|_| panic!("no reply, only {:?}", self.got.escape_ascii().to_string())).unwrap();
            assert!(count > 0, "connection closed after {:?}", self.got.escape_ascii().to_string());
        }
    }

    /// Sends a command and shows its reply (see [`show`]).
    pub async fn run(&mut self, command: &str) -> String {
        self.send(request(command)).await;
        show(&self.reply().await)
    }

    /// Whatever comes until the server closes.
    pub async fn rest(&mut self) -> String {
        let mut all = std::mem::take(&mut self.got);
        // A reset after the last byte is as good as an end here.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.stream.read_to_end(&mut all)).await.expect("closed");
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// A command of words separated by blanks; `""` is an empty word.
pub fn request(command: &str) -> Vec<u8> {
    let words: Vec<&str> = command.split(' ').map(|word| if word == "\"\"" { "" } else { word }).collect();
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    out
}

/// A reply on one line: `OK`, `5`, `-ERR ..`, `"bulk"`, `nil`, `[a b]`.
pub fn show(reply: &str) -> String {
    let (head, body) = reply.split_once("\r\n").unwrap();
    match reply.as_bytes()[0] {
        b'+' | b':' | b',' | b'#' | b'(' => head[1..].to_owned(),
        b'-' => head.to_owned(),
        b'$' | b'*' if head.ends_with("-1") => "nil".to_owned(),
        b'_' => "nil".to_owned(),
        b'$' => format!("\"{}\"", body.strip_suffix("\r\n").unwrap()),
        b'=' => format!("\"{}\"", body.strip_suffix("\r\n").unwrap().split_once(':').unwrap().1),
        _ => {
            let elements = resp::walk::elements(reply.as_bytes()).unwrap();
            let shown: Vec<String> = elements.map(|element| show(std::str::from_utf8(element).unwrap())).collect();
            format!("[{}]", shown.join(" "))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests run at the time they run")]
fn now() -> UnixMs {
    UnixMs(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64)
}
