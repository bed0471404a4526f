//! CONFIG GET, SET and RESETSTAT.

use resp::reply;
use tracing::info;

use crate::local::{Answer, Visit};
use crate::parameters;

pub(super) fn get(v: &mut Visit<'_>) -> Answer {
    let patterns = v.args.iter().skip(2).collect::<Vec<_>>();
    let found = v.shared.parameters.lock().matching(patterns.iter().copied(), &v.shared.options, &v.shared.settings.load());
    reply::map(v.out, v.state.proto, found.len());
    for (name, value) in found {
        v.bulk(name);
        v.bulk(&value);
    }
    Ok(())
}

pub(super) fn set(v: &mut Visit<'_>) -> Answer {
    let words: Vec<&[u8]> = v.args.iter().skip(2).collect();
    let pairs = parameters::pairs(&words)?;
    let mut parameters = v.shared.parameters.lock();
    let settings = parameters.set(&pairs, &v.shared.settings.load())?;
    v.shared.change(settings);
    drop(parameters);
    for (name, _) in pairs {
        info!(parameter = %name.escape_ascii(), client = v.client.id, "configuration changed");
    }
    v.ok()
}

pub(super) fn resetstat(v: &mut Visit<'_>) -> Answer {
    v.shared.stats.reset();
    v.shared.counters.reset();
    v.ok()
}
