//! Threads, tasks, logging and signals of the process.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use net::service::Network;
use net::tcp::options::{Identity, Options as NetOptions};
use net::tcp::pool::Pool;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::{Format, Tracing};

/// Threads that each drive a runtime of their own: what belongs together stays on one thread, and a hand-over is a choice.
pub struct Threads {
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Threads {
    /// Starts `count` threads called `name`-n.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(name: &str, count: usize) -> Result<Threads> {
        let stop = CancellationToken::new();
        let mut started = Threads { handles: Vec::new(), threads: Vec::new(), stop: stop.clone() };
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().event_interval(EVENT_INTERVAL).build().context("start a runtime")?;
            started.handles.push(runtime.handle().clone());
            let stop = stop.clone();
            let thread = std::thread::Builder::new().name(format!("{name}-{number}"));
            started.threads.push(thread.spawn(move || drive(&runtime, &stop)).context("start a thread")?);
        }
        Ok(started)
    }

    /// A handle to each thread's runtime.
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn drive(runtime: &Runtime, stop: &CancellationToken) {
    runtime.block_on(stop.cancelled());
}

/// Runs `main` on a runtime for everything that is not on the path of a command.
pub fn block_on(main: impl Future<Output = Result<()>>) -> Result<()> {
    Builder::new_current_thread().enable_all().build().context("start a runtime")?.block_on(main)
}

/// Spawns a task that lives as long as the process.
#[expect(clippy::disallowed_methods, reason = "the door: tasks that end with the process")]
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// Spawns a task on the runtime `handle`; it lives as long as that.
pub fn spawn_on(handle: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    handle.spawn(task);
}

/// Random bits from the system: incarnations, instance ids, seeds.
#[expect(clippy::disallowed_methods, reason = "the door")]
pub fn random() -> u64 {
    rand::random()
}

/// Nodes of `cluster` over TCP, as `node` (empty for a client), on the runtime `handle`.
pub fn network(cluster: &str, node: &str, handle: Handle) -> Arc<dyn Network> {
    let us = Identity { cluster: cluster.to_owned(), node: node.to_owned() };
    Arc::new(Pool::new(us, NetOptions::default(), handle))
}

/// Takes as many file descriptors as the system allows: every client is one, and RocksDB wants its files open.
pub fn raise_file_limit() {
    let wanted = rlimit::Resource::NOFILE.get_hard().unwrap_or(0);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(got) => tracing::debug!(files = got, "open files allowed"),
        Err(error) => tracing::warn!(%error, "raise the limit of open files"),
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// Signals cannot be listened for.
pub async fn stop_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}

/// Starts logging to standard error.
///
/// # Errors
/// `tracing.level` cannot be read.
pub fn start_tracing(config: &Tracing) -> Result<()> {
    let filter = EnvFilter::try_new(&config.level).with_context(|| format!("tracing.level = {}", config.level))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Forgiving)
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match config.format {
        Format::Text => builder.with_target(true).init(),
        Format::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Standard error, where a line that cannot be written is lost: a full disk under the log file must not stop a thread.
struct Forgiving;

impl Write for Forgiving {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = std::io::stderr().write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Says something on standard output; nobody may be listening.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Tasks polled before the sockets are looked at again. A turn of a shard is one task and takes long: look often enough.
const EVENT_INTERVAL: u32 = 61;
