//! The meta server as a [`Service`]: one thread that owns the [`Core`], fed through one bounded inbox.
//!
//! The thread is its own because the store blocks (an fsync per change). Routing tables, which every proxy asks for, are answered from a
//! snapshot without it; the snapshot is replaced after a change is durable and before anybody is told of it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use net::service::{CallError, Network, Pending, Service};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tracing::info;
use types::group::TableRouting;
use types::time::Time;
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Replicate};

use crate::core::{Core, Options, Push};
use crate::store::{MetaStore, StoreError, Version};
use crate::view;

/// A monotonic clock.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Why a meta server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its thread.
    #[error("start the meta server's thread")]
    Thread(#[source] io::Error),
}

/// A running meta server. [`Meta::close`] (or dropping it) ends it.
pub struct Meta {
    /// `None` once closed.
    inbox: Mutex<Option<SyncSender<Job>>>,
    /// Rung for a task that cannot wait for the inbox itself.
    bell: Arc<Notify>,
    routes: Arc<ArcSwap<Routes>>,
    clock: Clock,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One request under way.
struct Job {
    request: ControlRequest,
    deadline: Time,
    answer: oneshot::Sender<Result<ControlResponse, CallError>>,
}

type Routes = HashMap<String, TableRouting>;

impl Meta {
    /// Starts a meta server over `store`; `network` is how it reaches the nodes.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(store: Box<dyn MetaStore>, network: Arc<dyn Network>, options: Options, clock: Clock) -> Result<Meta, StartError> {
        let (meta, mut owner, jobs) = Meta::parts(store, network, options, clock)?;
        let thread = std::thread::Builder::new().name("meta".to_owned()).spawn(move || owner.run(&jobs)).map_err(StartError::Thread)?;
        *meta.thread.lock() = Some(thread);
        Ok(meta)
    }

    /// As [`Meta::open`], on a task of `runtime` in place of the thread. For simulators: a real store blocks.
    ///
    /// # Errors
    /// [`StartError::Store`].
    pub fn open_on(
        runtime: &Handle,
        store: Box<dyn MetaStore>,
        network: Arc<dyn Network>,
        options: Options,
        clock: Clock,
    ) -> Result<Meta, StartError> {
        let (meta, owner, jobs) = Meta::parts(store, network, options, clock)?;
        runtime.spawn(owner.run_as_task(jobs, Arc::clone(&meta.bell)));
        Ok(meta)
    }

    fn parts(
        store: Box<dyn MetaStore>,
        network: Arc<dyn Network>,
        options: Options,
        clock: Clock,
    ) -> Result<(Meta, Owner, Receiver<Job>), StartError> {
        let core = Core::open(store, options, clock())?;
        let routes = Arc::new(ArcSwap::from_pointee(routes(&core)));
        let (inbox, jobs) = sync_channel(INBOX);
        let owner = Owner { published: core.cluster().version(), core, routes: Arc::clone(&routes), network, clock: Arc::clone(&clock) };
        Ok((Meta { inbox: Mutex::new(Some(inbox)), bell: Arc::default(), routes, clock, thread: Mutex::default() }, owner, jobs))
    }

    /// Answers what has been asked, then ends. Returns when the store is closed; later requests find nobody.
    pub fn close(&self) {
        drop(self.inbox.lock().take());
        let thread = self.thread.lock().take();
        if let Some(Err(panic)) = thread.map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Meta {
    fn drop(&mut self) {
        drop(self.inbox.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread was printed where it happened; a destructor cannot do more about it.
            let _ = thread.join();
        }
    }
}

impl Service for Meta {
    fn execute(&self, _request: Execute) -> Pending<Executed> {
        Pending::ready(Err(CallError::NotOffered))
    }

    fn replicate(&self, _batch: Replicate) {}

    fn control(&self, request: ControlRequest, patience: Duration) -> Pending<ControlResponse> {
        let inbox = self.inbox.lock();
        let Some(inbox) = inbox.as_ref() else { return Pending::ready(Err(closed())) };
        if let ControlRequest::Route { table, known } = &request {
            return Pending::ready(Ok(view::route(self.routes.load().get(table), table, *known)));
        }
        let (answer, pending) = Pending::waiting();
        match inbox.try_send(Job { request, deadline: (self.clock)() + patience, answer }) {
            Ok(()) => {
                self.bell.notify_one();
                pending
            }
            Err(TrySendError::Full(_)) => Pending::ready(Err(CallError::Overloaded)),
            Err(TrySendError::Disconnected(_)) => Pending::ready(Err(closed())),
        }
    }
}

/// What the thread owns.
struct Owner {
    core: Core,
    /// Version of the cluster that `routes` shows.
    published: Version,
    routes: Arc<ArcSwap<Routes>>,
    network: Arc<dyn Network>,
    clock: Clock,
}

impl Owner {
    fn run(&mut self, jobs: &Receiver<Job>) {
        let mut next_tick = (self.clock)() + TICK;
        loop {
            match jobs.recv_timeout(next_tick.since((self.clock)())) {
                Ok(job) => self.carry_out(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            next_tick = self.tick(next_tick);
        }
        info!("meta server closed");
    }

    async fn run_as_task(mut self, jobs: Receiver<Job>, bell: Arc<Notify>) {
        let mut next_tick = (self.clock)() + TICK;
        loop {
            let left = next_tick.since((self.clock)());
            tokio::select! {
                biased;
                () = bell.notified() => {}
                () = tokio::time::sleep(left) => {}
            }
            loop {
                match jobs.try_recv() {
                    Ok(job) => self.carry_out(job),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return info!("meta server closed"),
                }
            }
            next_tick = self.tick(next_tick);
        }
    }

    /// Lets the core look around if it is time; returns when it is next.
    fn tick(&mut self, due: Time) -> Time {
        let now = (self.clock)();
        if now < due {
            return due;
        }
        let pushes = self.core.tick(now);
        self.publish();
        self.send(pushes);
        now + TICK
    }

    fn carry_out(&mut self, job: Job) {
        let now = (self.clock)();
        if now > job.deadline {
            let _ = job.answer.send(Err(CallError::Timeout));
            return;
        }
        let handled = self.core.handle(now, job.request);
        self.publish();
        // Who asked may have given up; that is not ours to care about.
        let _ = job.answer.send(Ok(handled.answer));
        self.send(handled.pushes);
    }

    fn send(&self, pushes: Vec<Push>) {
        for Push { node, address, assignments } in pushes {
            // The node hears the same as answer to its next report, so nobody waits for this.
            drop(self.network.node(&node, &address).control(ControlRequest::Configure(assignments), PUSH_PATIENCE));
        }
    }

    fn publish(&mut self) {
        let version = self.core.cluster().version();
        if version != self.published {
            self.routes.store(Arc::new(routes(&self.core)));
            self.published = version;
        }
    }
}

fn routes(core: &Core) -> Routes {
    core.cluster().tables().map(|(id, table)| (table.value.name.clone(), view::routing(core.cluster(), id))).collect()
}

fn closed() -> CallError {
    CallError::Unreachable("the meta server (closed)".to_owned())
}

/// Requests that may wait: a report per second from more nodes than a cluster has.
const INBOX: usize = 4096;
/// How often the core looks around by itself.
const TICK: Duration = Duration::from_millis(100);
/// How long a node may take to take note of a push.
const PUSH_PATIENCE: Duration = Duration::from_secs(1);
