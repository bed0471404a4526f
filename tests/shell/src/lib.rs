//! The servers as they are, on a simulated network and simulated disks.
//!
//! ```text
//!   clients ──RESP──▶ proxy-1, proxy-2 ──▶ node-1, node-2, node-3 ──▶ meta        every host: a runtime of its own, tokio's time, one thread
//!                          │                    │  log ──▶ disk that loses what is not synced
//!                          ╰──── net::tcp ──────╯  RocksDB in memory
//! ```
//! A run is made by its seed: the schedule of faults ([`faults`]), latencies, the clients' operations, an administrator's ([`admin`]), the order in which hosts get their turn.
//! It ends with checks: every key's history is linearizable ([`history`]; so nothing acknowledged is lost and nothing is applied twice), clients
//! get on once the faults are over, and all members hold the same in the end ([`run`]).
//!
//! What is real: `replica::node` with shards, reports and recovery, `meta::server`, `client::router`, the proxy's sessions, `net::tcp` with its
//! framing, lanes and timeouts, the files of `pegasus_log`, `engine` over RocksDB. What stands in their place: threads are tasks
//! ([`machine`]), TCP is turmoil's ([`network`]), the log's disk is a model ([`disk`]), clocks run fast or slow ([`clock`]), the meta
//! server's records are in memory.
//!
//! How far a run can be repeated: everything runs on one thread, time stands still while it does, and what asks the system for randomness
//! gets it from the seed ([`entropy`]). The same seed gives the same [`trace`] in another process of the same program. RocksDB keeps its
//! own threads, which flush and compact in real time. Nothing waits for them but flushes that are waited for, and what they do
//! changes no answer; it can change whether a read finds its block in memory, and so a turn of the loop.
//!
//! What is not simulated: loss of what RocksDB has not synced (its files survive everything, its memtables nothing), a process that is
//! stopped for a while (its links can be held), packets that are lost or doubled (TCP hides them), a full disk (`pegasus_log`'s own tests).

pub mod admin;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod disk;
pub mod entropy;
pub mod faults;
pub mod machine;
pub mod network;
pub mod random;
pub mod run;
pub mod scribbles;
pub mod trace;
