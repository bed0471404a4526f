//! A short run of the faults on separate processes; `make chaos` and `make power-loss` are long ones.

use std::path::Path;
use std::process::Command;

/// Runs a script and returns what it said; `None` if it said that this machine does not let it.
fn run(script: &str, args: &[&str]) -> Option<String> {
    let script = Path::new("tests/chaos").join(script);
    let output =
        Command::new("python3").arg(script).args(["--pegasus", env!("CARGO_BIN_EXE_pegasus")]).args(args).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && said.contains("not possible here") {
        eprintln!("skipped: {said}");
        return None;
    }
    assert!(output.status.success(), "{said}");
    Some(said)
}

#[test]
fn what_clients_saw_while_processes_died_and_slept_is_linearizable() {
    let said = run("chaos.py", &["--minutes", "0.4", "--mode", "loopback", "--seed", "1"]).expect("loopback is everywhere");
    assert!(said.contains("check: ") && said.ends_with("\n0 violations\n"), "{said}");
}

#[test]
fn nothing_acknowledged_is_lost_when_all_machines_lose_power() {
    let Some(said) = run("power_loss.py", &["--rounds", "2", "--seed", "1"]) else { return };
    assert!(said.contains("2 rounds") && said.contains("0 violations"), "{said}");
}
