//! The native driver: routing cache, retries, request ids.
//!
//! ```text
//!   calls ──▶ routes: partition -> node ──▶ one Execute a node, all at once ──▶ outcomes
//!               ▲                                                │ refused, broken, late
//!               ╰────────── refresh at the meta server ◀─────────╯ again, under the same request id ([`session`])
//! ```
//! It knows neither Redis nor sockets: a call is opaque, a node is a [`net::service::Service`].

mod alarm;
mod attempt;
mod clock;
pub mod long;
pub mod outcome;
pub mod router;
pub mod routes;
pub mod session;
mod watch;
