//! `shell-simulation`: many seeds, or one of them with all that happened.
//!
//! Every seed runs in a process of its own, so that nothing of one is left for the next.

use std::collections::BTreeMap;
use std::fmt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Parser;
use shell_simulation::{entropy, run};
use tracing_subscriber::EnvFilter;

/// Runs the servers on a simulated network and simulated disks.
#[derive(Parser)]
struct Arguments {
    /// Run this seed only, and tell what happened.
    #[arg(long)]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// How many at a time; 0: as many as there are processors.
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// Run every so many seeds twice, and compare; 0: none.
    #[arg(long, default_value_t = 20)]
    twice: u64,
    /// With --seed: say nothing but the result.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => one(seed, !arguments.quiet),
        None => many(&arguments),
    }
}

/// Runs a seed in this process.
fn one(seed: u64, loud: bool) -> ExitCode {
    entropy::seed(seed);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).without_time().with_ansi(false).with_writer(std::io::stderr).init();
    // A task that panics would only be missed by those who wait for it.
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default(info);
        println!("seed {seed}: panic: {info}");
        std::process::exit(1);
    }));
    // On a thread of its own: how much randomness was used up before, for this or that filter, changes nothing.
    let thread = std::thread::Builder::new().name("simulation".to_owned()).stack_size(STACK);
    let outcome = thread.spawn(move || run::run(seed, loud)).expect("a thread").join().expect("a panic ends the process");
    match outcome {
        Ok(outcome) => {
            let run::Outcome { trace, simulated, operations, unknown, faults, undecided } = outcome;
            let faults: Vec<String> = faults.iter().map(|(kind, count)| format!("{kind}:{count}")).collect();
            let faults = faults.join(" ");
            let undecided = undecided.map_or(String::new(), |key| format!(", {key} undecided"));
            println!(
                "seed {seed}: trace {trace:016x}, {:.1} s, {operations} operations, {unknown} unknown, faults {faults}{undecided}",
                simulated.as_secs_f64()
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("seed {seed}: violation: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs many, each in a process.
fn many(arguments: &Arguments) -> ExitCode {
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from + arguments.seeds;
    let (violations, undecided) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let total = Mutex::new(Total::default());
    let jobs = match arguments.jobs {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        jobs => jobs,
    };
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let (well, line) = child(seed);
            let again = arguments.twice > 0 && seed.is_multiple_of(arguments.twice);
            let same = !again || child(seed).1 == line;
            if !well {
                violations.fetch_add(1, Ordering::Relaxed);
                println!("{line}\n  once more: make sim-shell SEED={seed}");
            }
            if !same {
                violations.fetch_add(usize::from(well), Ordering::Relaxed);
                println!("{line}\n  and when run again: {}", child(seed).1);
            }
            undecided.fetch_add(usize::from(line.ends_with("undecided")), Ordering::Relaxed);
            total.lock().expect("no thread panics").add(&line);
            let done = seed + 1 - arguments.from;
            if done.is_multiple_of(100) {
                println!("{done} seeds, {} violations", violations.load(Ordering::Relaxed));
            }
        }
    };
    std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    let (violations, undecided) = (violations.into_inner(), undecided.into_inner());
    println!("{}, {undecided} histories undecided", total.into_inner().expect("no thread panics"));
    println!("{} seeds, {violations} violations", arguments.seeds);
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What many seeds came to, from what each of them said.
#[derive(Default)]
struct Total {
    seconds: f64,
    operations: u64,
    unknown: u64,
    faults: BTreeMap<String, u64>,
}

impl Total {
    fn add(&mut self, line: &str) {
        for part in line.split(", ") {
            if let Some(count) = part.strip_suffix(" operations").and_then(|count| count.parse::<u64>().ok()) {
                self.operations += count;
            } else if let Some(count) = part.strip_suffix(" unknown").and_then(|count| count.parse::<u64>().ok()) {
                self.unknown += count;
            } else if let Some(seconds) = part.strip_suffix(" s").and_then(|seconds| seconds.parse::<f64>().ok()) {
                self.seconds += seconds;
            } else if let Some(faults) = part.strip_prefix("faults ") {
                for (kind, count) in faults.split(' ').filter_map(|fault| fault.split_once(':')) {
                    *self.faults.entry(kind.to_owned()).or_default() += count.parse::<u64>().unwrap_or(0);
                }
            }
        }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:.2} simulated hours", self.seconds / 3600.0)?;
        let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        writeln!(f, "faults: {}", faults.join(", "))?;
        write!(f, "{} operations of clients, {} unknown", self.operations, self.unknown)
    }
}

/// Runs a seed in a process of its own: whether all was well, and what it said last.
fn child(seed: u64) -> (bool, String) {
    let program = std::env::current_exe().expect("a program knows where it is");
    let run = Command::new(program).args(["--quiet", "--seed", &seed.to_string()]).stderr(Stdio::null()).output();
    match run {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            (output.status.success(), if text.is_empty() { format!("seed {seed}: {}", output.status) } else { text })
        }
        Err(error) => (false, format!("seed {seed}: {error}")),
    }
}

const STACK: usize = 8 << 20;
