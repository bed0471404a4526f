//! Makes a set out of members that come one by one, without holding more of them than an inline set may have.

use resp::number::parse_integer;
use types::limits::Limits;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn, ValueId};

use crate::sets::view::Member;
use crate::sets::{EXPLODED, INTEGERS, LISTED, indexed, integers, listed};

/// A set in the making. Its members are different: whoever adds them sees to that.
pub(super) struct Builder<'a> {
    limits: &'a Limits,
    key: &'a HashKey<'a>,
    /// Whether integers that come before any other member are listed in ascending order: as in Redis, where such a set is born as integers.
    ascending: bool,
    count: u64,
    state: State,
}

/// Where the members are.
enum State {
    /// Here, and nothing is written.
    Waiting(Vec<Member>),
    /// In elements: they are too many, or too long, or have to be there.
    Written(ValueId),
}

impl<'a> Builder<'a> {
    /// A set of no members for `key`.
    pub(super) fn new(limits: &'a Limits, key: &'a HashKey<'a>, ascending: bool) -> Builder<'a> {
        Builder { limits, key, ascending, count: 0, state: State::Waiting(Vec::new()) }
    }

    /// A set of no members that is exploded, however few are added.
    pub(super) fn exploded(txn: &mut dyn HashKeyTxn, limits: &'a Limits, key: &'a HashKey<'a>) -> Builder<'a> {
        let elements = ValueId::of(key, txn.next_id());
        Builder { state: State::Written(elements), ..Builder::new(limits, key, false) }
    }

    /// Adds a member that was not added before.
    pub(super) fn add(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8]) {
        let inline_max = u64::from(self.limits.set_intset_entries.max(self.limits.set_entries));
        if let State::Waiting(members) = &mut self.state {
            let longest = self.limits.set_value as usize;
            if self.count < inline_max && (member.len() <= longest || parse_integer(member).is_some()) {
                members.push(Member::from_slice(member));
                self.count += 1;
                return;
            }
            self.state = State::Written(write(txn, self.key, members));
        }
        if let State::Written(elements) = self.state {
            indexed::put(txn, elements, self.count, member);
        }
        self.count += 1;
    }

    /// Makes it the value of the key and tells how many members it has. No members: the key is deleted.
    pub(super) fn finish(self, txn: &mut dyn HashKeyTxn, expire: Option<UnixMs>) -> Result<u64, Abort> {
        let Builder { limits, key, ascending, count, state } = self;
        if count == 0 {
            txn.delete_root(key)?;
            return Ok(0);
        }
        let (encoding, id, value) = match state {
            State::Written(elements) => (EXPLODED, elements.id, Vec::new()),
            State::Waiting(members) => match inline(limits, members, ascending) {
                Ok((encoding, value)) => (encoding, 0, value),
                Err(members) => (EXPLODED, write(txn, key, &members).id, Vec::new()),
            },
        };
        txn.put_root(key, Root { encoding, id, count, expire, ..Root::inline(Kind::Set, value.into()) })?;
        Ok(count)
    }
}

/// Encoding and value of an inline set; the members, if it may not be inline.
fn inline(limits: &Limits, mut members: Vec<Member>, ascending: bool) -> Result<(u8, Vec<u8>), Vec<Member>> {
    let first: Vec<i64> = members.iter().map_while(|member| parse_integer(member)).collect();
    if first.len() == members.len() && members.len() <= limits.set_intset_entries as usize {
        let mut numbers = first;
        numbers.sort_unstable();
        return Ok((INTEGERS, integers::of(&numbers)));
    }
    let too_many_integers = ascending && first.len() > limits.set_intset_entries as usize;
    if too_many_integers
        || members.len() > limits.set_entries as usize
        || members.iter().any(|member| member.len() > limits.set_value as usize)
    {
        return Err(members);
    }
    if ascending {
        members[..first.len()].sort_by_key(|member| parse_integer(member));
    }
    let mut value = Vec::with_capacity(members.iter().map(|member| member.len() + 2).sum());
    members.iter().for_each(|member| listed::push(&mut value, member));
    Ok((LISTED, value))
}

/// Writes members as elements of a new id.
fn write(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, members: &[Member]) -> ValueId {
    let elements = ValueId::of(key, txn.next_id());
    for (index, member) in (0..).zip(members) {
        indexed::put(txn, elements, index, member);
    }
    elements
}
