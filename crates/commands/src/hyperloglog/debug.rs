//! PFDEBUG: what a HyperLogLog looks like inside.

use std::fmt::Write;

use resp::reply;

use crate::hyperloglog::sketch::{Encoding, Sketch, Union};
use crate::hyperloglog::sparse;
use crate::hyperloglog::stored::Stored;
use crate::program::{Program, Stop};

/// PFDEBUG GETREG, DECODE, ENCODING and TODENSE. GETREG, too, makes the HyperLogLog dense.
pub(crate) fn pfdebug(p: &mut Program<'_>) -> Result<(), Stop> {
    let Some(stored) = Stored::open(p, p.key(2))? else { return Err(Stop::refused("ERR The specified key does not exist")) };
    match p.args().at(1) {
        what if what.eq_ignore_ascii_case(b"getreg") => getreg(p, stored),
        what if what.eq_ignore_ascii_case(b"decode") => {
            let runs = decode(&stored.sketch())?;
            p.bulk(runs.as_bytes());
            Ok(())
        }
        what if what.eq_ignore_ascii_case(b"encoding") => {
            let dense = stored.sketch().encoding() == Encoding::Dense;
            reply::simple(p.out, if dense { "dense" } else { "sparse" });
            Ok(())
        }
        what if what.eq_ignore_ascii_case(b"todense") => {
            let changed = make_dense(p, stored)?;
            p.integer(changed.into());
            Ok(())
        }
        what => {
            // Redis' strings of that kind end at a zero byte.
            let what = what.split(|&byte| byte == 0).next().unwrap_or_default();
            Err(Stop::RefusedBytes([b"ERR Unknown PFDEBUG subcommand '", what, b"'"].concat()))
        }
    }
}

/// The registers.
fn getreg<'a>(p: &mut Program<'a>, stored: Stored<'a>) -> Result<(), Stop> {
    let mut union = Union::new();
    union.take(&stored.sketch())?;
    make_dense(p, stored)?;
    reply::array(p.out, union.values().len());
    union.values().iter().for_each(|&value| p.integer(value.into()));
    Ok(())
}

/// The runs of a sparse one, whatever they add up to: `Z:100 v:1,2 z:3`.
fn decode(sketch: &Sketch<'_>) -> Result<String, Stop> {
    if sketch.encoding() == Encoding::Dense {
        return Err(Stop::refused("ERR HLL encoding is not sparse"));
    }
    let mut text = String::new();
    for run in sparse::runs(sketch.registers()) {
        match (run.value, run.size) {
            (0, 1) => write!(text, " z:{}", run.len),
            (0, _) => write!(text, " Z:{}", run.len),
            (value, _) => write!(text, " v:{value},{}", run.len),
        }
        .expect("a String takes all");
    }
    Ok(text.trim_start().to_string())
}

/// Says whether it was sparse.
fn make_dense<'a>(p: &mut Program<'a>, stored: Stored<'a>) -> Result<bool, Stop> {
    let mut sketch = stored.sketch();
    let changed = sketch.make_dense()?;
    if changed {
        let bytes = sketch.into_bytes();
        stored.save(p, bytes)?;
    }
    Ok(changed)
}
