//! SSCAN.

use std::ops::ControlFlow;

use types::root::Kind;

use crate::hashed;
use crate::program::{Program, Stop};
use crate::scan::members::{self, Options};
use crate::sets::view::{Member, Set};

/// SSCAN: some members from the cursor on, and the cursor to go on with. An inline set is answered as a whole.
pub(crate) fn sscan(p: &mut Program<'_>) -> Result<(), Stop> {
    let cursor = members::cursor(p)?;
    let key = p.key(1);
    let Some(root) = p.root_of(&key, Kind::Set)? else {
        members::reply::<&[u8]>(p, 0, &[]);
        return Ok(());
    };
    let options = Options::parse(p)?;
    let set = Set::of(&key, root)?;
    if let Some(elements) = set.exploded() {
        let (found, next) = hashed::scan(p.txn, elements, cursor, options.count)?;
        let matching: Vec<&[u8]> = found.iter().map(hashed::Found::member).filter(|member| options.wants(member)).collect();
        members::reply(p, next, &matching);
        return Ok(());
    }
    let mut matching = Vec::new();
    set.visit(p.txn, &mut |member| {
        if options.wants(member) {
            matching.push(Member::from_slice(member));
        }
        ControlFlow::Continue(())
    })?;
    members::reply(p, 0, &matching);
    Ok(())
}
