//! What a node has of its machine beside the clocks and the network: a place for its log, and who does the work that waits for disks.
//!
//! The seam at which a simulator puts a disk that loses power, and tasks in place of threads.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use pegasus_log::error::OpenError;
use pegasus_log::log::Log;
use pegasus_log::options::Options;
use pegasus_log::record::Record;

pub use crate::pool::Pool;

/// A machine a node runs on.
pub trait Machine: Send + Sync + 'static {
    /// Opens the node's log, as [`Log::open`].
    ///
    /// # Errors
    /// Those of [`Log::open`].
    fn log(&self, dir: &Path, options: Options, replay: &mut dyn FnMut(Record)) -> Result<Log, OpenError>;

    /// Whatever runs the node's blocking jobs: `threads` of them at once, of which `queue` may wait.
    ///
    /// # Errors
    /// The system gives no threads.
    fn pool(&self, name: &str, threads: usize, queue: usize) -> io::Result<Pool>;

    /// An empty file in `directory` that nobody else can see, for what is forgotten with the process.
    ///
    /// # Errors
    /// The disk's.
    fn spool(&self, directory: &Path) -> io::Result<Box<dyn SpoolFile>> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(format!("{:016x}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Box::new(Unnamed(file)))
    }
}

/// A file for a long reply.
pub trait SpoolFile: Send + Sync {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// The disk's, or that too little of it would be left for what has to be kept.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it off behind the first `len` bytes.
    ///
    /// # Errors
    /// The disk's.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Fills `bytes` with what stands at `offset`.
    ///
    /// # Errors
    /// The disk's, or that the file is shorter.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
}

/// A file without a name.
struct Unnamed(File);

impl SpoolFile for Unnamed {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let disk = rustix::fs::fstatvfs(&self.0)?;
        let spared = (disk.f_blocks.saturating_mul(disk.f_frsize) / SPARED_PART).min(SPARED_MAX);
        if disk.f_bavail.saturating_mul(disk.f_frsize) < spared + bytes.len() as u64 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the last of the disk's room is for the log and the stores"));
        }
        self.0.write_all(bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);
/// A disk keeps this part of its room, or so many bytes if that is less, for what has to be kept.
const SPARED_PART: u64 = 8;
const SPARED_MAX: u64 = 256 << 20;

/// This machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn log(&self, dir: &Path, options: Options, replay: &mut dyn FnMut(Record)) -> Result<Log, OpenError> {
        Log::open(dir, options, replay)
    }

    fn pool(&self, name: &str, threads: usize, queue: usize) -> io::Result<Pool> {
        Pool::new(name, threads, queue)
    }
}
