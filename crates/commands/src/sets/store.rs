//! SUNIONSTORE, SINTERSTORE, SDIFFSTORE: the result becomes the value of a key, whatever that held before.

use std::ops::ControlFlow;

use crate::program::{Program, Stop};
use crate::sets::algebra::{Operation, evaluate, open_all};
use crate::sets::builder::Builder;

/// SUNIONSTORE.
pub(crate) fn sunionstore(p: &mut Program<'_>) -> Result<(), Stop> {
    store(p, Operation::Union)
}

/// SINTERSTORE.
pub(crate) fn sinterstore(p: &mut Program<'_>) -> Result<(), Stop> {
    store(p, Operation::Intersection)
}

/// SDIFFSTORE.
pub(crate) fn sdiffstore(p: &mut Program<'_>) -> Result<(), Stop> {
    store(p, Operation::Difference)
}

/// The sources are read while the result is written under an id of its own, so the key may be one of them.
fn store(p: &mut Program<'_>, operation: Operation) -> Result<(), Stop> {
    let key = p.key(1);
    let sets = open_all(p, (2..p.args().len()).map(|index| p.key(index)).collect())?;
    // Redis begins a union or difference as integers, but not an intersection.
    let ascending = operation != Operation::Intersection;
    let mut result = Builder::new(p.limits(), &key, ascending);
    evaluate(p.txn, operation, sets, &mut |txn, member| {
        result.add(txn, member);
        Ok(ControlFlow::Continue(()))
    })?;
    let count = result.finish(p.txn, None)?;
    p.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}
