//! What sessions of a thread take turns with.

use std::cell::RefCell;

use types::args::Args;

use crate::batch::Batch;
use crate::output::Output;

/// What a batch needs while it is under way. Sessions of a thread take turns with it, so a connection that waits for its client holds
/// none of it.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) requests: Vec<Args>,
    pub(super) batch: Batch,
    pub(super) output: Output,
}

thread_local! {
    static POOL: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

impl Scratch {
    pub(super) fn take() -> Scratch {
        POOL.with_borrow_mut(Vec::pop).unwrap_or_default()
    }

    /// Gives it to the next one, unless the session ended in the middle of something.
    pub(super) fn give_back(mut self) {
        if self.requests.is_empty() && self.batch.is_empty() && self.output.is_empty() {
            self.requests.shrink_to(REQUESTS_KEPT);
            POOL.with_borrow_mut(|pool| {
                if pool.len() < POOL_MAX {
                    pool.push(self);
                }
            });
        }
    }
}

/// Scratches that a thread keeps.
const POOL_MAX: usize = 64;
/// Requests that a scratch keeps room for.
const REQUESTS_KEPT: usize = 1024;
