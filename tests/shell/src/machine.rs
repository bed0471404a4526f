//! A machine for a node: a log on a simulated disk, and tasks where there are threads.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pegasus_log::error::OpenError;
use pegasus_log::log::{Driver, Log, Outside};
use pegasus_log::options::Options;
use pegasus_log::record::Record;
use replica::machine::{Machine, Pool};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::clock::elapsed;
use crate::disk::{Platter, Shared};

/// What a node's process runs on.
pub struct SimulatedMachine {
    /// Its disk.
    pub platter: Arc<Platter>,
    /// The process.
    pub runtime: Handle,
}

impl Machine for SimulatedMachine {
    fn log(&self, _dir: &Path, options: Options, replay: &mut dyn FnMut(Record)) -> Result<Log, OpenError> {
        let bell = Arc::new(Notify::new());
        let rung = Arc::clone(&bell);
        let outside = Outside { ring: Arc::new(move || rung.notify_one()), now: Arc::new(elapsed) };
        let disk = Arc::new(Shared(self.platter.insert()));
        let (log, driver) = Log::open_driven(disk, options, outside, replay)?;
        self.runtime.spawn(drive(driver, bell, Arc::clone(&self.platter)));
        Ok(log)
    }

    fn pool(&self, _name: &str, _threads: usize, _queue: usize) -> io::Result<Pool> {
        Ok(Pool::tasks(self.runtime.clone()))
    }
}

/// The log's threads: a crash comes between the write and its sync, or before anybody is told.
async fn drive(driver: Driver, bell: Arc<Notify>, platter: Arc<Platter>) {
    loop {
        if timeout(REST, bell.notified()).await.is_err() {
            driver.rest();
            bell.notified().await;
        }
        while driver.write() {
            sleep(platter.sync_takes()).await;
            driver.sync();
        }
    }
}

const REST: Duration = Duration::from_millis(20);
