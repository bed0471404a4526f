//! What a search keeps of the members it finds: all, the first ones, or the nearest or farthest ones.
//!
//! Invariant: no more members are held than will be shown.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

/// Which of the members that lie in the area are wanted, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wanted {
    /// COUNT: at most so many.
    pub(super) count: Option<usize>,
    /// ANY: those that are found first.
    pub(super) any: bool,
    /// ASC or DESC; members at equal distances stay in the order in which they are found.
    pub(super) order: Option<Order>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The nearest first.
    Ascending,
    /// The farthest first.
    Descending,
}

/// A member that lies in the area.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) member: Box<[u8]>,
    pub(super) score: f64,
    /// Meters from the center.
    pub(super) distance: f64,
}

/// Collects members.
pub(super) struct Nearest {
    wanted: Wanted,
    /// How many members it has been offered.
    offered: u64,
    kept: BinaryHeap<Ranked>,
}

/// A member and its place in the result: the heap's top is the one to give away.
struct Ranked {
    key: Key,
    found: Found,
}

/// By distance in the order wanted, then as found. Without an order the first part is 0.
#[derive(Debug, Clone, Copy)]
struct Key(f64, u64);

impl Nearest {
    pub(super) fn new(wanted: Wanted) -> Nearest {
        // The nearest ones are meant where nothing is said about which.
        let order = wanted.order.or((wanted.count.is_some() && !wanted.any).then_some(Order::Ascending));
        Nearest { wanted: Wanted { order, ..wanted }, offered: 0, kept: BinaryHeap::new() }
    }

    /// Takes in a member, if it is one of those wanted; says whether more are.
    pub(super) fn offer(&mut self, member: &[u8], score: f64, distance: f64) -> ControlFlow<()> {
        let by_distance = match self.wanted.order {
            None => 0.0,
            Some(Order::Ascending) => distance,
            Some(Order::Descending) => -distance,
        };
        let key = Key(by_distance, self.offered);
        self.offered += 1;
        if self.is_full() {
            if self.kept.peek().is_none_or(|last| last.key <= key) {
                return ControlFlow::Continue(());
            }
            self.kept.pop();
        }
        self.kept.push(Ranked { key, found: Found { member: member.into(), score, distance } });
        if self.wanted.any && self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Those that were kept, in the order wanted.
    pub(super) fn into_members(self) -> impl ExactSizeIterator<Item = Found> {
        self.kept.into_sorted_vec().into_iter().map(|ranked| ranked.found)
    }

    fn is_full(&self) -> bool {
        self.wanted.count.is_some_and(|count| self.kept.len() >= count)
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.key == other.key
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_kept_is_what_sorting_and_cutting_leaves(
            distances in prop::collection::vec(0u8..6, 0..20), count in prop::option::of(1usize..25), any in any::<bool>(),
            order in prop::option::of(prop_oneof![Just(Order::Ascending), Just(Order::Descending)]),
        ) {
            let any = any && count.is_some();
            let mut nearest = Nearest::new(Wanted { count, any, order });
            for (index, &distance) in distances.iter().enumerate() {
                let flow = nearest.offer(&[index as u8], index as f64, f64::from(distance));
                prop_assert!(nearest.kept.len() <= count.unwrap_or(usize::MAX));
                prop_assert_eq!(flow.is_break(), any && nearest.kept.len() == count.unwrap());
                if flow.is_break() {
                    break;
                }
            }
            let mut expected: Vec<(u8, usize)> = distances.iter().copied().zip(0..).collect();
            if any {
                expected.truncate(count.unwrap());
            }
            match order {
                Some(Order::Descending) => expected.sort_by_key(|&(distance, _)| std::cmp::Reverse(distance)),
                Some(Order::Ascending) => expected.sort_by_key(|&(distance, _)| distance),
                None if count.is_some() && !any => expected.sort_by_key(|&(distance, _)| distance),
                None => {}
            }
            expected.truncate(count.unwrap_or(usize::MAX));
            let found: Vec<(u8, usize)> = nearest.into_members().map(|found| (found.distance as u8, usize::from(found.member[0]))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
