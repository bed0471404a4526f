//! The task of a lane: connects when there is something to send or a connection broke, serves the connection, expires what took too long,
//! waits after a failure.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use wire::hello;

use super::gone::Gone;
use super::greeting::{GreetError, greet};
use super::lane::{Lane, Phase};
use super::link::{Link, LinkError};
use super::options::Identity;
use super::transport::Connect;
use crate::door;
use crate::service::CallError;

/// What the task of a lane works with.
pub(super) struct Upkeep<C> {
    pub(super) lane: Arc<Lane>,
    pub(super) us: Arc<Identity>,
    pub(super) connect: Arc<C>,
    pub(super) gone: Arc<Gone>,
}

impl<C: Connect> Upkeep<C> {
    /// Keeps the lane going until `stop`, or until nobody needs it.
    pub(super) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = self.work() => {}
            never = expire(&self.lane) => match never {},
            () = stop.cancelled() => {}
        }
        // How much of the last frames had left is not known any more.
        fail(&self.lane, Phase::Closed, u64::MAX);
    }

    async fn work(&self) {
        let lane = &*self.lane;
        let mut backoff = lane.options.backoff_min;
        let mut failures = 0u32;
        // A connection broke, and it is not known yet what became of the node.
        let mut broke = false;
        // Connect although there may be nothing to send.
        let mut at_once = false;
        while (at_once && connecting(lane)) || wanted(lane).await {
            match establish(lane, &self.us, &*self.connect).await {
                Ok((stream, read)) => {
                    info!(node = %lane.node, address = %lane.address, lane = ?lane.kind, "connected");
                    (backoff, failures) = (lane.options.backoff_min, 0);
                    let since = door::now();
                    let mut link = Link::new(stream, read, lane);
                    let end = poll_fn(|cx| link.poll(cx)).await;
                    let written = link.written();
                    drop(link);
                    let Some(error) = end else { return };
                    let lost = fail(lane, Phase::Down, written);
                    report_break(lane, &error, lost);
                    broke = !lane.node.is_empty();
                    at_once = broke && since.elapsed() >= STOOD;
                    if at_once {
                        continue;
                    }
                }
                Err(error) => {
                    fail(lane, Phase::Down, 0);
                    failures += 1;
                    report_failure(lane, &error, failures);
                    if broke && error.is_refused() && lane.kind == hello::Lane::Replication {
                        self.gone.tell(&lane.node);
                    }
                    // The end of a process takes a moment: its listener may be there longer than its connections.
                    broke = broke && error.is_goodbye();
                    at_once = broke;
                }
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(lane.options.backoff_max);
            lane.state.lock().phase = Phase::Idle;
        }
    }
}

/// Calls are queued from here on. `false`: nobody needs the lane any more.
fn connecting(lane: &Lane) -> bool {
    let mut state = lane.state.lock();
    if !state.abandoned {
        state.phase = Phase::Connecting;
    }
    !state.abandoned
}

/// Waits until there is something to send. `false`: nobody needs the lane any more.
async fn wanted(lane: &Lane) -> bool {
    poll_fn(|cx| {
        let mut state = lane.state.lock();
        if state.out.has_remaining() {
            state.phase = Phase::Connecting;
            Poll::Ready(true)
        } else if state.abandoned {
            Poll::Ready(false)
        } else {
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        }
    })
    .await
}

async fn establish<C: Connect>(lane: &Lane, us: &Identity, connect: &C) -> Result<(C::Stream, BytesMut), GreetError> {
    let attempt = async {
        let mut stream = connect.connect(&lane.address).await?;
        let read = greet(&mut stream, us, lane.kind, &lane.node).await?;
        Ok((stream, read))
    };
    let established = timeout(lane.options.connect_timeout, attempt).await.unwrap_or(Err(GreetError::Timeout))?;
    lane.state.lock().phase = Phase::Up;
    Ok(established)
}

/// Gives up everything queued and under way. `written`: how much of all that was ever queued has left.
fn fail(lane: &Lane, phase: Phase, written: u64) -> usize {
    let mut state = lane.state.lock();
    state.phase = phase;
    state.out.clear();
    state.waker = None;
    let entries = state.in_flight.drain();
    drop(state);
    let lost = entries.len();
    for entry in entries {
        let unsent = entry.start >= written;
        entry.waiter.fail(if unsent { CallError::Unreachable(lane.target()) } else { CallError::Broken(lane.target()) });
    }
    lost
}

/// Tells those whose deadline has come.
async fn expire(lane: &Lane) -> Infallible {
    loop {
        let next = lane.state.lock().in_flight.earliest();
        match next {
            None => lane.hurry.notified().await,
            Some(deadline) => tokio::select! {
                () = sleep_until(deadline) => {
                    let expired = lane.state.lock().in_flight.expired(door::now());
                    expired.into_iter().for_each(|entry| entry.waiter.fail(CallError::Timeout));
                    sleep(EXPIRE_PAUSE).await;
                }
                () = lane.hurry.notified() => {}
            },
        }
    }
}

fn report_break(lane: &Lane, error: &LinkError, lost: usize) {
    let error: &(dyn std::error::Error + 'static) = error;
    warn!(node = %lane.node, address = %lane.address, lane = ?lane.kind, lost, error, "connection broke");
}

fn report_failure(lane: &Lane, error: &GreetError, failures: u32) {
    let error: &(dyn std::error::Error + 'static) = error;
    if failures == 1 {
        warn!(node = %lane.node, address = %lane.address, lane = ?lane.kind, error, "not reachable");
    } else {
        debug!(node = %lane.node, address = %lane.address, lane = ?lane.kind, failures, error, "still not reachable");
    }
}

/// A connection that stood for less is not made again at once: whatever ends it would be asked without a pause.
const STOOD: Duration = Duration::from_millis(100);
/// Looking through all requests under way is not for every millisecond: a timeout may be told this much late.
const EXPIRE_PAUSE: Duration = Duration::from_millis(2);
