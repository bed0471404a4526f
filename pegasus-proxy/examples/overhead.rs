//! What the proxy itself costs: a proxy on one thread, in front of nodes that answer `+OK` to everything at once.
//!
//! ```sh
//! cargo run --release -p pegasus-proxy --example overhead -- 7055 [nodes] &
//! redis-benchmark -p 7055 -t set -n 1000000 -c 50 -P 16
//! ```
//! It prints the processor time per command every second in which there were commands.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::router::{Options as RouterOptions, Router};
use net::service::{Network, Pending, Service};
use pegasus_proxy::server::Proxy;
use pegasus_proxy::settings::Options;
use tokio_util::sync::CancellationToken;
use types::group::{GroupConfig, TableRouting};
use types::id::{Ballot, NodeId, TableId};
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Outcome, Replicate};

/// Every node of the cluster, and its meta server.
struct Null {
    nodes: usize,
}

impl Service for Null {
    fn execute(&self, request: Execute) -> Pending<Executed> {
        Pending::ready(Ok(Executed { outcomes: vec![Outcome::Reply(Bytes::from_static(b"+OK\r\n")); request.calls.len()] }))
    }

    fn replicate(&self, _: Replicate) {}

    fn control(&self, _: ControlRequest, _: Duration) -> Pending<ControlResponse> {
        let node = |index: usize| NodeId::new(&format!("n{}", index % self.nodes));
        let group = |index| GroupConfig { ballot: Ballot(1), primary: Some(node(index)), secondaries: Vec::new() };
        Pending::ready(Ok(ControlResponse::Routing(TableRouting {
            table: TableId(1),
            name: "default".into(),
            version: 1,
            partitions: (0..8).map(group).collect(),
            addresses: (0..self.nodes).map(|index| (node(index), "here".into())).collect(),
        })))
    }
}

struct Here(Arc<Null>);

impl Network for Here {
    fn node(&self, _: &NodeId, _: &str) -> Arc<dyn Service> {
        Arc::clone(&self.0) as Arc<dyn Service>
    }

    fn address(&self, _: &str) -> Arc<dyn Service> {
        Arc::clone(&self.0) as Arc<dyn Service>
    }
}

fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(7055);
    let nodes = std::env::args().nth(2).and_then(|nodes| nodes.parse().ok()).unwrap_or(1);
    let null = Arc::new(Null { nodes });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let router = Router::new(Arc::new(Here(Arc::clone(&null))), vec![null as Arc<dyn Service>], "default", RouterOptions::default());
        let proxy = Proxy::new(Options { port, seed: 1, ..Options::default() }, Arc::new(router), CancellationToken::new());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let report = async {
            let mut before = (0, cpu());
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let now = (proxy.metrics().commands_processed(), cpu());
                let commands = now.0 - before.0;
                if commands > 1000 {
                    println!("{commands} commands, {:.2} us each", (now.1 - before.1) * 1e6 / commands as f64);
                }
                before = now;
            }
        };
        tokio::select! {
            () = proxy.listen(listener) => {}
            () = proxy.run() => {}
            () = report => {}
        }
        Ok(())
    })
}

/// Processor time of this process so far, in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
