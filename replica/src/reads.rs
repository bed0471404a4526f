//! Reads that do not end at once on the thread they came by: what they need is not in memory, or their reply is long.
//!
//! | where | may wait for the disk | reply |
//! |---|---|---|
//! | on the caller's thread | no | held |
//! | on the pool | yes | held |
//! | on the pool for long replies | yes | in a file from [`LONG`] bytes on |
//!
//! A read that cannot end at one place begins again at the next. So long replies keep nobody waiting but each other.

use std::sync::Arc;

use engine::store::Tier;
use engine::txn::Reader;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tracing::warn;
use types::reply::{Finished, Reply, Stop};
use types::time::Time;
use types::txn::{Abort, Call, Coprocessor};
use wire::rpc::{Outcome, Refusal};

use crate::clock::Clock;
use crate::frame::Frame;
use crate::partition::View;
use crate::pool::Pool;
use crate::spool::{LONG, Spools};

/// What reads off the caller's thread work with.
pub(crate) struct Reads {
    pub(crate) coprocessor: Arc<dyn Coprocessor>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: Arc<Pool>,
    /// For long replies.
    pub(crate) long: Pool,
    pub(crate) spools: Arc<Spools>,
}

/// Who waits for some reads, until when.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) frame: Arc<Frame>,
    pub(crate) deadline: Time,
}

impl Reads {
    /// Runs reads of one partition where they may wait for the disk. Each call comes with its place in the frame.
    pub(crate) fn cold(self: &Arc<Self>, view: Arc<View>, calls: SmallVec<[(u32, Call); 1]>, asker: Asker, seed: u64) {
        let places: SmallVec<[u32; 4]> = calls.iter().map(|(place, _)| *place).collect();
        let (reads, frame) = (Arc::clone(self), Arc::clone(&asker.frame));
        let job = move || {
            let mut held = 0;
            for (place, call) in calls {
                match reads.held(&view, &call, held, seed) {
                    Ok(Some(reply)) => {
                        held += reply.len();
                        asker.frame.fill([(place, Outcome::Reply(reply.into()))]);
                    }
                    Ok(None) => reads.long(Arc::clone(&view), place, call, asker.clone(), seed),
                    Err(refusal) => asker.frame.refuse([place], refusal),
                }
            }
        };
        if self.pool.submit(job).is_err() {
            frame.refuse(places, Refusal::Busy);
        }
    }

    /// Runs a read whose reply is held, `None` if that is long.
    fn held(&self, view: &View, call: &Call, before: usize, seed: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let store = view.readable(self.clock.now())?;
        let stop = Stop::default();
        let mut reply = Reply::bounded(limit(before)).stopping(stop.clone());
        let mut reader = Reader::new(store, Tier::Disk, self.clock.unix(), seed).stopping(stop);
        let ran = self.coprocessor.execute(&mut reader, call, &mut reply);
        match (reply.finish(), ran) {
            (Finished::Held(reply), Ok(())) => Ok(Some(reply)),
            (Finished::Held(_), Err(error)) => Err(failed(view, &error)),
            (Finished::Lost | Finished::Spooled, _) => Ok(None),
        }
    }

    /// Runs a read whose reply is long.
    pub(crate) fn long(self: &Arc<Self>, view: Arc<View>, place: u32, call: Call, asker: Asker, seed: u64) {
        let (reads, frame) = (Arc::clone(self), Arc::clone(&asker.frame));
        let job = move || {
            let asker = Once(Mutex::new(Some((asker, place))));
            reads.spooled(&view, &call, Arc::new(asker), seed);
        };
        if self.long.submit(job).is_err() {
            frame.refuse([place], Refusal::Busy);
        }
    }

    fn spooled(&self, view: &View, call: &Call, asker: Arc<Once>, seed: u64) {
        let now = self.clock.now();
        if asker.deadline().is_none_or(|deadline| deadline < now) {
            return asker.tell(Outcome::Refused(Refusal::Expired));
        }
        let store = match view.readable(now) {
            Ok(store) => store,
            Err(refusal) => return asker.tell(Outcome::Refused(refusal)),
        };
        let stop = Stop::default();
        let told = Arc::clone(&asker);
        // From here on its state is fixed: who asked need not wait for all of it.
        let begun = move |begun: Result<u64, &'static str>| {
            told.tell(match begun {
                Ok(reply) => Outcome::Long(reply),
                Err(text) => Outcome::Reply(format!("-{text}\r\n").into()),
            });
        };
        let mut reply = Reply::spooled(LONG, Box::new(self.spools.writer(stop.clone(), begun)));
        let mut reader = Reader::new(store, Tier::Disk, self.clock.unix(), seed).stopping(stop);
        match self.coprocessor.execute(&mut reader, call, &mut reply) {
            Ok(()) => {
                if let Finished::Held(reply) = reply.finish() {
                    asker.tell(Outcome::Reply(reply.into()));
                }
            }
            // If it is because nobody wants it any more, or it has failed, that was told.
            Err(Abort::Cold) => drop(reply),
            Err(error) => {
                drop(reply);
                asker.tell(Outcome::Refused(failed(view, &error)));
            }
        }
    }
}

/// The one place of a frame that a read fills once.
struct Once(Mutex<Option<(Asker, u32)>>);

impl Once {
    fn deadline(&self) -> Option<Time> {
        self.0.lock().as_ref().map(|(asker, _)| asker.deadline)
    }

    fn tell(&self, outcome: Outcome) {
        if let Some((asker, place)) = self.0.lock().take() {
            asker.frame.fill([(place, outcome)]);
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.tell(Outcome::Refused(Refusal::NotPrimary));
    }
}

/// What a reply may hold in memory where those before it in the same request hold so much.
pub(crate) fn limit(before: usize) -> usize {
    if before < REPLIES_BYTES { LONG } else { LONG_AMONG_MANY }
}

fn failed(view: &View, error: &Abort) -> Refusal {
    warn!(partition = %view.id, %error, "read");
    Refusal::NotPrimary
}

/// Replies to one request that may be held before the rest is held no more.
const REPLIES_BYTES: usize = 16 << 20;
const LONG_AMONG_MANY: usize = 64 << 10;
