//! The invariants of a sequence, looked at from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use crate::counted::pages::sort_key;
use crate::counted::tree::Tree;
use crate::counted::{Counted, cut, tagged};
use crate::memory::Memory;

/// All that the invariants say is so, the members are `keys` in order, and under the sequence's tags there is no record that should not be.
pub(crate) fn check<K: AsRef<[u8]>>(counted: &Counted, memory: &Memory, keys: &[K]) {
    let tags = counted.tags;
    let is_ours = |key: &Vec<u8>| [Some(tags.page), Some(tags.counts), tags.element].contains(&Some(key[0]));
    let mut records: BTreeSet<Vec<u8>> = memory.elements_of(counted.value).into_iter().map(|(key, _)| key).filter(is_ours).collect();
    let mut memory = memory.clone();
    let mut found: Vec<Vec<u8>> = counted.front.iter().map(<[u8]>::to_vec).collect();
    if counted.tree.len == 0 {
        assert_eq!(counted.tree, Tree::default());
    } else {
        let Tree { top, height, len, .. } = counted.tree;
        let before = found.len();
        pages(counted, &mut memory, (top, height), true, &mut found, &mut records);
        assert_eq!(found.len() - before, len as usize);
        for key in &found[before..] {
            assert!(key[..] >= counted.tree.low[..] && cut(key) <= counted.tree.high, "{key:?} is not within the bounds");
        }
    }
    found.extend(counted.back.iter().map(<[u8]>::to_vec));
    assert_eq!(found, keys.iter().map(|key| key.as_ref().to_vec()).collect::<Vec<_>>());
    assert_eq!(counted.len(), keys.len() as u64);
    for keys in [&counted.front, &counted.back] {
        assert!(keys.size() <= counted.sizes.end.max(counted.sizes.leaf), "what is in the root is bounded");
    }
    if let Some(tag) = tags.element {
        for key in keys {
            assert!(records.remove(&tagged(tag, key.as_ref())[..]), "{:?} is there", key.as_ref());
        }
    }
    assert_eq!(records, BTreeSet::new(), "records of nobody");
}

/// Adds the keys of a page and of all below it, and takes their records away.
fn pages(
    counted: &Counted,
    memory: &mut Memory,
    (page, height): (u64, u8),
    is_top: bool,
    found: &mut Vec<Vec<u8>>,
    records: &mut BTreeSet<Vec<u8>>,
) {
    assert!(page < counted.tree.next_page);
    assert!(records.remove(&sort_key(counted.tags.page, page)[..]), "page {page}");
    if height == 0 {
        let keys = counted.leaf(memory, page).unwrap();
        assert!(keys.size() <= counted.sizes.leaf || keys.len() == 1, "{} bytes", keys.size());
        found.extend(keys.iter().map(<[u8]>::to_vec));
        return;
    }
    assert!(records.remove(&sort_key(counted.tags.counts, page)[..]), "counts of page {page}");
    let inner = counted.inner(memory, page).unwrap();
    assert!(inner.children.len() <= counted.sizes.children);
    assert!(!is_top || inner.children.len() > 1, "a level for nothing");
    assert_eq!(inner.separators.first(), Some(&b""[..]));
    for (separator, child) in inner.separators.iter().zip(&inner.children) {
        let before = found.len();
        pages(counted, memory, (child.page, height - 1), false, found, records);
        assert_eq!((found.len() - before) as u64, child.count, "keys below page {}", child.page);
        assert!(found[before][..] >= *separator);
        assert!(before == 0 || separator.is_empty() || found[before - 1][..] < *separator);
    }
}
