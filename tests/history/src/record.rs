//! A history as lines of JSON, one operation a line:
//!
//! ```json
//! {"key": "k", "client": 3, "op": "set", "args": ["v7"], "called": 1200, "returned": 1900, "heard": "done"}
//! {"key": "k", "client": 4, "op": "get", "args": [], "called": 1300, "returned": 1500, "heard": {"value": "v7"}}
//! {"key": "n", "client": 3, "op": "incr", "args": [], "called": 2000, "returned": null, "heard": null}
//! ```
//!
//! Times are nanoseconds of one clock. `heard` is `"done"`, `{"value": ..}` with `""` for nil, `{"number": ..}`, or `null` for what is not
//! known.

use std::time::Duration;

use serde::Deserialize;

use crate::event::{Event, Heard, Op};

/// Why a line is no operation.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is no JSON, or lacks something.
    #[error("parse")]
    Json(#[source] serde_json::Error),
    /// There is no such operation with so many arguments.
    #[error("{op:?} with {args} arguments is not known")]
    Unknown {
        /// Its name.
        op: String,
        /// How many arguments it has.
        args: usize,
    },
}

/// Reads one line.
///
/// # Errors
///
/// [`RecordError`].
pub fn parse(line: &str) -> Result<Event, RecordError> {
    let Line { key, client, op, mut args, called, returned, heard } = serde_json::from_str(line).map_err(RecordError::Json)?;
    let op = match (op.as_str(), args.len()) {
        ("get", 0) => Op::Get,
        ("del", 0) => Op::Del,
        ("incr", 0) => Op::Incr,
        ("set", 1) => Op::Set(args.remove(0)),
        ("setnx", 1) => Op::SetNew(args.remove(0)),
        ("append", 1) => Op::Append(args.remove(0)),
        (_, args) => return Err(RecordError::Unknown { op, args }),
    };
    let (returned, heard) = match (returned, heard) {
        (Some(at), Some(said)) => (Duration::from_nanos(at), Heard::from(said)),
        _ => (Duration::MAX, Heard::Nothing),
    };
    Ok(Event { key, client, op, called: Duration::from_nanos(called), returned, heard })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    client: usize,
    op: String,
    args: Vec<String>,
    called: u64,
    returned: Option<u64>,
    heard: Option<Said>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Done,
    Value(String),
    Number(i64),
}

impl From<Said> for Heard {
    fn from(said: Said) -> Heard {
        match said {
            Said::Done => Heard::Done,
            Said::Value(value) => Heard::Value(value),
            Said::Number(number) => Heard::Number(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood_or_refused() {
        let event = parse(r#"{"key":"k","client":3,"op":"setnx","args":["v"],"called":5,"returned":7,"heard":"done"}"#).expect("a line");
        assert_eq!((event.op, event.heard, event.returned), (Op::SetNew("v".to_owned()), Heard::Done, Duration::from_nanos(7)));
        let event = parse(r#"{"key":"k","client":3,"op":"get","args":[],"called":5,"returned":null,"heard":null}"#).expect("a line");
        assert_eq!((event.heard, event.returned), (Heard::Nothing, Duration::MAX));
        for bad in [
            r#"{"key":"k","client":3,"op":"get","args":["x"],"called":5,"returned":7,"heard":{"value":""}}"#,
            r#"{"key":"k","client":3,"op":"lpop","args":[],"called":5,"returned":7,"heard":{"value":""}}"#,
            r#"{"key":"k","client":3,"op":"get","args":[],"called":5,"heard":{"maybe":1}}"#,
            r#"{"key":"k","client":3,"op":"get""#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
