//! Whether a primary has keys, or fields of hashes, to remove because they expired.
//!
//! The removal itself is an ordinary write (see `Coprocessor::sweep`): all members remove the same with the same mutation.

use engine::store::Tier;
use engine::txn::Reader;
use types::time::UnixMs;
use types::txn::HashKeyTxn;
use wire::rpc::ReplicaState;

use crate::partition::View;

/// Whether something at a serving primary has expired at `now`. A look at the first entry of the expiry index.
pub(crate) fn sweep_due(view: &View, now: UnixMs) -> bool {
    if view.state() != ReplicaState::Primary {
        return false;
    }
    let Some(store) = &view.store else { return false };
    // A cold index says yes: the sweep itself then brings it into memory.
    Reader::new(store, Tier::Memory, now, 1).sweepable(1).map_or(true, |keys| !keys.is_empty())
}
