//! MEMORY, but for MEMORY USAGE, which is a partition's.

use resp::reply;

use crate::info::{peak, resident};
use crate::local::{Answer, Visit};

/// Redis looks for what its own allocator and clients may do wrong; there is nothing of the kind to look for here.
pub(super) fn doctor(v: &mut Visit<'_>) -> Answer {
    reply::verbatim(v.out, v.state.proto, "txt", DIAGNOSIS.as_bytes());
    Ok(())
}

pub(super) fn purge(v: &mut Visit<'_>) -> Answer {
    v.ok()
}

/// What the kernel says about this process, under Redis' names. What is not known is not there.
pub(super) fn stats(v: &mut Visit<'_>) -> Answer {
    let used = resident();
    let peak = peak().max(used);
    let proto = v.state.proto;
    reply::map(v.out, proto, 4);
    for (name, bytes) in [("peak.allocated", peak), ("total.allocated", used), ("allocator.resident", used)] {
        v.bulk(name);
        reply::integer(v.out, i64::try_from(bytes).unwrap_or(i64::MAX));
    }
    v.bulk("peak.percentage");
    reply::double(v.out, proto, 100.0 * used as f64 / peak.max(1) as f64);
    Ok(())
}

const DIAGNOSIS: &str = "Hi, there is nothing that I know how to look for in this instance. INFO memory has the numbers.\n";
