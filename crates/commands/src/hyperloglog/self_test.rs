//! PFSELFTEST: registers hold what is put into them, both encodings count the same, and what they count is about right.

use crate::hyperloglog::dense;
use crate::hyperloglog::pattern::REGISTERS;
use crate::hyperloglog::sketch::{Encoding, Sketch};
use crate::hyperloglog::stored;
use crate::program::{Program, Stop};

/// PFSELFTEST: OK, or what is wrong. It touches no key.
pub(crate) fn pfselftest(p: &mut Program<'_>) -> Result<(), Stop> {
    registers(p)?;
    counts(p)?;
    p.ok();
    Ok(())
}

fn registers(p: &mut Program<'_>) -> Result<(), Stop> {
    let mut bytes = vec![0; dense::SIZE];
    for _ in 0..ROUNDS {
        let values: Vec<u8> = (0..REGISTERS).map(|_| p.txn.random() as u8 & 63).collect();
        values.iter().enumerate().for_each(|(register, &value)| dense::set(&mut bytes, register, value));
        for (register, (value, walked)) in values.into_iter().zip(dense::registers(&bytes)).enumerate() {
            let found = dense::get(&bytes, register);
            if found != value || walked != value {
                return Err(failed(format!("register {register} is {found} and not {value}")));
            }
        }
    }
    Ok(())
}

fn counts(p: &mut Program<'_>) -> Result<(), Stop> {
    let sparse_max = stored::sparse_max(p);
    let (mut dense, mut sketch) = (Sketch::empty(), Sketch::empty());
    dense.make_dense()?;
    dense.forget_cardinality();
    sketch.forget_cardinality();
    let seed = p.txn.random();
    let mut checkpoint = 1;
    for count in 1..=ELEMENTS {
        let element = (count ^ seed).to_le_bytes();
        dense.add(&element, sparse_max)?;
        sketch.add(&element, sparse_max)?;
        if count == checkpoint {
            check(count, dense.cardinality()?, sketch.cardinality()?)?;
            if count < sparse_max as u64 / 2 && sketch.encoding() != Encoding::Sparse {
                return Err(failed(format!("{count} elements are not sparse")));
            }
            checkpoint *= 10;
        }
    }
    Ok(())
}

fn check(count: u64, dense: i64, sparse: i64) -> Result<(), Stop> {
    if dense != sparse {
        return Err(failed(format!("of {count} elements dense registers count {dense}, sparse ones {sparse}")));
    }
    // Among few elements a single collision is a large error.
    let allowed = if count == 10 { 1 } else { (6.0 * STANDARD_ERROR * count as f64).ceil() as u64 };
    let error = dense.abs_diff(count as i64);
    if error > allowed { Err(failed(format!("of {count} elements {dense} are counted"))) } else { Ok(()) }
}

fn failed(what: String) -> Stop {
    Stop::Refused(format!("ERR TESTFAILED {what}").into())
}

/// How often all registers are written and read.
const ROUNDS: usize = 20;

/// How many elements are counted at last.
const ELEMENTS: u64 = 1_000_000;

/// Of 16384 registers: 1.04 / sqrt(16384).
const STANDARD_ERROR: f64 = 1.04 / 128.0;
