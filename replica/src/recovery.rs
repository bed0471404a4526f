//! From a data directory to replicas that wait for a role.
//!
//! ```text
//!   DIR/NODE           version of the layout and the node's name
//!   DIR/state/         ballots and assignments, and the number of the last process; every change synced
//!   DIR/log/           the node's log
//!   DIR/store/T.P/     RocksDB of each partition (T.P-gN: its Nth replacement); what its memory lost the log has
//!   DIR/learn/         files on their way to and from learners; emptied at start
//! ```
//! A replica the state knows of and whose store is gone or damaged is `Failed`: it lost acknowledged writes. When it is to learn, what is left of it is set
//! aside as `T.P.damaged-N`.

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
use types::time::UnixMs;
use wire::rpc::{Assignment, Duty};

use crate::body::Body;
use crate::node::{NodeOptions, NodeWorld};
use crate::partition::{Partition, View};
use crate::record::{self, Kind};
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
    #[error("move what is there out of the way")]
    Aside(#[source] io::Error),
}

/// What was found in a data directory.
pub(crate) struct Recovered {
    pub(crate) log: Log,
    pub(crate) state: Entries,
    pub(crate) replicas: Vec<Opened>,
}

/// A replica as others see it, and the replica itself; `None`: it cannot be used.
pub(crate) type Opened = (Arc<View>, Option<Partition>);

/// Opens a node's data directory and recovers every replica in it.
pub(crate) fn open(options: &NodeOptions, world: &NodeWorld) -> Result<Recovered, OpenError> {
    let started = world.clock.now();
    check_marker(&options.data, &options.node)?;
    let state = StateStore::open(&options.data.join("state"))?;
    let incarnation = next_incarnation(&state, world.clock.unix())?;
    let mut known = Vec::new();
    for (key, value) in state.list(PREFIX)? {
        match (decode_key(&key), decode_entry(&value)) {
            (Some(id), Some(entry)) => known.push((id, entry)),
            _ => return Err(OpenError::StateEntry(key.escape_ascii().to_string())),
        }
    }
    remove_other_generations(&options.data, &known);
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
    let log = world.machine.log(&options.data.join("log"), options.log.clone(), &mut |record: Record| {
        records += 1;
        if let Some(replica) = replicas.get_mut(&record.partition) {
            replica.replay(record);
        }
    })?;
    let found = replicas.len();
    let replicas = replicas.into_values().map(|replica| replica.finish(options, incarnation)).collect();
    let took = world.clock.now().since(started);
    info!(node = %options.node, replicas = found, records, ?took, "recovered");
    let state = Entries { store: state, incarnation, entries: known.into_iter().collect() };
    Ok(Recovered { log, state, replicas })
}

/// Tells this process from those that had the directory before: the later one has the larger number. So has, if clocks are not far off, one that begins
/// with an empty directory.
fn next_incarnation(state: &StateStore, now: UnixMs) -> Result<u64, OpenError> {
    let last = match state.get(INCARNATION)? {
        Some(bytes) => u64::from_be_bytes(bytes.try_into().map_err(|_| OpenError::StateEntry(INCARNATION.escape_ascii().to_string()))?),
        None => 0,
    };
    let next = u64::try_from(now.0).unwrap_or(0).max(last + 1);
    state.write(&[(INCARNATION, Some(&next.to_be_bytes()))])?;
    Ok(next)
}

/// Makes a replica of a new group, or an empty one that is to learn.
pub(crate) fn assign(
    options: &NodeOptions,
    world: &NodeWorld,
    entries: &mut Entries,
    assignment: &Assignment,
) -> Result<Opened, AssignError> {
    let id = assignment.partition;
    let ballot = assignment.config.ballot;
    if assignment.duty == Duty::Member && ballot > FIRST_BALLOT {
        return Err(AssignError::Lost(ballot));
    }
    // What is here is damaged, or was left behind: it is kept aside for a person to look at.
    let generation = entries.get(id).map_or(0, |entry| entry.generation + 1);
    let before = generation_directory(&options.data, id, generation.saturating_sub(1));
    set_aside(&options.data, id, &before)?;
    let slots = slots_of_partition(id.index, assignment.partition_count);
    let store = Store::open(&generation_directory(&options.data, id, generation), slots, &world.shared)?;
    entries.put(id, Entry { ballot, partition_count: assignment.partition_count, generation })?;
    Ok(Recovering::new(id, ballot, Some(Arc::new(store)), Sessions::new(options.sessions_max)).finish(options, entries.incarnation))
}

/// Removes what there is of a replica.
pub(crate) fn discard(data: &Path, entries: &mut Entries, id: PartitionId) -> Result<(), AssignError> {
    let generation = entries.get(id).map_or(0, |entry| entry.generation);
    entries.remove(id)?;
    match std::fs::remove_dir_all(generation_directory(data, id, generation)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AssignError::Aside(error)),
        _ => Ok(()),
    }
}

/// Gives the directory of an unusable store another name, if it is there.
pub(crate) fn set_aside(data: &Path, id: PartitionId, directory: &Path) -> Result<(), AssignError> {
    if !directory.exists() {
        return Ok(());
    }
    let free = (1..).map(|n| data.join(format!("store/{id}.damaged-{n}"))).find(|path| !path.exists()).expect("some number is free");
    error!(partition = %id, to = %free.display(), "the replica's store is set aside");
    std::fs::rename(directory, &free).and_then(|()| std::fs::File::open(data.join("store"))?.sync_all()).map_err(AssignError::Aside)
}

/// What the node's state holds of its replicas; every change is on the disk before it is seen.
pub(crate) struct Entries {
    store: StateStore,
    /// Of this process.
    pub(crate) incarnation: u64,
    entries: HashMap<PartitionId, Entry>,
}

impl Entries {
    /// Raises the ballots of replicas that are there; none goes down.
    pub(crate) fn raise(&mut self, ballots: &[(PartitionId, Ballot)]) -> Result<(), StorageFailure> {
        let mut raised: HashMap<PartitionId, Entry> = HashMap::new();
        for (id, ballot) in ballots {
            if let Some(entry) = raised.get(id).or_else(|| self.entries.get(id)).filter(|entry| entry.ballot < *ballot) {
                raised.insert(*id, Entry { ballot: *ballot, ..*entry });
            }
        }
        let writes: Vec<(Vec<u8>, Vec<u8>)> = raised.iter().map(|(id, entry)| (encode_key(*id), encode_entry(*entry))).collect();
        if !writes.is_empty() {
            let writes: Vec<(&[u8], Option<&[u8]>)> = writes.iter().map(|(key, value)| (&key[..], Some(&value[..]))).collect();
            self.store.write(&writes)?;
        }
        self.entries.extend(raised);
        Ok(())
    }

    pub(crate) fn get(&self, id: PartitionId) -> Option<Entry> {
        self.entries.get(&id).copied()
    }

    /// From now on this generation is the partition's store.
    pub(crate) fn set_generation(&mut self, id: PartitionId, generation: u32) -> Result<(), AssignError> {
        let Some(entry) = self.get(id) else { return Ok(()) };
        Ok(self.put(id, Entry { generation, ..entry })?)
    }

    fn put(&mut self, id: PartitionId, entry: Entry) -> Result<(), StorageFailure> {
        self.store.write(&[(&encode_key(id), Some(&encode_entry(entry)))])?;
        self.entries.insert(id, entry);
        Ok(())
    }

    fn remove(&mut self, id: PartitionId) -> Result<(), StorageFailure> {
        self.store.write(&[(&encode_key(id), None)])?;
        self.entries.remove(&id);
        Ok(())
    }
}

/// How a node's cores are run.
pub(crate) fn core_options(options: &NodeOptions) -> CoreOptions {
    CoreOptions {
        window: options.pipeline_max,
        lease: options.lease,
        grace: options.grace,
        beacon: options.beacon,
        ..CoreOptions::default()
    }
}

/// A replica while the log is read.
struct Recovering {
    id: PartitionId,
    ballot: Ballot,
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
        Recovering { id, ballot, core: Recovery::new(ballot, applied), store, sessions, committed: Vec::new(), replayed: 0 }
    }

    fn replay(&mut self, record: Record) {
        if let Err(error) = self.try_replay(record) {
            self.give_up(&*error);
        }
    }

    fn try_replay(&mut self, record: Record) -> Result<(), Box<dyn std::error::Error>> {
        let Some(store) = &self.store else { return Ok(()) };
        let mutation = match record::decode(record).ok_or("a record is of another version")? {
            Kind::Mutation(mutation) => mutation,
            Kind::Mark { ballot, decree } => return Ok(self.core.mark(ballot, decree)?),
        };
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

    fn finish(mut self, options: &NodeOptions, incarnation: u64) -> Opened {
        if let Err(error) = self.apply_committed() {
            self.give_up(&*error);
        }
        let Some(store) = self.store else {
            let view = View::new(self.id, None);
            view.learn_ballot(self.ballot);
            return (Arc::new(view), None);
        };
        let core_options = core_options(options);
        let core = self.core.finish(options.node.clone(), core_options, incarnation);
        let view = Arc::new(View::new(self.id, Some(Arc::clone(&store))));
        let seed = incarnation ^ u64::from(self.id.index).rotate_left(32);
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
        let directory = generation_directory(&options.data, id, entry.generation);
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
pub(crate) struct Entry {
    pub(crate) ballot: Ballot,
    pub(crate) partition_count: u32,
    /// Which of the partition's stores is in force: see [`generation_directory`].
    pub(crate) generation: u32,
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
    value.put_u32(entry.generation);
    value
}

fn decode_entry(mut value: &[u8]) -> Option<Entry> {
    if value.len() < 13 || ![ENTRY_VERSION_1, ENTRY_VERSION].contains(&value.get_u8()) {
        return None;
    }
    let (ballot, partition_count) = (Ballot(value.get_u64()), value.get_u32());
    // The first version knew no generations.
    let generation = if value.is_empty() { 0 } else { value.try_get_u32().ok()? };
    Some(Entry { ballot, partition_count, generation })
}

/// Where a generation of a partition's store lives. A learner that fetched a checkpoint opens it as the next one, while readers may still hold the one before.
pub(crate) fn generation_directory(data: &Path, id: PartitionId, generation: u32) -> PathBuf {
    match generation {
        0 => data.join(format!("store/{id}")),
        generation => data.join(format!("store/{id}-g{generation}")),
    }
}

/// Removes generations that are not in force: their replacement was cut short, or their removal.
fn remove_other_generations(data: &Path, known: &[(PartitionId, Entry)]) {
    let Ok(found) = std::fs::read_dir(data.join("store")) else { return };
    for name in found.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let Some((id, generation)) = name.split_once("-g").and_then(|(id, generation)| Some((id, generation.parse::<u32>().ok()?))) else {
            // The first generation has no suffix.
            let superseded = known.iter().any(|(id, entry)| entry.generation > 0 && name == id.to_string());
            if superseded {
                let _ = std::fs::remove_dir_all(data.join("store").join(&name));
            }
            continue;
        };
        let current = known.iter().any(|(known, entry)| known.to_string() == id && entry.generation == generation);
        if !current {
            let _ = std::fs::remove_dir_all(data.join("store").join(&name));
        }
    }
}

/// Version of the directory's layout.
const VERSION: u32 = 1;
/// A new group waits at this ballot until all members have made their copies; only then may a member start with nothing.
const FIRST_BALLOT: Ballot = Ballot(0);
const PREFIX: &[u8] = b"replica/";
const INCARNATION: &[u8] = b"incarnation";
const ENTRY_VERSION_1: u8 = 1;
const ENTRY_VERSION: u8 = 2;
const APPLY_EVERY: usize = 256;
const STALLED: Duration = Duration::from_millis(5);
const OPEN_THREADS: usize = 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_process_of_a_directory_has_a_larger_number_whatever_the_clock_says() {
        let dir = tempfile::tempdir().unwrap();
        let begin = |now| next_incarnation(&StateStore::open(dir.path()).unwrap(), UnixMs(now)).unwrap();
        assert_eq!([begin(1000), begin(2000), begin(1500), begin(-7), begin(3000)], [1000, 2000, 2001, 2002, 3000]);
    }

    #[test]
    fn wherever_the_replacement_of_a_store_was_cut_short_one_whole_store_is_left() {
        let id = PartitionId { table: TableId(1), index: 0 };
        let other = PartitionId { table: TableId(1), index: 10 };
        let entry = |generation| Entry { ballot: Ballot(1), partition_count: 16, generation };
        let left = |found: &[&str], generation| {
            let dir = tempfile::tempdir().unwrap();
            let store = dir.path().join("store");
            found.iter().for_each(|name| std::fs::create_dir_all(store.join(name)).unwrap());
            remove_other_generations(dir.path(), &[(id, entry(generation)), (other, entry(0))]);
            let mut names: Vec<String> =
                std::fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(left(&["1.0", "1.10"], 0), ["1.0", "1.10"], "before it began");
        assert_eq!(left(&["1.0", "1.0-g1", "1.10"], 0), ["1.0", "1.10"], "the next one is there and not in force");
        assert_eq!(left(&["1.0", "1.0-g1", "1.10"], 1), ["1.0-g1", "1.10"], "it is in force");
        assert_eq!(left(&["1.0-g1", "1.0-g2", "1.10"], 2), ["1.0-g2", "1.10"]);
        assert_eq!(left(&["1.0.damaged-1", "1.0-g1", "1.10"], 1), ["1.0-g1", "1.0.damaged-1", "1.10"], "a person may want to look at it");
    }
}
