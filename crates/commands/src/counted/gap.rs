//! Removal of members that stand next to each other, however many: each level's count in front of them changes once.

use std::ops::{Bound, ControlFlow, Range};

use smallvec::SmallVec;
use types::txn::{Abort, HashKeyTxn};

use crate::counted::ends::{Ends, cut};
use crate::counted::{Before, Counted, End, SHORT, damaged, read_count};
use crate::elements::{STEP, SortKey};

/// What members that are gone leave behind.
#[derive(Debug, Default)]
struct Gap {
    /// Number of members.
    members: u64,
    lowest: SortKey,
    highest: SortKey,
    levels: SmallVec<[Passed; 4]>,
}

/// The nodes of a level that went with members.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    /// What they counted together.
    count: u64,
    /// Whether the open one is among them.
    open: bool,
}

/// Is shown a member that is gone, and may remove what else there is of it.
pub(crate) type Gone<'a> = dyn FnMut(&mut dyn HashKeyTxn, &[u8]) -> Result<(), Abort> + 'a;

impl Counted {
    /// Removes members, which have to be in the sequence, in order and without others between them.
    pub(crate) fn remove(&mut self, txn: &mut dyn HashKeyTxn, keys: &[&[u8]]) -> Result<(), Abort> {
        let mut gap = Gap::default();
        keys.iter().try_for_each(|key| self.unlink(txn, key, &mut gap))?;
        self.close(txn, &gap)?;
        self.mend_ends(txn, &gap.lowest, &gap.highest)
    }

    /// Removes `count` members of one end, or all if there are fewer, and shows them, the outermost first.
    pub(crate) fn drain(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        end: End,
        count: u64,
        seen: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Abort> {
        self.take(txn, Bound::Unbounded, count.min(self.ends.len), end == End::Last, seen, &mut |_, _| Ok(()))
    }

    /// Removes the members with these indexes, which have to be there.
    pub(crate) fn remove_ranks(&mut self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>, gone: &mut Gone<'_>) -> Result<(), Abort> {
        if ranks.end > self.ends.len {
            return Err(damaged());
        }
        let count = ranks.end.saturating_sub(ranks.start);
        let from_end = ranks.start > 0 && ranks.end == self.ends.len;
        let start = if ranks.start == 0 || from_end || count == 0 { None } else { Some(self.key_at(txn, ranks.start)?) };
        let start = start.map_or(Bound::Unbounded, Bound::Included);
        self.take(txn, start, count, from_end, &mut |_, _| (), gone)
    }

    /// Removes `count` members from a bound on, upwards or, in reverse, downwards. A bound that is none stands for that end.
    fn take(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        start: Bound<SortKey>,
        count: u64,
        reverse: bool,
        seen: &mut dyn FnMut(&[u8], &[u8]),
        gone: &mut Gone<'_>,
    ) -> Result<(), Abort> {
        let from_end = start == Bound::Unbounded;
        let (mut gap, mut start, mut next) = (Gap::default(), start, None);
        while gap.members < count {
            let step = usize::try_from(count - gap.members).map_or(STEP, |left| left.min(STEP));
            let mut keys: Vec<SortKey> = Vec::with_capacity(step);
            let bound = start.as_ref().map(|key| &key[..]);
            let (from, to) = if reverse { (Bound::Unbounded, bound) } else { (bound, Bound::Unbounded) };
            next = None;
            self.walk(txn, from, to, reverse, &mut |key, element| {
                if keys.len() == step {
                    next = Some(cut(key));
                    return ControlFlow::Break(());
                }
                keys.push(SortKey::from_slice(key));
                seen(key, element);
                ControlFlow::Continue(())
            })?;
            for key in &keys {
                self.unlink(txn, key, &mut gap)?;
                gone(txn, key)?;
            }
            start = Bound::Excluded(keys.pop().filter(|_| keys.len() + 1 == step).ok_or_else(damaged)?);
        }
        if count == 0 {
            return Ok(());
        }
        self.close(txn, &gap)?;
        // The walk has shown who stands at that end now.
        match next {
            Some(next) if from_end && reverse => self.ends.last = next,
            Some(next) if from_end => self.ends.first = next,
            _ => {}
        }
        self.mend_ends(txn, &gap.lowest, &gap.highest)
    }

    /// Removes the records of a member that is next to those of the gap.
    fn unlink(&mut self, txn: &mut dyn HashKeyTxn, key: &[u8], gap: &mut Gap) -> Result<(), Abort> {
        let height = self.height(key);
        if height > self.ends.levels.len() {
            return Err(damaged());
        }
        gap.levels.resize(gap.levels.len().max(height), Passed::default());
        for (level, passed) in (1..=height).zip(&mut gap.levels) {
            let sort_key = self.node(level, key);
            let at = &mut self.ends.levels[level - 1];
            let count = match at.open.take_if(|(open, _)| open[..] == *key) {
                Some((_, count)) => {
                    passed.open = true;
                    count
                }
                None => {
                    let record = txn.get(self.value, &sort_key)?.ok_or_else(damaged)?;
                    txn.delete(self.value, &sort_key);
                    read_count(&record)?
                }
            };
            passed.count = passed.count.saturating_add(count);
            at.nodes = at.nodes.checked_sub(1).ok_or_else(damaged)?;
        }
        txn.delete(self.value, &self.member(key));
        if gap.members == 0 || *key < gap.lowest[..] {
            gap.lowest = SortKey::from_slice(key);
        }
        if *key > gap.highest[..] {
            gap.highest = SortKey::from_slice(key);
        }
        gap.members += 1;
        Ok(())
    }

    /// Puts the counts right.
    fn close(&mut self, txn: &mut dyn HashKeyTxn, gap: &Gap) -> Result<(), Abort> {
        if gap.members == 0 {
            return Ok(());
        }
        for level in 1..=self.ends.levels.len() {
            let passed = gap.levels.get(level - 1).copied().unwrap_or_default();
            let before = self.before(txn, level, &gap.lowest)?;
            let count = self.count(level, &before).saturating_add(passed.count).checked_sub(gap.members).ok_or_else(damaged)?;
            match before {
                // The last node that is left is open again.
                Before::Node(key, _) if passed.open && key.len() <= SHORT => {
                    txn.delete(self.value, &self.node(level, &key));
                    self.ends.levels[level - 1].open = Some((key, count));
                }
                before => self.set_count(txn, level, &before, count),
            }
        }
        while self.ends.levels.last().is_some_and(|level| level.nodes == 0) {
            self.ends.levels.pop();
        }
        self.ends.len = self.ends.len.checked_sub(gap.members).ok_or_else(damaged)?;
        Ok(())
    }

    /// The members from `lowest` to `highest` are gone: were they the first or the last ones?
    pub(super) fn mend_ends(&mut self, txn: &mut dyn HashKeyTxn, lowest: &[u8], highest: &[u8]) -> Result<(), Abort> {
        if self.ends.len == 0 {
            self.ends = Ends::default();
            return Ok(());
        }
        if cut(lowest) == self.ends.first {
            self.ends.first = self.outermost(txn, End::First)?;
        }
        if cut(highest) == self.ends.last {
            self.ends.last = self.outermost(txn, End::Last)?;
        }
        Ok(())
    }
}
