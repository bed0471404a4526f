//! Ranges as commands name them: by rank, by score, by member; and LIMIT.
//!
//! Each of them comes down to two places or two ranks between which the members lie (see [`crate::sorted_sets::place`]).

use std::ops::Range;

use types::txn::{Abort, HashKeyTxn};

use crate::float;
use crate::program::{Program, Stop};
use crate::sorted_sets::place::{Place, after, after_score, at_score, place};
use crate::sorted_sets::view::SortedSet;

/// Which members a command is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selector<'a> {
    /// From one rank to another, both included; negative ones are counted from the end.
    Ranks(i64, i64),
    /// Between two scores.
    Scores(ScoreRange),
    /// Between two members of equal scores.
    Members(MemberRange<'a>),
}

/// What kind of [`Selector`] arguments are to be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// By rank.
    Rank,
    /// By score.
    Score,
    /// By member.
    Lex,
}

/// Scores between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ScoreRange {
    /// The lower bound.
    pub(crate) min: f64,
    /// Whether the lower bound itself lies outside.
    pub(crate) min_excluded: bool,
    /// The upper bound.
    pub(crate) max: f64,
    /// Whether the upper bound itself lies outside.
    pub(crate) max_excluded: bool,
}

/// Members between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MemberRange<'a> {
    min: MemberBound<'a>,
    max: MemberBound<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum MemberBound<'a> {
    /// `-`: before all members.
    First,
    /// `[member`
    Included(&'a [u8]),
    /// `(member`
    Excluded(&'a [u8]),
    /// `+`: behind all members.
    Last,
}

impl<'a> Selector<'a> {
    /// The range between the lower bound in argument `min` and the upper one in argument `max`.
    pub(crate) fn parse(p: &Program<'a>, by: By, min: usize, max: usize) -> Result<Selector<'a>, Stop> {
        let (low, high) = (p.args().at(min), p.args().at(max));
        match by {
            By::Rank => Ok(Selector::Ranks(p.integer_at(min)?, p.integer_at(max)?)),
            By::Score => {
                let range = ScoreRange::parse(low, high);
                range.map(Selector::Scores).ok_or(Stop::refused("ERR min or max is not a float"))
            }
            By::Lex => {
                let range = MemberBound::parse(low).zip(MemberBound::parse(high)).map(|(min, max)| MemberRange { min, max });
                range.map(Selector::Members).ok_or(Stop::refused("ERR min or max not valid string range item"))
            }
        }
    }

    /// The ranks of the members that it selects. The range may be empty, and never reaches beyond the end.
    pub(crate) fn ranks(&self, set: &SortedSet<'_>, txn: &mut dyn HashKeyTxn) -> Result<Range<u64>, Abort> {
        let range = match self {
            Selector::Ranks(start, end) => return Ok(ranks_between(*start, *end, set.len())),
            Selector::Scores(range) => range.places().map(|(from, to)| (from, Some(to))),
            Selector::Members(range) => range.places(set, txn)?,
        };
        let Some((from, to)) = range else { return Ok(0..0) };
        let start = set.before(txn, &from)?;
        let end = match to {
            Some(to) => set.before(txn, &to)?,
            None => set.len(),
        };
        Ok(start..end.max(start))
    }
}

impl ScoreRange {
    fn parse(min: &[u8], max: &[u8]) -> Option<ScoreRange> {
        let (min, min_excluded) = score_bound(min)?;
        let (max, max_excluded) = score_bound(max)?;
        Some(ScoreRange { min, min_excluded, max, max_excluded })
    }

    /// The first place inside and the first one behind; `None` if nothing can lie in it.
    pub(crate) fn places(&self) -> Option<(Place, Place)> {
        let from = if self.min_excluded { after_score(self.min) } else { at_score(self.min) };
        let to = if self.max_excluded { at_score(self.max) } else { after_score(self.max) };
        (from < to).then_some((from, to))
    }
}

impl<'a> MemberRange<'a> {
    /// The first place inside and the first one behind, if there is one; `None` if nothing can lie in it. All scores are
    /// taken to be the same; if they are not, Redis promises nothing, and here the range is one from the lowest score's members to the
    /// highest score's. As in Redis it is empty if the first member lies behind it, or the last one before it.
    fn places(&self, set: &SortedSet<'_>, txn: &mut dyn HashKeyTxn) -> Result<Option<(Place, Option<Place>)>, Abort> {
        let Some([(lowest, first), (highest, last)]) = set.extremes(txn)?.filter(|_| !self.is_empty()) else { return Ok(None) };
        let behind = match self.max {
            MemberBound::First => true,
            MemberBound::Included(max) => first[..] > *max,
            MemberBound::Excluded(max) => first[..] >= *max,
            MemberBound::Last => false,
        };
        let before = match self.min {
            MemberBound::First => false,
            MemberBound::Included(min) => last[..] < *min,
            MemberBound::Excluded(min) => last[..] <= *min,
            MemberBound::Last => true,
        };
        if behind || before {
            return Ok(None);
        }
        let from = match self.min {
            MemberBound::First => at_score(lowest),
            MemberBound::Included(member) => place(lowest, member),
            MemberBound::Excluded(member) => after(lowest, member),
            MemberBound::Last => return Ok(None),
        };
        let to = match self.max {
            MemberBound::First => return Ok(None),
            MemberBound::Included(member) => Some(after(highest, member)),
            MemberBound::Excluded(member) => Some(place(highest, member)),
            MemberBound::Last => None,
        };
        Ok(Some((from, to)))
    }

    fn is_empty(&self) -> bool {
        match (self.min, self.max) {
            (MemberBound::Included(min), MemberBound::Included(max)) => min > max,
            (MemberBound::Included(min) | MemberBound::Excluded(min), MemberBound::Included(max) | MemberBound::Excluded(max)) => {
                min >= max
            }
            _ => false,
        }
    }
}

impl<'a> MemberBound<'a> {
    fn parse(text: &'a [u8]) -> Option<MemberBound<'a>> {
        match text {
            // As in Redis, a zero byte ends the word.
            [b'-'] | [b'-', 0, ..] => Some(MemberBound::First),
            [b'+'] | [b'+', 0, ..] => Some(MemberBound::Last),
            [b'[', member @ ..] => Some(MemberBound::Included(member)),
            [b'(', member @ ..] => Some(MemberBound::Excluded(member)),
            _ => None,
        }
    }
}

/// LIMIT offset count, as ranks: a negative offset leaves nothing, a negative count takes all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Members to leave out.
    pub(crate) offset: i64,
    /// Members to take.
    pub(crate) count: i64,
}

impl Limit {
    /// No limit.
    pub(crate) const NONE: Limit = Limit { offset: 0, count: -1 };

    /// What is left of a range that is walked upwards or downwards.
    pub(crate) fn of(self, ranks: Range<u64>, reverse: bool) -> Range<u64> {
        let len = ranks.end.saturating_sub(ranks.start);
        let skipped = u64::try_from(self.offset).unwrap_or(len).min(len);
        let taken = u64::try_from(self.count).unwrap_or(u64::MAX).min(len - skipped);
        if reverse {
            let end = ranks.start + len - skipped;
            end - taken..end
        } else {
            let start = ranks.start + skipped;
            start..start + taken
        }
    }
}

/// The ranks from one to another, both included, of `len`.
fn ranks_between(start: i64, end: i64, len: u64) -> Range<u64> {
    let from_start = |rank: i64| match u64::try_from(rank) {
        Ok(rank) => Some(rank),
        Err(_) => len.checked_sub(rank.unsigned_abs()),
    };
    let start = from_start(start).unwrap_or(0).min(len);
    let end = from_start(end).map_or(0, |end| end.saturating_add(1)).min(len);
    start..end.max(start)
}

fn score_bound(text: &[u8]) -> Option<(f64, bool)> {
    match text {
        [b'(', text @ ..] => float::parse_bound(text).map(|bound| (bound, true)),
        text => float::parse_bound(text).map(|bound| (bound, false)),
    }
}
