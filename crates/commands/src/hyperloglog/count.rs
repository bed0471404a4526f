//! PFCOUNT: how many different elements were shown to one HyperLogLog, or to several together.

use crate::hyperloglog::sketch::Union;
use crate::hyperloglog::stored::Stored;
use crate::program::{Program, Stop};

/// PFCOUNT. A key that does not exist has seen nothing.
pub(crate) fn pfcount(p: &mut Program<'_>) -> Result<(), Stop> {
    let count = if p.args().len() == 2 {
        match Stored::open(p, p.key(1))? {
            None => 0,
            Some(stored) => stored.sketch().cardinality()?,
        }
    } else {
        let mut union = Union::new();
        for index in 1..p.args().len() {
            if let Some(stored) = Stored::open(p, p.key(index))? {
                union.take(&stored.sketch())?;
            }
        }
        union.cardinality()
    };
    p.integer(count);
    Ok(())
}
