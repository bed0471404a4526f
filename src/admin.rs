//! `pegasus admin`: what the meta server knows, as tables for people or JSON for machines; and what an administrator wants of it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use net::service::{Network, Service};
use serde_json::{Value, json};
use types::group::GroupConfig;
use types::id::{NodeId, PartitionId, TableId};
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
    /// The partitions with their members, ballots and decrees, and what they wait for.
    Partitions,
    /// Every copy with its role, its decrees, how far it is behind its primary, and the primary's lease.
    Replicas,
    /// Lets a node lead a partition; a copy is made there first if it has none.
    MovePrimary {
        /// `table.index`, as `partitions` lists it.
        partition: Partition,
        /// The node.
        node: String,
    },
    /// Makes a copy of a partition on a node; if that is one too many, another goes.
    AddReplica {
        /// `table.index`.
        partition: Partition,
        /// The node.
        node: String,
    },
    /// Removes a node's copy of a partition from its group.
    RemoveReplica {
        /// `table.index`.
        partition: Partition,
        /// The node.
        node: String,
    },
    /// Lets a node lead nothing, so that it can be stopped without clients noticing.
    Drain {
        /// The node.
        node: String,
        /// Ends it: the node may lead again.
        #[arg(long)]
        off: bool,
        /// Waits until the node leads nothing, for at most so many seconds; the exit code is 1 if it still does.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// The guardian moves nothing any more. Groups still heal by themselves as far as their members can.
    Freeze,
    /// The guardian goes on.
    Unfreeze,
    /// LAST RESORT, after all members of a partition restarted and some do not come back: go on with the copies that are there. Acknowledged writes
    /// that only the missing members have are lost.
    Force {
        /// `table.index`.
        partition: Partition,
        /// The node whose copy is to be the truth; the best one if not given.
        #[arg(long)]
        from: Option<String>,
        /// Says that you know.
        #[arg(long)]
        yes_i_may_lose_writes: bool,
    },
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

/// A partition as a person writes it.
#[derive(Debug, Clone, Copy)]
struct Partition(PartitionId);

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Partition, String> {
        let parse = || {
            let (table, index) = text.split_once('.')?;
            Some(PartitionId { table: TableId(table.parse().ok()?), index: index.parse().ok()? })
        };
        parse().map(Partition).ok_or_else(|| "a partition is written table.index, as 1.0".to_owned())
    }
}

impl AdminCommand {
    /// The request of a command that changes something, and what to say when it is taken.
    fn order(&self) -> Result<Option<(ControlRequest, String)>> {
        Ok(Some(match self {
            AdminCommand::Status | AdminCommand::Nodes | AdminCommand::Tables | AdminCommand::Partitions | AdminCommand::Replicas => {
                return Ok(None);
            }
            AdminCommand::CreateTable { name, partitions, replicas } => (
                ControlRequest::CreateTable { name: name.clone(), partitions: *partitions, replicas: *replicas },
                format!("table {name} is being made"),
            ),
            AdminCommand::MovePrimary { partition: Partition(partition), node } => (
                ControlRequest::MovePrimary { partition: *partition, to: NodeId::new(node) },
                format!("{node} is asked to lead {partition}"),
            ),
            AdminCommand::AddReplica { partition: Partition(partition), node } => (
                ControlRequest::AddReplica { partition: *partition, node: NodeId::new(node) },
                format!("{node} is asked to learn {partition}"),
            ),
            AdminCommand::RemoveReplica { partition: Partition(partition), node } => (
                ControlRequest::RemoveReplica { partition: *partition, node: NodeId::new(node) },
                format!("the group of {partition} is asked to go on without {node}"),
            ),
            AdminCommand::Drain { node, off, .. } => (
                ControlRequest::Drain { node: NodeId::new(node), on: !off },
                if *off { format!("{node} may lead again") } else { format!("{node} hands over what it leads") },
            ),
            AdminCommand::Freeze => (ControlRequest::Freeze { on: true }, "frozen: the guardian moves nothing".to_owned()),
            AdminCommand::Unfreeze => (ControlRequest::Freeze { on: false }, "the guardian goes on".to_owned()),
            AdminCommand::Force { partition: Partition(partition), from, yes_i_may_lose_writes } => {
                if !yes_i_may_lose_writes {
                    bail!(
                        "force makes the copies that are there now the truth of partition {partition}. Acknowledged writes that only the missing members \
                         have are LOST, for good, even if those members come back. `pegasus admin partitions` says which members it waits for: bring them back if \
                         you can. If not, say --yes-i-may-lose-writes"
                    );
                }
                (
                    ControlRequest::Force { partition: *partition, node: from.as_deref().map(NodeId::new) },
                    format!("{partition} goes on with what is there"),
                )
            }
        }))
    }
}

/// Asks the meta server and prints the answer.
pub fn run(args: &AdminArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start")?;
    runtime.block_on(async {
        let network: Arc<dyn Network> = crate::runtime::network(&args.cluster, "", tokio::runtime::Handle::current());
        let meta = network.address(&args.meta);
        if let Some((request, said)) = args.command.order()? {
            ask(&*meta, &args.meta, request).await?;
            println!("{said}");
            if let AdminCommand::Drain { node, off: false, wait } = &args.command {
                return drained(&*meta, &args.meta, node, Duration::from_secs(*wait)).await;
            }
            return Ok(());
        }
        let ControlResponse::Cluster(view) = ask(&*meta, &args.meta, ControlRequest::Cluster).await? else {
            bail!("unexpected answer of {}", args.meta);
        };
        let (rows, value) = match &args.command {
            AdminCommand::Nodes => nodes(&view),
            AdminCommand::Tables => tables(&view),
            AdminCommand::Partitions => partitions(&view),
            AdminCommand::Replicas => replicas(&view),
            _ => return status(&view, args.json),
        };
        if args.json {
            println!("{}", serde_json::to_string_pretty(&value)?);
        } else {
            println!("{rows}");
        }
        Ok(())
    })
}

/// Waits until `node` leads nothing.
async fn drained(meta: &dyn Service, address: &str, node: &str, patience: Duration) -> Result<()> {
    let rounds = patience.as_millis() / DRAIN_POLL.as_millis();
    for _ in 0..rounds {
        let ControlResponse::Cluster(view) = ask(meta, address, ControlRequest::Cluster).await? else {
            bail!("unexpected answer of {address}");
        };
        let leads = view.partitions.iter().filter(|p| p.config.primary.as_ref().is_some_and(|primary| primary.name() == node));
        let (leads, left) = leads.fold((0, String::new()), |(n, text), p| (n + 1, format!("{text} {}", p.partition)));
        if leads == 0 {
            println!("{node} leads nothing");
            return Ok(());
        }
        tracing::debug!(node, leads, left, "still leads");
        tokio::time::sleep(DRAIN_POLL).await;
    }
    if rounds > 0 {
        println!("{node} still leads partitions: `pegasus admin partitions` tells which");
        std::process::exit(1);
    }
    Ok(())
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
            "partitions": partitions, "partitions_healthy": healthy, "frozen": view.frozen,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        println!(
            "{}: {alive} of {} nodes alive, {} tables, {healthy} of {partitions} partitions serve with all members{}",
            if good { "healthy" } else { "NOT healthy" },
            view.nodes.len(),
            view.tables.len(),
            if view.frozen { ", FROZEN" } else { "" },
        );
    }
    if !good {
        std::process::exit(1);
    }
    Ok(())
}

fn nodes(view: &ClusterView) -> (Table, Value) {
    let mut table = new_table(&["node", "address", "zone", "alive", "last report", "primaries", "secondaries", "draining"]);
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
            if node.draining { "yes" } else { "no" },
        ]);
        list.push(json!({
            "node": node.node.name(), "address": node.address, "zone": node.zone, "alive": node.alive,
            "silent_ms": node.silent.as_millis() as u64, "primaries": node.primaries, "secondaries": node.secondaries,
            "draining": node.draining,
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
    let mut table = new_table(&["partition", "ballot", "primary", "secondaries", "state", "committed", "prepared on members", "waits for"]);
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
            p.waits.join("; "),
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
            "waits": p.waits,
        }));
    }
    (table, Value::Array(list))
}

/// Every copy: what the group says it is, what it says itself.
fn replicas(view: &ClusterView) -> (Table, Value) {
    let mut table = new_table(&["partition", "node", "place", "state", "ballot", "committed", "prepared", "lag", "lease"]);
    let mut list = Vec::new();
    for p in &view.partitions {
        let GroupConfig { ballot, primary, secondaries } = &p.config;
        let led_to = p.replicas.iter().find(|(node, _)| primary.as_ref() == Some(node)).map(|(_, report)| report.prepared.0);
        for (node, report) in &p.replicas {
            let place = match () {
                () if primary.as_ref() == Some(node) => "primary",
                () if secondaries.contains(node) => "secondary",
                () => "-",
            };
            let lag = led_to.map(|led_to| led_to.saturating_sub(report.committed.0));
            let lease = report.lease.map(|lease| format!("{} ms", lease.as_millis()));
            table.add_row([
                p.partition.to_string(),
                node.name().to_owned(),
                place.to_owned(),
                state_name(report.state).to_owned(),
                if report.ballot == *ballot { ballot.to_string() } else { format!("{} of {ballot}", report.ballot) },
                report.committed.to_string(),
                report.prepared.to_string(),
                lag.map_or("-".to_owned(), |lag| lag.to_string()),
                lease.unwrap_or_else(|| "-".to_owned()),
            ]);
            list.push(json!({
                "partition": p.partition.to_string(), "node": node.name(), "place": place, "state": state_name(report.state),
                "ballot": report.ballot.0, "group_ballot": ballot.0, "committed": report.committed.0, "prepared": report.prepared.0,
                "lag": lag, "lease_ms": report.lease.map(|lease| lease.as_millis() as u64),
            }));
        }
    }
    (table, Value::Array(list))
}

/// Between two looks whether a node has been drained.
const DRAIN_POLL: Duration = Duration::from_millis(50);

fn state_name(state: ReplicaState) -> &'static str {
    match state {
        ReplicaState::Waiting => "waiting",
        ReplicaState::Reconciling => "reconciling",
        ReplicaState::Primary => "primary",
        ReplicaState::Secondary => "secondary",
        ReplicaState::Learner => "learner",
        ReplicaState::Failed => "FAILED",
    }
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}
