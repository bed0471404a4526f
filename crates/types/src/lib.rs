//! The words every crate shares: slots, partitions, ballots, decrees, nodes, keys and time.
//!
//! Pure: no tokio, no files, no clock, no randomness. What is here is plain data and the two traits
//! by which a command meets its data ([`txn::HashKeyTxn`], [`txn::Coprocessor`]).

pub mod args;
pub mod group;
pub mod id;
pub mod limits;
pub mod reply;
pub mod root;
pub mod slot;
pub mod time;
pub mod txn;
pub mod varint;
