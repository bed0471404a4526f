//! Heads of the hot messages. Lists of small numbers stand in columns (packed), so that a frame of many calls costs a handful of
//! allocations and not several per call.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Execute {
    #[prost(uint32, tag = "1")]
    pub(crate) table: u32,
    #[prost(fixed64, tag = "2")]
    pub(crate) session: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) number: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) patience_us: u64,
    /// One per call, as the next.
    #[prost(uint32, repeated, tag = "5")]
    pub(crate) partitions: Vec<u32>,
    /// Number of arguments, the name included.
    #[prost(uint32, repeated, tag = "6")]
    pub(crate) args: Vec<u32>,
    /// Bytes of each argument of each call; the arguments are the payload.
    #[prost(uint32, repeated, tag = "7")]
    pub(crate) lengths: Vec<u32>,
    /// One per call; empty if all are 0.
    #[prost(uint32, repeated, tag = "8")]
    pub(crate) databases: Vec<u32>,
    /// One per call, 0 RESP2 and 1 RESP3; empty if all are 0.
    #[prost(uint32, repeated, tag = "9")]
    pub(crate) protos: Vec<u32>,
    #[prost(bool, tag = "10")]
    pub(crate) again: bool,
    /// Sets of limits one after the other, the fields of each in a fixed order; empty if all calls have the default ones.
    #[prost(sint64, repeated, tag = "11")]
    pub(crate) limits: Vec<i64>,
    /// Which set each call has; empty if all have the first.
    #[prost(uint32, repeated, tag = "12")]
    pub(crate) limit_sets: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Executed {
    /// Bytes of each reply, 0 where there is none; the replies are the payload.
    #[prost(uint32, repeated, tag = "1")]
    pub(crate) lengths: Vec<u32>,
    /// Indices of the refused calls, ascending.
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) refused: Vec<u32>,
    /// Why, for each of `refused`.
    #[prost(uint32, repeated, tag = "3")]
    pub(crate) refusals: Vec<u32>,
    /// Numbers of the long replies, one for each of `refusals` that says so.
    #[prost(fixed64, repeated, tag = "4")]
    pub(crate) longs: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Replicate {
    #[prost(string, tag = "1")]
    pub(crate) from: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) messages: Vec<GroupMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GroupMessage {
    #[prost(uint32, tag = "1")]
    pub(crate) table: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) index: u32,
    /// Bytes of the payload that belong to this message: a message of an unknown kind can be skipped.
    #[prost(uint64, tag = "3")]
    pub(crate) payload: u64,
    #[prost(oneof = "GroupMessageKind", tags = "4, 5, 6, 7, 8, 9, 10, 11, 12, 13")]
    pub(crate) kind: Option<GroupMessageKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum GroupMessageKind {
    #[prost(message, tag = "4")]
    Prepare(Prepare),
    #[prost(message, tag = "5")]
    Prepared(Position),
    #[prost(message, tag = "6")]
    Behind(Position),
    #[prost(message, tag = "7")]
    Superseded(Position),
    #[prost(message, tag = "8")]
    Beacon(Beacon),
    #[prost(message, tag = "9")]
    Granted(Position),
    #[prost(message, tag = "10")]
    Learn(Position),
    #[prost(message, tag = "11")]
    TooFar(Position),
    #[prost(message, tag = "12")]
    Config(Config),
    #[prost(message, tag = "13")]
    Stranger(Stranger),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Prepare {
    #[prost(uint64, tag = "1")]
    pub(crate) ballot: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) committed: u64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) mutations: Vec<Mutation>,
    /// The sender's clock, in nanoseconds.
    #[prost(uint64, tag = "4")]
    pub(crate) sent: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Beacon {
    #[prost(uint64, tag = "1")]
    pub(crate) ballot: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) committed: u64,
    /// The sender's clock, in nanoseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) sent: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Config {
    #[prost(message, required, tag = "1")]
    pub(crate) config: super::cluster::GroupConfig,
    #[prost(fixed64, tag = "2")]
    pub(crate) life: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Mutation {
    #[prost(uint64, tag = "1")]
    pub(crate) ballot: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) decree: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) committed: u64,
    #[prost(bool, tag = "4")]
    pub(crate) fence: bool,
    /// Bytes of the body, which is part of the payload.
    #[prost(uint64, tag = "5")]
    pub(crate) body: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Position {
    #[prost(uint64, tag = "1")]
    pub(crate) ballot: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) upto: u64,
    /// The receiver's own clock given back, in nanoseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) heard: u64,
    /// A learner's.
    #[prost(fixed64, tag = "4")]
    pub(crate) session: u64,
    /// A learner's.
    #[prost(fixed64, tag = "5")]
    pub(crate) life: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Stranger {
    #[prost(uint64, tag = "1")]
    pub(crate) ballot: u64,
    #[prost(bool, tag = "2")]
    pub(crate) renew: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Failed {
    #[prost(uint32, tag = "1")]
    pub(crate) reason: u32,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Hello {
    #[prost(uint32, tag = "1")]
    pub(crate) version_min: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) version_max: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) lane: u32,
    #[prost(string, tag = "4")]
    pub(crate) cluster: String,
    #[prost(string, tag = "5")]
    pub(crate) node: String,
    #[prost(string, tag = "6")]
    pub(crate) expected: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Welcome {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(string, tag = "2")]
    pub(crate) node: String,
    #[prost(string, tag = "3")]
    pub(crate) refusal: String,
}
