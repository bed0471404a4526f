//! A short run of each long test.

mod common;

use std::process::Command;

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_of_everything() {
    let output = Command::new("python3")
        .args(["tests/durability.py", "--pegasus", env!("CARGO_BIN_EXE_pegasus"), "--rounds", "2", "--seed", "1"])
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.matches("0 violations").count() == 2, "{said}");
}

#[test]
fn the_benchmark_runs() {
    if Command::new("redis-benchmark").arg("--version").output().is_err() {
        eprintln!("skipped: no redis-benchmark on this machine");
        return;
    }
    let json = tempfile::NamedTempFile::new().expect("a file");
    let output = Command::new("python3")
        .args([
            "bench/bench.py",
            "--pegasus",
            env!("CARGO_BIN_EXE_pegasus"),
            "--servers",
            "redis,pegasus-1-no",
            "--tests",
            "set,get",
            "--sizes",
            "64",
        ])
        .args(["--rounds", "1", "--requests", "2000", "--json"])
        .arg(json.path())
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("| GET -P 16 | pegasus-1-no |"), "{said}");
}
