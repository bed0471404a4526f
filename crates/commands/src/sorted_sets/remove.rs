//! ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX: members go. A sorted set without members is no key.

use crate::program::{Program, Stop};
use crate::sorted_sets::get::integer;
use crate::sorted_sets::range::{By, Selector};
use crate::sorted_sets::view::SortedSet;

/// ZREM.
pub(crate) fn zrem(p: &mut Program<'_>) -> Result<(), Stop> {
    let mut removed = 0;
    if let Some(mut set) = SortedSet::open(p, 1)? {
        for index in 2..p.args().len() {
            let member = p.call.args.at(index);
            if let Some(score) = set.score(p.txn, member)? {
                set.remove(p.txn, member, score)?;
                removed += 1;
            }
        }
        set.store(p.txn)?;
    }
    integer(p, removed);
    Ok(())
}

/// ZREMRANGEBYRANK.
pub(crate) fn zremrangebyrank(p: &mut Program<'_>) -> Result<(), Stop> {
    remove_range(p, By::Rank)
}

/// ZREMRANGEBYSCORE.
pub(crate) fn zremrangebyscore(p: &mut Program<'_>) -> Result<(), Stop> {
    remove_range(p, By::Score)
}

/// ZREMRANGEBYLEX.
pub(crate) fn zremrangebylex(p: &mut Program<'_>) -> Result<(), Stop> {
    remove_range(p, By::Lex)
}

fn remove_range(p: &mut Program<'_>, by: By) -> Result<(), Stop> {
    let selector = Selector::parse(p, by, 2, 3)?;
    let mut removed = 0;
    if let Some(mut set) = SortedSet::open(p, 1)? {
        let ranks = selector.ranks(&set, p.txn)?;
        removed = ranks.end - ranks.start;
        set.remove_ranks(p.txn, ranks)?;
        set.store(p.txn)?;
    }
    integer(p, removed);
    Ok(())
}
