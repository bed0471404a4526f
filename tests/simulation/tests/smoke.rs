//! A minute of simulation. More: `make sim`.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use simulation::stats::Stats;
use simulation::{Verdict, quiet_panics, run};

/// Runs seeds, and says which broke what.
fn many(seeds: std::ops::Range<u64>) -> Stats {
    quiet_panics();
    let mut total = Stats::default();
    let mut broken = Vec::new();
    for seed in seeds {
        match run(seed, false) {
            Verdict::Clean(stats, _) => total.add(&stats),
            Verdict::Broken(text) => broken.push(format!("make sim SEED={seed}: {text}")),
        }
    }
    println!("{total}");
    let _ = std::panic::take_hook();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    total
}

#[test]
fn thousands_of_bad_days_break_no_promise() {
    let stats = many(1..5001);
    assert!(stats.faults.iter().all(|count| *count > 1000), "every kind of fault happened");
    let events = [stats.answered, stats.unknown, stats.added, stats.removed, stats.takeovers, stats.handovers, stats.seals, stats.fetched];
    assert!(events.iter().all(|count| *count > 1000), "and everything that follows from them: {events:?}");
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    let trace = |seed| match run(seed, false) {
        Verdict::Clean(stats, hash) => (hash, stats.events),
        Verdict::Broken(text) => panic!("seed {seed}: {text}"),
    };
    for seed in 90_000..90_050 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
    assert_ne!(trace(1), trace(2));
}
