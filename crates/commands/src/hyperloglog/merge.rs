//! PFMERGE: a HyperLogLog takes in what others have seen.

use crate::hyperloglog::sketch::{Encoding, Sketch, Union};
use crate::hyperloglog::stored::{self, Stored};
use crate::program::{Program, Stop};

/// PFMERGE. The target is dense afterwards if any of them was. It is written to even if nothing in it changes.
pub(crate) fn pfmerge(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let mut union = Union::new();
    let mut dense = false;
    let mut take = |stored: &Stored<'_>| {
        let sketch = stored.sketch();
        dense |= sketch.encoding() == Encoding::Dense;
        union.take(&sketch)
    };
    let target = Stored::open(p, key)?;
    target.as_ref().map_or(Ok(()), &mut take)?;
    for index in 2..p.args().len() {
        if let Some(source) = Stored::open(p, p.key(index))? {
            take(&source)?;
        }
    }
    let mut sketch = match &target {
        None => Sketch::empty(),
        Some(target) => target.sketch(),
    };
    if dense {
        sketch.make_dense()?;
    }
    sketch.raise_to(&union, stored::sparse_max(p))?;
    sketch.forget_cardinality();
    let bytes = sketch.into_bytes();
    match target {
        None => stored::create(p, &key, bytes)?,
        Some(target) => target.save(p, bytes)?,
    }
    p.ok();
    Ok(())
}
