//! Measures the hot path of the engine: `cargo run --release -p engine --example measure [keys]`.
//!
//! CPU time of one thread, one partition, values of 64 bytes: gets that hit and miss (memtable, then block cache), and puts through
//! transaction, write set and apply in mutations of 1, 16 and 64 commands.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for people")]

use std::time::Duration;

use bytes::Bytes;
use engine::overlay::Overlay;
use engine::shared::{Options, Shared};
use engine::store::{Store, Tier};
use engine::txn::{Context, Reader, Txn};
use engine::write_set::WriteSet;
use types::id::Decree;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Database, HashKey, HashKeyTxn};

const NOW: UnixMs = UnixMs(1_700_000_000_000);

struct Bench {
    store: Store,
    overlay: Overlay,
    writes: WriteSet,
    keys: u64,
    random: u64,
}

fn main() {
    let keys: u64 = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().unwrap());
    let dir = tempfile::tempdir_in(std::env::var("MEASURE_DIR").unwrap_or_else(|_| ".".to_owned())).unwrap();
    let megabytes = |name: &str, default: usize| std::env::var(name).map_or(default, |n| n.parse().unwrap()) << 20;
    let options = Options {
        cache_bytes: 1 << 30,
        row_bytes: 256 << 20,
        memtable_bytes: 2 << 30,
        store_memtable_bytes: megabytes("MEMTABLE", 64),
        background_threads: 2,
    };
    let shared = Shared::new(&options).unwrap();
    let store = Store::open(&dir.path().join("p"), 0..=16_383, &shared).unwrap();
    let overlay = Overlay::new(&store, 1);
    let mut bench = Bench { store, overlay, writes: WriteSet::new(), keys, random: 7 };
    bench.load();
    bench.gets("as loaded");
    for batch in [1, 16, 64] {
        bench.puts(batch);
    }
    bench.phases(16);
    bench.phases(64);
    time("flush", 1, || bench.store.flush().unwrap());
    time("compact", 1, || bench.store.compact(&|| false).expect("compact"));
    bench.warm();
    bench.gets("from block cache");
    println!("{:?}\n{:?}", bench.store.usage().unwrap(), shared.memory());
}

impl Bench {
    fn load(&mut self) {
        let keys = self.keys;
        let mut i = 0;
        time("load, mutations of 64 new keys", keys, || {
            while i < keys {
                let upto = (i + 64).min(keys);
                self.mutation((i..upto).map(name));
                i = upto;
            }
        });
        println!("{:?}", self.store.usage().unwrap());
    }

    fn puts(&mut self, batch: u64) {
        best(&format!("overwrite, mutations of {batch}"), 10, 64_000, |count| {
            for _ in 0..count / batch {
                let names: Vec<[u8; 16]> = (0..batch).map(|_| name(self.random_key())).collect();
                self.mutation(names.into_iter());
            }
        });
    }

    /// Where a put spends its time.
    fn phases(&mut self, batch: u64) {
        let (mut evaluate, mut apply, mut retire) = (0, 0, 0);
        let rounds = 200_000 / batch;
        for _ in 0..rounds {
            let names: Vec<[u8; 16]> = (0..batch).map(|_| name(self.random_key())).collect();
            let start = now();
            let decree = self.store.applied().next();
            self.evaluate(decree, names.into_iter());
            let body = self.writes.finish();
            let evaluated = now();
            self.store.apply(&[(decree, body)]).unwrap();
            let applied = now();
            self.overlay.retire(decree);
            let retired = now();
            evaluate += (evaluated - start).as_nanos();
            apply += (applied - evaluated).as_nanos();
            retire += (retired - applied).as_nanos();
        }
        let per = |total: u128| total / u128::from(rounds * batch);
        println!("{batch:>3} per mutation: evaluate {} ns, apply {} ns, retire {} ns per put", per(evaluate), per(apply), per(retire));
    }

    fn mutation(&mut self, names: impl Iterator<Item = [u8; 16]>) {
        let decree = self.store.applied().next();
        self.evaluate(decree, names);
        let body = self.writes.finish();
        self.store.apply(&[(decree, body)]).unwrap();
        self.overlay.retire(decree);
    }

    fn evaluate(&mut self, decree: Decree, names: impl Iterator<Item = [u8; 16]>) {
        let context = Context { tier: Tier::Disk, now: NOW, decree };
        for name in names {
            let mut txn = Txn::begin(&self.store, &mut self.overlay, &mut self.writes, context);
            let root = Root::inline(Kind::String, Bytes::from_static(&[b'v'; 64]));
            txn.put_root(&HashKey::new(Database(0), &name), root).unwrap();
            txn.commit();
        }
    }

    fn warm(&mut self) {
        for i in 0..self.keys {
            let mut reader = Reader::new(&self.store, Tier::Disk, NOW, 0);
            assert!(reader.root(&HashKey::new(Database(0), &name(i))).unwrap().is_some());
        }
    }

    fn gets(&mut self, place: &str) {
        let mut cold = 0;
        best(&format!("get hit, {place}"), 10, 200_000, |count| {
            for _ in 0..count {
                let name = name(self.random_key());
                match Reader::new(&self.store, Tier::Memory, NOW, 0).root(&HashKey::new(Database(0), &name)) {
                    Ok(root) => assert_eq!(root.unwrap().value.len(), 64),
                    Err(_) => cold += 1,
                }
            }
        });
        best(&format!("get miss, {place}"), 10, 200_000, |count| {
            for _ in 0..count {
                let name = name(self.random_key() + 1_000_000_000);
                match Reader::new(&self.store, Tier::Memory, NOW, 0).root(&HashKey::new(Database(0), &name)) {
                    Ok(root) => assert!(root.is_none()),
                    Err(_) => cold += 1,
                }
            }
        });
        println!("cold: {cold}");
    }

    fn random_key(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % self.keys
    }
}

fn name(i: u64) -> [u8; 16] {
    let mut name = *b"key:000000000000";
    let mut rest = i;
    for digit in name[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name
}

/// The best and the middle of some rounds: the machine may have other work.
fn best(what: &str, rounds: usize, count: u64, mut work: impl FnMut(u64)) {
    let mut took: Vec<u128> = Vec::new();
    for _ in 0..rounds {
        let start = now();
        work(count);
        took.push((now() - start).as_nanos() / u128::from(count));
    }
    took.sort_unstable();
    println!("{what}: best {} ns, median {} ns", took[0], took[rounds / 2]);
}

fn time<T>(what: &str, count: u64, work: impl FnOnce() -> T) {
    let start = now();
    work();
    println!("{what}: {} ns", (now() - start).as_nanos() / u128::from(count));
}

/// CPU time of this thread: the machine may have other work.
fn now() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
}
