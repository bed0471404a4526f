//! The configuration: defaults, then a TOML file, then the environment, then flags; checked once, before anything starts.
//!
//! `PEGASUS__PROXY__PORT=7000` in the environment and `--set proxy.port=7000` on the command line both set `port` of the section `[proxy]`.
//! An unknown key is refused with its place. `--print-config` prints what is in force, in the form of a file that would give it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Everything that can be set, checked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What all nodes of a cluster share.
    pub cluster: Cluster,
    /// The meta server.
    pub meta: Meta,
    /// A replica node.
    pub replica: Replica,
    /// Leases and membership, the same on all nodes of a cluster.
    pub replication: Replication,
    /// The storage engine of a replica node.
    pub store: Store,
    /// The replicated log of a replica node.
    pub log: Log,
    /// Learners: how a node's copies are sent to others.
    pub learn: Learn,
    /// Long replies at a replica node.
    pub reply: Reply,
    /// The Redis front end.
    pub proxy: Proxy,
    /// Metrics and health over HTTP.
    pub http: Http,
    /// What the process prints about itself.
    pub tracing: Tracing,
}

/// What all nodes of a cluster share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Nodes of different clusters refuse each other.
    pub name: String,
    /// Where the meta server listens: `host:port`.
    pub metas: Vec<String>,
}

/// The meta server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Meta {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on.
    pub port: u16,
    /// Directory of the state.
    pub data: PathBuf,
    /// Name of the table made when the cluster is new; empty for none.
    pub table: String,
    /// Its partitions.
    pub partitions: u32,
    /// Members of each of its groups.
    pub replicas: u32,
    /// How many nodes must have reported before it is made; 0 means as many as `replicas`.
    pub nodes: u32,
    /// A node that is silent for so long is replaced; until then its copies are waited for, unless writes cannot wait.
    #[serde(with = "humantime_serde")]
    pub dead_after: Duration,
    /// Learners at once, in all.
    pub learns_max: usize,
    /// Learners at once that a node may be the source or the target of.
    pub learns_per_node: usize,
}

/// A replica node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replica {
    /// The node's name, its identity for ever. Empty is refused where a replica starts.
    pub name: String,
    /// Failure domain; members of a group are put into different ones where there are enough.
    pub zone: String,
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on.
    pub port: u16,
    /// Host name or address that others reach this node by; empty means `bind`.
    pub advertise: String,
    /// Directory of the log and the stores.
    pub data: PathBuf,
    /// Threads that drive partitions (and sessions, in onebox); 0 means three quarters of the processors, rounded up.
    pub threads: usize,
    /// Threads for reads that have to wait for the disk.
    pub read_threads: usize,
    /// Mutations of one partition that may be under way at once. Two: while one is on its way to the disks, the next one gathers. More make the
    /// mutations smaller, not the throughput larger (measured: 29-34 against 24-27 thousand SET a second with 4 or 64).
    pub pipeline_max: usize,
    /// Requests that may wait at one shard.
    pub queue_max: usize,
    /// Client sessions a partition remembers the last write of.
    pub sessions_max: usize,
}

/// Leases and membership, the same on all nodes of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replication {
    /// How long a primary may serve without hearing from a secondary. Shorter than `grace`, else two primaries can overlap.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// How long a secondary waits for its primary before it takes its place. A node that dies is noticed after about this time.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// How often a primary says that it is here: a small part of `lease`, so that a lost message does not cost it the lease.
    #[serde(with = "humantime_serde")]
    pub beacon: Duration,
    /// How much faster or slower than true time a node's clock may run, as a fraction: `grace` has to be longer than `lease` by this margin.
    pub clock_drift: f64,
    /// Members that a write needs, where the table has as many: one that is alone takes no writes, as they would be in one copy only.
    pub min_write_members: usize,
}

/// The storage engine of a replica node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Block cache of the process, in MiB; 0 means a fifth of the machine's memory.
    pub cache_mib: usize,
    /// Keys kept for reading beside it, in MiB; 0 means a twentieth of the machine's memory.
    pub rows_mib: usize,
    /// Memory of all memtables of the process, in MiB; 0 means an eighth of the machine's memory.
    pub memtables_mib: usize,
    /// Memtable of a partition's keys, in MiB: at this size it is flushed. Small: a skip list that fits the processor's caches takes a key in
    /// half the time (measured: 1.4 against 2.8 µs with 64 MiB), and what it costs in compaction is less. That of the elements of its large
    /// collections is four times as large.
    pub memtable_mib: usize,
}

/// The replicated log of a replica node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// When a write counts as being on the log.
    pub sync: Sync,
    /// Size of one file, in MiB.
    pub segment_mib: u64,
    /// Size the log is kept below by flushing the partitions that hold it back, in MiB.
    pub size_max_mib: u64,
    /// Bytes that may wait to be written, in MiB.
    pub queue_max_mib: u64,
}

/// Learners: how a node's copies are sent to others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Learn {
    /// MiB a second that leave a node for learners, and that learners of a node take in, so that clients notice little.
    pub rate_mib: u64,
    /// Learners that a node sends files to at once.
    pub concurrent_max: usize,
}

/// Long replies at a replica node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// MiB of replies of more than 1 MiB that may lie on the disk until their clients have taken them, all together. What would be more is
    /// answered with an error. They lie in files without names in the directory `spool` of the node's data, and never in the last eighth
    /// (or 256 MiB) of the disk's room.
    pub spool_max_mib: u64,
}

/// When a write counts as being on the log; the choices of Redis' `appendfsync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// After fdatasync: survives loss of power.
    Always,
    /// After write: survives the death of the process; fdatasync follows within a second.
    Everysec,
    /// After write; the operating system writes to the disk when it likes.
    No,
}

/// The Redis front end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Proxy {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on.
    pub port: u16,
    /// The table it serves.
    pub table: String,
    /// Threads that drive sessions; 0 means three quarters of the processors, rounded up.
    pub threads: usize,
    /// Password of the default user; empty for none.
    pub requirepass: String,
    /// Connections accepted at once.
    pub maxclients: usize,
    /// Largest string or argument, in bytes.
    pub bulk_max: usize,
    /// Number of logical databases.
    pub databases: u16,
    /// A connection that is silent for so long is closed; zero: never.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long a command may wait for its partition, retries included.
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
    /// Whether DEBUG is allowed.
    pub debug: bool,
}

/// Metrics and health over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on; 0 for none.
    pub port: u16,
}

/// What the process prints about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tracing {
    /// `error`, `warn`, `info`, `debug`, or directives as `replica=debug,info`.
    pub level: String,
    /// For people or for machines.
    pub format: Format,
}

/// For people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

impl Default for Http {
    fn default() -> Http {
        Http { bind: LOOPBACK, port: 0 }
    }
}

impl Default for Tracing {
    fn default() -> Tracing {
        Tracing { level: "info".to_owned(), format: Format::Text }
    }
}

impl Default for Cluster {
    fn default() -> Cluster {
        Cluster { name: "pegasus".to_owned(), metas: vec!["127.0.0.1:34601".to_owned()] }
    }
}

impl Default for Meta {
    fn default() -> Meta {
        Meta {
            bind: LOOPBACK,
            port: 34_601,
            data: "data/meta".into(),
            table: "default".to_owned(),
            partitions: 8,
            replicas: 3,
            nodes: 0,
            dead_after: Duration::from_secs(300),
            learns_max: 8,
            learns_per_node: 2,
        }
    }
}

impl Default for Replica {
    fn default() -> Replica {
        Replica {
            name: String::new(),
            zone: String::new(),
            bind: LOOPBACK,
            port: 34_801,
            advertise: String::new(),
            data: "data/replica".into(),
            threads: 0,
            read_threads: 4,
            pipeline_max: 2,
            queue_max: 65_536,
            sessions_max: 65_536,
        }
    }
}

impl Default for Replication {
    fn default() -> Replication {
        let ms = Duration::from_millis;
        Replication { lease: ms(2000), grace: ms(2500), beacon: ms(500), clock_drift: 0.02, min_write_members: 2 }
    }
}

impl Default for Store {
    fn default() -> Store {
        Store { cache_mib: 0, rows_mib: 0, memtables_mib: 0, memtable_mib: 8 }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log { sync: Sync::Always, segment_mib: 64, size_max_mib: 1024, queue_max_mib: 64 }
    }
}

impl Default for Learn {
    fn default() -> Learn {
        Learn { rate_mib: 64, concurrent_max: 2 }
    }
}

impl Default for Reply {
    fn default() -> Reply {
        Reply { spool_max_mib: 4096 }
    }
}

impl Default for Proxy {
    fn default() -> Proxy {
        Proxy {
            bind: LOOPBACK,
            port: 6379,
            table: "default".to_owned(),
            threads: 0,
            requirepass: String::new(),
            maxclients: 10_000,
            bulk_max: 512 << 20,
            databases: 16,
            timeout: Duration::ZERO,
            patience: Duration::from_secs(10),
            debug: false,
        }
    }
}

impl Config {
    /// The configuration in force: defaults, `file`, the environment variables in `env`, then `settings` (`section.key=value`).
    ///
    /// # Errors
    /// An unreadable file, an unknown key, a value of the wrong type or out of range: with the place.
    pub fn load(file: Option<&Path>, env: impl Iterator<Item = (String, String)>, settings: &[String]) -> Result<Config> {
        let mut table = Table::try_from(Config::default()).context("write down the defaults")?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| format!("read configuration file {}", path.display()))?;
            // Once as it stands, so that a mistake is reported with its line and column.
            toml::from_str::<Config>(&text).with_context(|| format!("configuration file {}", path.display()))?;
            merge(&mut table, toml::from_str(&text).with_context(|| format!("configuration file {}", path.display()))?);
        }
        for (name, value) in env {
            let Some(key) = name.strip_prefix("PEGASUS__") else { continue };
            let key = key.to_lowercase().replace("__", ".");
            set(&mut table, &key, &value).with_context(|| format!("environment variable {name}"))?;
        }
        for setting in settings {
            let (key, value) = setting.split_once('=').with_context(|| format!("--set {setting}: expected section.key=value"))?;
            set(&mut table, key.trim(), value.trim()).with_context(|| format!("--set {setting}"))?;
        }
        let config: Config = table.try_into().context("configuration")?;
        config.check()?;
        Ok(config)
    }

    /// The configuration as a file that would give it.
    pub fn print(&self) -> Result<String> {
        toml::to_string(self).context("print the configuration")
    }

    fn check(&self) -> Result<()> {
        ensure!(!self.cluster.name.is_empty(), "cluster.name must not be empty");
        ensure!((1..=16_384).contains(&self.meta.partitions), "meta.partitions = {} must be in 1..=16384", self.meta.partitions);
        ensure!((1..=7).contains(&self.meta.replicas), "meta.replicas = {} must be in 1..=7", self.meta.replicas);
        ensure!(
            self.meta.nodes == 0 || self.meta.nodes >= self.meta.replicas,
            "meta.nodes = {} must be 0 or at least meta.replicas = {}",
            self.meta.nodes,
            self.meta.replicas
        );
        self.replication.check()?;
        ensure!((1..=1024).contains(&self.log.segment_mib), "log.segment_mib = {} must be in 1..=1024", self.log.segment_mib);
        ensure!(
            self.log.size_max_mib >= 2 * self.log.segment_mib,
            "log.size_max_mib = {} must be at least twice log.segment_mib = {}",
            self.log.size_max_mib,
            self.log.segment_mib
        );
        ensure!(
            (1024..=512 << 20).contains(&self.proxy.bulk_max),
            "proxy.bulk_max = {} must be between 1 KiB and 512 MiB",
            self.proxy.bulk_max
        );
        ensure!((1..=1024).contains(&self.proxy.databases), "proxy.databases = {} must be in 1..=1024", self.proxy.databases);
        ensure!(
            self.log.queue_max_mib << 20 > 2 * self.proxy.bulk_max as u64 || self.log.queue_max_mib >= 64,
            "log.queue_max_mib = {} must hold more than two values of proxy.bulk_max = {} bytes",
            self.log.queue_max_mib,
            self.proxy.bulk_max
        );
        for (name, value, max) in [
            ("replica.threads", self.replica.threads, 256),
            ("proxy.threads", self.proxy.threads, 256),
            ("replica.pipeline_max", self.replica.pipeline_max, 4096),
            ("reply.spool_max_mib", self.reply.spool_max_mib as usize, 1 << 24),
        ] {
            ensure!(value <= max, "{name} = {value} must be at most {max}");
        }
        for (name, value) in [
            ("replica.read_threads", self.replica.read_threads),
            ("replica.pipeline_max", self.replica.pipeline_max),
            ("replica.queue_max", self.replica.queue_max),
            ("replica.sessions_max", self.replica.sessions_max),
            ("proxy.maxclients", self.proxy.maxclients),
            ("store.memtable_mib", self.store.memtable_mib),
            ("meta.learns_max", self.meta.learns_max),
            ("learn.rate_mib", self.learn.rate_mib as usize),
            ("learn.concurrent_max", self.learn.concurrent_max),
            ("meta.learns_per_node", self.meta.learns_per_node),
            ("reply.spool_max_mib", self.reply.spool_max_mib as usize),
        ] {
            ensure!(value > 0, "{name} must be greater than 0");
        }
        ensure!(!self.proxy.patience.is_zero(), "proxy.patience must be greater than 0");
        Ok(())
    }
}

impl Replication {
    fn check(&self) -> Result<()> {
        let Replication { lease, grace, beacon, clock_drift, min_write_members } = self;
        ensure!((0.0..0.5).contains(clock_drift), "replication.clock_drift = {clock_drift} must be at least 0 and below 0.5");
        ensure!(*lease >= LEASE_MIN, "replication.lease = {lease:?} must be at least {LEASE_MIN:?}");
        // A lease that runs on the slowest clock must be over before grace is on the fastest, whichever moment the timers look.
        let least = lease.mul_f64((1.0 + clock_drift) / (1.0 - clock_drift)) + TIMER;
        ensure!(
            *grace >= least,
            "replication.grace = {grace:?} must be at least {least:?}: replication.lease = {lease:?} and twice replication.clock_drift = {clock_drift}"
        );
        ensure!(
            !beacon.is_zero() && *beacon * 2 <= *lease,
            "replication.beacon = {beacon:?} must be above zero and at most half of replication.lease = {lease:?}"
        );
        ensure!((1..=7).contains(min_write_members), "replication.min_write_members = {min_write_members} must be in 1..=7");
        Ok(())
    }
}

/// Below this a busy node would be taken for a dead one.
const LEASE_MIN: Duration = Duration::from_millis(100);
/// How late a timer may look.
const TIMER: Duration = Duration::from_millis(20);

/// Threads that drive sessions and partitions when the configuration says 0: three quarters of the cores, rounded up. The kernel, RocksDB and
/// the logs need the rest. Half of two cores is one thread, on which pipelined commands wait while the other core idles.
pub fn threads(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get() - n.get() / 4),
        n => n,
    }
}

/// Lays `over` on `under`, section by section.
fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Sets `section.key`, which must exist, to `text` read as the type that the key has.
fn set(table: &mut Table, key: &str, text: &str) -> Result<()> {
    let (section, name) = key.split_once('.').with_context(|| format!("unknown key `{key}`: expected section.key"))?;
    let Some(Value::Table(section)) = table.get_mut(section) else { bail!("unknown section `{section}`") };
    let Some(old) = section.get_mut(name) else { bail!("unknown key `{name}`") };
    *old = match old {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Integer(_) => Value::Integer(text.parse().with_context(|| format!("`{text}` is not a whole number"))?),
        Value::Float(_) => Value::Float(text.parse().with_context(|| format!("`{text}` is not a number"))?),
        Value::Boolean(_) => Value::Boolean(text.parse().with_context(|| format!("`{text}` is neither true nor false"))?),
        Value::Array(_) => Value::Array(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect()),
        other => bail!("`{name}` is a {} and cannot be set here", other.type_str()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, env: &[(&str, &str)], settings: &[&str]) -> Result<Config> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(file.path()), env, &settings.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    fn error(text: &str, env: &[(&str, &str)], settings: &[&str]) -> String {
        format!("{:#}", load(text, env, settings).expect_err("must be refused"))
    }

    #[test]
    fn later_sources_win() {
        let text = "[proxy]\nport = 1\nmaxclients = 2\ndatabases = 3\n";
        let config =
            load(text, &[("PEGASUS__PROXY__PORT", "10"), ("PEGASUS__PROXY__MAXCLIENTS", "20")], &["proxy.port=100"]).expect("valid");
        assert_eq!((config.proxy.port, config.proxy.maxclients, config.proxy.databases), (100, 20, 3));
        assert_eq!(config.meta, Meta::default());
    }

    #[test]
    fn a_typo_is_refused_with_its_place() {
        let message = error("[proxy]\nport = 6379\nmaxclient = 5\n", &[], &[]);
        assert!(message.contains("maxclient") && message.contains("line 3"), "{message}");
        assert!(error("", &[("PEGASUS__PROXY__PROT", "1")], &[]).contains("PEGASUS__PROXY__PROT"));
        assert!(error("", &[], &["porxy.port=1"]).contains("unknown section `porxy`"));
        assert!(error("[log]\nsync = \"sometimes\"\n", &[], &[]).contains("sometimes"));
        assert!(error("", &[], &["proxy.port=99999"]).contains("port"));
    }

    #[test]
    fn relations_are_checked_with_both_names() {
        let message = error("[log]\nsegment_mib = 64\nsize_max_mib = 100\n", &[], &[]);
        assert!(message.contains("log.size_max_mib = 100") && message.contains("log.segment_mib = 64"), "{message}");
    }

    #[test]
    fn a_lease_that_could_outlive_grace_is_refused() {
        let message = error("[replication]\nlease = \"2s\"\ngrace = \"2050ms\"\n", &[], &[]);
        assert!(message.contains("replication.grace = 2.05s") && message.contains("replication.lease = 2s"), "{message}");
        assert!(error("", &[], &["replication.beacon=1500ms"]).contains("replication.beacon"));
        assert!(load("", &[], &["replication.lease=1s", "replication.grace=1100ms", "replication.beacon=250ms"]).is_ok());
    }

    #[test]
    fn what_is_printed_gives_the_same_configuration() {
        let config = load("[log]\nsync = \"no\"\n[cluster]\nmetas = [\"a:1\", \"b:2\"]\n", &[], &[]).expect("valid");
        assert_eq!(load(&config.print().expect("prints"), &[], &[]).expect("valid"), config);
    }
}
