//! Identities and the two counters of PacificA.

use std::fmt;
use std::sync::Arc;

/// A table, as numbered by the meta server; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// One partition of one table. Written `table.index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The table.
    pub table: TableId,
    /// `0..partition count of the table`.
    pub index: u32,
}

/// A node's name: its identity wherever it is reached. Never an address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

/// Version of a group's configuration: grows by one with every change of membership or primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ballot(pub u64);

/// Sequence number of a mutation within its partition; the first is 1, 0 means none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decree(pub u64);

/// Names one write request of one client session for ever. A session has one request per partition in flight at a time
/// and numbers them upwards, so that a partition needs to remember only the last one of each session to apply a retry once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// The session: random, unique over all proxies and drivers.
    pub session: u64,
    /// Grows by at least one with each request of the session; a retry keeps it.
    pub number: u64,
}

impl NodeId {
    /// A node called `name`.
    pub fn new(name: &str) -> NodeId {
        NodeId(name.into())
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Ballot {
    /// The ballot after this one.
    #[must_use]
    pub fn next(self) -> Ballot {
        Ballot(self.0 + 1)
    }
}

impl Decree {
    /// The decree after this one.
    #[must_use]
    pub fn next(self) -> Decree {
        Decree(self.0 + 1)
    }

    /// The decree before this one; 0 stays 0.
    #[must_use]
    pub fn before(self) -> Decree {
        Decree(self.0.saturating_sub(1))
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table.0, self.index)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Decree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
