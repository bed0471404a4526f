//! `pegasus admin`: what the meta server knows, as tables for people or JSON for machines.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use net::service::{Network, Service};
use serde_json::{Value, json};
use types::group::GroupConfig;
use types::id::NodeId;
use wire::rpc::{ClusterView, ControlRequest, ControlResponse, ReplicaState};

/// Looks at a running cluster.
#[derive(Args)]
pub struct AdminArgs {
    /// The meta server: `host:port`.
    #[arg(long, env = "PEGASUS_META", default_value = "127.0.0.1:34601", global = true)]
    meta: String,
    /// Name of the cluster.
    #[arg(long, env = "PEGASUS_CLUSTER", default_value = "pegasus", global = true)]
    cluster: String,
    /// JSON instead of tables.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Subcommand)]
enum AdminCommand {
    /// One line on the cluster's health; the exit code is 1 when it is not healthy.
    Status,
    /// The replica nodes.
    Nodes,
    /// The tables.
    Tables,
    /// The partitions with their members, ballots and decrees.
    Partitions,
    /// Makes a table.
    CreateTable {
        /// Letters, digits, `_`, `.`, `:`.
        name: String,
        /// Number of partitions.
        #[arg(long, default_value_t = 8)]
        partitions: u32,
        /// Copies of each partition.
        #[arg(long, default_value_t = 3)]
        replicas: u32,
    },
}

/// Asks the meta server and prints the answer.
pub fn run(args: &AdminArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start")?;
    runtime.block_on(async {
        let network: Arc<dyn Network> = crate::runtime::network(&args.cluster, "", tokio::runtime::Handle::current());
        let meta = network.address(&args.meta);
        if let AdminCommand::CreateTable { name, partitions, replicas } = &args.command {
            let request = ControlRequest::CreateTable { name: name.clone(), partitions: *partitions, replicas: *replicas };
            ask(&*meta, &args.meta, request).await?;
            println!("table {name} is being made");
            return Ok(());
        }
        let ControlResponse::Cluster(view) = ask(&*meta, &args.meta, ControlRequest::Cluster).await? else {
            bail!("unexpected answer of {}", args.meta);
        };
        let (rows, value) = match &args.command {
            AdminCommand::Status | AdminCommand::CreateTable { .. } => return status(&view, args.json),
            AdminCommand::Nodes => nodes(&view),
            AdminCommand::Tables => tables(&view),
            AdminCommand::Partitions => partitions(&view),
        };
        if args.json {
            println!("{}", serde_json::to_string_pretty(&value)?);
        } else {
            println!("{rows}");
        }
        Ok(())
    })
}

async fn ask(meta: &dyn Service, address: &str, request: ControlRequest) -> Result<ControlResponse> {
    match meta.control(request, Duration::from_secs(5)).await.with_context(|| format!("ask the meta server at {address}"))? {
        ControlResponse::Refused(reason) => bail!("{reason}"),
        answer => Ok(answer),
    }
}

fn status(view: &ClusterView, as_json: bool) -> Result<()> {
    let alive = view.nodes.iter().filter(|n| n.alive).count();
    let healthy: u32 = view.tables.iter().map(|t| t.healthy).sum();
    let partitions = view.partitions.len();
    let good = healthy as usize == partitions && alive == view.nodes.len() && partitions > 0;
    if as_json {
        let value = json!({
            "healthy": good, "nodes": view.nodes.len(), "nodes_alive": alive, "tables": view.tables.len(),
            "partitions": partitions, "partitions_healthy": healthy,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        println!(
            "{}: {alive} of {} nodes alive, {} tables, {healthy} of {partitions} partitions serve with all members",
            if good { "healthy" } else { "NOT healthy" },
            view.nodes.len(),
            view.tables.len(),
        );
    }
    if !good {
        std::process::exit(1);
    }
    Ok(())
}

fn nodes(view: &ClusterView) -> (Table, Value) {
    let mut table = new_table(&["node", "address", "zone", "alive", "last report", "primaries", "secondaries"]);
    let mut list = Vec::new();
    for node in &view.nodes {
        let ago = format!("{} ago", humantime::format_duration(Duration::from_millis(node.silent.as_millis() as u64)));
        table.add_row([
            node.node.name(),
            &node.address,
            &node.zone,
            if node.alive { "yes" } else { "NO" },
            &ago,
            &node.primaries.to_string(),
            &node.secondaries.to_string(),
        ]);
        list.push(json!({
            "node": node.node.name(), "address": node.address, "zone": node.zone, "alive": node.alive,
            "silent_ms": node.silent.as_millis() as u64, "primaries": node.primaries, "secondaries": node.secondaries,
        }));
    }
    (table, Value::Array(list))
}

fn tables(view: &ClusterView) -> (Table, Value) {
    let mut table = new_table(&["table", "id", "partitions", "replicas", "healthy partitions"]);
    let mut list = Vec::new();
    for t in &view.tables {
        table.add_row([t.name.clone(), t.table.to_string(), t.partitions.to_string(), t.replicas.to_string(), t.healthy.to_string()]);
        list.push(json!({
            "table": t.name, "id": t.table.0, "partitions": t.partitions, "replicas": t.replicas, "healthy": t.healthy,
        }));
    }
    (table, Value::Array(list))
}

fn partitions(view: &ClusterView) -> (Table, Value) {
    let mut table = new_table(&["partition", "ballot", "primary", "secondaries", "state", "committed", "prepared on members"]);
    let mut list = Vec::new();
    for p in &view.partitions {
        let GroupConfig { ballot, primary, secondaries } = &p.config;
        let report = |node: &NodeId| p.replicas.iter().find(|(n, _)| n == node).map(|(_, r)| r);
        let of_primary = primary.as_ref().and_then(report);
        let names = secondaries.iter().map(NodeId::name).collect::<Vec<_>>().join(" ");
        let state = of_primary.map_or("no report", |r| state_name(r.state));
        let prepared = p.replicas.iter().map(|(n, r)| format!("{n}:{}", r.prepared)).collect::<Vec<_>>().join(" ");
        table.add_row([
            p.partition.to_string(),
            ballot.to_string(),
            primary.as_ref().map_or("-", NodeId::name).to_owned(),
            names,
            state.to_owned(),
            of_primary.map_or("-".to_owned(), |r| r.committed.to_string()),
            prepared,
        ]);
        let replicas: Vec<Value> = p
            .replicas
            .iter()
            .map(|(n, r)| {
                json!({
                    "node": n.name(), "state": state_name(r.state), "ballot": r.ballot.0, "prepared": r.prepared.0,
                    "committed": r.committed.0,
                })
            })
            .collect();
        list.push(json!({
            "partition": p.partition.to_string(), "ballot": ballot.0, "primary": primary.as_ref().map(NodeId::name),
            "secondaries": secondaries.iter().map(NodeId::name).collect::<Vec<_>>(), "replicas": replicas,
        }));
    }
    (table, Value::Array(list))
}

fn state_name(state: ReplicaState) -> &'static str {
    match state {
        ReplicaState::Waiting => "waiting",
        ReplicaState::Reconciling => "reconciling",
        ReplicaState::Primary => "primary",
        ReplicaState::Secondary => "secondary",
        ReplicaState::Failed => "FAILED",
    }
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}
