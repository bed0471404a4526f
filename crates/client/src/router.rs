//! Takes calls to the primaries of their partitions, until each has its reply or the caller's patience ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use net::service::{CallError, Network, Service};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use types::id::RequestId;
use types::txn::Call;
use wire::rpc::{ControlRequest, ControlResponse, Refusal};

use crate::alarm::Alarm;
use crate::attempt::{Attempt, Fate, NoReply, outcomes, send_whole};
use crate::clock;
use crate::outcome::Outcome;
use crate::routes::Routes;
use crate::session::{Session, mix};
use crate::watch::Watch;

/// Times of a [`Router`].
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a call may take, retries included.
    pub patience: Duration,
    /// How long one node is waited for before the call is tried again. Below `patience`, so that a node that hangs leaves time for another.
    pub attempt_max: Duration,
    /// After so long without an answer the routing table is looked at, in case another node is to be asked by now.
    pub look_after: Duration,
    /// Pause before the first retry of what a node refused because it does not lead the partition: another one is about to, or does already.
    pub redirect_min: Duration,
    /// Pause before the first retry otherwise; doubles with each.
    pub backoff_min: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// How often the routing table is asked for when nothing went wrong.
    pub refresh_interval: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            patience: Duration::from_secs(10),
            attempt_max: Duration::from_secs(5),
            // Longer than a write takes while a disk is busy.
            look_after: Duration::from_millis(300),
            redirect_min: Duration::from_millis(2),
            backoff_min: Duration::from_millis(5),
            backoff_max: Duration::from_millis(250),
            refresh_interval: Duration::from_secs(1),
        }
    }
}

/// The way to the partitions of one table. Shared by all sessions; nothing on the way of a call that succeeds is locked.
pub struct Router {
    network: Arc<dyn Network>,
    metas: Vec<Arc<dyn Service>>,
    /// The meta server that answered last.
    meta: AtomicUsize,
    table: String,
    options: Options,
    routes: ArcSwap<Routes>,
    /// When the last refresh ended. Held while one is under way.
    refreshed: tokio::sync::Mutex<Option<Instant>>,
    /// Whether the last refresh failed: told once, not every second.
    lost: AtomicBool,
    retries: AtomicU64,
}

/// Why the routing table could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// No meta server answered; the last failure.
    #[error("no meta server answered")]
    Call(#[source] CallError),
    /// It said no.
    #[error("meta server: {0}")]
    Refused(String),
    /// It answered something else.
    #[error("meta server sent an unexpected answer")]
    Unexpected,
    /// None is configured.
    #[error("no meta server is configured")]
    NoMeta,
}

impl Router {
    /// A router for `table`, whose routing table the services in `metas` know.
    pub fn new(network: Arc<dyn Network>, metas: Vec<Arc<dyn Service>>, table: &str, options: Options) -> Router {
        Router {
            network,
            metas,
            meta: AtomicUsize::new(0),
            table: table.to_owned(),
            options,
            routes: ArcSwap::from_pointee(Routes::unknown()),
            refreshed: tokio::sync::Mutex::new(None),
            lost: AtomicBool::new(false),
            retries: AtomicU64::new(0),
        }
    }

    /// Keeps the routing table fresh until `stop`. Without it the table is refreshed when a call was refused, and then only.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.refresh().await {
                Ok(()) if self.routes().partitions() > 0 => self.options.refresh_interval,
                _ => self.options.refresh_interval.min(STARTING_INTERVAL),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// The routing table as known now. Not to be kept across an `await`.
    pub fn routes(&self) -> Guard<Arc<Routes>> {
        self.routes.load()
    }

    /// Times this router was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Attempts beyond the first, of all requests so far.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Waits until the routing table is known, no longer than the router's patience. Whether it is.
    pub async fn ready(&self) -> bool {
        let deadline = clock::now() + self.options.patience;
        loop {
            if self.routes().partitions() > 0 {
                return true;
            }
            let asked = tokio::time::timeout_at(deadline, self.refresh()).await;
            if self.routes().partitions() > 0 {
                return true;
            }
            if asked.is_err() || clock::until(deadline) < STARTING_INTERVAL {
                return false;
            }
            tokio::time::sleep(STARTING_INTERVAL).await;
        }
    }

    /// Runs `calls`, each with the index of its partition, and returns what became of each, in their order. Calls of one partition
    /// take effect in order. The session has no other request under way.
    ///
    /// A call that was refused or whose node failed, or whose partition another node leads before an answer came, is tried again, under the
    /// same request id so that a write is applied once (see [`crate::session`]).
    /// [`Refusal::Unknown`] is the outcome of a call that may or may not have run when patience ended; any other refusal means it did not.
    pub async fn execute(&self, session: &mut Session, calls: &[(u32, Call)]) -> Vec<Outcome> {
        let now = clock::now();
        let deadline = now + self.options.patience;
        let outcomes = self.execute_until(session, calls, now, deadline).await;
        if outcomes.iter().any(is_apart) { Box::pin(self.part(session, calls, outcomes, deadline)).await } else { outcomes }
    }

    /// Runs what has to run apart from the other calls of its partition, then what comes behind it, again and again. Off the hot path.
    async fn part(&self, session: &mut Session, calls: &[(u32, Call)], mut outcomes: Vec<Outcome>, deadline: Instant) -> Vec<Outcome> {
        let mut alone = true;
        loop {
            let now = clock::now();
            let mut places: Vec<usize> = (0..calls.len()).filter(|&place| is_apart(&outcomes[place])).collect();
            if places.is_empty() || now >= deadline {
                return outcomes;
            }
            if alone {
                let mut partitions = Vec::new();
                places.retain(|&place| {
                    let first = !partitions.contains(&calls[place].0);
                    partitions.push(calls[place].0);
                    first
                });
            }
            alone = !alone;
            let these: Vec<(u32, Call)> = places.iter().map(|&place| calls[place].clone()).collect();
            let these = self.execute_until(session, &these, now, deadline).await;
            if these.iter().all(is_apart) {
                tokio::time::sleep(self.options.backoff_min).await;
            }
            for (place, outcome) in places.into_iter().zip(these) {
                outcomes[place] = outcome;
            }
        }
    }

    async fn execute_until(&self, session: &mut Session, calls: &[(u32, Call)], now: Instant, deadline: Instant) -> Vec<Outcome> {
        let request = session.next_request();
        let patience = deadline.duration_since(now).min(self.options.attempt_max);
        let first = now + patience; // the end of the first attempt
        let (whole, version) = {
            let routes = self.routes();
            (send_whole(&routes, request, patience, calls), routes.version())
        };
        match whole {
            Some((node, pending)) => {
                let partitions = calls.iter().map(|(partition, _)| *partition);
                let waited = Watch::new(self, version, now, first).answer(pending, partitions, &mut session.alarm).await;
                match outcomes(&node, calls.len(), waited) {
                    Ok(outcomes) if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Reply(_) | Outcome::Long(_))) => outcomes,
                    other => {
                        let mut progress = Progress::new(calls.len());
                        match other {
                            Ok(outcomes) => (0..).zip(outcomes).for_each(|(place, outcome)| progress.tell(place, outcome.into())),
                            Err(none) => (0..calls.len() as u32).for_each(|place| progress.tell(place, Fate::None(none))),
                        }
                        Box::pin(self.finish(request, calls, progress, deadline, &mut session.alarm)).await
                    }
                }
            }
            None => {
                let mut progress = Progress::new(calls.len());
                let attempt = Attempt::send(&self.routes(), request, false, patience, calls, 0..calls.len() as u32);
                attempt.finish(self, calls, first, &mut session.alarm, |place, fate| progress.tell(place, fate)).await;
                if progress.left.is_empty() {
                    return progress.outcomes;
                }
                Box::pin(self.finish(request, calls, progress, deadline, &mut session.alarm)).await
            }
        }
    }

    /// Tries again what has no reply after the first attempt. Off the hot path.
    async fn finish(
        &self,
        request: RequestId,
        calls: &[(u32, Call)],
        mut progress: Progress,
        deadline: Instant,
        alarm: &mut Alarm,
    ) -> Vec<Outcome> {
        let began = clock::now();
        let mut pause = Duration::ZERO;
        while !progress.left.is_empty() {
            let urgency = std::mem::take(&mut progress.urgency);
            if urgency < Urgency::Now {
                pause = self.next_pause(pause, urgency, clock::now().duration_since(began));
                let jitter = mix(request.session ^ request.number ^ u64::from(pause.subsec_nanos())) % 256;
                let sleep = pause.mul_f64(0.75 + jitter as f64 / 512.0);
                if clock::until(deadline) <= sleep {
                    break;
                }
                tokio::time::sleep(sleep).await;
                // A failure is told by the refresh itself; the old table is tried again.
                let _ = tokio::time::timeout_at(deadline, self.refresh()).await;
            }
            let patience = clock::until(deadline).min(self.options.attempt_max);
            if patience.is_zero() {
                break;
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            let mut places = std::mem::take(&mut progress.left);
            places.sort_unstable(); // outcomes come node by node; the order within a partition must hold
            let attempt = Attempt::send(&self.routes(), request, true, patience, calls, places.into_iter());
            attempt.finish(self, calls, clock::now() + patience, alarm, |place, fate| progress.tell(place, fate)).await;
        }
        progress.outcomes
    }

    /// A hand-over takes milliseconds: right after the first refusal the pauses stay short.
    fn next_pause(&self, last: Duration, urgency: Urgency, retrying: Duration) -> Duration {
        let Options { redirect_min, backoff_min, backoff_max, .. } = self.options;
        let (min, max) = match urgency {
            Urgency::Now | Urgency::Soon if retrying < HAND_OVER_MAX => (redirect_min, REDIRECT_MAX.min(backoff_max)),
            Urgency::Now | Urgency::Soon | Urgency::Later => (backoff_min, backoff_max),
        };
        (last * 2).clamp(min.min(max), max)
    }

    /// Asks a meta server for the routing table. Whoever asks while another does waits for that answer; what was asked a moment ago is
    /// not asked again.
    ///
    /// # Errors
    /// [`RefreshError`]; the table known before stays in force.
    pub async fn refresh(&self) -> Result<(), RefreshError> {
        let asked = clock::now();
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_some_and(|ended| ended + REFRESH_INTERVAL_MIN > asked) {
            return Ok(());
        }
        let result = self.ask().await;
        *refreshed = Some(clock::now());
        match &result {
            Ok(()) if self.lost.swap(false, Ordering::Relaxed) => info!(table = self.table, "meta server answers again"),
            Err(error) if !self.lost.swap(true, Ordering::Relaxed) => {
                warn!(table = self.table, error = error as &dyn std::error::Error, "routing table not refreshed");
            }
            _ => {}
        }
        result
    }

    async fn ask(&self) -> Result<(), RefreshError> {
        let known = self.routes().version();
        let mut last = RefreshError::NoMeta;
        let first = self.meta.load(Ordering::Relaxed);
        for turn in 0..self.metas.len() {
            let index = (first + turn) % self.metas.len();
            let question = ControlRequest::Route { table: self.table.clone(), known };
            let answer = self.metas[index].control(question, META_PATIENCE);
            match tokio::time::timeout(META_PATIENCE, answer).await.unwrap_or(Err(CallError::Timeout)) {
                Err(error) => last = RefreshError::Call(error),
                Ok(ControlResponse::Refused(why)) => last = RefreshError::Refused(why),
                Ok(ControlResponse::Unchanged) => return self.answered_by(index),
                Ok(ControlResponse::Routing(routing)) => {
                    let before = self.routes.load_full();
                    if routing.version > before.version() {
                        info!(table = self.table, version = routing.version, partitions = routing.partitions.len(), "routing table");
                        self.routes.store(Arc::new(Routes::new(&routing, &*self.network, &before)));
                    }
                    return self.answered_by(index);
                }
                Ok(_) => last = RefreshError::Unexpected,
            }
        }
        Err(last)
    }

    fn answered_by(&self, index: usize) -> Result<(), RefreshError> {
        self.meta.store(index, Ordering::Relaxed);
        Ok(())
    }
}

/// What is known about the calls of a request so far.
struct Progress {
    outcomes: Vec<Outcome>,
    /// Calls to be tried again.
    left: Vec<u32>,
    /// How soon: as the most urgent of them.
    urgency: Urgency,
}

/// How soon something is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// Whoever refused it, or did not answer, needs time.
    #[default]
    Later,
    /// Another node may be the one to ask.
    Soon,
    /// It is known which one.
    Now,
}

impl Progress {
    fn new(count: usize) -> Progress {
        let mut outcomes = Vec::new();
        outcomes.resize_with(count, || Outcome::Refused(Refusal::NotReady));
        Progress { outcomes, left: Vec::new(), urgency: Urgency::Later }
    }

    fn tell(&mut self, place: u32, fate: Fate) {
        let outcome = &mut self.outcomes[place as usize];
        let none = match fate {
            Fate::Reply(reply) => return *outcome = Outcome::Reply(reply),
            Fate::Long(long) => return *outcome = Outcome::Long(long),
            Fate::None(none) => none,
        };
        let doubtful = *outcome == Outcome::Refused(Refusal::Unknown);
        let again = match none {
            NoReply::Doubtful => Some(Urgency::Later),
            NoReply::Moved => Some(Urgency::Now),
            NoReply::Refused(Refusal::NotPrimary | Refusal::NotReady) => Some(Urgency::Soon),
            // A member may be on its way back, or a learner about to be one.
            NoReply::Refused(Refusal::Busy | Refusal::Expired | Refusal::Unknown | Refusal::TooFewMembers) => Some(Urgency::Later),
            NoReply::Refused(Refusal::DiskFull | Refusal::TooLarge | Refusal::UnknownCommand | Refusal::Apart) => None,
        };
        match none {
            NoReply::Doubtful | NoReply::Moved => *outcome = Outcome::Refused(Refusal::Unknown),
            // That it did not run, nor will under this request, is certain.
            NoReply::Refused(Refusal::Apart) => *outcome = Outcome::Refused(Refusal::Apart),
            // An earlier attempt may still be under way or have run: that this one did not run says nothing about it.
            NoReply::Refused(_) if doubtful => {}
            NoReply::Refused(refusal) => *outcome = Outcome::Refused(refusal),
        }
        if let Some(urgency) = again {
            self.left.push(place);
            self.urgency = self.urgency.max(urgency);
        }
    }
}

fn is_apart(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(Refusal::Apart))
}

/// Longest pause while a hand-over is likely to be under way.
const REDIRECT_MAX: Duration = Duration::from_millis(16);
/// A hand-over is over after this time, or it was none.
const HAND_OVER_MAX: Duration = Duration::from_millis(100);
/// A meta server is asked at most this often, whatever is refused.
const REFRESH_INTERVAL_MIN: Duration = Duration::from_millis(20);
/// How often it is asked while no table is known.
const STARTING_INTERVAL: Duration = Duration::from_millis(50);
/// How long one meta server is waited for.
const META_PATIENCE: Duration = Duration::from_secs(2);
