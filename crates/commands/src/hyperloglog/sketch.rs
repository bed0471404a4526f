//! One HyperLogLog: a header and registers in one of two encodings.

use std::borrow::Cow;

use crate::hyperloglog::estimate::Histogram;
use crate::hyperloglog::pattern::{self, REGISTERS};
use crate::hyperloglog::sparse::{self, Corrupted, Raised};
use crate::hyperloglog::{dense, estimate};

/// The bytes of a HyperLogLog. Header and length are right; what a sparse one says of its registers need not be.
pub(super) struct Sketch<'a> {
    bytes: Cow<'a, [u8]>,
}

/// How registers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Dense,
    Sparse,
}

/// The largest value that was seen of each register.
#[derive(Clone)]
pub(super) struct Union(Vec<u8>);

/// Bytes before the registers.
pub(super) const HEADER: usize = 16;

/// Longest HyperLogLog; a longer sparse one has more registers than there are.
pub(super) const SIZE_MAX: usize = HEADER + sparse::SIZE_MAX;

/// What the header says of a string of `len` bytes whose first ones these are; `None`: it is no HyperLogLog.
pub(super) fn encoding(bytes: &[u8], len: u64) -> Option<Encoding> {
    if len < HEADER as u64 {
        return None;
    }
    match bytes.strip_prefix(MAGIC)?.first()? {
        0 => (len == DENSE_SIZE as u64).then_some(Encoding::Dense),
        1 => Some(Encoding::Sparse),
        _ => None,
    }
}

impl<'a> Sketch<'a> {
    /// One that has seen nothing.
    pub(super) fn empty() -> Sketch<'static> {
        let mut bytes = vec![0; HEADER];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[ENCODING] = 1;
        bytes.extend_from_slice(&sparse::ZERO);
        Sketch { bytes: bytes.into() }
    }

    /// What these bytes are, unless they are something else.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Sketch<'a>> {
        encoding(bytes, bytes.len() as u64).map(|_| Sketch { bytes: bytes.into() })
    }

    pub(super) fn encoding(&self) -> Encoding {
        if self.bytes[ENCODING] == 0 { Encoding::Dense } else { Encoding::Sparse }
    }

    /// Takes in an element; says whether a register has changed. A sparse one becomes dense instead of longer than `sparse_max` bytes.
    ///
    /// # Errors
    /// [`Corrupted`]; nothing has changed.
    pub(super) fn add(&mut self, element: &[u8], sparse_max: usize) -> Result<bool, Corrupted> {
        let (register, value) = pattern::of(element);
        self.raise(register, value, sparse_max)
    }

    /// Makes the registers at least those of `union`.
    ///
    /// # Errors
    /// [`Corrupted`].
    pub(super) fn raise_to(&mut self, union: &Union, sparse_max: usize) -> Result<(), Corrupted> {
        let mut own = Union::new();
        own.take(self)?;
        for (register, (&value, &old)) in union.0.iter().zip(&own.0).enumerate() {
            if value > old {
                self.raise(register, value, sparse_max)?;
            }
        }
        Ok(())
    }

    /// Makes it dense; says whether it was sparse. The cardinality stays as it is.
    ///
    /// # Errors
    /// [`Corrupted`]; nothing has changed.
    pub(super) fn make_dense(&mut self) -> Result<bool, Corrupted> {
        if self.encoding() == Encoding::Dense {
            return Ok(false);
        }
        let mut bytes = self.bytes[..HEADER].to_vec();
        bytes[ENCODING] = 0;
        bytes.resize(DENSE_SIZE, 0);
        let registers = &mut bytes[HEADER..];
        sparse::walk(&self.bytes[HEADER..], |first, run| {
            if run.value > 0 {
                (first..first + run.len).for_each(|register| dense::set(registers, register, run.value));
            }
        })?;
        self.bytes = bytes.into();
        Ok(true)
    }

    /// Says in the header that the registers have changed since the cardinality was computed.
    pub(super) fn forget_cardinality(&mut self) {
        self.bytes.to_mut()[CARDINALITY + 7] |= 0x80;
    }

    /// The cardinality in the header, if it is still valid; else that of the registers.
    ///
    /// # Errors
    /// [`Corrupted`].
    pub(super) fn cardinality(&self) -> Result<i64, Corrupted> {
        let mut known = [0; 8];
        known.copy_from_slice(&self.bytes[CARDINALITY..HEADER]);
        match i64::from_le_bytes(known) {
            known @ 0.. => Ok(known),
            _ => self.histogram().map(|histogram| estimate::cardinality(&histogram)),
        }
    }

    fn histogram(&self) -> Result<Histogram, Corrupted> {
        let mut histogram = [0; 64];
        match self.encoding() {
            Encoding::Dense => dense::registers(self.registers()).for_each(|value| histogram[usize::from(value)] += 1),
            Encoding::Sparse => sparse::walk(self.registers(), |_, run| histogram[usize::from(run.value)] += run.len as u32)?,
        }
        Ok(histogram)
    }

    /// The bytes of the registers.
    pub(super) fn registers(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_owned()
    }

    fn raise(&mut self, register: usize, value: u8, sparse_max: usize) -> Result<bool, Corrupted> {
        if self.encoding() == Encoding::Sparse {
            match sparse::raise(&mut self.bytes, HEADER, register, value, sparse_max)? {
                Raised::Not => return Ok(false),
                Raised::Written => return Ok(true),
                Raised::TooLarge => self.make_dense()?,
            };
        }
        let less = dense::get(self.registers(), register) < value;
        if less {
            dense::set(&mut self.bytes.to_mut()[HEADER..], register, value);
        }
        Ok(less)
    }
}

impl Union {
    /// Of nothing.
    pub(super) fn new() -> Union {
        Union(vec![0; REGISTERS])
    }

    /// Takes in the registers of a HyperLogLog.
    ///
    /// # Errors
    /// [`Corrupted`]; the union is of no use then.
    pub(super) fn take(&mut self, sketch: &Sketch<'_>) -> Result<(), Corrupted> {
        let registers = &mut self.0;
        match sketch.encoding() {
            Encoding::Dense => {
                registers.iter_mut().zip(dense::registers(sketch.registers())).for_each(|(max, value)| *max = value.max(*max));
                Ok(())
            }
            Encoding::Sparse => sparse::walk(sketch.registers(), |first, run| {
                registers[first..first + run.len].iter_mut().for_each(|max| *max = run.value.max(*max));
            }),
        }
    }

    /// How many different elements they have seen together.
    pub(super) fn cardinality(&self) -> i64 {
        let mut histogram = [0; 64];
        self.0.iter().for_each(|&value| histogram[usize::from(value)] += 1);
        estimate::cardinality(&histogram)
    }

    /// The registers, one byte each.
    pub(super) fn values(&self) -> &[u8] {
        &self.0
    }
}

const MAGIC: &[u8] = b"HYLL";
const ENCODING: usize = 4;
const CARDINALITY: usize = 8;
const DENSE_SIZE: usize = HEADER + dense::SIZE;
