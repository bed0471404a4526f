//! GEOADD: members get places, which is a ZADD of their scores.

use types::args::Args;

use crate::geo::argument::place_at;
use crate::geo::cell;
use crate::program::{Program, Stop};
use crate::sorted_sets::add::{Outcome, Rule, put};
use crate::sorted_sets::view::SortedSet;

/// GEOADD.
pub(crate) fn geoadd(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::parse(p.args());
    let first = options.first;
    let given = p.args().len() - first;
    if given == 0 || !given.is_multiple_of(3) || options.rule.only_new && options.rule.only_existing {
        return Err(Stop::syntax());
    }
    let scores = (first..p.args().len()).step_by(3).map(|at| place_at(p, at).map(cell::score)).collect::<Result<Vec<f64>, Stop>>()?;
    let Some(mut set) = SortedSet::open(p, 1)?.or_else(|| (!options.rule.only_existing).then(|| SortedSet::new(p, 1))) else {
        p.integer(0);
        return Ok(());
    };
    let mut count = 0;
    for (index, &score) in scores.iter().enumerate() {
        match put(&mut set, p.txn, p.call.args.at(first + 3 * index + 2), score, options.rule)? {
            Outcome::Added(_) => count += 1,
            Outcome::Changed(_) => count += i64::from(options.count_changed),
            Outcome::Refused | Outcome::Same(_) => {}
        }
    }
    set.store(p.txn)?;
    p.integer(count);
    Ok(())
}

struct Options {
    rule: Rule,
    /// CH: the reply counts members whose places changed, too.
    count_changed: bool,
    /// Index of the first longitude.
    first: usize,
}

impl Options {
    fn parse(args: &Args) -> Options {
        let mut options = Options { rule: Rule::default(), count_changed: false, first: 2 };
        while let Some(word) = args.get(options.first) {
            match word {
                o if o.eq_ignore_ascii_case(b"nx") => options.rule.only_new = true,
                o if o.eq_ignore_ascii_case(b"xx") => options.rule.only_existing = true,
                o if o.eq_ignore_ascii_case(b"ch") => options.count_changed = true,
                _ => break,
            }
            options.first += 1;
        }
        options
    }
}
