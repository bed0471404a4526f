//! `check-history FILE..`: reads a recorded history ([`history::record`]) and says whether it is linearizable. It leaves with 1 if it is not,
//! or if that could not be decided, and with 2 if it could not be read.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;

use history::check::{Verdict, check_key, keys};
use history::event::{Event, Heard};
use history::record::{RecordError, parse};

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() || files[0].starts_with('-') {
        eprintln!("usage: check-history FILE..");
        return ExitCode::from(2);
    }
    let mut events = Vec::new();
    for file in &files {
        if let Err(error) = read(file, &mut events) {
            eprintln!("{file}: {error}{}", cause(&error));
            return ExitCode::from(2);
        }
    }
    report(&events)
}

/// Checks every key, tells about the first that do not fit, and sums up.
fn report(events: &[Event]) -> ExitCode {
    let keys = keys(events);
    let count = keys.len();
    let (mut violations, mut undecided) = (0, 0);
    for (key, events) in keys {
        let said = match check_key(key, events) {
            Verdict::Linearizable => continue,
            Verdict::Violation { key, why } => {
                violations += 1;
                format!("{key} is not linearizable: {why}")
            }
            Verdict::Undecided(key) => {
                undecided += 1;
                format!("{key} could not be decided")
            }
        };
        if violations + undecided <= TOLD_MAX {
            println!("{said}");
        }
    }
    let unknown = events.iter().filter(|event| event.heard == Heard::Nothing).count();
    let mut said = format!("{} operations ({unknown} unknown) on {count} keys, {violations} violations", events.len());
    if undecided > 0 {
        said += &format!(", {undecided} undecided");
    }
    println!("{said}");
    ExitCode::from(u8::from(violations + undecided > 0))
}

fn read(file: &str, events: &mut Vec<Event>) -> Result<(), ReadError> {
    for (number, line) in BufReader::new(File::open(file)?).lines().enumerate() {
        events.push(parse(&line?).map_err(|source| ReadError::Line { number: number + 1, source })?);
    }
    Ok(())
}

/// Why a file is no history.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("read")]
    Io(#[from] io::Error),
    #[error("line {number}")]
    Line { number: usize, source: RecordError },
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(String::new, |source| format!(": {source}{}", cause(source)))
}

/// Violations that are explained; the others are only counted.
const TOLD_MAX: usize = 5;
