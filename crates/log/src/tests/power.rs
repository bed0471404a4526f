//! Loss of power and kills at random moments, several times in a row.
//!
//! Every generation of the log runs until a chosen operation of the disk, where the disk is photographed (with and without its cache) together
//! with what had been acknowledged. The next generation opens the photograph. Checked each time: the open succeeds; everything acknowledged
//! is there (`Always`, or any mode after a kill); every appender's records are there without a gap; nothing comes back that an earlier open
//! did not find.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const APPENDERS: u32 = 3;

#[derive(Default)]
struct Photograph {
    disk: Option<Arc<MemoryDisk>>,
    acknowledged: BTreeMap<u32, u64>,
    trimmed: BTreeMap<u32, u64>,
}

/// Runs one generation; returns the disk it leaves and the highest acknowledged decree of each appender.
fn generation(disk: &Arc<MemoryDisk>, sync: Sync, random: &mut StdRng, power: bool, before: &Seen) -> Photograph {
    let acknowledged: Arc<Mutex<BTreeMap<u32, u64>>> = Arc::default();
    let trimmed: Arc<Mutex<BTreeMap<u32, u64>>> = Arc::new(Mutex::new(before.trimmed.clone()));
    let photograph: Arc<Mutex<Photograph>> = Arc::default();
    let at = random.random_range(1..250u64);
    let seed = random.random();
    let (a, t, p) = (Arc::clone(&acknowledged), Arc::clone(&trimmed), Arc::clone(&photograph));
    disk.on_operation(move |operation, snapshot| {
        if operation == at {
            // In this order: what is acknowledged before the disk stops has to be on it.
            let acknowledged = a.lock().clone();
            let disk = if power { snapshot.after_power_loss(seed) } else { snapshot.after_kill() };
            *p.lock() = Photograph { disk: Some(disk), acknowledged, trimmed: t.lock().clone() };
        }
    });
    let (log, replayed) = open(disk, sync).unwrap();
    assert_eq!(replayed, before.records, "an open sees what the open before it saw");
    let highest = highest(&replayed, &before.trimmed);
    let sizes: Vec<usize> =
        (0..80).map(|_| if random.random_bool(0.05) { random.random_range(0..20_000) } else { random.random_range(0..700) }).collect();
    // In the other modes loss of power would take back what was trimmed.
    let trims = sync == Sync::Always && random.random_bool(0.5);
    std::thread::scope(|scope| {
        for appender in 0..APPENDERS {
            let (log, acknowledged, trimmed, sizes) = (&log, &acknowledged, &trimmed, &sizes);
            let start = highest.get(&appender).copied().unwrap_or(0);
            scope.spawn(move || {
                for (i, pair) in sizes.chunks(2).enumerate() {
                    let decree = start + 1 + 2 * i as u64;
                    let records = vec![record(appender, decree, pair[0]), record(appender, decree + 1, pair[1])];
                    let heard = Arc::clone(acknowledged);
                    let done = move |result: Result<(), AppendError>| {
                        result.unwrap();
                        heard.lock().insert(appender, decree + 1);
                    };
                    log.append(records, Box::new(done)).unwrap();
                    if i % 7 == 0 {
                        std::thread::yield_now();
                    }
                    let safe = acknowledged.lock().get(&appender).copied();
                    if let Some(safe) = safe
                        && trims
                        && i % 5 == 0
                    {
                        trimmed.lock().insert(appender, safe);
                        log.trim(partition(appender), Decree(safe));
                    }
                }
            });
        }
    });
    drop(log);
    let mut photograph = std::mem::take(&mut *photograph.lock());
    if photograph.disk.is_none() {
        photograph =
            Photograph { disk: Some(disk.after_kill()), acknowledged: acknowledged.lock().clone(), trimmed: trimmed.lock().clone() };
    }
    photograph
}

/// What an open found.
#[derive(Default)]
struct Seen {
    records: Vec<Record>,
    trimmed: BTreeMap<u32, u64>,
}

/// The last decree of each appender.
fn highest(records: &[Record], trimmed: &BTreeMap<u32, u64>) -> BTreeMap<u32, u64> {
    let mut highest = trimmed.clone();
    for record in records {
        let last = highest.entry(record.partition.index).or_default();
        *last = record.decree.0.max(*last);
    }
    highest
}

fn check(photograph: &Photograph, sync: Sync, power: bool, seed: u64) -> Seen {
    let disk = photograph.disk.as_ref().unwrap();
    let (log, records) = open(disk, sync).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
    drop(log);
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    for found in &records {
        let (appender, decree) = (found.partition.index, found.decree.0);
        let trimmed = photograph.trimmed.get(&appender).copied().unwrap_or(0);
        match last.insert(appender, decree) {
            None => assert!(decree <= trimmed + 1, "seed {seed}: a gap at the start: {decree}, trimmed {trimmed}"),
            Some(last) => assert_eq!(decree, last + 1, "seed {seed}: a gap"),
        }
        assert_eq!(*found, record(appender, decree, found.body.len()), "seed {seed}: another body");
    }
    if sync == Sync::Always || !power {
        let highest = highest(&records, &photograph.trimmed);
        for (appender, decree) in &photograph.acknowledged {
            assert!(highest.get(appender).copied().unwrap_or(0) >= *decree, "seed {seed}: acknowledged and lost");
        }
    }
    Seen { records, trimmed: photograph.trimmed.clone() }
}

fn run(seed: u64, sync: Sync) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut disk = MemoryDisk::new();
    let mut seen = Seen::default();
    for _ in 0..4 {
        let power = random.random_bool(0.7);
        let photograph = generation(&disk, sync, &mut random, power, &seen);
        seen = check(&photograph, sync, power, seed);
        disk = photograph.disk.unwrap();
        if random.random_bool(0.3) {
            // Once more, right after the repair.
            disk = disk.after_power_loss(seed);
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_torn_comes_back() {
    for seed in 0..SEEDS {
        run(seed, [Sync::Always, Sync::Always, Sync::No, Sync::Everysec][seed as usize % 4]);
    }
}

const SEEDS: u64 = 600;
