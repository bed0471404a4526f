//! ZRANDMEMBER: members chosen at random, each with the same chance.

use std::ops::ControlFlow;

use resp::reply;

use crate::program::{Program, Stop};
use crate::random::{TOO_LONG, check_repetitions};
use crate::sorted_sets::members;
use crate::sorted_sets::view::SortedSet;

/// ZRANDMEMBER: one member; with a count, so many different ones; with a negative count, so many that may be the same.
pub(crate) fn zrandmember(p: &mut Program<'_>) -> Result<(), Stop> {
    if p.args().len() == 2 {
        return one(p);
    }
    let count = p.integer_at(2)?;
    if count == i64::MIN {
        return Err(Stop::refused("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"));
    }
    let with_scores = p.args().len() > 3;
    if p.args().len() > 4 || with_scores && !p.args().at(3).eq_ignore_ascii_case(b"withscores") {
        return Err(Stop::syntax());
    }
    let wanted = count.unsigned_abs();
    if with_scores && wanted > i64::MAX as u64 / 2 {
        return Err(Stop::refused("ERR value is out of range"));
    }
    let Some(set) = SortedSet::open(p, 1)?.filter(|_| wanted > 0) else {
        reply::array(p.out, 0);
        return Ok(());
    };
    let (out, proto) = (&mut *p.out, p.call.proto);
    if count > 0 {
        let wanted = wanted.min(set.len());
        members::header(out, proto, wanted, with_scores);
        return Ok(set.random_distinct(p.txn, wanted, &mut |score, member| {
            members::member(out, proto, member, with_scores.then_some(score));
        })?);
    }
    check_repetitions(&p.call.limits, wanted)?;
    // Only what is drawn again and again can be more than the sorted set itself.
    let start = out.len();
    let longest = start.saturating_add(usize::try_from(p.call.limits.value_max).unwrap_or(usize::MAX));
    members::header(out, proto, wanted, with_scores);
    set.random_repeated(p.txn, wanted, &mut |score, member| {
        members::member(out, proto, member, with_scores.then_some(score));
        if out.len() <= longest { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if p.out.len() > longest {
        p.out.truncate(start);
        return Err(Stop::refused(TOO_LONG));
    }
    Ok(())
}

fn one(p: &mut Program<'_>) -> Result<(), Stop> {
    let Some(set) = SortedSet::open(p, 1)? else {
        p.null();
        return Ok(());
    };
    let out = &mut *p.out;
    Ok(set.random_repeated(p.txn, 1, &mut |_, member| {
        reply::bulk(out, member);
        ControlFlow::Continue(())
    })?)
}
