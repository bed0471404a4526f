//! The program: one binary that is meta server, replica node, proxy, all of them at once (`onebox`), or the administrator's tool.
//!
//! The only place that knows all rooms: it reads the configuration, opens them in order and closes them in reverse.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Format, Sync};

mod admin;
mod banner;
mod config;
mod http;
mod measures;
mod onebox;
mod parts;
mod processes;
mod runtime;

/// What the allocator is told. Huge pages: memtables, caches and their indexes are walked at random, and nobody forks.
#[unsafe(export_name = "malloc_conf")]
pub static MALLOC_CONF: &[u8] = b"thp:always,background_thread:true\0";

/// RocksDB allocates through the same one.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A strongly consistent, disk-backed key-value store that speaks the Redis protocol.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything in one process: a meta server, replica nodes and a proxy.
    Onebox(OneboxArgs),
    /// The meta server: tables, partitions, nodes, routing.
    Meta(Common),
    /// A replica node: holds data, runs commands, replicates.
    Replica(Common),
    /// The Redis front end: stateless, as many as you like.
    Proxy(Common),
    /// Looks at a running cluster.
    Admin(admin::AdminArgs),
}

#[derive(Args, Default)]
struct Common {
    /// TOML file; see `--print-config` for all keys.
    #[arg(long, env = "PEGASUS_CONFIG")]
    config: Option<PathBuf>,
    /// Sets one key, e.g. `--set proxy.port=7000`; may be given often.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    settings: Vec<String>,
    /// Prints the configuration in force and stops.
    #[arg(long)]
    print_config: bool,
    /// `error`, `warn`, `info`, `debug`, or directives as `replica=debug,info`.
    #[arg(long)]
    log_level: Option<String>,
    /// Log lines for people or for machines.
    #[arg(long)]
    log_format: Option<Format>,
    /// Port of /metrics, /healthz and /readyz; 0 for none.
    #[arg(long)]
    http_port: Option<u16>,
}

#[derive(Args)]
struct OneboxArgs {
    /// Address the Redis port listens on.
    #[arg(long)]
    bind: Option<String>,
    /// The Redis port.
    #[arg(long)]
    port: Option<u16>,
    /// Directory of all data.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Replica nodes in this process.
    #[arg(long, default_value_t = 3)]
    nodes: u32,
    /// Copies of each partition.
    #[arg(long, default_value_t = 3)]
    replicas: u32,
    /// Partitions of the table; fixed when the data directory is made.
    #[arg(long, default_value_t = 8)]
    partitions: u32,
    /// When a write counts as written: after fdatasync, or after write with an fdatasync every second, or never.
    #[arg(long)]
    sync: Option<Sync>,
    #[command(flatten)]
    common: Common,
}

impl Common {
    /// Settings as flags give them: the named flags first, `--set` has the last word.
    fn settings(&self, named: Vec<String>) -> Vec<String> {
        let mut all = named;
        all.extend(self.log_level.iter().map(|level| format!("tracing.level={level}")));
        all.extend(
            self.log_format.iter().map(|format| format!("tracing.format={}", if *format == Format::Json { "json" } else { "text" })),
        );
        all.extend(self.http_port.iter().map(|port| format!("http.port={port}")));
        all.extend(self.settings.iter().cloned());
        all
    }

    fn load(&self, named: Vec<String>) -> Result<Config> {
        Config::load(self.config.as_deref(), std::env::vars(), &self.settings(named))
    }
}

impl OneboxArgs {
    fn load(&self) -> Result<Config> {
        let mut named = vec![
            format!("meta.partitions={}", self.partitions),
            format!("meta.replicas={}", self.replicas),
            format!("meta.nodes={}", self.nodes),
            format!("meta.data={}", self.data.join("meta").display()),
            format!("replica.data={}", self.data.display()),
        ];
        named.extend(self.bind.iter().map(|bind| format!("proxy.bind={bind}")));
        named.extend(self.port.iter().map(|port| format!("proxy.port={port}")));
        named.extend(self.sync.iter().map(|sync| format!("log.sync={}", format!("{sync:?}").to_lowercase())));
        self.common.load(named)
    }
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pegasus: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let (config, common) = match &cli.command {
        Command::Admin(args) => return admin::run(args),
        Command::Onebox(args) => (args.load()?, &args.common),
        Command::Meta(common) | Command::Replica(common) | Command::Proxy(common) => (common.load(Vec::new())?, common),
    };
    if common.print_config {
        print!("{}", config.print()?);
        return Ok(());
    }
    runtime::start_tracing(&config.tracing)?;
    runtime::raise_file_limit();
    match &cli.command {
        Command::Onebox(args) => onebox::run(&config, &args.data, args.nodes),
        Command::Meta(_) => processes::meta(&config),
        Command::Replica(_) => processes::replica(&config),
        Command::Proxy(_) => processes::proxy(&config),
        Command::Admin(_) => unreachable!("handled above"),
    }
}
