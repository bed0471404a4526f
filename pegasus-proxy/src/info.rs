//! INFO: the sections and fields that tools read, under Redis' names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use client::outcome::Outcome;
use client::session::Session;
use commands::census;
use commands::table::by_id;
use resp::reply;
use types::txn::{Call, CommandId, Database, KeyCount};

use crate::metrics::Metrics;
use crate::server::Shared;

/// Runs INFO: `call` is the command with the sections that are asked for.
pub(crate) async fn info(shared: &Shared, session: &mut Session, call: &Call, out: &mut Vec<u8>) {
    let asked: Vec<String> = call.args.iter().skip(1).map(|arg| String::from_utf8_lossy(arg).to_ascii_lowercase()).collect();
    let mut text = String::with_capacity(4096);
    for (name, default, write) in SECTIONS {
        let chosen = if asked.is_empty() { *default } else { asked.iter().any(|word| wants(word, name, *default)) };
        if chosen {
            title(name, &mut text);
            write(shared, &mut text);
        }
    }
    if asked.is_empty() || asked.iter().any(|word| wants(word, "Keyspace", true)) {
        title("Keyspace", &mut text);
        keyspace(shared, session, &mut text).await;
    }
    reply::verbatim(out, call.proto, "txt", text.as_bytes());
}

/// Sections but Keyspace, which comes last and has to ask the partitions; whether each is shown when none is asked for.
const SECTIONS: &[(&str, bool, Section)] = &[
    ("Server", true, server),
    ("Clients", true, clients),
    ("Memory", true, memory),
    ("Persistence", true, persistence),
    ("Stats", true, stats),
    ("Replication", true, replication),
    ("CPU", true, cpu),
    ("Modules", true, |_, _| {}),
    ("Commandstats", false, commandstats),
    ("Errorstats", true, errorstats),
    ("Latencystats", false, |_, _| {}),
    ("Cluster", true, |_, text| text.push_str("cluster_enabled:0\r\n")),
    ("Pegasus", true, pegasus),
];

/// Appends the fields of a section.
type Section = fn(&Shared, &mut String);

fn wants(word: &str, section: &str, default: bool) -> bool {
    match word {
        "all" | "everything" => true,
        "default" => default,
        word => word.eq_ignore_ascii_case(section),
    }
}

fn title(name: &str, text: &mut String) {
    if !text.is_empty() {
        text.push_str("\r\n");
    }
    let _ = write!(text, "# {name}\r\n");
}

/// Appends a line `name:value`.
macro_rules! line {
    ($text:expr, $name:literal, $($value:tt)+) => {
        let _ = write!($text, concat!($name, ":{}\r\n"), format_args!($($value)+));
    };
}

fn server(shared: &Shared, text: &mut String) {
    let uptime = shared.clock.now().since_start().as_secs();
    line!(text, "redis_version", "{}", crate::REDIS_VERSION);
    line!(text, "redis_git_sha1", "00000000");
    line!(text, "redis_git_dirty", "0");
    line!(text, "redis_build_id", "0");
    line!(text, "redis_mode", "standalone");
    line!(text, "os", "{}", os());
    line!(text, "arch_bits", "{}", usize::BITS);
    line!(text, "monotonic_clock", "POSIX clock_gettime");
    line!(text, "multiplexing_api", "epoll");
    line!(text, "process_id", "{}", std::process::id());
    line!(text, "process_supervised", "no");
    line!(text, "run_id", "{}", run_id(shared));
    line!(text, "tcp_port", "{}", shared.options.port);
    line!(text, "server_time_usec", "{}", shared.clock.unix().as_micros());
    line!(text, "uptime_in_seconds", "{uptime}");
    line!(text, "uptime_in_days", "{}", uptime / 86_400);
    line!(text, "hz", "10");
    line!(text, "configured_hz", "10");
    line!(text, "executable", "{}", std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default());
    line!(text, "config_file", "");
    line!(text, "io_threads_active", "0");
}

fn clients(shared: &Shared, text: &mut String) {
    line!(text, "connected_clients", "{}", shared.clients.len());
    line!(text, "cluster_connections", "0");
    line!(text, "maxclients", "{}", shared.settings.load().maxclients);
    line!(text, "client_recent_max_input_buffer", "0");
    line!(text, "client_recent_max_output_buffer", "0");
    line!(text, "blocked_clients", "0");
    line!(text, "tracking_clients", "0");
    line!(text, "clients_in_timeout_table", "0");
}

fn memory(_: &Shared, text: &mut String) {
    let used = resident();
    let total = total_memory();
    line!(text, "used_memory", "{used}");
    line!(text, "used_memory_human", "{}", human(used));
    line!(text, "used_memory_rss", "{used}");
    line!(text, "used_memory_rss_human", "{}", human(used));
    line!(text, "used_memory_peak", "{}", peak().max(used));
    line!(text, "used_memory_peak_human", "{}", human(peak().max(used)));
    line!(text, "used_memory_overhead", "0");
    line!(text, "used_memory_startup", "0");
    line!(text, "used_memory_dataset", "{used}");
    line!(text, "used_memory_lua", "0");
    line!(text, "used_memory_scripts", "0");
    line!(text, "number_of_cached_scripts", "0");
    line!(text, "total_system_memory", "{total}");
    line!(text, "total_system_memory_human", "{}", human(total));
    line!(text, "maxmemory", "0");
    line!(text, "maxmemory_human", "0B");
    line!(text, "maxmemory_policy", "noeviction");
    line!(text, "mem_fragmentation_ratio", "1.00");
    line!(text, "mem_clients_normal", "0");
    line!(text, "mem_clients_slaves", "0");
    line!(text, "mem_allocator", "jemalloc");
    line!(text, "active_defrag_running", "0");
    line!(text, "lazyfree_pending_objects", "0");
    line!(text, "lazyfreed_objects", "0");
}

/// Every write is on its logs before it is answered: nothing is pending here, ever.
fn persistence(_: &Shared, text: &mut String) {
    for name in [
        "loading",
        "async_loading",
        "rdb_changes_since_last_save",
        "rdb_bgsave_in_progress",
        "rdb_last_save_time",
        "rdb_saves",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
    ] {
        let _ = write!(text, "{name}:0\r\n");
    }
    line!(text, "rdb_last_bgsave_status", "ok");
    line!(text, "aof_last_bgrewrite_status", "ok");
    line!(text, "aof_last_write_status", "ok");
}

fn stats(shared: &Shared, text: &mut String) {
    let metrics = Metrics::of(shared);
    let kilobytes = |rate: &std::sync::atomic::AtomicU64| rate.load(Ordering::Relaxed) as f64 / 1024.0;
    line!(text, "total_connections_received", "{}", metrics.connections_accepted);
    line!(text, "total_commands_processed", "{}", metrics.commands_processed());
    line!(text, "instantaneous_ops_per_sec", "{}", metrics.rate);
    line!(text, "total_net_input_bytes", "{}", metrics.bytes_read);
    line!(text, "total_net_output_bytes", "{}", metrics.bytes_written);
    line!(text, "instantaneous_input_kbps", "{:.2}", kilobytes(&shared.counters.rate_in));
    line!(text, "instantaneous_output_kbps", "{:.2}", kilobytes(&shared.counters.rate_out));
    line!(text, "rejected_connections", "{}", metrics.connections_rejected);
    line!(text, "keyspace_hits", "{}", metrics.hits);
    line!(text, "keyspace_misses", "{}", metrics.misses);
    for name in [
        "sync_full",
        "sync_partial_ok",
        "sync_partial_err",
        "expired_keys",
        "evicted_keys",
        "evicted_clients",
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
        "unexpected_error_replies",
    ] {
        let _ = write!(text, "{name}:0\r\n");
    }
    line!(text, "total_error_replies", "{}", metrics.error_replies());
    line!(text, "total_reads_processed", "{}", metrics.reads);
    line!(text, "total_writes_processed", "{}", metrics.writes);
}

/// Replication is below: to a client this is one master that needs no replicas.
fn replication(shared: &Shared, text: &mut String) {
    line!(text, "role", "master");
    line!(text, "connected_slaves", "0");
    line!(text, "master_failover_state", "no-failover");
    line!(text, "master_replid", "{}", run_id(shared));
    line!(text, "master_replid2", "{:040}", 0);
    line!(text, "master_repl_offset", "0");
    line!(text, "second_repl_offset", "-1");
    line!(text, "repl_backlog_active", "0");
    line!(text, "repl_backlog_size", "1048576");
    line!(text, "repl_backlog_first_byte_offset", "0");
    line!(text, "repl_backlog_histlen", "0");
}

fn cpu(_: &Shared, text: &mut String) {
    let (user, system) = cpu_seconds();
    line!(text, "used_cpu_sys", "{system:.6}");
    line!(text, "used_cpu_user", "{user:.6}");
    line!(text, "used_cpu_sys_children", "0.000000");
    line!(text, "used_cpu_user_children", "0.000000");
}

fn commandstats(shared: &Shared, text: &mut String) {
    for (id, counts) in shared.stats.sum().commands.iter().enumerate() {
        let Some(command) = by_id(CommandId(id as u16)).filter(|_| counts.calls + counts.rejected > 0) else { continue };
        let micros = counts.time.as_micros();
        let each = micros as f64 / counts.calls.max(1) as f64;
        let _ = write!(
            text,
            "cmdstat_{}:calls={},usec={micros},usec_per_call={each:.2},rejected_calls={},failed_calls={}\r\n",
            command.name, counts.calls, counts.rejected, counts.failed
        );
    }
}

fn errorstats(shared: &Shared, text: &mut String) {
    for (code, count) in shared.stats.sum().errors {
        let _ = write!(text, "errorstat_{code}:count={count}\r\n");
    }
}

fn pegasus(shared: &Shared, text: &mut String) {
    let routes = shared.router.routes();
    line!(text, "pegasus_version", "{}", shared.options.version);
    line!(text, "pegasus_table", "{}", shared.router.table());
    line!(text, "pegasus_partitions", "{}", routes.partitions());
    line!(text, "pegasus_secondaries", "{}", routes.secondaries());
    line!(text, "pegasus_routing_version", "{}", routes.version());
    line!(text, "pegasus_retries", "{}", shared.router.retries());
}

/// Keys of each logical database that has any: one census of each partition, all at once.
async fn keyspace(shared: &Shared, session: &mut Session, text: &mut String) {
    let calls: Vec<(u32, Call)> = (0..shared.router.routes().partitions()).map(|partition| (partition, census::call())).collect();
    if calls.is_empty() {
        return;
    }
    let outcomes = shared.router.execute(session, &calls).await;
    for (Database(database), KeyCount { keys, expires }) in total(&outcomes) {
        let _ = write!(text, "db{database}:keys={keys},expires={expires},avg_ttl=0\r\n");
    }
}

/// What all partitions count together. One that cannot be reached is left out: better the rest than nothing.
fn total(outcomes: &[Outcome]) -> BTreeMap<Database, KeyCount> {
    let mut total = BTreeMap::<Database, KeyCount>::new();
    for outcome in outcomes {
        let Outcome::Reply(reply) = outcome else { continue };
        for (database, count) in census::read(reply).unwrap_or_default() {
            let sum = total.entry(database).or_default();
            sum.keys += count.keys;
            sum.expires += count.expires;
        }
    }
    total.retain(|_, count| count.keys > 0);
    total
}

/// Forty hexadecimal digits that tell one start of a proxy from another.
fn run_id(shared: &Shared) -> String {
    let seed = shared.options.seed;
    let ids = client::session::SessionIds::new(!seed);
    format!("{:016x}{:016x}{:08x}", ids.next_id(), ids.next_id(), ids.next_id() as u32)
}

fn human(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, letter)) => format!("{:.2}{letter}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

/// What the kernel says about this process; 0 where it does not.
pub(crate) fn resident() -> u64 {
    field("/proc/self/status", "VmRSS:") * 1024
}

pub(crate) fn peak() -> u64 {
    field("/proc/self/status", "VmHWM:") * 1024
}

fn total_memory() -> u64 {
    field("/proc/meminfo", "MemTotal:") * 1024
}

/// The number behind `name` in a file of the proc file system, which costs no disk access.
fn field(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_ascii_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Processor time of this process in user and kernel mode, in seconds.
fn cpu_seconds() -> (f64, f64) {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15; the second one, in parentheses, may hold blanks.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut ticks = rest.split_ascii_whitespace().skip(11).map(|field| field.parse().unwrap_or(0.0));
    let mut seconds = || ticks.next().unwrap_or(0.0) / TICKS_PER_SECOND;
    (seconds(), seconds())
}

fn os() -> String {
    let read = |path| std::fs::read_to_string(path).map(|text: String| text.trim().to_owned()).unwrap_or_default();
    format!("{} {} {}", read("/proc/sys/kernel/ostype"), read("/proc/sys/kernel/osrelease"), std::env::consts::ARCH)
}

/// `USER_HZ`, which Linux fixes for what it tells user space.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wire::rpc::Refusal;

    use super::*;

    #[test]
    fn partitions_are_added_and_those_without_an_answer_left_out() {
        let reply = |text: &'static str| Outcome::Reply(Bytes::from_static(text.as_bytes()));
        let outcomes = [
            reply("*3\r\n:0\r\n:5\r\n:1\r\n"),
            Outcome::Refused(Refusal::NotPrimary),
            reply("*6\r\n:0\r\n:2\r\n:2\r\n:7\r\n:1\r\n:0\r\n"),
            reply("-ERR unknown command\r\n"),
            reply("*3\r\n:3\r\n:0\r\n:0\r\n"),
        ];
        let expected = [(Database(0), KeyCount { keys: 7, expires: 3 }), (Database(7), KeyCount { keys: 1, expires: 0 })];
        assert_eq!(total(&outcomes), BTreeMap::from(expected));
    }
}
