//! One operation of one client on one key.

use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// `GET`.
    Get,
    /// `SET`, to a value nobody else writes.
    Set(String),
    /// `SET NX`, to a value nobody else writes.
    SetNew(String),
    /// `DEL`.
    Del,
    /// `INCR`.
    Incr,
    /// `APPEND`, of a piece nobody else appends.
    Append(String),
}

/// What it heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The value, empty if there is none; also the nil of a `SET NX` that found the key.
    Value(String),
    /// `+OK`.
    Done,
    /// The new number, the new length, or how many keys were deleted.
    Number(i64),
    /// It cannot know: the operation took effect between its call and the end of time, or not at all.
    Nothing,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Event {
    /// Of which key.
    pub key: String,
    /// Whose.
    pub client: usize,
    /// What.
    pub op: Op,
    /// When it was called.
    pub called: Duration,
    /// When it returned; says nothing if nothing was heard.
    pub returned: Duration,
    /// With what.
    pub heard: Heard,
}
