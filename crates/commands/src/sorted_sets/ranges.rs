//! ZRANGE and its older relatives: members between two ranks, scores or members, to the client or into another key.

use std::ops::Range;

use resp::reply;

use crate::elements::STEP;
use crate::program::{Program, Stop};
use crate::sorted_sets::get::integer;
use crate::sorted_sets::members;
use crate::sorted_sets::range::{By, Limit, Selector};
use crate::sorted_sets::view::SortedSet;

/// ZRANGE.
pub(crate) fn zrange(p: &mut Program<'_>) -> Result<(), Stop> {
    show(p, Form { key: 1, by: None, reverse: None, stores: false })
}

/// ZREVRANGE.
pub(crate) fn zrevrange(p: &mut Program<'_>) -> Result<(), Stop> {
    show(p, Form { key: 1, by: Some(By::Rank), reverse: Some(true), stores: false })
}

/// ZRANGEBYSCORE.
pub(crate) fn zrangebyscore(p: &mut Program<'_>) -> Result<(), Stop> {
    show(p, Form { key: 1, by: Some(By::Score), reverse: Some(false), stores: false })
}

/// ZREVRANGEBYSCORE: the upper bound comes first.
pub(crate) fn zrevrangebyscore(p: &mut Program<'_>) -> Result<(), Stop> {
    show(p, Form { key: 1, by: Some(By::Score), reverse: Some(true), stores: false })
}

/// ZRANGEBYLEX.
pub(crate) fn zrangebylex(p: &mut Program<'_>) -> Result<(), Stop> {
    show(p, Form { key: 1, by: Some(By::Lex), reverse: Some(false), stores: false })
}

/// ZREVRANGEBYLEX: the upper bound comes first.
pub(crate) fn zrevrangebylex(p: &mut Program<'_>) -> Result<(), Stop> {
    show(p, Form { key: 1, by: Some(By::Lex), reverse: Some(true), stores: false })
}

/// ZRANGESTORE: the range becomes the whole of another key; an empty range deletes it.
pub(crate) fn zrangestore(p: &mut Program<'_>) -> Result<(), Stop> {
    let query = Query::parse(p, Form { key: 2, by: None, reverse: None, stores: true })?;
    let Some(set) = SortedSet::open(p, 2)? else {
        return store(p, SortedSet::new(p, 1));
    };
    let ranks = query.ranks(p, &set)?;
    let mut target = SortedSet::new(p, 1);
    let mut at = ranks.start;
    while at < ranks.end {
        let end = ranks.end.min(at + STEP as u64);
        for (score, member) in set.collect(p.txn, at..end)? {
            target.insert(p.txn, &member, score)?;
        }
        at = end;
    }
    store(p, target)
}

/// Makes a sorted set the whole of its key and answers how many members it has.
pub(super) fn store(p: &mut Program<'_>, set: SortedSet<'_>) -> Result<(), Stop> {
    let count = set.len();
    set.replace(p.txn)?;
    integer(p, count);
    Ok(())
}

fn show(p: &mut Program<'_>, form: Form) -> Result<(), Stop> {
    let query = Query::parse(p, form)?;
    let Some(set) = SortedSet::open(p, form.key)? else {
        reply::array(p.out, 0);
        return Ok(());
    };
    let ranks = query.ranks(p, &set)?;
    let (out, proto) = (&mut *p.out, p.call.proto);
    members::header(out, proto, ranks.end - ranks.start, query.with_scores);
    Ok(set
        .walk(p.txn, ranks, query.reverse, &mut |score, member| members::member(out, proto, member, query.with_scores.then_some(score)))?)
}

/// What a command of the family says by its name; what it leaves open its options say.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Index of the key whose members they are; the two bounds follow it.
    key: usize,
    by: Option<By>,
    reverse: Option<bool>,
    /// Whether the result goes into another key.
    stores: bool,
}

/// Which members are asked for, and in which order.
struct Query<'a> {
    selector: Selector<'a>,
    limit: Limit,
    reverse: bool,
    with_scores: bool,
}

impl<'a> Query<'a> {
    fn parse(p: &Program<'a>, form: Form) -> Result<Query<'a>, Stop> {
        let args = p.args();
        let (mut by, mut reverse, mut limit, mut with_scores) = (form.by, form.reverse, Limit::NONE, false);
        let mut at = form.key + 3;
        while at < args.len() {
            match args.at(at) {
                o if o.eq_ignore_ascii_case(b"withscores") && !form.stores => with_scores = true,
                o if o.eq_ignore_ascii_case(b"limit") && at + 2 < args.len() => {
                    limit = Limit { offset: p.integer_at(at + 1)?, count: p.integer_at(at + 2)? };
                    at += 2;
                }
                o if o.eq_ignore_ascii_case(b"rev") && reverse.is_none() => reverse = Some(true),
                o if o.eq_ignore_ascii_case(b"bylex") && by.is_none() => by = Some(By::Lex),
                o if o.eq_ignore_ascii_case(b"byscore") && by.is_none() => by = Some(By::Score),
                _ => return Err(Stop::syntax()),
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        // As in Redis, a count of -1 passes for none at all.
        if by == By::Rank && limit.count != Limit::NONE.count {
            return Err(Stop::refused("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"));
        }
        if by == By::Lex && with_scores {
            return Err(Stop::refused("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        // The upper bound of a score or a member comes first where the order is reversed; ranks are counted in the order asked for.
        let (min, max) = if reverse && by != By::Rank { (form.key + 2, form.key + 1) } else { (form.key + 1, form.key + 2) };
        let selector = Selector::parse(p, by, min, max)?;
        Ok(Query { selector, limit: if by == By::Rank { Limit::NONE } else { limit }, reverse, with_scores })
    }

    fn ranks(&self, p: &mut Program<'_>, set: &SortedSet<'_>) -> Result<Range<u64>, Stop> {
        let ranks = self.selector.ranks(set, p.txn)?;
        Ok(match self.selector {
            Selector::Ranks(..) if self.reverse => set.len() - ranks.end..set.len() - ranks.start,
            _ => self.limit.of(ranks, self.reverse),
        })
    }
}
