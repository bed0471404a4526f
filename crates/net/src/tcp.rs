//! Nodes on the other side of a connection.
//!
//! ```text
//!  callers          lane (client)                                  session (server)
//!  execute ──┐  ┌────────────────────────────┐               ┌──────────────────────────┐
//!  execute ──┼─▶│ lock: encode, note waiter  │               │ read, decode, call the   │
//!  execute ──┘  │   out ──swap──▶ one write ─┼── frames ────▶│ service in frame order;  │
//!  answers ◀────┼─ waiters ◀── read, decode ◀┼── frames ─────│ one write of all answers │
//!               └────────────────────────────┘               └──────────────────────────┘
//! ```
//! Each peer has three lanes, which are three connections: a long reply does not hold up a prepare, nor either of them a report.
//! Each connection is one task on either side, which reads, writes and waits for answers; a request is no task of its own. Frames are encoded
//! by the caller, under the lane's lock and right behind the ones before it, so that what the task writes next is one piece however
//! many callers there were.
//!
//! | bound | what happens there |
//! |---|---|
//! | `in_flight_max` requests of a lane | the caller is told `Overloaded`; a server stops reading |
//! | `queue_bytes_max` of a lane | `Overloaded`; messages of groups are dropped; a server stops reading |
//! | patience of a request | `Timeout` |
//! | a peer's silence (keepalive, unacknowledged bytes) | `Broken`, reconnect |
//!
//! A lane connects when there is something to send, and waits a growing while after each failure; in the meantime calls fail at once.
//! One that leads to a named node connects again as soon as its connection breaks: if the machine then refuses it, the node's process is
//! gone, and whoever wants to know is told ([`crate::service::Network::on_gone`]).

mod gone;
mod greeting;
mod in_flight;
mod lane;
mod link;
pub mod options;
mod peer;
pub mod pool;
pub mod server;
mod session;
mod socket;
pub mod transport;
mod upkeep;
