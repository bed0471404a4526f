//! A node whose behaviour the caller chooses by the command, and what is needed to reach it.
#![allow(dead_code, reason = "each test uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use net::service::{CallError, Network, Pending, Service};
use net::tcp::options::{Identity, Options};
use net::tcp::pool::Pool;
use net::tcp::server::{Server, serve};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use types::args::Args;
use types::id::{NodeId, RequestId, TableId};
use types::limits::Limits;
use types::txn::{Call, CommandId, Database, Proto};
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Outcome, Replicate, UNRESOLVED};

/// `ECHO x` replies `x`, `BIG n` with n bytes, `HOLD` when [`Node::release`] says so; control: `Ping` is answered, `Cluster` held.
#[derive(Default)]
pub struct Node {
    pub executed: Mutex<Vec<u64>>,
    pub batches: Mutex<Vec<Replicate>>,
    pub commands: Mutex<Vec<CommandId>>,
    pub calls: AtomicUsize,
    held: Mutex<Vec<oneshot::Sender<Result<Executed, CallError>>>>,
    asked: Mutex<Vec<oneshot::Sender<Result<ControlResponse, CallError>>>>,
}

impl Node {
    /// Answers what is held, last first.
    pub fn release(&self) {
        for sender in self.held.lock().drain(..).rev() {
            let _ = sender.send(Ok(Executed { outcomes: vec![Outcome::Reply(Bytes::from_static(b"held"))] }));
        }
    }

    /// Drops what is held.
    pub fn lose(&self) {
        self.held.lock().clear();
    }

    pub fn held(&self) -> usize {
        self.held.lock().len()
    }
}

impl Service for Node {
    fn execute(&self, request: Execute) -> Pending<Executed> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.executed.lock().push(request.request.number);
        self.commands.lock().extend(request.calls.iter().map(|(_, call)| call.command));
        let mut outcomes = Vec::new();
        for (_, call) in &request.calls {
            match call.args.at(0) {
                b"ECHO" => outcomes.push(Outcome::Reply(call.args.bytes(1))),
                b"BIG" => {
                    let length = std::str::from_utf8(call.args.at(1)).expect("text").parse().expect("a number");
                    outcomes.push(Outcome::Reply(vec![b'x'; length].into()));
                }
                b"HOLD" => {
                    let (sender, pending) = Pending::waiting();
                    self.held.lock().push(sender);
                    return pending;
                }
                b"FAIL" => return Pending::ready(Err(CallError::Overloaded)),
                _ => outcomes.push(Outcome::Reply(Bytes::from_static(b"?"))),
            }
        }
        Pending::ready(Ok(Executed { outcomes }))
    }

    fn replicate(&self, batch: Replicate) {
        self.batches.lock().push(batch);
    }

    fn control(&self, request: ControlRequest, patience: Duration) -> Pending<ControlResponse> {
        match request {
            ControlRequest::Ping => Pending::ready(Ok(ControlResponse::Done)),
            ControlRequest::Route { .. } => Pending::ready(Ok(ControlResponse::Refused(format!("{patience:?}")))),
            ControlRequest::Cluster => {
                let (sender, pending) = Pending::waiting();
                self.asked.lock().push(sender);
                pending
            }
            _ => Pending::ready(Err(CallError::NotOffered)),
        }
    }
}

pub fn identity(node: &str) -> Identity {
    Identity { cluster: "test".into(), node: node.into() }
}

/// Options with short times.
pub fn options() -> Options {
    Options {
        connect_timeout: Duration::from_millis(300),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(40),
        drain: Duration::from_secs(2),
        ..Options::default()
    }
}

pub fn server(node: &Arc<Node>, name: &str, options: Options) -> Server {
    let resolve = Arc::new(|args: &Args| (args.at(0) != b"FROB").then(|| CommandId(args.len() as u16)));
    Server { us: identity(name), service: Arc::clone(node) as Arc<dyn Service>, resolve, options }
}

/// A node that listens.
pub struct Listening {
    pub node: Arc<Node>,
    pub address: String,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
}

impl Listening {
    pub async fn at(address: &str, name: &str, options: Options) -> Listening {
        let listener = TcpListener::bind(address).await.expect("bind");
        let address = listener.local_addr().expect("bound").to_string();
        let (node, stop) = (Arc::new(Node::default()), CancellationToken::new());
        let serving = spawn(serve(listener, Arc::new(server(&node, name, options)), stop.clone()));
        Listening { node, address, stop, serving }
    }

    pub async fn start(options: Options) -> Listening {
        Listening::at("127.0.0.1:0", "n1", options).await
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.serving.await.expect("server ends");
    }
}

pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    Handle::current().spawn(task)
}

pub fn pool(options: Options) -> Pool {
    Pool::new(identity("client"), options, Handle::current())
}

pub fn reach(pool: &Pool, address: &str) -> Arc<dyn Service> {
    pool.node(&NodeId::new("n1"), address)
}

/// One call with these words, as request `number`.
pub fn execute(number: u64, words: &[&str]) -> Execute {
    let call = Call { command: UNRESOLVED, database: Database(0), proto: Proto::Resp2, args: Args::copied(words), limits: Limits::DEFAULT };
    let request = RequestId { session: 1, number };
    Execute { table: TableId(1), request, again: false, patience: Duration::from_secs(10), calls: vec![(0, call)] }
}

pub fn patient(mut request: Execute, millis: u64) -> Execute {
    request.patience = Duration::from_millis(millis);
    request
}

pub fn reply(text: &'static str) -> Result<Executed, CallError> {
    Ok(Executed { outcomes: vec![Outcome::Reply(Bytes::from_static(text.as_bytes()))] })
}

/// Waits (at most five seconds) until `condition`.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}
