//! The options of SET and GETEX: who may be overwritten, what is answered, how long the key lives.

use types::args::Args;
use types::time::UnixMs;

use crate::expiry::{self, Base, Unit};
use crate::program::{Program, Stop};

/// What the options of a SET or GETEX say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// Whether the key has to be there, or must not be.
    pub(super) condition: Condition,
    /// Whether the old value is answered.
    pub(super) get: bool,
    /// What happens to the expiry.
    pub(super) lifetime: Lifetime,
}

/// When a SET takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Condition {
    /// Always.
    #[default]
    None,
    /// If the key does not exist.
    Absent,
    /// If the key exists.
    Present,
}

/// What happens to a key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Lifetime {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// It stays (SET).
    Keep,
    /// It goes (GETEX).
    Persist,
    /// It becomes what argument `index` says.
    Until {
        /// Index of the number.
        index: usize,
        /// What the number counts.
        unit: Unit,
        /// What it counts from.
        base: Base,
    },
}

impl Options {
    /// The options of a SET, which begin at argument 3.
    pub(super) fn of_set(args: &Args) -> Result<Options, Stop> {
        Options::parse(args, 3, |options, word| {
            match word {
                o if o.eq_ignore_ascii_case(b"nx") => options.set_condition(Condition::Absent)?,
                o if o.eq_ignore_ascii_case(b"xx") => options.set_condition(Condition::Present)?,
                o if o.eq_ignore_ascii_case(b"get") => options.get = true,
                o if o.eq_ignore_ascii_case(b"keepttl") => options.set_lifetime(Lifetime::Keep)?,
                _ => return Err(Stop::syntax()),
            }
            Ok(())
        })
    }

    /// The options of a GETEX, which begin at argument 2.
    pub(super) fn of_getex(args: &Args) -> Result<Options, Stop> {
        Options::parse(args, 2, |options, word| match word {
            o if o.eq_ignore_ascii_case(b"persist") => options.set_lifetime(Lifetime::Persist),
            _ => Err(Stop::syntax()),
        })
    }

    /// Reads the times that both commands know; `other` takes what is not a time.
    fn parse(args: &Args, first: usize, other: impl Fn(&mut Options, &[u8]) -> Result<(), Stop>) -> Result<Options, Stop> {
        let mut options = Options::default();
        let mut at = first;
        while at < args.len() {
            let word = args.at(at);
            match time_word(word).filter(|_| at + 1 < args.len()) {
                Some((unit, base)) => {
                    options.set_lifetime(Lifetime::Until { index: at + 1, unit, base })?;
                    at += 2;
                }
                None => {
                    other(&mut options, word)?;
                    at += 1;
                }
            }
        }
        Ok(options)
    }

    /// A word may be said twice, but not together with its opposite: Redis' rule.
    fn set_condition(&mut self, condition: Condition) -> Result<(), Stop> {
        if self.condition != Condition::None && self.condition != condition {
            return Err(Stop::syntax());
        }
        self.condition = condition;
        Ok(())
    }

    fn set_lifetime(&mut self, lifetime: Lifetime) -> Result<(), Stop> {
        let same = match (self.lifetime, lifetime) {
            (Lifetime::Unsaid, _) => true,
            (Lifetime::Until { unit, base, .. }, Lifetime::Until { unit: other_unit, base: other_base, .. }) => {
                (unit, base) == (other_unit, other_base)
            }
            (old, new) => old == new,
        };
        if !same {
            return Err(Stop::syntax());
        }
        self.lifetime = lifetime;
        Ok(())
    }
}

impl Lifetime {
    /// The expiry that a key gets which had `old`.
    pub(super) fn expiry(self, p: &Program<'_>, old: Option<UnixMs>) -> Result<Option<UnixMs>, Stop> {
        match self {
            Lifetime::Unsaid | Lifetime::Persist => Ok(None),
            Lifetime::Keep => Ok(old),
            Lifetime::Until { index, unit, base } => {
                let number = p.integer_at(index)?;
                let at = expiry::time(number, unit, base, p.txn.now()).filter(|_| number > 0);
                at.map(Some).ok_or_else(|| expiry::invalid_time(p))
            }
        }
    }
}

/// EX, PX, EXAT, PXAT.
fn time_word(word: &[u8]) -> Option<(Unit, Base)> {
    match word {
        o if o.eq_ignore_ascii_case(b"ex") => Some((Unit::Seconds, Base::Now)),
        o if o.eq_ignore_ascii_case(b"px") => Some((Unit::Milliseconds, Base::Now)),
        o if o.eq_ignore_ascii_case(b"exat") => Some((Unit::Seconds, Base::Epoch)),
        o if o.eq_ignore_ascii_case(b"pxat") => Some((Unit::Milliseconds, Base::Epoch)),
        _ => None,
    }
}
