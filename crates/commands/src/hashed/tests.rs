//! Members in the order of their hashes: the map they are, fair draws, and scans among changes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use types::root::{Kind, Root};
use types::txn::{Database, HashKey};

use super::*;
use crate::memory::Memory;
use crate::testing::{NOW, check_even};

/// An empty value.
fn empty() -> (Memory, ValueId) {
    let mut memory = Memory::new(NOW);
    let key = HashKey::new(Database(0), b"key");
    let value = ValueId::of(&key, memory.next_id());
    memory.put_root(&key, Root { id: value.id, ..Root::inline(Kind::Set, Bytes::new()) }).unwrap();
    (memory, value)
}

/// A value with these members; the element of each is its text twice.
fn with(members: impl IntoIterator<Item = Vec<u8>>) -> (Memory, ValueId) {
    let (mut memory, value) = empty();
    for member in members {
        put(&mut memory, value, &member, Bytes::from(member.repeat(2)));
    }
    (memory, value)
}

fn numbered(count: u64) -> (Memory, ValueId) {
    with((0..count).map(number))
}

fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// Members whose hashes begin with the same `bits` bits.
fn crowded(bits: u32, count: usize) -> Vec<Vec<u8>> {
    (0..).map(number).filter(|member| hash48(member) >> (48 - bits) == 0).take(count).collect()
}

#[test]
fn a_sort_key_is_family_hash_and_member() {
    let (mut memory, value) = with([b"one".to_vec()]);
    let hash = &hash48(b"one").to_be_bytes()[2..];
    let found = elements::collect(&mut memory, value, &SortKeys::from(b""), usize::MAX).unwrap();
    assert_eq!(found, [(SortKey::from([b"m", hash, b"one"].concat()), Bytes::from_static(b"oneone"))]);
    assert_eq!(hash_of(&found[0].0), hash48(b"one"));
}

#[test]
fn buckets_cover_all_hashes_once() {
    for buckets in [1, 2, 3, 1000, (1 << 48) - 1] {
        assert_eq!(bound_of(0, buckets), place(0));
        assert_eq!(bound_of(buckets, buckets), place_after_all());
        for index in [0, buckets / 2, buckets - 1] {
            assert!(bound_of(index, buckets) < bound_of(index + 1, buckets), "{index} of {buckets}");
        }
    }
    assert!(place(HASHES - 1) < place_after_all());
}

#[test]
fn a_sort_key_without_a_hash_is_damage() {
    let (mut memory, value) = numbered(3);
    memory.put(value, b"m\xff\xff\xff\xff\xff", Bytes::new());
    assert!(matches!(visit(&mut memory, value, &mut |_, _| ControlFlow::Continue(())), Err(Abort::Storage(_))));
    assert!(matches!(Walk::new(value).step(&mut memory), Err(Abort::Storage(_))));
    assert!(matches!(scan(&mut memory, value, 0, 10), Err(Abort::Storage(_))));
}

#[test]
fn a_count_that_is_too_large_is_damage() {
    for (members, count) in [(0, 1), (0, 1000), (3, 50)] {
        let (mut memory, value) = numbered(members);
        let drawn: Result<Vec<_>, Abort> = (0..50).map(|_| random(&mut memory, value, count)).collect();
        assert!(matches!(drawn, Err(Abort::Storage(_))), "{members} of {count}");
        let distinct = random_distinct(&mut memory, value, count, count, &mut |_, _| ());
        assert!(matches!(distinct, Err(Abort::Storage(_))), "{members} of {count}");
        let repeated = random_repeated(&mut memory, value, count, 1000, &mut |_, _| ControlFlow::Continue(()));
        assert!(matches!(repeated, Err(Abort::Storage(_))), "{members} of {count}");
    }
}

#[test]
fn nothing_is_drawn_from_nothing() {
    let (mut memory, value) = empty();
    assert_eq!(random(&mut memory, value, 0).unwrap(), None);
    random_distinct(&mut memory, value, 0, 5, &mut |_, _| panic!("there is none")).unwrap();
    random_repeated(&mut memory, value, 0, 5, &mut |_, _| panic!("there is none")).unwrap();
}

#[test]
fn every_member_is_drawn_as_often_as_any_other() {
    for members in [1, 2, 64, 65, 300] {
        let (mut memory, value) = numbered(members);
        let mut seen = BTreeMap::new();
        for _ in 0..members * 50 {
            let found = random(&mut memory, value, members).unwrap().unwrap();
            assert_eq!(found.element, found.member().repeat(2));
            *seen.entry(found.member().to_vec()).or_insert(0) += 1;
        }
        check_even(&seen, members, 50.0);
    }
}

#[test]
fn repeated_draws_are_fair_and_independent_of_their_place() {
    // Few draws among many members are made one by one, many among few by walks.
    for (members, times) in [(150, 1), (150, 50), (3, 10)] {
        let (mut memory, value) = numbered(members);
        let (mut seen, mut first) = (BTreeMap::new(), BTreeMap::new());
        let rounds = members * 300 / times.min(50);
        for _ in 0..rounds {
            let mut at = 0;
            random_repeated(&mut memory, value, members, times, &mut |member, element| {
                assert_eq!(element, member.repeat(2));
                *seen.entry(member.to_vec()).or_insert(0) += 1;
                if at == 0 {
                    *first.entry(member.to_vec()).or_insert(0) += 1;
                }
                at += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(at, times);
        }
        check_even(&seen, members, (rounds * times) as f64 / members as f64);
        check_even(&first, members, rounds as f64 / members as f64);
    }
}

#[test]
fn repeated_draws_end_when_they_are_told_to() {
    let (mut memory, value) = numbered(200);
    for times in [1, 2, 1000, u64::MAX] {
        let mut seen = 0;
        random_repeated(&mut memory, value, 200, times, &mut |_, _| {
            seen += 1;
            if seen < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap();
        assert_eq!(seen, times.min(2));
    }
}

#[test]
fn distinct_draws_are_distinct_and_fair() {
    for (members, wanted) in [(10, 3), (10, 10), (10, 11), (450, 4), (450, 5), (450, 300)] {
        let (mut memory, value) = numbered(members);
        let mut seen = BTreeMap::new();
        let rounds = 20 * members / wanted + 50;
        for _ in 0..rounds {
            let mut drawn = BTreeSet::new();
            random_distinct(&mut memory, value, members, wanted, &mut |member, element| {
                assert_eq!(element, member.repeat(2));
                assert!(drawn.insert(member.to_vec()), "drawn twice");
            })
            .unwrap();
            assert_eq!(drawn.len() as u64, wanted.min(members));
            for member in drawn {
                *seen.entry(member).or_insert(0) += 1;
            }
        }
        // Draws without repetition are more even than chi-square allows for.
        check_even(&seen, members, (rounds * wanted.min(members)) as f64 / members as f64);
    }
}

/// Long members are not held in memory by the hundred, and nothing else is different about them.
#[test]
fn long_members_are_held_a_few_at_a_time() {
    let long = |index: u8, len: usize| vec![index; len];
    let (mut memory, value) = empty();
    for index in 0..5 {
        put(&mut memory, value, &long(index, STEP_BYTES / 2), Bytes::new());
    }
    let mut walk = Walk::new(value);
    let steps: Vec<usize> = (0..4).map(|_| walk.step(&mut memory).unwrap().len()).collect();
    assert_eq!(steps, [2, 2, 1, 0]);

    let (mut memory, value) = empty();
    for index in 0..5 {
        put(&mut memory, value, &long(index, HELD_BYTES / 2), Bytes::new());
    }
    let (found, next) = scan(&mut memory, value, 0, 100).unwrap();
    assert_eq!(found.len(), 2);
    let (found, next) = scan(&mut memory, value, next, 100).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(scan(&mut memory, value, next, 100).unwrap().1, 0);
    let mut seen = BTreeSet::new();
    let mut left = 100;
    random_repeated(&mut memory, value, 5, 100, &mut |member, _| {
        seen.insert(member[0]);
        left -= 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((seen.len(), left), (5, 0));
}

/// Members that somebody chose by their hashes: all in one bucket, which has fewer slots than members.
#[test]
fn crowded_members_are_all_drawn() {
    let members = crowded(8, 76);
    let (mut memory, value) = with(members.clone());
    let mut seen = BTreeSet::new();
    for _ in 0..15_000 {
        seen.insert(random(&mut memory, value, 76).unwrap().unwrap().member().to_vec());
    }
    assert_eq!(seen.len(), members.len());
}

/// The worst that hashes can do: 3000 members in one of 187 buckets, which draws often miss until they give up.
#[test]
fn draws_end_where_nearly_all_buckets_are_empty() {
    let (mut memory, value) = empty();
    for member in 0..3000 {
        memory.put(value, &[&place(0)[..], &number(member)].concat(), Bytes::new());
    }
    let drawn: Vec<Found> = (0..200).map(|_| random(&mut memory, value, 3000).unwrap().unwrap()).collect();
    let (first, _) = scan(&mut memory, value, 0, 1).unwrap();
    assert!(drawn.iter().any(|found| first[..64].contains(found)), "some out of a slot");
    assert!(drawn.iter().filter(|found| !first[..64].contains(found)).count() > 20, "some out of walks");
}

/// Draws cost no more where there are many members: the searches and steps of a draw are counted.
#[test]
fn a_draw_reads_few_elements_whatever_their_number() {
    for members in [100, 1000, 20_000] {
        let (mut memory, value) = numbered(members);
        let before = memory.visited();
        for _ in 0..200 {
            random(&mut memory, value, members).unwrap();
        }
        let each = (memory.visited() - before) / 200;
        assert!(each < 100, "{each} elements for a draw among {members}");
    }
}

/// Small names and long ones.
fn names() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![(0..40u64).prop_map(number), vec(any::<u8>(), 0..3), vec(any::<u8>(), 60..70)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// It is a map, however it is read.
    #[test]
    fn it_is_a_map(changes in vec((names(), any::<bool>()), 0..60), many in 0..600u64) {
        let (mut memory, value) = with((0..many).map(|index| number(1000 + index)));
        let mut model: BTreeMap<Vec<u8>, Bytes> = (0..many).map(|index| number(1000 + index)).map(|name| (name.clone(), name.repeat(2).into())).collect();
        // Another family of the same value, on either side, is not in the way.
        memory.put(value, &[FAMILY - 1, 255, 255], Bytes::new());
        memory.put(value, &[FAMILY + 1], Bytes::new());
        for (index, (member, added)) in changes.into_iter().enumerate() {
            if added {
                put(&mut memory, value, &member, Bytes::from(number(index as u64)));
                model.insert(member, Bytes::from(number(index as u64)));
            } else {
                delete(&mut memory, value, &member);
                model.remove(&member);
            }
        }
        for (member, element) in &model {
            let got = get(&mut memory, value, member).unwrap();
            prop_assert_eq!(got.as_ref(), Some(element));
        }
        let mut visited = BTreeMap::new();
        visit(&mut memory, value, &mut |member, element| {
            visited.insert(member.to_vec(), Bytes::copy_from_slice(element));
            ControlFlow::Continue(())
        }).unwrap();
        prop_assert_eq!(&visited, &model);
        // A walk that deletes what it is shown is shown everything nevertheless.
        let (mut walk, mut walked) = (Walk::new(value), BTreeMap::new());
        loop {
            let step = walk.step(&mut memory).unwrap();
            if step.is_empty() {
                break;
            }
            for found in step {
                delete(&mut memory, value, found.member());
                prop_assert!(walked.insert(found.member().to_vec(), found.element).is_none());
            }
        }
        prop_assert_eq!(&walked, &model);
        prop_assert_eq!(memory.elements(), 2);
    }

    /// What is there during the whole scan is returned exactly once, what never was there never.
    #[test]
    fn a_scan_misses_nothing(
        stable in proptest::collection::btree_set(names(), 0..60),
        steps in vec((1..10usize, vec((names(), any::<bool>()), 0..6)), 1..80),
        large in any::<bool>(),
    ) {
        let (mut memory, value) = with(stable.iter().cloned());
        let mut ever: BTreeSet<Vec<u8>> = stable.clone();
        let (mut cursor, mut seen) = (0, BTreeMap::new());
        let mut steps = steps.iter().cycle();
        loop {
            let (count, changes) = steps.next().expect("a cycle");
            let (found, next) = scan(&mut memory, value, cursor, if large { 1000 } else { *count }).unwrap();
            prop_assert!(next == 0 || found.len() >= *count, "a scan that goes on found {} of {}", found.len(), count);
            prop_assert!(next == 0 || next > cursor && next < HASHES);
            for found in found {
                *seen.entry(found.member().to_vec()).or_insert(0) += 1;
            }
            if next == 0 {
                break;
            }
            cursor = next;
            for (member, added) in changes.iter().filter(|(member, _)| !stable.contains(member)) {
                if *added {
                    put(&mut memory, value, member, Bytes::new());
                    ever.insert(member.clone());
                } else {
                    delete(&mut memory, value, member);
                }
            }
        }
        prop_assert!(stable.iter().all(|member| seen.get(member) == Some(&1)));
        prop_assert!(seen.keys().all(|member| ever.contains(member)));
    }
}

#[test]
fn members_that_share_a_hash_are_not_split() {
    // Three members under each of two hashes: nobody finds such members, so their records are made by hand.
    let (mut memory, value) = empty();
    for hash in [0u64, 7] {
        for member in [b"a", b"b", b"c"] {
            memory.put(value, &[&place(hash)[..], member].concat(), Bytes::new());
        }
    }
    let names = |found: &[Found]| found.iter().map(|found| found.member().to_vec()).collect::<Vec<_>>();
    let (found, next) = scan(&mut memory, value, 0, 1).unwrap();
    assert_eq!((names(&found), next), (vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()], 7));
    let (found, next) = scan(&mut memory, value, next, 0).unwrap();
    assert_eq!((names(&found).len(), next), (3, 0));
    for beyond in [8, HASHES - 1, HASHES, u64::MAX] {
        assert_eq!(scan(&mut memory, value, beyond, 10).unwrap(), (Vec::new(), 0));
    }
}
