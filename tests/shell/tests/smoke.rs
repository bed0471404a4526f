//! A few seeds with every `make test`; `make sim-shell` runs many.

use std::process::Command;

/// What they found: a removed member that kept its role and did not learn (10, 11, 20); log tokens of a replica that was replaced, credited to
/// the one in its place (85, 125, 141).
#[test]
fn seeds_that_found_something_once_hold() {
    for seed in ["10", "11", "20", "85", "125", "141"] {
        let output = Command::new(env!("CARGO_BIN_EXE_shell-simulation")).args(["--quiet", "--seed", seed]).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_few_seeds_hold_and_can_be_repeated() {
    let seeds = ["--from", "0", "--seeds", "50", "--twice", "10"];
    let output = Command::new(env!("CARGO_BIN_EXE_shell-simulation")).args(seeds).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.trim_end().ends_with("50 seeds, 0 violations"), "{text}");
}
