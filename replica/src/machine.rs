//! What a node has of its machine beside the clocks and the network: a place for its log, and who does the work that waits for disks.
//!
//! The seam at which a simulator puts a disk that loses power, and tasks in place of threads.

use std::io;
use std::path::Path;

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
}

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
