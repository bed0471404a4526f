//! Measures calls over one loopback connection: `cargo run --release -p net --example roundtrips [multi]`.
//!
//! One thread of clients, one of the server; with `multi`, both on one runtime of two threads.
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock and starts its own tasks")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::service::{Network, Pending, Service};
use net::tcp::options::{Identity, Options};
use net::tcp::pool::Pool;
use net::tcp::server::{Server, serve};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use types::args::Args;
use types::id::{NodeId, RequestId, TableId};
use types::limits::Limits;
use types::txn::{Call, CommandId, Database, Proto};
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Outcome, Replicate};

/// Answers at once, or from a thread of its own, as the owner of a partition does.
struct Echo {
    later: Option<tokio::sync::mpsc::UnboundedSender<(usize, Answer)>>,
}

type Answer = tokio::sync::oneshot::Sender<Result<Executed, net::service::CallError>>;

impl Service for Echo {
    fn execute(&self, request: Execute) -> Pending<Executed> {
        let Some(later) = &self.later else { return Pending::ready(Ok(replies(request.calls.len()))) };
        let (sender, pending) = Pending::waiting();
        later.send((request.calls.len(), sender)).expect("the task runs");
        pending
    }

    fn replicate(&self, _: Replicate) {}

    fn control(&self, _: ControlRequest, _: Duration) -> Pending<ControlResponse> {
        Pending::ready(Ok(ControlResponse::Done))
    }
}

fn replies(count: usize) -> Executed {
    Executed { outcomes: vec![Outcome::Reply(Bytes::from_static(b"+OK\r\n")); count] }
}

fn request(number: u64, calls: &[(u32, Call)]) -> Execute {
    let request = RequestId { session: 7, number };
    Execute { table: TableId(1), request, again: false, patience: Duration::from_secs(10), calls: calls.to_vec() }
}

fn main() {
    let multi = std::env::args().any(|arg| arg == "multi");
    let (clients, servers): (Arc<Runtime>, Arc<Runtime>) = if multi {
        let both = Arc::new(Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime"));
        (Arc::clone(&both), both)
    } else {
        let single = || Arc::new(Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime"));
        (single(), single())
    };
    for later in [false, true] {
        let stop = CancellationToken::new();
        let (address, serving) = start(&servers, later, stop.clone());
        let pool = Pool::new(identity("client"), Options::default(), clients.handle().clone());
        let node = pool.node(&NodeId::new("server"), &address);
        for (in_flight, batch) in [(1, 1), (16, 1), (256, 1), (256, 16)] {
            let total = if in_flight == 1 { 100_000 } else { 2_000_000 / batch };
            clients.block_on(run(&clients, &node, in_flight, batch, total / 10));
            let (started, cpu) = (Instant::now(), cpu());
            clients.block_on(run(&clients, &node, in_flight, batch, total));
            let (took, cpu) = (started.elapsed(), cpu_since(cpu));
            println!(
                "{} in flight {in_flight:>3} calls {batch:>2}: {:>8.0} requests/s {:>8.0} calls/s, {:.2} us, {:.2} us CPU per request both ends",
                if later { "answered later  " } else { "answered at once" },
                total as f64 / took.as_secs_f64(),
                (total * batch) as f64 / took.as_secs_f64(),
                took.as_secs_f64() * 1e6 / total as f64 * in_flight as f64,
                cpu.as_secs_f64() * 1e6 / total as f64,
            );
        }
        clients.block_on(pool.close());
        stop.cancel();
        servers.block_on(serving).expect("server ends");
    }
}

fn identity(node: &str) -> Identity {
    Identity { cluster: "bench".into(), node: node.into() }
}

fn start(runtime: &Runtime, later: bool, stop: CancellationToken) -> (String, tokio::task::JoinHandle<()>) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bind");
    let address = listener.local_addr().expect("bound").to_string();
    let later = later.then(|| {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<(usize, Answer)>();
        let owner = move || {
            while let Some((count, answer)) = receiver.blocking_recv() {
                let _ = answer.send(Ok(replies(count)));
            }
        };
        std::thread::Builder::new().name("owner".into()).spawn(owner).expect("spawn");
        sender
    });
    let resolve = Arc::new(|args: &Args| (args.at(0) == b"SET").then_some(CommandId(1)));
    let server = Server { us: identity("server"), service: Arc::new(Echo { later }), resolve, options: Options::default() };
    (address, runtime.spawn(serve(listener, Arc::new(server), stop)))
}

async fn run(runtime: &Runtime, node: &Arc<dyn Service>, in_flight: usize, batch: usize, total: usize) {
    let args = Args::copied(["SET", "key:000000012345", "xxxxxxxxxxxxxxxx"]);
    let call = Call { command: CommandId(1), database: Database(0), proto: Proto::Resp2, args, limits: Limits::DEFAULT };
    let calls: Arc<Vec<_>> = Arc::new((0..batch).map(|index| (index as u32, call.clone())).collect());
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (node, calls) = (Arc::clone(node), Arc::clone(&calls));
            runtime.spawn(async move {
                for number in 0..total / in_flight {
                    let executed = node.execute(request(number as u64, &calls)).await.expect("answered");
                    assert_eq!(executed.outcomes.len(), calls.len());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task ends");
    }
}

/// CPU time of this process, from the kernel's clock ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks: u64 = [11, 12].map(|at: usize| fields[at].parse::<u64>().expect("a number")).iter().sum();
    Duration::from_millis(ticks * 10)
}

fn cpu_since(before: Duration) -> Duration {
    cpu().saturating_sub(before)
}
