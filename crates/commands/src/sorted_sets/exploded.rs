//! naive placeholder until the counted index
use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use types::txn::{Abort, HashKey, HashKeyTxn, SortKeys, ValueId};

use crate::hashed;
use crate::sorted_sets::inline::Inline;
use crate::sorted_sets::place::{self, SCORE, damaged, place};
use crate::sorted_sets::view::Show;

pub(super) struct Exploded {
    value: ValueId,
    count: u64,
}

impl Exploded {
    pub(super) fn decode(value: ValueId, count: u64, _: &[u8]) -> Result<Exploded, Abort> {
        Ok(Exploded { value, count })
    }
    pub(super) fn from_inline(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, inline: &Inline) -> Result<Exploded, Abort> {
        let mut exploded = Exploded { value: ValueId::of(key, txn.next_id()), count: 0 };
        for place in inline.places() {
            let (score, member) = place::split(place)?;
            exploded.insert(txn, member, score)?;
        }
        Ok(exploded)
    }
    pub(super) fn encode(self, _: &mut dyn HashKeyTxn, _: &HashKey<'_>) -> Result<(u64, Bytes), Abort> {
        Ok((self.value.id, Bytes::new()))
    }
    pub(super) fn len(&self) -> u64 {
        self.count
    }
    pub(super) fn score(&self, txn: &mut dyn HashKeyTxn, member: &[u8]) -> Result<Option<f64>, Abort> {
        hashed::get(txn, self.value, member)?.map(|element| score_of(&element)).transpose()
    }
    pub(super) fn before(&self, txn: &mut dyn HashKeyTxn, place: &[u8]) -> Result<u64, Abort> {
        let mut n = 0;
        txn.range(self.value, &SortKeys::between(b"z", &key(place)), &mut |_, _| {
            n += 1;
            ControlFlow::Continue(())
        })?;
        Ok(n)
    }
    pub(super) fn walk(&self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>, reverse: bool, show: &mut Show<'_>) -> Result<(), Abort> {
        let mut all = Vec::new();
        txn.range(self.value, &SortKeys::between(b"z", b"{"), &mut |k, _| {
            all.push(k[1..].to_vec());
            ControlFlow::Continue(())
        })?;
        let mut slice = all[ranks.start as usize..ranks.end as usize].to_vec();
        if reverse {
            slice.reverse();
        }
        for place in slice {
            let (score, member) = place::split(&place)?;
            show(score, member);
        }
        Ok(())
    }
    pub(super) fn random_distinct(&self, txn: &mut dyn HashKeyTxn, wanted: u64, show: &mut Show<'_>) -> Result<(), Abort> {
        let mut whole = Ok(());
        hashed::random_distinct(txn, self.value, self.count, wanted, &mut |member, element| match score_of(element) {
            Ok(score) => show(score, member),
            Err(abort) => whole = Err(abort),
        })?;
        whole
    }
    pub(super) fn random_repeated(
        &self,
        txn: &mut dyn HashKeyTxn,
        times: u64,
        show: &mut dyn FnMut(f64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Abort> {
        let mut whole = Ok(());
        hashed::random_repeated(txn, self.value, self.count, times, &mut |member, element| match score_of(element) {
            Ok(score) => show(score, member),
            Err(abort) => {
                whole = Err(abort);
                ControlFlow::Break(())
            }
        })?;
        whole
    }
    pub(super) fn scan(&self, txn: &mut dyn HashKeyTxn, cursor: u64, count: usize, show: &mut Show<'_>) -> Result<u64, Abort> {
        let (found, next) = hashed::scan(txn, self.value, cursor, count)?;
        for found in &found {
            show(score_of(&found.element)?, found.member());
        }
        Ok(next)
    }
    pub(super) fn insert(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        hashed::put(txn, self.value, member, Bytes::copy_from_slice(&place::encode(score)));
        txn.put(self.value, &key(&place(score, member)), Bytes::new());
        self.count += 1;
        Ok(())
    }
    pub(super) fn change(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], old: f64, new: f64) -> Result<(), Abort> {
        self.remove(txn, member, old)?;
        self.insert(txn, member, new)
    }
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8], score: f64) -> Result<(), Abort> {
        hashed::delete(txn, self.value, member);
        txn.delete(self.value, &key(&place(score, member)));
        self.count -= 1;
        Ok(())
    }
    pub(super) fn remove_ranks(&mut self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>) -> Result<(), Abort> {
        let mut all = Vec::new();
        self.walk(txn, ranks, false, &mut |s, m| all.push((s, m.to_vec())))?;
        for (s, m) in all {
            self.remove(txn, &m, s)?;
        }
        Ok(())
    }
}
fn key(place: &[u8]) -> Vec<u8> {
    [b"z", place].concat()
}
fn score_of(element: &[u8]) -> Result<f64, Abort> {
    <[u8; SCORE]>::try_from(element).ok().and_then(place::decode).ok_or_else(damaged)
}
