//! Counters that sessions write, one set for each thread: no two threads write to the same cache line on the hot path.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use types::txn::CommandId;

/// Counters of one proxy, by thread.
#[derive(Debug)]
pub(crate) struct Stats {
    shards: Mutex<Vec<Arc<Shard>>>,
    commands: usize,
}

/// Counters of one thread.
#[derive(Debug)]
pub(crate) struct Shard {
    commands: Box<[PerCommand]>,
    latency: [AtomicU64; LATENCY_BUCKETS],
    errors: Mutex<BTreeMap<String, u64>>,
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
}

#[derive(Debug, Default)]
struct PerCommand {
    calls: AtomicU64,
    nanos: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

/// The sum over all threads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    /// By command id.
    pub(crate) commands: Vec<Counts>,
    pub(crate) latency: [u64; LATENCY_BUCKETS],
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

/// What happened to one command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often it ran.
    pub calls: u64,
    /// Time from reading it to having its reply, all calls together. Commands of one pipeline share the time evenly.
    pub time: Duration,
    /// How often it was turned away before it ran.
    pub rejected: u64,
    /// How often it answered an error.
    pub failed: u64,
}

thread_local! {
    /// This thread's counters in each proxy (in a process there is one; tests have many).
    static MINE: RefCell<Vec<Weak<Shard>>> = const { RefCell::new(Vec::new()) };
}

impl Stats {
    /// Counters for `commands` command ids.
    pub(crate) fn new(commands: usize) -> Stats {
        Stats { shards: Mutex::default(), commands }
    }

    /// The counters of the calling thread.
    pub(crate) fn mine(&self) -> Arc<Shard> {
        MINE.with_borrow_mut(|mine| {
            let mut shards = self.shards.lock();
            mine.retain(|shard| shard.strong_count() > 0);
            let known = mine.iter().filter_map(Weak::upgrade).find(|shard| shards.iter().any(|other| Arc::ptr_eq(shard, other)));
            known.unwrap_or_else(|| {
                let shard = Arc::new(Shard::new(self.commands));
                mine.push(Arc::downgrade(&shard));
                shards.push(Arc::clone(&shard));
                shard
            })
        })
    }

    pub(crate) fn sum(&self) -> Sum {
        let mut sum = Sum { commands: vec![Counts::default(); self.commands], ..Sum::default() };
        for shard in self.shards.lock().iter() {
            shard.add_to(&mut sum);
        }
        sum
    }

    /// `CONFIG RESETSTAT`.
    pub(crate) fn reset(&self) {
        self.shards.lock().iter().for_each(|shard| shard.reset());
    }
}

impl Shard {
    fn new(commands: usize) -> Shard {
        let zero = || AtomicU64::new(0);
        Shard {
            commands: (0..commands).map(|_| PerCommand::default()).collect(),
            latency: std::array::from_fn(|_| zero()),
            errors: Mutex::default(),
            bytes_read: zero(),
            bytes_written: zero(),
            reads: zero(),
            writes: zero(),
            hits: zero(),
            misses: zero(),
        }
    }

    /// `count` commands ran, in `time` together.
    pub(crate) fn ran(&self, command: CommandId, count: u64, time: Duration) {
        if let Some(counters) = self.commands.get(usize::from(command.0)) {
            add(&counters.calls, count);
            add(&counters.nanos, time.as_nanos() as u64);
        }
    }

    /// A batch of `count` commands took so long.
    pub(crate) fn took(&self, count: u64, time: Duration) {
        let micros = time.as_micros() as u64;
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        add(&self.latency[bucket.min(LATENCY_BUCKETS - 1)], count);
    }

    /// A command was turned away before it ran.
    pub(crate) fn rejected(&self, command: CommandId) {
        if let Some(counters) = self.commands.get(usize::from(command.0)) {
            add(&counters.rejected, 1);
        }
    }

    /// A command answered an error.
    pub(crate) fn failed(&self, command: CommandId) {
        if let Some(counters) = self.commands.get(usize::from(command.0)) {
            add(&counters.failed, 1);
        }
    }

    /// An error was sent; `reply` begins with it.
    pub(crate) fn error(&self, reply: &[u8]) {
        let code = reply.get(1..).unwrap_or_default().split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        let code = String::from_utf8_lossy(&code[..code.len().min(ERROR_CODE_MAX)]);
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(&*code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX {
            errors.insert(code.into_owned(), 1);
        }
    }

    fn add_to(&self, sum: &mut Sum) {
        for (sum, counters) in sum.commands.iter_mut().zip(&self.commands) {
            sum.calls += get(&counters.calls);
            sum.time += Duration::from_nanos(get(&counters.nanos));
            sum.rejected += get(&counters.rejected);
            sum.failed += get(&counters.failed);
        }
        for (sum, bucket) in sum.latency.iter_mut().zip(&self.latency) {
            *sum += get(bucket);
        }
        for (code, count) in self.errors.lock().iter() {
            *sum.errors.entry(code.clone()).or_default() += count;
        }
        sum.bytes_read += get(&self.bytes_read);
        sum.bytes_written += get(&self.bytes_written);
        sum.reads += get(&self.reads);
        sum.writes += get(&self.writes);
        sum.hits += get(&self.hits);
        sum.misses += get(&self.misses);
    }

    fn reset(&self) {
        let PerThread(all) = self.all();
        all.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.errors.lock().clear();
    }

    fn all(&self) -> PerThread<'_> {
        let commands = self.commands.iter().flat_map(|c| [&c.calls, &c.nanos, &c.rejected, &c.failed]);
        let others = [&self.bytes_read, &self.bytes_written, &self.reads, &self.writes, &self.hits, &self.misses];
        PerThread(commands.chain(&self.latency).chain(others).collect())
    }
}

struct PerThread<'a>(Vec<&'a AtomicU64>);

/// Adds to a counter that this thread has for itself, as a rule.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Bucket `i` counts what took less than `2^i` microseconds and no less than half of that; the last one everything longer.
pub const LATENCY_BUCKETS: usize = 26;
/// Error codes are told apart by so many bytes.
const ERROR_CODE_MAX: usize = 32;
/// Error codes that are counted.
const ERROR_CODES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_count_for_themselves_and_are_added_up() {
        let stats = Arc::new(Stats::new(3));
        let work = |times: u64| {
            let stats = Arc::clone(&stats);
            move || {
                for _ in 0..times {
                    let shard = stats.mine();
                    shard.ran(CommandId(1), 2, Duration::from_micros(3));
                    shard.took(2, Duration::from_micros(3));
                    shard.error(b"-ERR what\r\n");
                }
            }
        };
        let threads = [5, 7].map(|times| std::thread::Builder::new().spawn(work(times)).expect("a thread"));
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        let sum = stats.sum();
        assert_eq!(sum.commands[1], Counts { calls: 24, time: Duration::from_micros(36), rejected: 0, failed: 0 });
        assert_eq!((sum.latency[2], sum.errors["ERR"]), (24, 12));
        assert_eq!(stats.shards.lock().len(), 2);
        stats.reset();
        assert_eq!(stats.sum().commands[1], Counts::default());
    }
}
