//! What a node is called, and how much of everything it allows.

use std::time::Duration;

use wire::frame::Limits;

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the cluster: nodes of different clusters do not talk to each other, whatever their addresses say.
    pub cluster: String,
    /// Our name; empty for a client that is not a node.
    pub node: String,
}

/// Bounds and times of connections.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest frame sent or taken.
    pub limits: Limits,
    /// Whether to send checksums. Received ones are always compared.
    pub checked: bool,
    /// Requests under way on one connection.
    pub in_flight_max: usize,
    /// Bytes waiting to be sent on one connection. The frame that crosses the bound is still taken.
    pub queue_bytes_max: usize,
    /// Connections a server accepts.
    pub connections_max: usize,
    /// For the connection and the greeting together.
    pub connect_timeout: Duration,
    /// First wait after a failure; doubles up to the next.
    pub backoff_min: Duration,
    /// Longest wait between attempts to connect.
    pub backoff_max: Duration,
    /// How long a server that is stopped waits for answers under way.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            limits: Limits::default(),
            checked: true,
            // More than the clients of one proxy with a request at one node each.
            in_flight_max: 65_536,
            queue_bytes_max: 64 << 20,
            connections_max: 4096,
            connect_timeout: Duration::from_secs(1),
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_secs(1),
            drain: Duration::from_secs(5),
        }
    }
}
