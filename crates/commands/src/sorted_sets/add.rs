//! ZADD and ZINCRBY: members get scores.

use types::args::Args;
use types::txn::HashKeyTxn;

use crate::float;
use crate::program::{Program, Stop};
use crate::sorted_sets::view::SortedSet;

/// Which members may be added or change their scores, and what a score that is given means.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rule {
    /// NX: members that are there keep their scores.
    pub(crate) only_new: bool,
    /// XX: no members are added.
    pub(crate) only_existing: bool,
    /// GT: scores only rise.
    pub(crate) only_greater: bool,
    /// LT: scores only fall.
    pub(crate) only_less: bool,
    /// INCR: what is given is added to the score.
    pub(crate) increment: bool,
}

/// What became of a member.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    /// The rule does not allow it.
    Refused,
    /// It is new and has this score.
    Added(f64),
    /// It has this new score.
    Changed(f64),
    /// It has this score and had it before.
    Same(f64),
}

/// ZADD.
pub(crate) fn zadd(p: &mut Program<'_>) -> Result<(), Stop> {
    add(p, Options::default())
}

/// ZINCRBY: as in Redis, a ZADD with INCR.
pub(crate) fn zincrby(p: &mut Program<'_>) -> Result<(), Stop> {
    add(p, Options { rule: Rule { increment: true, ..Rule::default() }, count_changed: false })
}

/// Gives a member a score, as far as the rule allows. Nothing is written if that changes nothing.
///
/// # Errors
/// Refuses a sum that is not a number, before anything is written.
pub(crate) fn put(set: &mut SortedSet<'_>, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64, rule: Rule) -> Result<Outcome, Stop> {
    let Some(old) = set.score(txn, member)? else {
        if rule.only_existing {
            return Ok(Outcome::Refused);
        }
        set.insert(txn, member, score)?;
        return Ok(Outcome::Added(score));
    };
    if rule.only_new {
        return Ok(Outcome::Refused);
    }
    let new = if rule.increment { old + score } else { score };
    if new.is_nan() {
        return Err(Stop::refused("ERR resulting score is not a number (NaN)"));
    }
    if rule.only_greater && new <= old || rule.only_less && new >= old {
        return Ok(Outcome::Refused);
    }
    if new == old {
        return Ok(Outcome::Same(new));
    }
    set.change(txn, member, old, new)?;
    Ok(Outcome::Changed(new))
}

fn add(p: &mut Program<'_>, options: Options) -> Result<(), Stop> {
    let args = &p.call.args;
    let (options, first) = options.parse(args);
    let pairs = options.pairs(args, first)?;
    let Some(mut set) = SortedSet::open(p, 1)?.or_else(|| (!options.rule.only_existing).then(|| SortedSet::new(p, 1))) else {
        if options.rule.increment {
            p.null()
        } else {
            p.integer(0)
        }
        return Ok(());
    };
    let (mut added, mut changed, mut last) = (0, 0, Outcome::Refused);
    for (at, &score) in pairs.iter().enumerate() {
        last = put(&mut set, p.txn, args.at(first + 2 * at + 1), score, options.rule)?;
        match last {
            Outcome::Added(_) => added += 1,
            Outcome::Changed(_) => changed += 1,
            Outcome::Refused | Outcome::Same(_) => {}
        }
    }
    set.store(p.txn)?;
    match last {
        Outcome::Refused if options.rule.increment => p.null(),
        Outcome::Added(score) | Outcome::Changed(score) | Outcome::Same(score) if options.rule.increment => {
            resp::reply::double(p.out, p.proto(), score);
        }
        _ => p.integer(if options.count_changed { added + changed } else { added }),
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, Default)]
struct Options {
    rule: Rule,
    /// CH: the reply counts members whose scores changed, too.
    count_changed: bool,
}

impl Options {
    /// These options and those that are said, and the index of the first score.
    fn parse(mut self, args: &Args) -> (Options, usize) {
        for at in 2..args.len() {
            match args.at(at) {
                o if o.eq_ignore_ascii_case(b"nx") => self.rule.only_new = true,
                o if o.eq_ignore_ascii_case(b"xx") => self.rule.only_existing = true,
                o if o.eq_ignore_ascii_case(b"gt") => self.rule.only_greater = true,
                o if o.eq_ignore_ascii_case(b"lt") => self.rule.only_less = true,
                o if o.eq_ignore_ascii_case(b"ch") => self.count_changed = true,
                o if o.eq_ignore_ascii_case(b"incr") => self.rule.increment = true,
                _ => return (self, at),
            }
        }
        (self, args.len())
    }

    /// The scores of the pairs of score and member that begin at argument `first`.
    fn pairs(&self, args: &Args, first: usize) -> Result<Vec<f64>, Stop> {
        let Rule { only_new, only_existing, only_greater, only_less, increment } = self.rule;
        let rest = args.len() - first;
        if rest == 0 || rest % 2 == 1 {
            return Err(Stop::syntax());
        }
        if only_new && only_existing {
            return Err(Stop::refused("ERR XX and NX options at the same time are not compatible"));
        }
        if only_greater && (only_new || only_less) || only_less && only_new {
            return Err(Stop::refused("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if increment && rest > 2 {
            return Err(Stop::refused("ERR INCR option supports a single increment-element pair"));
        }
        let scores = (first..args.len()).step_by(2).map(|at| float::parse(args.at(at)));
        scores.collect::<Option<_>>().ok_or(Stop::refused(NOT_A_FLOAT))
    }
}

/// Redis' text for an argument that is not a floating point number.
pub(crate) const NOT_A_FLOAT: &str = "ERR value is not a valid float";
