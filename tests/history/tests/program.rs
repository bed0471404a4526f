//! What `check-history` says, and how it leaves.

use std::io::Write;
use std::process::Command;

/// Its exit code and what it said.
fn run(lines: &[&str]) -> (Option<i32>, String) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(lines.join("\n").as_bytes()).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_check-history")).arg(file.path()).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

const SET: &str = r#"{"key":"k","client":1,"op":"set","args":["a"],"called":0,"returned":10,"heard":"done"}"#;
const READ: &str = r#"{"key":"k","client":2,"op":"get","args":[],"called":20,"returned":30,"heard":{"value":"a"}}"#;
const STALE: &str = r#"{"key":"k","client":2,"op":"get","args":[],"called":40,"returned":50,"heard":{"value":""}}"#;
const UNKNOWN: &str = r#"{"key":"other","client":3,"op":"incr","args":[],"called":40,"returned":null,"heard":null}"#;

#[test]
fn a_history_that_holds_is_counted() {
    assert_eq!(run(&[SET, READ, UNKNOWN]), (Some(0), "3 operations (1 unknown) on 2 keys, 0 violations\n".to_owned()));
}

#[test]
fn a_violation_is_explained() {
    let (code, said) = run(&[SET, READ, STALE]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("k is not linearizable: 2 operations fit") && said.contains("client 2 40ns..50ns Get"), "{said}");
    assert!(said.ends_with("3 operations (0 unknown) on 1 keys, 1 violations\n"), "{said}");
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    let (code, said) = run(&[SET, "{\"key\":"]);
    assert!(code == Some(2) && said.contains("line 2"), "{code:?} {said}");
}
