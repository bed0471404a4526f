//! XRANGE, XREVRANGE, XLEN.

use resp::reply;

use crate::program::{Program, Stop};
use crate::streams::id;
use crate::streams::stream::{Stream, put_header};

/// XRANGE.
pub(crate) fn xrange(p: &mut Program<'_>) -> Result<(), Stop> {
    range(p, false)
}

/// XREVRANGE: the same from the last to the first; the end comes first among the arguments, too.
pub(crate) fn xrevrange(p: &mut Program<'_>) -> Result<(), Stop> {
    range(p, true)
}

/// XLEN.
pub(crate) fn xlen(p: &mut Program<'_>) -> Result<(), Stop> {
    let len = Stream::open(p, p.key(1))?.map_or(0, |stream| stream.len());
    p.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

fn range(p: &mut Program<'_>, reverse: bool) -> Result<(), Stop> {
    let args = p.args();
    let (start, end) = if reverse { (3, 2) } else { (2, 3) };
    let range = (id::start(args.at(start))?, id::end(args.at(end))?);
    let mut count = None;
    for at in (4..args.len()).step_by(2) {
        if !args.at(at).eq_ignore_ascii_case(b"count") || at + 1 == args.len() {
            return Err(Stop::syntax());
        }
        // As in Redis, -1 is not "all" but "none".
        count = Some(u64::try_from(p.integer_at(at + 1)?).unwrap_or(0));
    }
    let stream = Stream::open(p, p.key(1))?;
    match (stream, count) {
        (None, _) => reply::array(p.out, 0),
        (Some(_), Some(0)) => reply::null_array(p.out, p.proto()),
        (Some(stream), count) => {
            let start = p.out.len();
            let written = stream.write_range(p.txn, p.out, range, reverse, count.unwrap_or(u64::MAX))?;
            put_header(p.out, start, |out| reply::array(out, written));
        }
    }
    Ok(())
}
