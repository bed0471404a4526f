//! What bytes from strangers must not do, each a function of the bytes that panics if they do it.
//!
//! ```text
//!   libfuzzer/     one binary for each of TARGETS: cargo-fuzz grows inputs by coverage, for as long as it is given     make fuzz
//!   src/tests.rs   the seeds, and what a thousand random changes make of them, in seconds                             make test
//!   seeds/         a directory for each target: values that servers wrote, and whatever once failed
//! ```
//! No function here takes time that its input does not justify, so what takes long is a finding, too.

mod glob;
mod hyperloglog;
mod payload;
mod reply;
mod restore;
mod store;

/// A target: its name, which is also that of its seeds, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 8] = [
    ("restore_payload", payload::framed),
    ("listpack", payload::listpack),
    ("ziplist", payload::ziplist),
    ("stream_node", payload::stream_node),
    ("stream", payload::stream),
    ("restore", restore::restore),
    ("hyperloglog", hyperloglog::hyperloglog),
    ("glob", glob::glob),
];

/// Runs the target of that name.
///
/// # Panics
/// If there is none, and if the input has found something.
pub fn run(name: &str, input: &[u8]) {
    let (_, target) = TARGETS.into_iter().find(|target| target.0 == name).expect("a target");
    target(input);
}

#[cfg(test)]
mod tests;
