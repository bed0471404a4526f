//! The primary's side: makes what a learner asks for, and gives it out piece by piece.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use net::service::{CallError, Pending};
use pacifica::recovery::Recovery;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::{info, warn};
use types::id::{Ballot, Decree, PartitionId};
use types::time::Time;
use wire::rpc::{ControlResponse, LearnFile, LearnPlan, LearnSource, ReplicaState};

use crate::learn::Meter;
use crate::learn::files::{self, Writer};
use crate::node::Node;
use crate::partition::View;
use crate::record::{self, Kind};
use crate::shard::Event;

/// What learners are fetching from this node.
pub(crate) struct Sources {
    directory: PathBuf,
    given: Meter,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sources: BTreeMap<u64, Source>,
    next: u64,
    /// Plans in the making.
    making: usize,
    /// Plans that were fetched or given up: partition, decree, when.
    ended: Vec<(PartitionId, Decree, Time)>,
}

struct Source {
    partition: PartitionId,
    plan: LearnPlan,
    directory: PathBuf,
    used: Time,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
enum PlanError {
    #[error("not the primary")]
    NotPrimary,
    #[error("make the files")]
    Files(#[from] io::Error),
    #[error("make a checkpoint")]
    Checkpoint(#[from] engine::store::CheckpointError),
    #[error("the partition's owner is closing")]
    Closing,
    #[error("too much waits for the disk")]
    Busy,
}

impl Sources {
    /// None yet. What an earlier process left in `directory` is removed. `first` makes names of sessions unlike those of other processes.
    pub(crate) fn new(directory: PathBuf, first: u64) -> Sources {
        let _ = std::fs::remove_dir_all(&directory);
        Sources { directory, given: Meter::default(), state: Mutex::new(State { next: first, ..State::default() }) }
    }

    /// Removes what nobody has asked for lately.
    pub(crate) fn expire(&self, now: Time) {
        let gone: Vec<Source> = {
            let mut state = self.state.lock();
            let old = |(session, source): (&u64, &Source)| (now.since(source.used) > EXPIRY).then_some(*session);
            let old: Vec<u64> = state.sources.iter().filter_map(old).collect();
            state.ended.retain(|(_, _, at)| now.since(*at) <= PINNED);
            old.into_iter().filter_map(|session| state.sources.remove(&session)).collect()
        };
        gone.iter().for_each(Source::remove);
    }

    /// Finds a session of the partition, or begins one.
    fn begin(&self, now: Time, id: PartitionId, session: u64, concurrent_max: usize) -> Begun {
        self.expire(now);
        let mut state = self.state.lock();
        if let Some(source) = state.sources.get_mut(&session).filter(|source| source.partition == id) {
            source.used = now;
            return Begun::Before(source.plan.clone());
        }
        if state.sources.len() + state.making >= concurrent_max {
            return Begun::TooMany;
        }
        state.making += 1;
        state.next = state.next.wrapping_add(1) | 1;
        Begun::New(state.next)
    }

    fn end(&self, session: u64, now: Time) {
        let mut state = self.state.lock();
        let gone = state.sources.remove(&session);
        if let Some(gone) = gone {
            state.ended.push((gone.partition, gone.plan.decree, now));
            drop(state);
            gone.remove();
        }
    }

    /// What follows this decree is what a learner of the partition asks for next: were it gone from the log, it would have to
    /// fetch everything once more.
    pub(crate) fn floor(&self, id: PartitionId) -> Option<Decree> {
        let state = self.state.lock();
        let fetching = state.sources.values().filter(|source| source.partition == id).map(|source| source.plan.decree);
        let ended = state.ended.iter().filter(|(partition, ..)| *partition == id).map(|&(_, decree, _)| decree);
        fetching.chain(ended).min()
    }
}

enum Begun {
    /// By an earlier call.
    Before(LearnPlan),
    New(u64),
    TooMany,
}

impl Source {
    fn remove(&self) {
        // What stays behind is removed at the next start.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Node {
    /// Makes a plan for a learner that holds `applied`, off this thread.
    pub(crate) fn learn_begin(
        self: &Arc<Self>,
        id: PartitionId,
        ballot: Ballot,
        applied: Decree,
        session: u64,
    ) -> Pending<ControlResponse> {
        let (sender, pending) = Pending::waiting();
        let node = Arc::clone(self);
        self.world.runtimes[0].spawn(async move {
            let answer = node.plan(id, ballot, applied, session).await;
            let _ = sender.send(answer); // who asked may have given up
        });
        pending
    }

    async fn plan(self: &Arc<Self>, id: PartitionId, ballot: Ballot, applied: Decree, session: u64) -> Result<ControlResponse, CallError> {
        let session = match self.sources.begin(self.world.clock.now(), id, session, self.options.learn_concurrent_max) {
            Begun::Before(plan) => return Ok(ControlResponse::LearnPlan(plan)),
            Begun::TooMany => return Ok(ControlResponse::Refused("too many learners at once".to_owned())),
            Begun::New(session) => session,
        };
        let directory = self.sources.directory.join(format!("{session:016x}"));
        let made = self.make_plan(id, ballot, applied, session, &directory).await;
        self.sources.state.lock().making -= 1;
        match made {
            Ok(plan) => {
                let bytes: u64 = plan.files.iter().map(|file| file.bytes).sum();
                info!(partition = %id, source = ?plan.source, from = %applied, upto = %plan.decree, bytes, "a learner begins");
                let source = Source { partition: id, plan: plan.clone(), directory, used: self.world.clock.now() };
                self.sources.state.lock().sources.insert(session, source);
                Ok(ControlResponse::LearnPlan(plan))
            }
            Err(PlanError::Busy) => Err(CallError::Overloaded),
            Err(error) => {
                let _ = self.pool.submit(move || drop(std::fs::remove_dir_all(&directory)));
                if !matches!(error, PlanError::NotPrimary) {
                    warn!(partition = %id, error = &error as &dyn std::error::Error, "no plan for a learner");
                }
                Ok(ControlResponse::Refused(error.to_string()))
            }
        }
    }

    async fn make_plan(
        self: &Arc<Self>,
        id: PartitionId,
        ballot: Ballot,
        applied: Decree,
        session: u64,
        directory: &Path,
    ) -> Result<LearnPlan, PlanError> {
        let (worker, place) = (Arc::clone(self), directory.to_owned());
        let (source, decree, mut names) = self.on_pool_for_plan(move || worker.make_files(id, ballot, applied, &place)).await?;
        // After the other files: who applied them knows no request that is not in the table.
        let (_, inbox) = self.view(id).ok_or(PlanError::NotPrimary)?;
        let (sender, receiver) = oneshot::channel();
        inbox.send(Event::Sessions(id, sender));
        let remembered = receiver.await.map_err(|_| PlanError::Closing)?;
        let place = directory.to_owned();
        let finish = move || {
            files::write_remembered(&place.join(REQUESTS), &remembered)?;
            names.push(REQUESTS.to_owned());
            let size = |name: String| -> io::Result<LearnFile> {
                let bytes = std::fs::metadata(place.join(&name))?.len();
                Ok(LearnFile { name, bytes })
            };
            Ok(LearnPlan { session, source, decree, files: names.into_iter().map(size).collect::<Result<_, _>>()? })
        };
        self.on_pool_for_plan(finish).await
    }

    /// Makes all files of a plan but the session table.
    fn make_files(
        &self,
        id: PartitionId,
        ballot: Ballot,
        applied: Decree,
        directory: &Path,
    ) -> Result<(LearnSource, Decree, Vec<String>), PlanError> {
        let (view, _) = self.view(id).ok_or(PlanError::NotPrimary)?;
        let store = view.store.as_ref().filter(|_| view.state() == ReplicaState::Primary && view.ballot() == ballot);
        let store = store.ok_or(PlanError::NotPrimary)?;
        std::fs::create_dir_all(directory)?;
        if applied.next() >= view.memory_from() {
            return Ok((LearnSource::Memory, applied, Vec::new()));
        }
        if let Some(decree) = self.log_file(&view, applied, &directory.join(LOG))? {
            return Ok((LearnSource::Log, decree, vec![LOG.to_owned()]));
        }
        // In a directory of its own: the session table beside it is not part of the store.
        let checkpoint = directory.join(CHECKPOINT);
        let decree = store.checkpoint(&checkpoint)?;
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&checkpoint)? {
            names.push(format!("{CHECKPOINT}/{}", entry?.file_name().to_string_lossy()));
        }
        names.sort();
        Ok((LearnSource::Checkpoint, decree, names))
    }

    async fn on_pool_for_plan<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PlanError> + Send + 'static,
    ) -> Result<T, PlanError> {
        let (sender, receiver) = oneshot::channel();
        self.pool.submit(move || drop(sender.send(work()))).map_err(|_| PlanError::Busy)?;
        receiver.await.map_err(|_| PlanError::Closing)?
    }

    /// Writes what was committed behind `applied` from the log, and says through which decree; `None` if the log does not reach back that far, or
    /// if a checkpoint would be less.
    fn log_file(&self, view: &View, applied: Decree, path: &Path) -> io::Result<Option<Decree>> {
        let store = view.store.as_ref().expect("a primary has its store");
        let limit = store.usage().map_or(u64::MAX, |usage| usage.disk_bytes.max(LOG_BYTES_MIN));
        let mut out = LogFile {
            recovery: Recovery::new(view.ballot(), applied),
            file: Writer::create(path)?,
            upto: applied,
            bytes: 0,
            reaches: true,
        };
        let mut written = Ok(());
        let scanned = self.log.scan(view.id, &mut |record| {
            if written.is_ok() && out.reaches && out.bytes <= limit {
                written = out.take(record);
            }
        });
        written?;
        if scanned.is_err() || !out.reaches || out.bytes > limit || out.upto == applied {
            std::fs::remove_file(path)?;
            return Ok(None);
        }
        out.file.finish()?;
        Ok(Some(out.upto))
    }

    /// A piece of a file, when it is paid for.
    pub(crate) fn learn_fetch(self: &Arc<Self>, session: u64, file: u32, offset: u64, bytes_max: u32) -> Pending<ControlResponse> {
        let (sender, pending) = Pending::waiting();
        let node = Arc::clone(self);
        let job = move || {
            let piece = node.piece(session, file, offset, bytes_max);
            let (answer, wait) = match piece {
                Ok(bytes) => {
                    let wait = node.sources.given.pay(node.world.clock.now(), bytes.len(), node.options.learn_rate);
                    let crc = crc32c::crc32c(&bytes);
                    (ControlResponse::LearnChunk { bytes, crc }, wait)
                }
                Err(error) => (ControlResponse::Refused(error.to_string()), Duration::ZERO),
            };
            if wait.is_zero() {
                let _ = sender.send(Ok(answer)); // who asked may have given up
            } else {
                node.world.runtimes[0].spawn(async move {
                    tokio::time::sleep(wait).await;
                    let _ = sender.send(Ok(answer)); // who asked may have given up
                });
            }
        };
        match self.pool.submit(job) {
            Ok(()) => pending,
            Err(_) => Pending::ready(Err(CallError::Overloaded)),
        }
    }

    fn piece(&self, session: u64, file: u32, offset: u64, bytes_max: u32) -> io::Result<Bytes> {
        let (path, size) = {
            let mut state = self.sources.state.lock();
            let source = state.sources.get_mut(&session).ok_or_else(|| io::Error::other("no such session"))?;
            source.used = self.world.clock.now();
            let file = source.plan.files.get(file as usize).ok_or_else(|| io::Error::other("no such file"))?;
            (source.directory.join(&file.name), file.bytes)
        };
        let left = size.checked_sub(offset).ok_or_else(|| io::Error::other("beyond the end of the file"))?;
        let mut bytes = vec![0; left.min(u64::from(bytes_max)).min(PIECE_MAX) as usize];
        std::fs::File::open(path)?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes.into())
    }

    pub(crate) fn learn_end(self: &Arc<Self>, session: u64) -> Pending<ControlResponse> {
        self.answer_on_pool(move |node| {
            node.sources.end(session, node.world.clock.now());
            ControlResponse::Done
        })
    }

    fn answer_on_pool(self: &Arc<Self>, work: impl FnOnce(&Node) -> ControlResponse + Send + 'static) -> Pending<ControlResponse> {
        let (sender, pending) = Pending::waiting();
        let node = Arc::clone(self);
        let job = move || {
            let _ = sender.send(Ok(work(&node))); // who asked may have given up
        };
        match self.pool.submit(job) {
            Ok(()) => pending,
            Err(_) => Pending::ready(Err(CallError::Overloaded)),
        }
    }
}

/// The committed part of a log on its way to a file.
struct LogFile {
    recovery: Recovery,
    file: Writer,
    upto: Decree,
    bytes: u64,
    /// The log begins early enough.
    reaches: bool,
}

impl LogFile {
    fn take(&mut self, record: pegasus_log::record::Record) -> io::Result<()> {
        let taken = match record::decode(record) {
            Some(Kind::Mutation(mutation)) => self.recovery.take(mutation).is_ok(),
            Some(Kind::Mark { ballot, decree }) => self.recovery.mark(ballot, decree).is_ok(),
            None => false,
        };
        self.reaches &= taken;
        let mut released = Vec::new();
        self.recovery.release(&mut released);
        for mutation in released {
            self.upto = mutation.decree;
            self.bytes += mutation.body.len() as u64;
            self.file.put(&[&mutation.decree.0.to_le_bytes(), &mutation.body])?;
        }
        Ok(())
    }
}

pub(super) const LOG: &str = "log";
pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const REQUESTS: &str = "requests";
/// Largest piece of a file.
pub(super) const PIECE_MAX: u64 = 256 << 10;
/// Sessions that nobody asks for are over.
const EXPIRY: Duration = Duration::from_secs(20);
/// How long the log behind a plan is spared after it was fetched: by then its learner gets what follows as any member does, or has failed.
const PINNED: Duration = Duration::from_secs(30);
/// So much from the log is no more work than a checkpoint, however small the store.
const LOG_BYTES_MIN: u64 = 64 << 20;
