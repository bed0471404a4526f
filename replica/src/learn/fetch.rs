//! The learner's side: fetches the files of a plan, and puts what they hold in the place of what is here.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use engine::error::ApplyError;
use engine::store::Store;
use pacifica::recovery::Recovery;
use tokio::sync::oneshot;
use tracing::{info, warn};
use types::id::{Ballot, Decree, PartitionId};
use types::slot::slots_of_partition;
use wire::rpc::{ControlRequest, ControlResponse, LearnPlan, LearnSource, ReplicaState};

use crate::learn::files::{self, Reader};
use crate::learn::serve::{CHECKPOINT, LOG, PIECE_MAX, REQUESTS};
use crate::learn::{Fetched, Remembered, Sought};
use crate::node::Node;
use crate::partition::{Partition, View};
use crate::recovery;
use crate::sessions::Sessions;
use crate::shard::{Event, Inbox};

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("ask the primary's node")]
    Call(#[from] net::service::CallError),
    #[error("the primary's node: {0}")]
    Refused(String),
    #[error("the primary's node sent an unexpected answer")]
    Unexpected,
    #[error("a piece was damaged on its way")]
    Damaged,
    #[error("a file of the plan has an impossible name")]
    Name,
    #[error("keep what was fetched")]
    File(#[from] io::Error),
    #[error("open the copy")]
    Open(#[from] engine::error::OpenError),
    #[error("the copy ends at decree {found}, the plan said {expected}")]
    Short { expected: Decree, found: Decree },
    #[error("apply what was fetched")]
    Apply(#[from] ApplyError),
    #[error("flush what was fetched")]
    Flush(#[from] engine::error::StorageFailure),
    #[error("write down which store is the partition's")]
    Entry(#[from] recovery::AssignError),
    #[error("the node is closing")]
    Closing,
}

impl Node {
    /// Fetches what a learner lacks, and tells its owner of the end, whatever it is.
    pub(crate) fn fetch(self: &Arc<Self>, sought: Sought, inbox: Inbox) {
        let node = Arc::clone(self);
        self.world.runtimes[0].spawn(async move {
            let (id, began) = (sought.partition, node.world.clock.now());
            let fetched = tokio::select! {
                fetched = node.fetch_and_install(&sought) => fetched,
                () = node.stop.cancelled() => Err(FetchError::Closing),
            };
            let took = node.world.clock.now().since(began);
            let fetched = match fetched {
                Ok((plan, fetched)) => {
                    info!(partition = %id, source = ?plan.source, decree = %plan.decree, ?took, "fetched what the primary's memory does not hold");
                    fetched
                }
                Err(error) => {
                    warn!(partition = %id, error = &error as &dyn std::error::Error, ?took, "nothing learned");
                    Fetched::Nothing
                }
            };
            inbox.send(Event::Fetched(id, Box::new(fetched)));
        });
    }

    async fn fetch_and_install(self: &Arc<Self>, sought: &Sought) -> Result<(LearnPlan, Fetched), FetchError> {
        let usable = sought.view.state() != ReplicaState::Failed;
        let store = sought.view.store.as_ref().filter(|_| usable).map(Arc::clone);
        let applied = store.as_ref().map_or(Decree(0), |store| store.applied());
        let directory = self.options.data.join("learn/in").join(sought.partition.to_string());
        let (remembered, anew, plan) = match self.fetch_and_install_in(sought, applied, store, &directory).await {
            Ok(installed) => installed,
            Err(error) => {
                // Nobody goes on with it, and the disk may be full.
                let _ = self.on_pool(move || std::fs::remove_dir_all(directory)).await;
                return Err(error);
            }
        };
        let config = sought.config.clone();
        Ok((
            plan,
            match anew {
                None => Fetched::Same { config, remembered },
                Some(partition) => Fetched::Anew { config, partition },
            },
        ))
    }

    async fn fetch_and_install_in(
        self: &Arc<Self>,
        sought: &Sought,
        applied: Decree,
        store: Option<Arc<Store>>,
        directory: &Path,
    ) -> Result<(Remembered, Option<Box<Partition>>, LearnPlan), FetchError> {
        let plan = self.fetch_files(sought, applied, directory).await?;
        let (worker, directory) = (Arc::clone(self), directory.to_owned());
        let (id, config, installing) = (sought.partition, sought.config.clone(), plan.clone());
        let (remembered, anew) = self.on_pool(move || worker.install(id, store, &config, &installing, &directory)).await??;
        Ok((remembered, anew, plan))
    }

    /// Fetches all files of a plan, going on where it was when a call fails, as long as the session lives.
    async fn fetch_files(self: &Arc<Self>, sought: &Sought, applied: Decree, directory: &Path) -> Result<LearnPlan, FetchError> {
        let mut session = 0;
        let mut failures = 0;
        loop {
            match self.fetch_once(sought, applied, directory, &mut session, &mut failures).await {
                Ok(plan) => {
                    let end = sought.primary.control(ControlRequest::LearnEnd { session }, CALL_PATIENCE).await;
                    drop(end); // it ends by itself, too
                    return Ok(plan);
                }
                Err(error @ (FetchError::Call(_) | FetchError::Damaged)) if failures < FAILURES_MAX => {
                    failures += 1;
                    warn!(partition = %sought.partition, error = &error as &dyn std::error::Error, "fetching goes on");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn fetch_once(
        self: &Arc<Self>,
        sought: &Sought,
        applied: Decree,
        directory: &Path,
        session: &mut u64,
        failures: &mut u32,
    ) -> Result<LearnPlan, FetchError> {
        let (partition, ballot) = (sought.partition, sought.config.ballot);
        let begin = ControlRequest::LearnBegin { partition, ballot, applied, session: *session };
        let plan = match sought.primary.control(begin, PLAN_PATIENCE).await? {
            ControlResponse::LearnPlan(plan) => plan,
            ControlResponse::Refused(reason) => return Err(FetchError::Refused(reason)),
            _ => return Err(FetchError::Unexpected),
        };
        if plan.session != *session {
            *session = plan.session;
            let (fresh, nested) = (directory.to_owned(), directory.join(CHECKPOINT));
            self.on_pool(move || {
                let _ = std::fs::remove_dir_all(&fresh); // of an earlier plan
                std::fs::create_dir_all(nested)
            })
            .await??;
        }
        for (number, file) in plan.files.iter().enumerate() {
            let path = directory.join(checked_name(&file.name)?);
            let mut out = Arc::new(parking_lot::Mutex::new(File::options().create(true).append(true).open(&path)?));
            let mut offset = out.lock().metadata()?.len();
            while offset < file.bytes {
                let fetch = ControlRequest::LearnFetch { session: *session, file: number as u32, offset, bytes_max: PIECE_MAX as u32 };
                let bytes = match sought.primary.control(fetch, CALL_PATIENCE).await? {
                    ControlResponse::LearnChunk { bytes, crc } if crc32c::crc32c(&bytes) == crc && !bytes.is_empty() => bytes,
                    ControlResponse::LearnChunk { .. } => return Err(FetchError::Damaged),
                    ControlResponse::Refused(reason) => return Err(FetchError::Refused(reason)),
                    _ => return Err(FetchError::Unexpected),
                };
                offset += bytes.len() as u64;
                *failures = 0;
                let wait = self.intake.pay(self.world.clock.now(), bytes.len(), self.options.learn_rate);
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                let file = Arc::clone(&out);
                self.on_pool(move || file.lock().write_all(&bytes)).await??;
            }
            self.on_pool(move || Arc::get_mut(&mut out).map_or(Ok(()), |file| file.get_mut().sync_all())).await??;
        }
        Ok(plan)
    }

    /// Puts what was fetched in the place of what is here. `store` is `None` if what is here is unusable. Blocks: runs on the pool.
    fn install(
        self: &Arc<Self>,
        id: PartitionId,
        store: Option<Arc<Store>>,
        config: &types::group::GroupConfig,
        plan: &LearnPlan,
        directory: &Path,
    ) -> Result<(Remembered, Option<Box<Partition>>), FetchError> {
        let remembered = files::read_remembered(&directory.join(REQUESTS))?;
        let store = match (plan.source, store) {
            (LearnSource::Memory, Some(_)) => {
                let _ = std::fs::remove_dir_all(directory);
                return Ok((remembered, None));
            }
            (LearnSource::Checkpoint, _) => self.open_generation(id, Some(&directory.join(CHECKPOINT)))?,
            (_, Some(store)) => store,
            // Nothing usable is here, and the primary has all from the beginning.
            (_, None) => self.open_generation(id, None)?,
        };
        if plan.source == LearnSource::Log {
            apply_log(&store, &directory.join(LOG))?;
        }
        if store.applied() < plan.decree {
            return Err(FetchError::Short { expected: plan.decree, found: store.applied() });
        }
        let _ = std::fs::remove_dir_all(directory); // what stays behind is removed with the next plan
        Ok((remembered.clone(), Some(self.begin_anew(id, store, config.ballot, remembered)?)))
    }

    /// Opens the next generation of a partition's store: `from` a directory that is whole, or empty. What was there before is not the
    /// partition's any more, whenever the process ends.
    fn open_generation(self: &Arc<Self>, id: PartitionId, from: Option<&Path>) -> Result<Arc<Store>, FetchError> {
        let mut state = self.state.lock();
        let entries = state.as_mut().ok_or(FetchError::Closing)?;
        let entry = entries.get(id).ok_or(FetchError::Closing)?;
        let generation = entry.generation + 1;
        let path = recovery::generation_directory(&self.options.data, id, generation);
        let _ = std::fs::remove_dir_all(&path); // of an attempt that came to nothing
        if let Some(from) = from {
            sync_directory(from)?;
            std::fs::rename(from, &path)?;
        }
        let slots = slots_of_partition(id.index, entry.partition_count);
        let store = Arc::new(Store::open(&path, slots, &self.world.shared)?);
        sync_directory(&self.options.data.join("store"))?;
        entries.set_generation(id, generation)?;
        let before = recovery::generation_directory(&self.options.data, id, entry.generation);
        drop(state);
        if let Some((view, _)) = self.view(id) {
            let damaged = view.state() == ReplicaState::Failed;
            self.retire_store(&view, before, damaged);
        }
        Ok(store)
    }

    /// A replica over `store` that remembers nothing but what it was told.
    fn begin_anew(&self, id: PartitionId, store: Arc<Store>, ballot: Ballot, remembered: Remembered) -> Result<Box<Partition>, FetchError> {
        let mut state = self.state.lock();
        let entries = state.as_mut().ok_or(FetchError::Closing)?;
        entries.raise(&[(id, ballot)])?;
        let ballot = entries.get(id).ok_or(FetchError::Closing)?.ballot;
        let incarnation = entries.incarnation;
        drop(state);
        let core = Recovery::new(ballot, store.applied());
        let core = core.finish(self.options.node.clone(), recovery::core_options(&self.options), incarnation);
        let view = Arc::new(View::new(id, Some(Arc::clone(&store))));
        let seed = incarnation ^ u64::from(id.index).rotate_left(32);
        let mut partition = Partition::new(Arc::clone(&view), store, core, Sessions::new(self.options.sessions_max), seed);
        partition.remember(remembered);
        self.add(view, None);
        Ok(Box::new(partition))
    }

    async fn on_pool<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, FetchError> {
        let (sender, receiver) = oneshot::channel();
        let job = move || drop(sender.send(work()));
        self.pool.submit(job).map_err(|_| FetchError::Closing)?;
        receiver.await.map_err(|_| FetchError::Closing)
    }
}

/// Applies the mutations of a log file, and flushes: they are not in this node's log.
fn apply_log(store: &Store, path: &Path) -> Result<(), FetchError> {
    let mut file = Reader::open(path)?;
    let mut batch: Vec<(Decree, Bytes)> = Vec::new();
    let mut bytes = 0;
    loop {
        let record = file.next()?;
        let over = record.is_none();
        if let Some(mut record) = record {
            let decree = Decree(record.try_get_u64_le().map_err(|_| FetchError::Damaged)?);
            if decree > store.applied() {
                let body = crate::body::Body::decode(record).map_err(|_| FetchError::Damaged)?;
                bytes += body.writes.len();
                batch.push((decree, body.writes));
            }
        }
        if over || bytes > APPLY_BYTES || batch.len() >= APPLY_COUNT {
            loop {
                match store.apply(&batch) {
                    Ok(()) => break,
                    // On a thread that may wait.
                    Err(ApplyError::Stalled) => std::thread::sleep(STALLED),
                    Err(error) => return Err(error.into()),
                }
            }
            (batch, bytes) = (Vec::new(), 0);
        }
        if over {
            store.flush()?;
            return Ok(());
        }
    }
}

/// A name from the network: one of ours, or one path component of a checkpoint.
fn checked_name(name: &str) -> Result<PathBuf, FetchError> {
    let plain = |name: &str| {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !name.is_empty() && name.len() <= 255 && name.bytes().all(fine) && name != "." && name != ".."
    };
    match name.strip_prefix(CHECKPOINT).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if plain(rest) => Ok(Path::new(CHECKPOINT).join(rest)),
        None if name == LOG || name == REQUESTS => Ok(PathBuf::from(name)),
        _ => Err(FetchError::Name),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A checkpoint may have to be flushed first.
const PLAN_PATIENCE: Duration = Duration::from_secs(120);
const CALL_PATIENCE: Duration = Duration::from_secs(30);
/// Calls that may fail one after the other before it is given up.
const FAILURES_MAX: u32 = 20;
/// Between them.
const PAUSE: Duration = Duration::from_millis(500);
const APPLY_BYTES: usize = 4 << 20;
const APPLY_COUNT: usize = 256;
const STALLED: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_the_network_stay_in_their_directory() {
        for name in ["log", "requests", "checkpoint/000012.sst", "checkpoint/MANIFEST-000004", "checkpoint/CURRENT"] {
            assert_eq!(checked_name(name).unwrap(), Path::new(name));
        }
        for name in [
            "",
            "other",
            "../log",
            "/etc/passwd",
            "checkpoint",
            "checkpoint/",
            "checkpoint/..",
            "checkpoint/a/b",
            "checkpoint/a\0b",
            "log/../x",
        ] {
            assert!(checked_name(name).is_err(), "{name:?}");
        }
    }
}
