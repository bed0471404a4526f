//! [`Limits`] as columns of numbers. A later version may add fields at the end of a set; what is missing has its default.

use smallvec::{SmallVec, smallvec};
use types::limits::Limits;

/// Different limits in one request: more than two only while somebody plays with `CONFIG SET`.
type Sets = SmallVec<[Limits; 2]>;

/// The sets of limits that calls have, and which one each has; both empty if all have the default.
pub(crate) fn columns<'a>(calls: impl Iterator<Item = &'a Limits> + Clone) -> (Vec<i64>, Vec<u32>) {
    if calls.clone().all(|limits| *limits == Limits::DEFAULT) {
        return (Vec::new(), Vec::new());
    }
    let mut sets = Sets::new();
    let which: Vec<u32> = calls
        .map(|limits| {
            let index = sets.iter().position(|set| set == limits).unwrap_or_else(|| {
                sets.push(*limits);
                sets.len() - 1
            });
            index as u32
        })
        .collect();
    let which = if sets.len() == 1 { Vec::new() } else { which };
    (sets.iter().flat_map(|set| std::iter::once(FIELDS as i64).chain(fields(set))).collect(), which)
}

/// The inverse of [`columns`]: at least one set; `None` if the numbers are no sets.
pub(crate) fn sets(mut numbers: &[i64]) -> Option<Sets> {
    if numbers.is_empty() {
        return Some(smallvec![Limits::DEFAULT]);
    }
    let mut sets = Sets::new();
    while let Some((&len, rest)) = numbers.split_first() {
        let (set, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        sets.push(read(set)?);
        numbers = rest;
    }
    Some(sets)
}

fn fields(limits: &Limits) -> [i64; FIELDS] {
    [
        i64::try_from(limits.value_max).unwrap_or(i64::MAX),
        limits.hash_entries.into(),
        limits.hash_value.into(),
        limits.list_size.into(),
        limits.set_intset_entries.into(),
        limits.set_entries.into(),
        limits.set_value.into(),
        limits.zset_entries.into(),
        limits.zset_value.into(),
        limits.hll_sparse_bytes.into(),
        limits.stream_node_bytes.into(),
        limits.stream_node_entries.into(),
        limits.databases.into(),
        limits.string_value.into(),
        limits.string_chunk.into(),
    ]
}

fn read(set: &[i64]) -> Option<Limits> {
    let mut all = fields(&Limits::DEFAULT);
    for (field, number) in all.iter_mut().zip(set) {
        *field = *number;
    }
    let number = |index: usize| u32::try_from(all[index]).ok();
    Some(Limits {
        value_max: u64::try_from(all[0]).ok()?,
        hash_entries: number(1)?,
        hash_value: number(2)?,
        list_size: i32::try_from(all[3]).ok()?,
        set_intset_entries: number(4)?,
        set_entries: number(5)?,
        set_value: number(6)?,
        zset_entries: number(7)?,
        zset_value: number(8)?,
        hll_sparse_bytes: number(9)?,
        stream_node_bytes: number(10)?,
        stream_node_entries: number(11)?,
        databases: u16::try_from(all[12]).ok()?,
        string_value: number(13)?,
        string_chunk: number(14)?,
    })
}

/// Numbers of a set that this version writes.
const FIELDS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_come_back_and_defaults_cost_nothing() {
        let (a, b) = (Limits::exploding_at(0), Limits { value_max: 7, stream_node_entries: 9, databases: 1024, ..Limits::DEFAULT });
        assert_eq!(columns([Limits::DEFAULT, Limits::DEFAULT].iter()), (Vec::new(), Vec::new()));
        let (numbers, which) = columns([a, b, a, Limits::DEFAULT].iter());
        assert_eq!((sets(&numbers).as_deref(), &which[..]), (Some(&[a, b, Limits::DEFAULT][..]), &[0, 1, 0, 2][..]));
        let (numbers, which) = columns([b, b].iter());
        assert_eq!((sets(&numbers).as_deref(), which), (Some(&[b][..]), Vec::new()));
        assert_eq!(sets(&[]).as_deref(), Some(&[Limits::DEFAULT][..]));
    }

    #[test]
    fn other_versions_sets_are_read_and_nonsense_is_not() {
        assert_eq!(sets(&[1, 77]).as_deref(), Some(&[Limits { value_max: 77, ..Limits::DEFAULT }][..]));
        let mut longer = columns([Limits::exploding_at(3)].iter()).0;
        longer[0] += 1;
        longer.push(-1);
        assert_eq!(sets(&longer).as_deref(), Some(&[Limits::exploding_at(3)][..]));
        for nonsense in [&[-1][..], &[2, 1], &[1, -1], &[2, 1, i64::MAX]] {
            assert_eq!(sets(nonsense), None, "{nonsense:?}");
        }
    }
}
