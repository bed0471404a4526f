//! Unions, intersections and differences of sets, and the commands that answer them: SUNION, SINTER, SINTERCARD, SDIFF.
//!
//! No result is ever held: members are shown one by one as they are found, straight into a reply or a new set. A member of the union
//! belongs to the first set that has it, so that it is enough to ask the sets before.

use std::collections::HashSet;
use std::ops::ControlFlow;

use resp::number::parse_integer;
use resp::reply;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::hashed::HELD_BYTES;
use crate::program::{Program, Stop};
use crate::sets::view::{Each, Member, Set};

/// What is done with sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Members of any of them.
    Union,
    /// Members of all of them.
    Intersection,
    /// Members of the first one that are in no other.
    Difference,
}

/// SUNION.
pub(crate) fn sunion(p: &mut Program<'_>) -> Result<(), Stop> {
    answer(p, Operation::Union)
}

/// SINTER.
pub(crate) fn sinter(p: &mut Program<'_>) -> Result<(), Stop> {
    answer(p, Operation::Intersection)
}

/// SDIFF.
pub(crate) fn sdiff(p: &mut Program<'_>) -> Result<(), Stop> {
    answer(p, Operation::Difference)
}

/// SINTERCARD: the size of the intersection, counted up to a limit.
pub(crate) fn sintercard(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let numkeys = parse_integer(args.at(1)).and_then(|count| usize::try_from(count).ok()).filter(|&count| count > 0);
    let numkeys = numkeys.ok_or(Stop::refused("ERR numkeys should be greater than 0"))?;
    if numkeys > args.len() - 2 {
        return Err(Stop::refused("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = 0;
    for at in (2 + numkeys..args.len()).step_by(2) {
        let value = args.get(at + 1).filter(|_| args.at(at).eq_ignore_ascii_case(b"limit")).ok_or_else(Stop::syntax)?;
        let number = parse_integer(value).and_then(|number| u64::try_from(number).ok());
        limit = number.ok_or(Stop::refused("ERR LIMIT can't be negative"))?;
    }
    let sets = open_all(p, (2..2 + numkeys).map(|index| p.key(index)).collect())?;
    let mut count = 0;
    evaluate(p.txn, Operation::Intersection, sets, &mut |_, _| {
        count += 1;
        Ok(if count == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    p.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

/// The sets of keys, all of which hold a set or nothing.
pub(super) fn open_all(p: &mut Program<'_>, keys: Vec<HashKey<'_>>) -> Result<Vec<Option<Set>>, Stop> {
    keys.iter().map(|key| Set::open(p, key)).collect()
}

/// Shows the members of the result, each once. In Redis' order where it has one: ascending if all sets are integers; else, if they are
/// inline, as they come.
pub(super) fn evaluate(
    txn: &mut dyn HashKeyTxn,
    operation: Operation,
    mut sets: Vec<Option<Set>>,
    visit: &mut Each<'_>,
) -> Result<(), Abort> {
    let all_there = sets.iter().all(Option::is_some);
    let first_there = sets.first().is_some_and(Option::is_some);
    match operation {
        Operation::Union => union(txn, &sets.into_iter().flatten().collect::<Vec<_>>(), visit),
        Operation::Intersection if all_there => {
            sets.sort_by_key(|set| set.as_ref().map_or(0, Set::len));
            intersection(txn, &sets.into_iter().flatten().collect::<Vec<_>>(), visit)
        }
        Operation::Difference if first_there => difference(txn, sets.into_iter().flatten().collect(), visit),
        _ => Ok(()),
    }
}

fn union(txn: &mut dyn HashKeyTxn, sets: &[Set], visit: &mut Each<'_>) -> Result<(), Abort> {
    if sets.iter().all(Set::is_integers) {
        return union_of_integers(txn, sets, visit);
    }
    let mut ended = false;
    for (index, set) in sets.iter().enumerate() {
        let before = &sets[..index];
        set.each(txn, &mut |txn, member| {
            if is_in_any(txn, before, member)? {
                return Ok(ControlFlow::Continue(()));
            }
            let flow = visit(txn, member)?;
            ended = flow.is_break();
            Ok(flow)
        })?;
        if ended {
            break;
        }
    }
    Ok(())
}

/// They are inline, so they are few.
fn union_of_integers(txn: &mut dyn HashKeyTxn, sets: &[Set], visit: &mut Each<'_>) -> Result<(), Abort> {
    let mut numbers: Vec<i64> = Vec::with_capacity(sets.iter().map(|set| set.len() as usize).sum());
    for set in sets {
        numbers.extend(set.integers());
    }
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        if visit(txn, itoa::Buffer::new().format(number).as_bytes())?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Of sets that are ordered by size: the smallest one says which members there can be.
fn intersection(txn: &mut dyn HashKeyTxn, sets: &[Set], visit: &mut Each<'_>) -> Result<(), Abort> {
    let Some((smallest, others)) = sets.split_first() else { return Ok(()) };
    smallest.each(txn, &mut |txn, member| {
        for other in others {
            if !other.contains(txn, member)? {
                return Ok(ControlFlow::Continue(()));
            }
        }
        visit(txn, member)
    })
}

fn difference(txn: &mut dyn HashKeyTxn, mut sets: Vec<Set>, visit: &mut Each<'_>) -> Result<(), Abort> {
    // The largest of the others is the likeliest to have a member.
    sets[1..].sort_by_key(|set| std::cmp::Reverse(set.len()));
    let Some((first, others)) = sets.split_first() else { return Ok(()) };
    if let Some(held) = held(txn, first, others)? {
        return first.each(txn, &mut |txn, member| if held.contains(member) { Ok(ControlFlow::Continue(())) } else { visit(txn, member) });
    }
    first.each(txn, &mut |txn, member| {
        if is_in_any(txn, others, member)? { Ok(ControlFlow::Continue(())) } else { visit(txn, member) }
    })
}

/// All members of sets that are subtracted from a large one, if they are few: to know these costs less than to ask about each of those.
fn held(txn: &mut dyn HashKeyTxn, from: &Set, subtracted: &[Set]) -> Result<Option<HashSet<Member>>, Abort> {
    let count = subtracted.iter().fold(0u64, |sum, set| sum.saturating_add(set.len()));
    if from.exploded().is_none() || count > from.len().min(HELD_MAX) {
        return Ok(None);
    }
    let (mut held, mut bytes) = (HashSet::with_capacity(count as usize), 0);
    for set in subtracted {
        set.visit(txn, &mut |member| {
            bytes += member.len();
            held.insert(Member::from_slice(member));
            if bytes < HELD_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    Ok(Some(held).filter(|_| bytes < HELD_BYTES))
}

fn is_in_any(txn: &mut dyn HashKeyTxn, sets: &[Set], member: &[u8]) -> Result<bool, Abort> {
    for set in sets {
        if set.contains(txn, member)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Members go into the reply as they are found; how many they were is then put in front of them.
fn answer(p: &mut Program<'_>, operation: Operation) -> Result<(), Stop> {
    let sets = open_all(p, p.keys().collect())?;
    let start = p.out.len();
    let mut count = 0;
    let out = &mut *p.out;
    evaluate(p.txn, operation, sets, &mut |_, member| {
        reply::bulk(out, member);
        count += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    let mut header = Vec::new();
    reply::set(&mut header, p.proto(), count);
    p.out.insert(start, &header);
    Ok(())
}

/// Members that SDIFF holds in memory at most.
const HELD_MAX: u64 = 65_536;
