//! Requests that were sent, or will be, and have no answer yet.
//!
//! A request id is the number of a slot and the slot's generation: finding the waiter of an answer is an array access, and an
//! answer that comes after its request was given up finds nobody.

use tokio::sync::oneshot;
use tokio::time::Instant;
use wire::rpc::{ControlResponse, Executed};

use crate::service::CallError;

/// Where the answer of a request goes.
#[derive(Debug)]
pub(super) enum Waiter {
    Execute(oneshot::Sender<Result<Executed, CallError>>),
    Control(oneshot::Sender<Result<ControlResponse, CallError>>),
}

impl Waiter {
    /// Tells it that no answer will come. It may have lost interest: then nobody hears it.
    pub(super) fn fail(self, error: CallError) {
        match self {
            Waiter::Execute(sender) => drop(sender.send(Err(error))),
            Waiter::Control(sender) => drop(sender.send(Err(error))),
        }
    }
}

/// One request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) waiter: Waiter,
    pub(super) deadline: Instant,
    /// Place of its first byte in all that the lane ever sent: tells whether anything of it has left.
    pub(super) start: u64,
}

/// The requests under way on one lane.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// No deadline is before this; `None` if there is none.
    earliest: Option<Instant>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

impl InFlight {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds one; returns its id (never 0), and whether its deadline is the first to come.
    pub(super) fn insert(&mut self, entry: Entry) -> (u64, bool) {
        let first = self.earliest.is_none_or(|earliest| entry.deadline < earliest);
        if first {
            self.earliest = Some(entry.deadline);
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, entry: None });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        // Skips 0 when it wraps, so that no id is 0.
        slot.generation = slot.generation.checked_add(1).unwrap_or(1);
        slot.entry = Some(entry);
        (u64::from(slot.generation) << 32 | u64::from(index), first)
    }

    /// Removes the request an answer belongs to, if it still waits.
    pub(super) fn take(&mut self, id: u64) -> Option<Entry> {
        let index = id as u32;
        let slot = self.slots.get_mut(index as usize)?;
        if u64::from(slot.generation) != id >> 32 {
            return None;
        }
        let entry = slot.entry.take()?;
        self.free.push(index);
        Some(entry)
    }

    /// When to call [`InFlight::expired`] next; may be too early, never too late.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Removes those whose deadline has come.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Entry> {
        let mut expired = Vec::new();
        self.earliest = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            match &slot.entry {
                Some(entry) if entry.deadline <= now => {
                    expired.extend(slot.entry.take());
                    self.free.push(index as u32);
                }
                Some(entry) => self.earliest = Some(self.earliest.map_or(entry.deadline, |earliest| earliest.min(entry.deadline))),
                None => {}
            }
        }
        expired
    }

    /// Removes all.
    pub(super) fn drain(&mut self) -> Vec<Entry> {
        let mut all = Vec::new();
        self.earliest = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if let Some(entry) = slot.entry.take() {
                all.push(entry);
                self.free.push(index as u32);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(deadline: Instant) -> Entry {
        Entry { waiter: Waiter::Execute(oneshot::channel().0), deadline, start: 0 }
    }

    #[test]
    fn a_late_answer_does_not_reach_the_request_that_took_the_slot() {
        let now = crate::door::now();
        let mut requests = InFlight::default();
        let (first, _) = requests.insert(entry(now));
        assert_eq!(requests.expired(now).len(), 1);
        let (second, _) = requests.insert(entry(now));
        assert_eq!(first as u32, second as u32);
        assert!(requests.take(first).is_none());
        assert!(requests.take(second).is_some());
        assert!(requests.take(second).is_none());
        assert_eq!(requests.len(), 0);
        assert!(requests.take(u64::MAX).is_none() && requests.take(0).is_none());
    }

    #[test]
    fn expiry_takes_what_is_due_and_knows_what_comes_next() {
        let now = crate::door::now();
        let mut requests = InFlight::default();
        let at = |ms| now + Duration::from_millis(ms);
        let firsts: Vec<bool> = [30, 10, 20].map(|ms| requests.insert(entry(at(ms))).1).to_vec();
        assert_eq!(firsts, [true, true, false]);
        assert_eq!(requests.earliest(), Some(at(10)));
        assert_eq!(requests.expired(at(20)).len(), 2);
        assert_eq!((requests.earliest(), requests.len()), (Some(at(30)), 1));
        assert_eq!(requests.drain().len(), 1);
        assert_eq!((requests.earliest(), requests.len()), (None, 0));
    }
}
