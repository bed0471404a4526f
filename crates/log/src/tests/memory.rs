//! A disk in memory that behaves as badly as real ones may: what is not synced survives a loss of power by sectors, or not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

#[derive(Default)]
pub(super) struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
    locked: Arc<AtomicBool>,
}

#[derive(Default)]
struct Inner {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the directory was synced.
    pending: Vec<NameChange>,
    faults: Faults,
    operations: u64,
    on_operation: Option<Hook>,
}

type Hook = Box<dyn FnMut(u64, &Snapshot<'_>) + Send>;

#[derive(Clone, Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Clone)]
enum NameChange {
    Set(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

#[derive(Default)]
pub(super) struct Faults {
    /// This many file syncs from now one fails; what it should have written is dropped, and the cache calls it clean.
    pub(super) sync_fails_in: Option<u32>,
    /// Each entry makes one more write stop after that many bytes, and the call after it find no space.
    pub(super) writes_stop_after: VecDeque<usize>,
    next_write_fails: bool,
    /// No space for any new file.
    pub(super) full: bool,
    /// Writes into files fail like this.
    pub(super) write_error: Option<io::ErrorKind>,
}

/// The state of the disk at one operation.
pub(super) struct Snapshot<'a>(&'a Inner);

impl MemoryDisk {
    pub(super) fn new() -> Arc<MemoryDisk> {
        Arc::default()
    }

    pub(super) fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.inner.lock().faults);
    }

    /// Calls `hook` before every write, sync and change of a name.
    pub(super) fn on_operation(&self, hook: impl FnMut(u64, &Snapshot<'_>) + Send + 'static) {
        self.inner.lock().on_operation = Some(Box::new(hook));
    }

    /// The disk as the next process finds it, if the machine stays up.
    pub(super) fn after_kill(&self) -> Arc<MemoryDisk> {
        Snapshot(&self.inner.lock()).after_kill()
    }

    /// The disk as it is found after loss of power.
    pub(super) fn after_power_loss(&self, seed: u64) -> Arc<MemoryDisk> {
        Snapshot(&self.inner.lock()).after_power_loss(seed)
    }

    pub(super) fn content(&self, name: &str) -> Vec<u8> {
        let inner = self.inner.lock();
        inner.files[inner.names[name]].cached.clone()
    }

    pub(super) fn set_content(&self, name: &str, content: Vec<u8>) {
        let mut inner = self.inner.lock();
        let file = inner.names[name];
        inner.files[file] = Content { cached: content.clone(), durable: content, dirty: BTreeSet::new() };
    }

    pub(super) fn segments(&self) -> Vec<String> {
        self.inner.lock().names.keys().filter(|name| name.ends_with(".log")).cloned().collect()
    }
}

impl Snapshot<'_> {
    pub(super) fn after_kill(&self) -> Arc<MemoryDisk> {
        let inner = Inner {
            files: self.0.files.clone(),
            names: self.0.names.clone(),
            durable_names: self.0.durable_names.clone(),
            pending: self.0.pending.clone(),
            ..Inner::default()
        };
        Arc::new(MemoryDisk { inner: Arc::new(Mutex::new(inner)), locked: Arc::default() })
    }

    pub(super) fn after_power_loss(&self, seed: u64) -> Arc<MemoryDisk> {
        let mut random = StdRng::seed_from_u64(seed);
        let luck = [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
        let files = self.0.files.iter().map(|content| content.after_power_loss(&mut random, luck)).collect();
        // The journal of the file system keeps the order of changes of names.
        let mut names = self.0.durable_names.clone();
        for change in &self.0.pending[..random.random_range(0..=self.0.pending.len())] {
            change.apply(&mut names);
        }
        let inner = Inner { files, durable_names: names.clone(), names, ..Inner::default() };
        Arc::new(MemoryDisk { inner: Arc::new(Mutex::new(inner)), locked: Arc::default() })
    }
}

impl Content {
    fn after_power_loss(&self, random: &mut StdRng, luck: f64) -> Content {
        let mut found = self.durable.clone();
        if random.random_bool(0.5) {
            found.resize(self.cached.len(), 0);
        }
        for &sector in &self.dirty {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(found.len());
            if range.start < range.end && random.random_bool(luck) {
                found[range.clone()].copy_from_slice(&self.cached[range]);
            }
        }
        Content { cached: found.clone(), durable: found, dirty: BTreeSet::new() }
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
        self.count();
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn count(&mut self) {
        self.operations += 1;
        if let Some(mut hook) = self.on_operation.take() {
            hook(self.operations, &Snapshot(self));
            self.on_operation = Some(hook);
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

struct MemoryFile {
    inner: Arc<Mutex<Inner>>,
    file: usize,
}

struct Unlock(Arc<AtomicBool>);

impl Drop for Unlock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Disk for MemoryDisk {
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        if self.locked.swap(true, Ordering::SeqCst) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Unlock(Arc::clone(&self.locked))))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.inner.lock().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.inner.lock().find(name)?;
        Ok(Arc::new(MemoryFile { inner: Arc::clone(&self.inner), file }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner.lock();
        let file = inner.files.len();
        inner.files.push(Content::default());
        inner.change(NameChange::Set(name.to_owned(), file));
        Ok(Arc::new(MemoryFile { inner: Arc::clone(&self.inner), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let file = inner.find(from)?;
        inner.change(NameChange::Rename(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.find(name)?;
        inner.change(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.count();
        inner.durable_names = inner.names.clone();
        inner.pending.clear();
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/memory").join(name)
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner.lock().files[self.file].cached.len() as u64)
    }

    fn read(&self, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let inner = self.inner.lock();
        let content = &inner.files[self.file].cached;
        let range = offset as usize..(offset + bytes) as usize;
        content.get(range).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.inner.lock();
        inner.count();
        if let Some(kind) = inner.faults.write_error {
            return Err(kind.into());
        }
        if std::mem::take(&mut inner.faults.next_write_fails) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = bytes;
        if let Some(count) = inner.faults.writes_stop_after.pop_front()
            && count < bytes.len()
        {
            bytes = &bytes[..count];
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            inner.faults.next_write_fails = true;
        }
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
        if self.inner.lock().faults.full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.count();
        let fails = match &mut inner.faults.sync_fails_in {
            Some(0) => {
                inner.faults.sync_fails_in = None;
                true
            }
            Some(count) => {
                *count -= 1;
                false
            }
            None => false,
        };
        let content = &mut inner.files[self.file];
        let dirty = std::mem::take(&mut content.dirty);
        if fails {
            return Err(io::Error::from_raw_os_error(5));
        }
        content.durable.resize(content.cached.len(), 0);
        for sector in dirty {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(content.cached.len());
            content.durable[range.clone()].copy_from_slice(&content.cached[range]);
        }
        Ok(())
    }
}
