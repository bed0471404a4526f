//! The root record of a hash key: what one Redis key is, without its exploded elements.

use bytes::Bytes;

use crate::time::UnixMs;

/// What kind of value a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A string (bitmaps and HyperLogLogs too, as in Redis).
    String = 0,
    /// A list.
    List = 1,
    /// A set.
    Set = 2,
    /// A sorted set.
    ZSet = 3,
    /// A hash.
    Hash = 4,
    /// A stream.
    Stream = 5,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 6] = [Kind::String, Kind::List, Kind::Set, Kind::ZSet, Kind::Hash, Kind::Stream];

    /// The word that `TYPE` answers.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::ZSet => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }
}

/// One Redis key: kind, encoding, expiry and, where it is small, the whole value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// What kind of value.
    pub kind: Kind,
    /// How the value is laid out; the meaning belongs to the kind's commands (`0`: the kind's default inline form).
    pub encoding: u8,
    /// When the key ceases to exist; `None`: never.
    pub expire: Option<UnixMs>,
    /// When the sweep of expired keys has to look at the value before the key expires: the first field of a hash expires then.
    pub due: Option<UnixMs>,
    /// Decree of the mutation that changed the key last: what WATCH and caches compare. Set by the transaction.
    pub version: u64,
    /// When the key was last written, in whole seconds since 1970: what OBJECT IDLETIME counts from. Set by the transaction.
    pub written: u32,
    /// Prefix of the elements of an exploded value; 0 while the value is inline.
    pub id: u64,
    /// Number of elements; 0 for strings.
    pub count: u64,
    /// The whole value where it is inline, else what the kind's commands keep about its elements.
    pub value: Bytes,
}

impl Root {
    /// A key that never expires and holds `value` inline.
    pub fn inline(kind: Kind, value: Bytes) -> Root {
        Root { kind, encoding: 0, expire: None, due: None, version: 0, written: 0, id: 0, count: 0, value }
    }

    /// Whether the key has ceased to exist at `now`. As in Redis, a key lives through the millisecond of its expiry.
    pub fn expired(&self, now: UnixMs) -> bool {
        self.expire.is_some_and(|at| at < now)
    }

    /// When the sweep has to come: the time under which the expiry index lists the key.
    pub fn sweep_at(&self) -> Option<UnixMs> {
        earlier(self.expire, self.due)
    }
}

/// The earlier of two times that may never come.
pub fn earlier(a: Option<UnixMs>, b: Option<UnixMs>) -> Option<UnixMs> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
