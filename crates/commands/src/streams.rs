//! Stream commands, and how a stream lies in records.
//!
//! ```text
//!   range  read  add  trim  edit        admin  ack  claim  info  dump        the commands
//!         │                                  │
//!         ▼                                  ▼
//!      stream: head and entries        group: groups, consumers, what is pending
//!         └────────────────┬─────────────────┘
//!              id  record  node  keys                                        ids, bytes, node bounds, sort keys
//! ```
//! A stream is always exploded: its root holds the [`stream::Head`], everything else is an element. An empty stream is a key like any other.

pub(crate) mod ack;
pub(crate) mod add;
pub(crate) mod admin;
pub(crate) mod claim;
pub(crate) mod dump;
pub(crate) mod edit;
pub(crate) mod info;
pub(crate) mod range;
pub(crate) mod read;
pub(crate) mod trim;

mod group;
pub(crate) mod id;
mod keys;
mod node;
mod record;
mod stream;

#[cfg(test)]
pub(crate) mod tests;

use types::root::Root;

/// Redis' word for the layout of a stream.
pub(crate) fn encoding(_root: &Root) -> &'static str {
    "stream"
}
