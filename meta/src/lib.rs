//! The meta server: tables, partitions, nodes and routing tables with versions.
//!
//! ```text
//!   Service ──▶ server::Meta: one thread, one inbox ──▶ core::Core ──▶ store::MetaStore (compare-and-swap)
//!                  │ routing tables: a snapshot            ├ cluster: what is recorded
//!                  ╰ answered without the thread           ╰ nodes: what was reported, in memory only
//! ```
//! Everything the cluster must agree on is a record in the store, and every change of one is a compare-and-swap there *before*
//! it takes effect anywhere. What nodes report is only remembered in memory: a meta server that restarts hears it again. It is on
//! nobody's path: while it is away, groups go on as they are.
//!
//! A group with a member that lives changes only because that member asks ([`core::Core`] carries it out by compare-and-swap of the ballot); what is good
//! for it ([`placement::guardian`]) is suggested to its primary. Only a group whose processes are all over gets its next ballots from here
//! ([`placement::elect`]).
//!
//! **Invariant:** a ballot is issued once, for one membership, one primary and one life (incarnation) of each member's process.
//! [`placement`] decides who leads and where copies go; this crate records it and tells the nodes.

mod assign;
mod change;
pub mod cluster;
pub mod core;
mod create;
mod guard;
pub mod nodes;
mod orders;
mod record;
pub mod server;
pub mod store;
mod told;
mod view;
