//! Everything a process measures, gathered when somebody asks for `/metrics`.

use std::fmt;
use std::sync::Arc;

use engine::shared::Shared;
use pegasus_proxy::server::Proxy;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use replica::node::Node;
use wire::rpc::ReplicaState;

/// A registry of everything `nodes`, `proxy` and the stores' shared memory measure.
pub fn registry(nodes: &[Arc<Node>], proxy: Option<&Arc<Proxy>>, shared: Option<&Shared>) -> Registry {
    let mut registry = Registry::with_prefix("pegasus");
    registry.register_collector(Box::new(Measured { nodes: nodes.to_vec(), proxy: proxy.cloned(), shared: shared.cloned() }));
    registry
}

struct Measured {
    nodes: Vec<Arc<Node>>,
    proxy: Option<Arc<Proxy>>,
    shared: Option<Shared>,
}

/// One metric: a counter or a gauge, a value for each set of labels.
struct Family {
    name: String,
    help: String,
    counts: bool,
    values: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Measured {
    fn families(&self) -> Vec<Family> {
        let mut all = Families::default();
        for node in &self.nodes {
            measure_node(&mut all, node);
        }
        if let Some(shared) = &self.shared {
            let memory = shared.memory();
            all.gauge("cache_bytes", "Bytes in the block cache", vec![], memory.cache_bytes as f64);
            all.gauge("row_bytes", "Bytes of keys kept for reading", vec![], memory.row_bytes as f64);
            all.gauge("memtable_bytes", "Bytes in memtables", vec![], memory.memtable_bytes as f64);
        }
        if let Some(proxy) = &self.proxy {
            measure_proxy(&mut all, proxy);
        }
        all.0
    }
}

fn measure_node(all: &mut Families, node: &Node) {
    let label = || vec![("node", node.name().name().to_owned())];
    for (name, help, value) in node.metrics().list() {
        all.counter(&format!("replica_{name}"), help, label(), value as f64);
    }
    let log = node.log_stats();
    all.gauge("log_bytes", "Bytes of the log on disk", label(), log.bytes as f64);
    all.gauge("log_queue_bytes", "Bytes that wait to be logged", label(), log.queue_bytes as f64);
    all.gauge("log_no_space", "1 when the log's disk is full", label(), f64::from(u8::from(log.no_space)));
    all.gauge("log_failed", "1 when the log takes no more records", label(), f64::from(u8::from(log.poisoned)));
    all.counter("log_records", "Records written to the log", label(), log.records as f64);
    all.counter("log_written_bytes", "Bytes written to the log", label(), log.bytes_written as f64);
    all.counter("log_writes", "Group commits of the log", label(), log.writes as f64);
    all.counter("log_syncs", "fdatasyncs of the log", label(), log.syncs as f64);
    all.counter("log_sync_seconds", "Time spent in them", label(), log.sync_time.as_secs_f64());
    let (bytes, count) = node.long_replies();
    all.gauge("long_replies", "Long replies that wait for their clients", label(), count as f64);
    all.gauge("long_reply_bytes", "Bytes of long replies that wait for their clients", label(), bytes as f64);
    let litter = node.litter();
    all.gauge("garbage_values", "Ended values whose elements may be on the disk", label(), litter.values as f64);
    all.gauge("garbage_elements", "Elements of ended values", label(), litter.elements as f64);
    all.counter("dropped_keys", "Keys of flushed databases that compactions dropped", label(), litter.dropped_roots as f64);
    all.counter("dropped_elements", "Elements of ended values that compactions dropped", label(), litter.dropped_elements as f64);
    let replicas = node.replicas();
    for (state, name) in [
        (ReplicaState::Primary, "primary"),
        (ReplicaState::Secondary, "secondary"),
        (ReplicaState::Reconciling, "reconciling"),
        (ReplicaState::Waiting, "waiting"),
        (ReplicaState::Failed, "failed"),
    ] {
        let mut labels = label();
        labels.push(("state", name.to_owned()));
        let count = replicas.iter().filter(|replica| replica.state == state).count();
        all.gauge("replicas", "Replicas of the node, by state", labels, count as f64);
    }
    let waiting: u64 = replicas.iter().map(|replica| replica.prepared.0.saturating_sub(replica.committed.0)).sum();
    all.gauge("uncommitted", "Mutations prepared and not known to be committed", label(), waiting as f64);
}

fn measure_proxy(all: &mut Families, proxy: &Proxy) {
    let metrics = proxy.metrics();
    all.gauge("proxy_connections", "Client connections", vec![], metrics.connections as f64);
    all.counter("proxy_connections_accepted", "Client connections so far", vec![], metrics.connections_accepted as f64);
    all.counter("proxy_connections_rejected", "Client connections refused", vec![], metrics.connections_rejected as f64);
    all.counter("proxy_read_bytes", "Bytes read from clients", vec![], metrics.bytes_read as f64);
    all.counter("proxy_written_bytes", "Bytes written to clients", vec![], metrics.bytes_written as f64);
    all.counter("proxy_retries", "Attempts at partitions beyond the first", vec![], metrics.retries as f64);
    all.counter("proxy_keyspace_hits", "Strings asked for that were there", vec![], metrics.hits as f64);
    all.counter("proxy_keyspace_misses", "Strings asked for that were not", vec![], metrics.misses as f64);
    all.gauge("proxy_routing_version", "Version of the routing table", vec![], metrics.routing_version as f64);
    for (name, counts) in &metrics.commands {
        let label = || vec![("command", (*name).to_owned())];
        all.counter("proxy_commands", "Commands run", label(), counts.calls as f64);
        all.counter("proxy_command_seconds", "Time commands took", label(), counts.time.as_secs_f64());
        all.counter("proxy_commands_rejected", "Commands turned away before they ran", label(), counts.rejected as f64);
        all.counter("proxy_commands_failed", "Commands that answered an error", label(), counts.failed as f64);
    }
    for (word, count) in &metrics.errors {
        all.counter("proxy_errors", "Error replies, by their first word", vec![("error", word.clone())], *count as f64);
    }
    // Bucket i of the proxy counts what took less than 2^i microseconds.
    for (i, count) in metrics.latency.iter().enumerate() {
        let label = vec![("below_us", (1u64 << i).to_string())];
        all.counter(
            "proxy_latency",
            "Commands by the time they took: less than so many microseconds, no less than half",
            label,
            *count as f64,
        );
    }
}

#[derive(Default)]
struct Families(Vec<Family>);

impl Families {
    fn counter(&mut self, name: &str, help: &str, labels: Vec<(&'static str, String)>, value: f64) {
        self.add(name, help, true, labels, value);
    }

    fn gauge(&mut self, name: &str, help: &str, labels: Vec<(&'static str, String)>, value: f64) {
        self.add(name, help, false, labels, value);
    }

    fn add(&mut self, name: &str, help: &str, counts: bool, labels: Vec<(&'static str, String)>, value: f64) {
        match self.0.iter_mut().find(|family| family.name == name) {
            Some(family) => family.values.push((labels, value)),
            None => self.0.push(Family { name: name.to_owned(), help: help.to_owned(), counts, values: vec![(labels, value)] }),
        }
    }
}

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in self.families() {
            let kind = if family.counts { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(&family.name, &family.help, None, kind)?;
            for (labels, value) in family.values {
                let metric = metric.encode_family(&labels)?;
                if family.counts { ConstCounter::new(value).encode(metric)? } else { ConstGauge::new(value).encode(metric)? }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measured").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}
