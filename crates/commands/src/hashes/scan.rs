//! HSCAN: some fields from a cursor on. A packed hash is shown whole, whatever the cursor.

use resp::reply;

use crate::hashes::hash::Hash;
use crate::program::{Program, Stop};
use crate::scan::members::{self, Options};

/// HSCAN.
pub(crate) fn hscan(p: &mut Program<'_>) -> Result<(), Stop> {
    let cursor = members::cursor(p)?;
    let Some(hash) = Hash::existing(p, 1)? else {
        write(p, 0, 0, &[]);
        return Ok(());
    };
    let options = Options::parse_with(p, true)?;
    let (mut shown, mut text) = (0, Vec::new());
    let next = hash.scan(p.txn, cursor, options.count, &mut |entry| {
        if options.wants(entry.field) {
            shown += 1;
            reply::bulk(&mut text, entry.field);
            if !options.no_values {
                shown += 1;
                reply::bulk(&mut text, entry.value);
            }
        }
    })?;
    write(p, next, shown, &text);
    Ok(())
}

fn write(p: &mut Program<'_>, next: u64, shown: usize, text: &[u8]) {
    reply::array(p.out, 2);
    p.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply::array(p.out, shown);
    p.out.extend_from_slice(text);
}
