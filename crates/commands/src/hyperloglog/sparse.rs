//! Registers as runs of equal ones, for as long as most of them are 0.
//!
//! ```text
//! 00nnnnnn            ZERO    n + 1 registers are 0
//! 01nnnnnn nnnnnnnn   XZERO   the same, more of them
//! 1vvvvvnn            VAL     n + 1 registers are v + 1
//! ```
//! Which runs stand for the same registers depends on how they came about, and bytes are to be those of Redis. So [`raise`] splits and
//! joins the runs that Redis does, in what need not be valid. An XZERO that lacks its second byte is read as if it were 0.

use std::borrow::Cow;

use crate::hyperloglog::pattern::REGISTERS;

/// A run of equal registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// How many they are: 1 or more.
    pub(super) len: usize,
    /// What they are.
    pub(super) value: u8,
    /// Bytes that say so: 2 for an XZERO, else 1.
    pub(super) size: usize,
}

/// What [`raise`] has done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// Nothing: the register has that value or a larger one.
    Not,
    /// It has written the register.
    Written,
    /// Nothing: the value or what would be written is too large.
    TooLarge,
}

/// The registers are not as they have to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Corrupted;

/// Largest value of a run.
pub(super) const VALUE_MAX: u8 = 32;

/// Longest encoding of all registers.
pub(super) const SIZE_MAX: usize = 2 * REGISTERS;

/// The encoding of registers that are all 0.
pub(super) const ZERO: [u8; 2] = [0x7f, 0xff];

impl Run {
    /// The run that begins with these bytes; `None` at the end.
    fn read(bytes: &[u8]) -> Option<Run> {
        let first = *bytes.first()?;
        let low = usize::from(first & 0x3f);
        Some(match first >> 6 {
            0 => Run { len: low + 1, value: 0, size: 1 },
            1 => Run { len: (low << 8 | usize::from(bytes.get(1).copied().unwrap_or(0))) + 1, value: 0, size: 2 },
            _ => Run { len: usize::from(first & 3) + 1, value: (first >> 2 & 0x1f) + 1, size: 1 },
        })
    }

    fn val(value: u8, len: usize) -> u8 {
        0x80 | (value - 1) << 2 | (len - 1) as u8
    }
}

/// The runs, in order, whatever they add up to.
pub(super) fn runs(mut bytes: &[u8]) -> impl Iterator<Item = Run> {
    std::iter::from_fn(move || {
        let run = Run::read(bytes)?;
        bytes = bytes.get(run.size..).unwrap_or(&[]);
        Some(run)
    })
}

/// Shows each run with the number of its first register.
///
/// # Errors
/// [`Corrupted`] after the last run that fits, if there are more or less registers than there have to be.
pub(super) fn walk(bytes: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Corrupted> {
    let mut first = 0;
    for run in runs(bytes) {
        if first + run.len > REGISTERS {
            return Err(Corrupted);
        }
        visit(first, run);
        first += run.len;
    }
    if first == REGISTERS { Ok(()) } else { Err(Corrupted) }
}

/// Makes a register `value`, which is 1 or more, if it is less. The runs stand behind the first `start` bytes and, if they have to grow, do
/// so up to `max` bytes in all.
///
/// # Errors
/// [`Corrupted`], if no run has the register.
pub(super) fn raise(bytes: &mut Cow<'_, [u8]>, start: usize, register: usize, value: u8, max: usize) -> Result<Raised, Corrupted> {
    if value > VALUE_MAX {
        return Ok(Raised::TooLarge);
    }
    let (mut at, mut first, mut previous) = (start, 0, start);
    let run = loop {
        let run = bytes.get(at..).and_then(Run::read).ok_or(Corrupted)?;
        if register < first + run.len {
            break run;
        }
        previous = at;
        at += run.size;
        first += run.len;
    };
    if run.value >= value {
        return Ok(Raised::Not);
    }
    let mut parts = Parts::default();
    parts.push(run.value, register - first);
    parts.push(value, 1);
    parts.push(run.value, first + run.len - 1 - register);
    let len = bytes.len();
    if parts.len > run.size && len + parts.len - run.size > max {
        return Ok(Raised::TooLarge);
    }
    let bytes = bytes.to_mut();
    bytes.splice(at..len.min(at + run.size), parts.bytes.into_iter().take(parts.len));
    join(bytes, previous);
    Ok(Raised::Written)
}

/// Joins runs of the same value among the few that begin at `at`, where one may hold them both.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_STEPS {
        let Some(run) = bytes.get(at..).and_then(Run::read) else { return };
        let next = bytes.get(at + 1..).and_then(Run::read);
        match next.filter(|next| run.value > 0 && next.value == run.value && run.len + next.len <= VAL_LEN_MAX) {
            Some(next) => {
                bytes[at] = Run::val(run.value, run.len + next.len);
                bytes.remove(at + 1);
            }
            None => at += run.size,
        }
    }
}

/// What a run is replaced by: an XZERO, a VAL and another XZERO at most.
#[derive(Default)]
struct Parts {
    bytes: [u8; 5],
    len: usize,
}

impl Parts {
    fn push(&mut self, value: u8, len: usize) {
        match (value, len) {
            (_, 0) => {}
            (0, 1..=ZERO_LEN_MAX) => self.byte((len - 1) as u8),
            (0, _) => {
                let [high, low] = ((len - 1) as u16).to_be_bytes();
                self.byte(0x40 | high);
                self.byte(low);
            }
            _ => self.byte(Run::val(value, len)),
        }
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }
}

const ZERO_LEN_MAX: usize = 64;
const VAL_LEN_MAX: usize = 4;

/// Runs that Redis looks at after a change, those it joins included.
const JOIN_STEPS: usize = 5;
