//! The Redis command table, and every command that runs next to the data as a program over hash-key/sort-key operations.
//!
//! ```text
//!    table::COMMANDS ──┬─▶ find, keys, Place      the proxy: dispatch, arity errors, routing, splitting and merging
//!                      ├─▶ describe, help         COMMAND INFO, COMMAND DOCS, COMMAND GETKEYS, <container> HELP
//!                      ├─▶ compatibility          docs/compatibility.md
//!                      └─▶ coprocessor::Redis     a primary: Command::run over a types::txn::HashKeyTxn
//! ```
//! Pure: no sockets, no files, no clock but the transaction's. A new command is one entry of the table and its program.

pub mod census;
pub mod compatibility;
pub mod coprocessor;
pub mod describe;
pub mod glob;
pub mod help;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod table;

mod counted;
#[cfg(test)]
mod differential;
mod dump;
mod elements;
mod expiry;
mod float;
mod flush;
mod geo;
mod hashed;
mod hashes;
mod hyperloglog;
mod keyspace;
mod lcs;
mod lists;
mod long_double;
mod object;
mod program;
mod random;
mod relocate;
pub mod scan;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
#[cfg(test)]
mod testing;
mod usage;
mod value;
