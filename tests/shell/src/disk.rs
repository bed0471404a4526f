//! A node's disk for its log: bytes and names that are not synced survive the end of the process, but not of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pegasus_log::disk::{Disk, DiskFile};

use crate::random::Random;
use crate::trace::Trace;

/// A disk. It outlives the processes that use it, and lets each of them in by [`Platter::insert`].
pub struct Platter {
    host: String,
    inner: Arc<Mutex<Inner>>,
    /// Of the process that may use the disk: what an earlier one still holds does nothing any more.
    life: Arc<AtomicU64>,
    trace: Trace,
    random: Mutex<Random>,
    slow: Mutex<Option<Duration>>,
}

#[derive(Default)]
struct Inner {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the directory was synced.
    pending: Vec<NameChange>,
}

#[derive(Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

enum NameChange {
    Set(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl Platter {
    /// An empty disk.
    pub fn new(host: &str, seed: u64, trace: &Trace) -> Platter {
        Platter {
            host: host.to_owned(),
            inner: Arc::default(),
            life: Arc::default(),
            trace: trace.clone(),
            random: Mutex::new(Random::new(seed, &format!("disk of {host}"))),
            slow: Mutex::new(None),
        }
    }

    /// The disk for a new process.
    pub fn insert(&self) -> Arc<Mounted> {
        let life = self.life.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Mounted {
            host: self.host.clone(),
            inner: Arc::clone(&self.inner),
            life,
            current: Arc::clone(&self.life),
            trace: self.trace.clone(),
        })
    }

    /// The process ends: from here on it changes nothing.
    pub fn end_process(&self) {
        self.life.fetch_add(1, Ordering::Relaxed);
    }

    /// The machine loses power: what was not synced is there by sectors, or not.
    pub fn lose_power(&self) {
        self.end_process();
        let mut random = self.random.lock();
        let luck = *random.pick(&[0.0, 0.1, 0.5, 0.9, 1.0]);
        let mut inner = self.inner.lock();
        for content in &mut inner.files {
            content.lose_power(&mut random, luck);
        }
        // The journal of the file system keeps the order of changes of names.
        let kept = random.below(inner.pending.len() + 1);
        let pending = std::mem::take(&mut inner.pending);
        let mut names = inner.durable_names.clone();
        pending.iter().take(kept).for_each(|change| change.apply(&mut names));
        inner.durable_names.clone_from(&names);
        inner.names = names;
    }

    /// From now on a sync takes so long; `None`: as usual.
    pub fn slow(&self, takes: Option<Duration>) {
        *self.slow.lock() = takes;
    }

    /// How long the next sync takes.
    pub fn sync_takes(&self) -> Duration {
        let slow = *self.slow.lock();
        slow.unwrap_or_else(|| self.random.lock().millis(1, 6) - Duration::from_millis(1))
    }
}

impl Content {
    fn lose_power(&mut self, random: &mut Random, luck: f64) {
        if self.dirty.is_empty() && self.cached.len() == self.durable.len() {
            return;
        }
        if random.chance(0.5) {
            self.durable.resize(self.cached.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(self.durable.len()).min(self.cached.len());
            if range.start < range.end && random.chance(luck) {
                self.durable[range.clone()].copy_from_slice(&self.cached[range]);
            }
        }
        self.cached.clone_from(&self.durable);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Set(name, file) => drop(names.insert(name.clone(), *file)),
            NameChange::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            NameChange::Remove(name) => drop(names.remove(name)),
        }
    }
}

impl Inner {
    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A disk as one process sees it.
pub struct Mounted {
    host: String,
    inner: Arc<Mutex<Inner>>,
    life: u64,
    current: Arc<AtomicU64>,
    trace: Trace,
}

impl Mounted {
    fn alive(&self) -> io::Result<()> {
        if self.current.load(Ordering::Relaxed) == self.life { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    }

    fn open_file(self: &Arc<Mounted>, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(OpenFile { disk: Arc::clone(self), file })
    }
}

/// [`Disk`] wants to hand out files that hold the disk.
pub struct Shared(pub Arc<Mounted>);

impl Disk for Shared {
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        // One process at a time is what `Platter::insert` is about.
        Ok(Box::new(()))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.alive()?;
        Ok(self.0.inner.lock().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.0.alive()?;
        let file = self.0.inner.lock().find(name)?;
        Ok(self.0.open_file(file))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.0.alive()?;
        let mut inner = self.0.inner.lock();
        let file = inner.files.len();
        inner.files.push(Content::default());
        inner.change(NameChange::Set(name.to_owned(), file));
        drop(inner);
        Ok(self.0.open_file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.alive()?;
        let mut inner = self.0.inner.lock();
        let file = inner.find(from)?;
        inner.change(NameChange::Rename(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.alive()?;
        let mut inner = self.0.inner.lock();
        inner.find(name)?;
        inner.change(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.alive()?;
        let mut inner = self.0.inner.lock();
        inner.durable_names = inner.names.clone();
        inner.pending.clear();
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/disk").join(&self.0.host).join(name)
    }
}

struct OpenFile {
    disk: Arc<Mounted>,
    file: usize,
}

impl DiskFile for OpenFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.alive()?;
        Ok(self.disk.inner.lock().files[self.file].cached.len() as u64)
    }

    fn read(&self, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
        self.disk.alive()?;
        let inner = self.disk.inner.lock();
        let range = offset as usize..(offset + bytes) as usize;
        inner.files[self.file].cached.get(range).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.disk.alive()?;
        self.disk.trace.note(&self.disk.host, "write", &[self.file as u64, offset, bytes.len() as u64]);
        let mut inner = self.disk.inner.lock();
        let content = &mut inner.files[self.file];
        let range = offset as usize..offset as usize + bytes.len();
        if content.cached.len() < range.end {
            content.cached.resize(range.end, 0);
        }
        content.cached[range.clone()].copy_from_slice(bytes);
        content.dirty.extend(range.start / SECTOR..range.end.div_ceil(SECTOR));
        Ok(bytes.len())
    }

    fn reserve(&self, _bytes: u64) -> io::Result<()> {
        self.disk.alive()
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.alive()?;
        self.disk.trace.note(&self.disk.host, "sync", &[self.file as u64]);
        let mut inner = self.disk.inner.lock();
        let content = &mut inner.files[self.file];
        content.durable.resize(content.cached.len(), 0);
        for sector in std::mem::take(&mut content.dirty) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(content.cached.len());
            content.durable[range.clone()].copy_from_slice(&content.cached[range]);
        }
        Ok(())
    }
}

const SECTOR: usize = 512;
