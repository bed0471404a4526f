//! Three replicas under everything that may happen to them, from one seed.
//!
//! `SEED=n cargo test -p pacifica --test simulation one_seed` replays a run; `SEEDS=n` makes the search longer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod disk;
mod rng;
mod world;

use std::time::Duration;

use world::{Lie, Summary, World};

#[test]
fn replicas_agree_keep_what_was_acknowledged_and_recover() {
    let mut sum = Summary::default();
    for seed in 0..seeds(2000) {
        let summary = run(seed, Lie::None).unwrap_or_else(|broken| panic!("SEED={seed}: {broken}"));
        sum.steps += summary.steps;
        sum.commits += summary.commits;
        sum.ballots += summary.ballots;
        sum.crashes += summary.crashes;
        sum.filled += summary.filled;
    }
    println!("{sum:?}");
    assert!(sum.filled > 0, "no run had void records to fill");
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    for seed in 0..20 {
        assert_eq!(run(seed, Lie::None), run(seed, Lie::None));
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        println!("{:?}", run(seed, Lie::None).unwrap());
    }
}

#[test]
fn the_observer_notices_acknowledgements_before_the_sync() {
    assert!(found(Lie::LoggedBeforeSync, 100));
}

#[test]
fn the_observer_notices_a_forgotten_ballot() {
    assert!(found(Lie::BallotForgotten, 2000));
}

#[test]
fn the_observer_notices_a_dropped_tail() {
    assert!(found(Lie::TailDropped, 100));
}

#[test]
fn the_observer_notices_a_fence_that_went_before_what_it_voided() {
    assert!(found(Lie::FenceTrimmed, 2000));
}

fn run(seed: u64, lie: Lie) -> Result<Summary, String> {
    let _seed = Named(seed);
    World::new(seed, lie).run(Duration::from_secs(8))
}

/// Whether a lie comes out within `seeds`, as a violation or as an assertion of a replica.
fn found(lie: Lie, seeds: u64) -> bool {
    let found =
        (0..seeds).find(|seed| !matches!(std::panic::catch_unwind(|| World::new(*seed, lie).run(Duration::from_secs(8))), Ok(Ok(_))));
    println!("{lie:?}: {found:?}");
    found.is_some()
}

fn seeds(default: u64) -> u64 {
    std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default)
}

/// Says which seed it was when a replica's own assertion fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SEED={}", self.0);
        }
    }
}
