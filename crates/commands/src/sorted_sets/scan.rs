//! ZSCAN: some members and their scores from a cursor on.

use resp::number::format_double;
use resp::reply;

use crate::program::{Program, Stop};
use crate::scan::members::{self, Options};
use crate::sorted_sets::view::SortedSet;

/// ZSCAN. An inline sorted set is answered as a whole. Scores are bulk strings in RESP3, too.
pub(crate) fn zscan(p: &mut Program<'_>) -> Result<(), Stop> {
    let cursor = members::cursor(p)?;
    let Some(set) = SortedSet::open(p, 1)? else {
        members::reply::<&[u8]>(p, 0, &[]);
        return Ok(());
    };
    let options = Options::parse(p)?;
    let (mut count, mut found) = (0, Vec::new());
    let next = set.scan(p.txn, cursor, options.count, &mut |score, member| {
        if options.wants(member) {
            count += 2;
            reply::bulk(&mut found, member);
            reply::bulk(&mut found, &format_double(score));
        }
    })?;
    reply::array(p.out, 2);
    p.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply::array(p.out, count);
    p.out.extend_from_slice(&found);
    Ok(())
}
