//! PFADD: elements are shown to a HyperLogLog.

use crate::hyperloglog::sketch::Sketch;
use crate::hyperloglog::sparse::Corrupted;
use crate::hyperloglog::stored::{self, Stored};
use crate::program::{Program, Stop};

/// PFADD: 1 if the key is new or a register has changed.
pub(crate) fn pfadd(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let changed = match Stored::open(p, key)? {
        None => {
            let mut sketch = Sketch::empty();
            add(p, &mut sketch)?;
            sketch.forget_cardinality();
            stored::create(p, &key, sketch.into_bytes())?;
            true
        }
        Some(stored) => {
            let mut sketch = stored.sketch();
            let changed = add(p, &mut sketch)?;
            if changed {
                sketch.forget_cardinality();
                let bytes = sketch.into_bytes();
                stored.save(p, bytes)?;
            }
            changed
        }
    };
    p.integer(changed.into());
    Ok(())
}

fn add(p: &Program<'_>, sketch: &mut Sketch<'_>) -> Result<bool, Corrupted> {
    let (args, sparse_max) = (p.args(), stored::sparse_max(p));
    let mut changed = false;
    for index in 2..args.len() {
        changed |= sketch.add(args.at(index), sparse_max)?;
    }
    Ok(changed)
}
