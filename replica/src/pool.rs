//! A few threads for work that waits for the disk: cold reads, flushes, opening stores. Or tasks, in a simulated world, where no disk is
//! waited for.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::runtime::Handle;

/// Threads with one bounded queue. Dropping the pool lets queued jobs finish.
pub struct Pool {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    /// Runs jobs in place of the threads.
    runtime: Option<Handle>,
}

type Job = Box<dyn FnOnce() + Send>;

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PoolFull;

impl Pool {
    /// `threads` threads called `name` that share a queue of `queue` jobs.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn new(name: &str, threads: usize, queue: usize) -> std::io::Result<Pool> {
        let (jobs, receiver) = sync_channel::<Job>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = (0..threads)
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&receiver))
            })
            .collect::<Result<_, _>>()?;
        Ok(Pool { jobs: Some(jobs), threads, runtime: None })
    }

    /// Runs every job as a task of `runtime`, one after the other. For simulators: a real job blocks.
    pub fn tasks(runtime: Handle) -> Pool {
        Pool { jobs: None, threads: Vec::new(), runtime: Some(runtime) }
    }

    /// Queues a job. Never waits.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), PoolFull> {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move { job() });
            return Ok(());
        }
        let Some(jobs) = &self.jobs else { return Err(PoolFull) };
        match jobs.try_send(Box::new(job)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(PoolFull),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        let this = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // The last owner may be a job: a thread cannot wait for itself.
            if thread.thread().id() != this {
                let _ = thread.join();
            }
        }
    }
}

fn run(receiver: &Mutex<Receiver<Job>>) {
    loop {
        let job = receiver.lock().recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn jobs_run_and_a_full_queue_says_so() {
        let pool = Pool::new("test", 1, 2).expect("threads");
        let done = Arc::new(AtomicUsize::new(0));
        let (release, gate) = sync_channel::<()>(0);
        pool.submit(move || gate.recv().expect("released")).expect("room");
        let mut queued = 0;
        while pool
            .submit({
                let done = Arc::clone(&done);
                move || {
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
            .is_ok()
        {
            queued += 1;
            assert!(queued <= 3, "the queue is not bounded");
        }
        release.send(()).expect("the first job waits");
        drop(pool);
        assert_eq!(done.load(Ordering::SeqCst), queued);
    }
}
