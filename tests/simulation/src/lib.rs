//! The replication protocol on simulated time, networks, disks and clocks: one thread, one seed, one run.
//!
//! The state machines are those that run in production: [`pacifica::replica::Replica`], [`pacifica::recovery::Recovery`] and [`::meta::core::Core`]. What drives them here
//! does in small what `replica` does; what surrounds them goes wrong as the seed will have it; and an oracle that sees all disks at once looks at them after every step.

mod client;
pub mod clock;
mod data;
pub mod faults;
pub mod linear;
mod meta;
mod node;
mod oracle;
pub mod rng;
pub mod settings;
pub mod stats;
pub mod world;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use stats::Stats;
use world::World;

/// What a run came to.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing was found. The number tells runs apart.
    Clean(Box<Stats>, u64),
    /// Which promise was broken, and how.
    Broken(String),
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps panics quiet: a broken promise shows as one.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().cloned().or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let place = info.location().map(|place| format!(" [{}:{}]", place.file(), place.line())).unwrap_or_default();
        LAST_PANIC.with(|last| *last.borrow_mut() = text.unwrap_or_default() + &place);
    }));
}

/// Runs one seed.
pub fn run(seed: u64, verbose: bool) -> Verdict {
    match catch_unwind(AssertUnwindSafe(|| World::new(seed, verbose).run())) {
        Ok((stats, hash)) => Verdict::Clean(Box::new(stats), hash),
        Err(_) => Verdict::Broken(LAST_PANIC.with(|last| last.borrow().clone())),
    }
}
