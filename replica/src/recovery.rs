//! From a data directory to replicas that wait for a role.
//!
//! ```text
//!   DIR/NODE           version of the layout and the node's name
//!   DIR/state/         ballots and assignments, every change synced
//!   DIR/log/           the node's log
//!   DIR/store/T.P/     RocksDB of each partition; what its memory lost the log has
//! ```
//! A replica the state knows of and whose store is gone is not made anew: it lost acknowledged writes, and says so by being `Failed`.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use engine::error::{ApplyError, StorageFailure};
use engine::state::StateStore;
use engine::store::Store;
use pacifica::message::Mutation;
use pacifica::recovery::Recovery;
use pacifica::replica::Options as CoreOptions;
use pegasus_log::log::Log;
use pegasus_log::record::Record;
use tracing::{error, info};
use types::id::{Ballot, Decree, NodeId, PartitionId, TableId};
use types::slot::slots_of_partition;
use wire::rpc::Assignment;

use crate::body::Body;
use crate::node::{NodeOptions, NodeWorld, store_directory};
use crate::partition::{Partition, View};
use crate::record;
use crate::sessions::Sessions;

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made, read or written.
    #[error("data directory {path}")]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another version of Pegasus made it.
    #[error("data directory {path} has layout version {found}, this program reads version {VERSION}")]
    Version {
        /// Which one.
        path: PathBuf,
        /// What its marker says.
        found: String,
    },
    /// It belongs to another node.
    #[error("data directory {path} belongs to node {found}, not to {wanted}")]
    OtherNode {
        /// Which one.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who opened it.
        wanted: NodeId,
    },
    /// The node's state cannot be opened.
    #[error("open the node's state")]
    State(#[from] engine::error::OpenError),
    /// The node's state cannot be read.
    #[error("read the node's state")]
    StateRead(#[from] StorageFailure),
    /// An entry of the node's state is none: another version wrote it, or it is damaged.
    #[error("the node's state has an unreadable entry {0}")]
    StateEntry(String),
    /// The log.
    #[error("open the log")]
    Log(#[from] pegasus_log::error::OpenError),
    /// No thread.
    #[error("start a thread")]
    Thread(#[source] io::Error),
}

/// Why a replica cannot be opened for a group.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssignError {
    #[error("this node has no copy although the group is at ballot {0}: its data was removed")]
    Lost(Ballot),
    #[error("write down ballot")]
    State(#[from] StorageFailure),
    #[error("open the store")]
    Store(#[from] engine::error::OpenError),
}

/// What was found in a data directory.
pub(crate) struct Recovered {
    pub(crate) log: Log,
    pub(crate) state: StateStore,
    pub(crate) replicas: Vec<Opened>,
}

/// A replica as others see it, and the replica itself; `None`: it cannot be used.
pub(crate) type Opened = (Arc<View>, Option<Partition>);

/// Opens a node's data directory and recovers every replica in it.
pub(crate) fn open(options: &NodeOptions, world: &NodeWorld) -> Result<Recovered, OpenError> {
    let started = world.clock.now();
    check_marker(&options.data, &options.node)?;
    let state = StateStore::open(&options.data.join("state"))?;
    let mut known = Vec::new();
    for (key, value) in state.list(PREFIX)? {
        match (decode_key(&key), decode_entry(&value)) {
            (Some(id), Some(entry)) => known.push((id, entry)),
            _ => return Err(OpenError::StateEntry(key.escape_ascii().to_string())),
        }
    }
    let mut replicas: HashMap<PartitionId, Recovering> = HashMap::new();
    for (id, opened) in open_stores(options, world, &known) {
        let (_, entry) = known.iter().find(|(i, _)| *i == id).expect("opened what is known");
        let store = match opened {
            Ok(store) => Some(Arc::new(store)),
            Err(error) => {
                error!(partition = %id, %error, "the replica's store is unusable; it is left as it is");
                None
            }
        };
        replicas.insert(id, Recovering::new(id, entry.ballot, store, Sessions::new(options.sessions_max)));
    }
    let mut records = 0u64;
    let log = Log::open(&options.data.join("log"), options.log.clone(), &mut |record: Record| {
        records += 1;
        if let Some(replica) = replicas.get_mut(&record.partition) {
            replica.replay(record);
        }
    })?;
    let found = replicas.len();
    let replicas = replicas.into_values().map(|replica| replica.finish(options)).collect();
    let took = world.clock.now().since(started);
    info!(node = %options.node, replicas = found, records, ?took, "recovered");
    Ok(Recovered { log, state, replicas })
}

/// Makes an assignment durable, and the replica if it is the first. `None`: the replica is there already.
pub(crate) fn assign(
    options: &NodeOptions,
    world: &NodeWorld,
    state: &StateStore,
    assignment: &Assignment,
    known: bool,
) -> Result<Option<Opened>, AssignError> {
    let id = assignment.partition;
    let ballot = assignment.config.ballot;
    if !known && ballot > FIRST_BALLOT {
        return Err(AssignError::Lost(ballot));
    }
    let made = if known {
        None
    } else {
        let slots = slots_of_partition(id.index, assignment.partition_count);
        let store = Store::open(&store_directory(&options.data, id), slots, &world.shared)?;
        let replica = Recovering::new(id, Ballot(0), Some(Arc::new(store)), Sessions::new(options.sessions_max));
        Some(replica.finish(options))
    };
    let entry = Entry { ballot, partition_count: assignment.partition_count };
    state.write(&[(&encode_key(id), Some(&encode_entry(entry)))])?;
    Ok(made)
}

/// A replica while the log is read.
struct Recovering {
    id: PartitionId,
    core: Recovery,
    /// `None`: it is unusable.
    store: Option<Arc<Store>>,
    sessions: Sessions,
    committed: Vec<Mutation>,
    replayed: usize,
}

impl Recovering {
    fn new(id: PartitionId, ballot: Ballot, store: Option<Arc<Store>>, sessions: Sessions) -> Recovering {
        let applied = store.as_ref().map_or(Decree(0), |store| store.applied());
        Recovering { id, core: Recovery::new(ballot, applied), store, sessions, committed: Vec::new(), replayed: 0 }
    }

    fn replay(&mut self, record: Record) {
        if let Err(error) = self.try_replay(record) {
            self.give_up(&*error);
        }
    }

    fn try_replay(&mut self, record: Record) -> Result<(), Box<dyn std::error::Error>> {
        let Some(store) = &self.store else { return Ok(()) };
        let mutation = record::decode(record).ok_or("a record is of another version")?;
        if mutation.decree <= store.applied() {
            // Its writes are in the store already; who was answered what is not.
            for (request, replies) in Body::decode(mutation.body.clone())?.requests {
                self.sessions.applied(request, mutation.decree, replies);
            }
        }
        self.core.take(mutation)?;
        self.replayed += 1;
        if self.replayed.is_multiple_of(APPLY_EVERY) {
            self.apply_committed()?;
        }
        Ok(())
    }

    /// Applies what is known to be committed, so that memory holds only what is not.
    fn apply_committed(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let Some(store) = &self.store else { return Ok(()) };
        self.core.release(&mut self.committed);
        let mut batch = Vec::with_capacity(self.committed.len());
        for mutation in self.committed.drain(..) {
            let body = Body::decode(mutation.body)?;
            for (request, replies) in body.requests {
                self.sessions.applied(request, mutation.decree, replies);
            }
            batch.push((mutation.decree, body.writes));
        }
        loop {
            match store.apply(&batch) {
                Ok(()) => return Ok(()),
                // Nobody else is served yet: waiting here is all there is to do.
                Err(ApplyError::Stalled) => std::thread::sleep(STALLED),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn finish(mut self, options: &NodeOptions) -> Opened {
        if let Err(error) = self.apply_committed() {
            self.give_up(&*error);
        }
        let Some(store) = self.store else { return (Arc::new(View::new(self.id, None)), None) };
        let core_options = CoreOptions { window: options.pipeline_max, ..CoreOptions::default() };
        let core = self.core.finish(options.node.clone(), core_options);
        let view = Arc::new(View::new(self.id, Some(Arc::clone(&store))));
        let seed = options.incarnation ^ u64::from(self.id.index).rotate_left(32);
        let partition = Partition::new(Arc::clone(&view), store, core, self.sessions, seed);
        (view, Some(partition))
    }

    fn give_up(&mut self, error: &(dyn std::error::Error + 'static)) {
        error!(partition = %self.id, error, "the replica cannot be recovered; its files are left as they are");
        self.store = None;
    }
}

/// Opens the known stores, several at a time: most of the time RocksDB waits for the disk.
fn open_stores(options: &NodeOptions, world: &NodeWorld, known: &[(PartitionId, Entry)]) -> Vec<(PartitionId, Result<Store, String>)> {
    let open = |id: PartitionId, entry: Entry| {
        let directory = store_directory(&options.data, id);
        if !directory.exists() {
            return Err(format!("{} is gone", directory.display()));
        }
        let slots = slots_of_partition(id.index, entry.partition_count);
        Store::open(&directory, slots, &world.shared).map_err(|error| error.to_string())
    };
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..OPEN_THREADS.min(known.len()))
            .map(|_| {
                scope.spawn(|| {
                    let mut opened = Vec::new();
                    while let Some(&(id, entry)) = known.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                        opened.push((id, open(id, entry)));
                    }
                    opened
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("opening a store does not panic")).collect()
    })
}

/// Refuses a directory that is not this node's, and marks a new one.
fn check_marker(data: &Path, node: &NodeId) -> Result<(), OpenError> {
    let fail = |source| OpenError::Directory { path: data.to_owned(), source };
    std::fs::create_dir_all(data).map_err(fail)?;
    let path = data.join("NODE");
    let expected = format!("pegasus node directory, version {VERSION}\n{node}\n");
    match std::fs::read_to_string(&path) {
        Ok(text) if text == expected => Ok(()),
        Ok(text) => {
            let mut lines = text.lines();
            let version = lines.next().unwrap_or_default().rsplit(' ').next().unwrap_or_default().to_owned();
            if version != VERSION.to_string() {
                return Err(OpenError::Version { path: data.to_owned(), found: version });
            }
            let found = lines.next().unwrap_or_default().to_owned();
            Err(OpenError::OtherNode { path: data.to_owned(), found, wanted: node.clone() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let new = data.join("NODE.new");
            std::fs::write(&new, expected).map_err(fail)?;
            std::fs::File::open(&new).and_then(|file| file.sync_all()).map_err(fail)?;
            std::fs::rename(&new, &path).map_err(fail)?;
            std::fs::File::open(data).and_then(|directory| directory.sync_all()).map_err(fail)
        }
        Err(error) => Err(fail(error)),
    }
}

/// What the node's state holds of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    ballot: Ballot,
    partition_count: u32,
}

fn encode_key(id: PartitionId) -> Vec<u8> {
    let mut key = PREFIX.to_vec();
    key.put_u32(id.table.0);
    key.put_u32(id.index);
    key
}

fn decode_key(key: &[u8]) -> Option<PartitionId> {
    let mut rest = key.strip_prefix(PREFIX)?;
    (rest.len() == 8).then(|| PartitionId { table: TableId(rest.get_u32()), index: rest.get_u32() })
}

fn encode_entry(entry: Entry) -> Vec<u8> {
    let mut value = vec![ENTRY_VERSION];
    value.put_u64(entry.ballot.0);
    value.put_u32(entry.partition_count);
    value
}

fn decode_entry(mut value: &[u8]) -> Option<Entry> {
    if value.len() != 13 || value.get_u8() != ENTRY_VERSION {
        return None;
    }
    Some(Entry { ballot: Ballot(value.get_u64()), partition_count: value.get_u32() })
}

/// Version of the directory's layout.
const VERSION: u32 = 1;
/// A new group waits at this ballot until all members have made their copies; only then may a member start with nothing.
const FIRST_BALLOT: Ballot = Ballot(0);
const PREFIX: &[u8] = b"replica/";
const ENTRY_VERSION: u8 = 1;
const APPLY_EVERY: usize = 256;
const STALLED: Duration = Duration::from_millis(5);
const OPEN_THREADS: usize = 8;
