//! Measures appends: `cargo run --release -p pegasus-log --example append -- <dir> [always|everysec|no] [in flight] [body bytes] [seconds] [threads]`.
//!
//! Every thread keeps a number of appends of one record each in flight, as the partitions of a node do.
#![allow(clippy::unwrap_used, reason = "a measuring tool")]

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pegasus_log::log::Log;
use pegasus_log::options::{Options, Sync};
use pegasus_log::record::Record;
use types::id::{Decree, PartitionId, TableId};

#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn now() -> Instant {
    Instant::now()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: u64| args.get(i).map_or(default, |arg| arg.parse().expect("a number"));
    let dir = PathBuf::from(args.first().expect("a directory"));
    let sync = match args.get(1).map(String::as_str) {
        Some("no") => Sync::No,
        Some("everysec") => Sync::Everysec,
        _ => Sync::Always,
    };
    let (in_flight, bytes) = (number(2, 1) as usize, number(3, 200) as usize);
    let (time, threads) = (Duration::from_secs(number(4, 3)), number(5, 1) as u32);

    let log = Log::open(&dir, Options::new(sync), &mut |_| {}).unwrap();
    let began = now();
    let mut waits: Vec<Duration> = std::thread::scope(|scope| {
        let log = &log;
        let run = |index| scope.spawn(move || appender(log, index, in_flight, bytes, time));
        let appenders: Vec<_> = (0..threads).map(run).collect();
        appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect()
    });
    let took = began.elapsed();
    let stats = log.stats();
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    println!(
        "{sync:?}, {threads} threads, {in_flight} in flight each, {bytes} B: {:.0} appends/s, p50 {:?}, p99 {:?}, max {:?}; {:.1} per write, {:.0} syncs/s of {:?}",
        waits.len() as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        stats.records as f64 / stats.writes as f64,
        stats.syncs as f64 / took.as_secs_f64(),
        stats.sync_time / stats.syncs.max(1) as u32,
    );
}

/// Appends until the time is up; returns how long each append took to be done.
fn appender(log: &Log, index: u32, in_flight: usize, bytes: usize, time: Duration) -> Vec<Duration> {
    let partition = PartitionId { table: TableId(1), index };
    let body = Bytes::from(vec![7; bytes]);
    let (sender, receiver) = mpsc::channel();
    let (mut decree, mut flying, mut waits) = (0, 0, Vec::new());
    let began = now();
    while began.elapsed() < time || flying > 0 {
        while flying < in_flight && began.elapsed() < time {
            decree += 1;
            let (sender, sent) = (sender.clone(), now());
            let record = Record { partition, decree: Decree(decree), body: body.clone() };
            let done = move |result: Result<(), _>| sender.send((result, sent)).unwrap();
            log.append(vec![record], Box::new(done)).unwrap();
            flying += 1;
        }
        let (result, sent): (Result<(), _>, Instant) = receiver.recv().unwrap();
        result.unwrap();
        waits.push(sent.elapsed());
        flying -= 1;
        if decree % 1000 == 0 {
            log.trim(partition, Decree(decree - flying as u64));
        }
    }
    waits
}
