//! `sim`: runs seeds.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use simulation::stats::Stats;
use simulation::{Verdict, quiet_panics, run};

/// Runs the replication protocol on simulated time, networks, disks and clocks.
#[derive(Parser)]
struct Arguments {
    /// Tells the run of one seed.
    #[arg(long)]
    seed: Option<u64>,
    /// The first of many.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Plants faults, one after the other, and looks for each until it is found.
    #[cfg(feature = "mutants")]
    #[arg(long)]
    mutants: bool,
    /// Only this one.
    #[cfg(feature = "mutants")]
    #[arg(long)]
    mutant: Option<String>,
    /// Only the verdict of `--seed`.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    quiet_panics();
    #[cfg(feature = "mutants")]
    if arguments.mutants || arguments.mutant.is_some() {
        return mutants(&arguments);
    }
    match arguments.seed {
        Some(seed) => one(seed, !arguments.quiet),
        None => many(&arguments),
    }
}

fn one(seed: u64, verbose: bool) -> ExitCode {
    match run(seed, verbose) {
        Verdict::Clean(stats, hash) => {
            println!("{stats}\nseed {seed}: 0 violations, trace {hash:016x}");
            ExitCode::SUCCESS
        }
        Verdict::Broken(text) => {
            println!("seed {seed}: {text}");
            ExitCode::FAILURE
        }
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from.saturating_add(arguments.seeds);
    let total = Mutex::new((Stats::default(), 0u64));
    #[expect(clippy::disallowed_methods, reason = "how fast it was, for people")]
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                let mut stats = Stats::default();
                let mut broken = 0;
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    match run(seed, false) {
                        Verdict::Clean(one, hash) => {
                            stats.add(&one);
                            if seed.is_multiple_of(50) && !matches!(run(seed, false), Verdict::Clean(_, again) if again == hash) {
                                println!("seed {seed} does not run the same way twice: make sim SEED={seed}");
                                broken += 1;
                            }
                        }
                        Verdict::Broken(text) => {
                            println!("{text}: make sim SEED={seed}");
                            broken += 1;
                        }
                    }
                }
                let mut total = total.lock().expect("no thread panics");
                total.0.add(&stats);
                total.1 += broken;
            });
        }
    });
    let (stats, broken) = total.into_inner().expect("no thread panics");
    let took = begun.elapsed().as_secs_f64();
    println!("{stats}");
    println!("{took:.1} s, {:.0} seeds a second", arguments.seeds as f64 / took);
    println!("{} seeds, {broken} violations", arguments.seeds);
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks for every planted fault, with seeds from `--from` on, `--seeds` at most.
#[cfg(feature = "mutants")]
fn mutants(arguments: &Arguments) -> ExitCode {
    use pacifica::mutant::{ALL, plant};
    let mut survivors = 0;
    println!("{:<26} | {:>7} | oracle", "mutant", "seeds");
    for mutant in ALL {
        let name = format!("{mutant:?}");
        if arguments.mutant.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        plant(Some(mutant));
        let found = (0..arguments.seeds).find_map(|i| match run(arguments.from + i, false) {
            Verdict::Clean(..) => None,
            Verdict::Broken(text) => Some((i + 1, text)),
        });
        match found {
            Some((seeds, text)) => println!("{name:<26} | {seeds:>7} | {}", text.chars().take(110).collect::<String>()),
            None => {
                survivors += 1;
                println!("{name:<26} | {:>7} | not found", arguments.seeds);
            }
        }
    }
    plant(None);
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
