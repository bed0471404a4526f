//! Plans as text.
//!
//! `nodes a b:zone c- d~90 e%`: b in a zone, c silent for ten minutes, d for 90 seconds, e drained. `0: a! b c +d ?e =add:f`: partition 0 of three, a leads, b and c
//! follow, d learns, e has a copy and is no member, an order. Without `!` the primary (the first) does not serve; `b*`: b does not follow yet; `^d`: d did not
//! manage to learn it; `a!@`: an administrator chose a. `/2`: two members wanted.

use super::*;
use types::id::TableId;

fn policy() -> Policy {
    Policy { dead_after: Duration::from_secs(300), min_write_members: 2, learns_per_node: 2, learns_max: 8, frozen: false }
}

fn node(text: &str) -> NodeState {
    let (text, draining) = text.strip_suffix('%').map_or((text, false), |text| (text, true));
    let (text, silent) = match text.split_once('~') {
        Some((text, seconds)) => (text, Duration::from_secs(seconds.parse().unwrap())),
        None => text.strip_suffix('-').map_or((text, Duration::ZERO), |text| (text, Duration::from_secs(600))),
    };
    let (name, zone) = text.split_once(':').unwrap_or((text, ""));
    NodeState { node: NodeId::new(name), zone: zone.to_owned(), alive: silent.is_zero(), silent, draining }
}

fn group(text: &str) -> GroupState {
    let (index, rest) = text.split_once(':').unwrap();
    let (index, wanted) = index.split_once('/').unwrap_or((index, "3"));
    let mut group = GroupState {
        partition: PartitionId { table: TableId(1), index: index.trim().parse().unwrap() },
        wanted: wanted.parse().unwrap(),
        primary: None,
        serving: false,
        settled: !rest.contains('*'),
        secondaries: Vec::new(),
        learning: Vec::new(),
        copies: Vec::new(),
        avoided: Vec::new(),
        pinned: rest.contains('@'),
        order: None,
    };
    for word in rest.split_whitespace().map(|word| word.trim_end_matches(['*', '@'])) {
        if let Some(node) = word.strip_prefix('^') {
            group.avoided.push(NodeId::new(node));
        } else if let Some(learner) = word.strip_prefix('+') {
            group.learning.push(NodeId::new(learner));
        } else if let Some(copy) = word.strip_prefix('?') {
            group.copies.push(NodeId::new(copy));
        } else if let Some((what, node)) = word.strip_prefix('=').and_then(|order| order.split_once('.')) {
            let node = NodeId::new(node);
            group.order = Some(match what {
                "lead" => Order::Lead(node),
                "add" => Order::Add(node),
                _ => Order::Remove(node),
            });
        } else if group.primary.is_none() {
            group.serving = word.ends_with('!');
            group.primary = Some(NodeId::new(word.trim_end_matches('!')));
        } else {
            group.secondaries.push(NodeId::new(word));
        }
    }
    group
}

fn planned(policy: &Policy, text: &str) -> String {
    let mut parts = text.split(';').map(str::trim);
    let nodes = parts.next().unwrap().strip_prefix("nodes ").unwrap().split_whitespace().map(node).collect();
    let observed = Observed { nodes, groups: parts.map(group).collect() };
    let actions = plan(policy, &observed);
    let name = |action: &Action| match action {
        Action::Learn(id, node) => format!("learn {} {node}", id.index),
        Action::HandOver(id, node) => format!("hand {} {node}", id.index),
        Action::Remove(id, node) => format!("remove {} {node}", id.index),
        Action::Discard(id, node) => format!("discard {} {node}", id.index),
    };
    actions.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn check(text: &str, plan: &str) {
    assert_eq!(planned(&policy(), text), plan, "{text}");
}

#[test]
fn a_group_that_is_whole_is_left_alone() {
    check("nodes a b c d; 0: a! b c", "");
}

#[test]
fn a_missing_member_is_learned_by_the_node_with_least() {
    check("nodes a b c d e; 0: a! b; 1: c! d a", "learn 0 e");
}

#[test]
fn two_copies_of_a_partition_never_share_a_node() {
    check("nodes a b; 0: a! b", "");
    check("nodes a b c; 0: a! b +c", "");
}

#[test]
fn a_node_that_has_a_copy_is_preferred() {
    check("nodes a b c d; 0: a! b ?d; 1: d! a c", "learn 0 d");
}

#[test]
fn zones_come_before_copies() {
    check("nodes a:x b:y c:x d:z; 0: a! b ?c", "learn 0 d");
    check("nodes a:x b:y c:x; 0: a! b", "learn 0 c");
}

#[test]
fn a_node_that_may_come_back_is_waited_for_while_writes_can_go_on() {
    check("nodes a b c~90 d; 0: a! b ?c", "");
    check("nodes a b c- d; 0: a! b ?c", "learn 0 d");
    check("nodes a b~90 c~90 d; 0: a! ?b ?c", "learn 0 d");
}

#[test]
fn only_as_many_are_learned_as_do_not_come_back() {
    check("nodes a b c d~90 e f; 0/5: a! b c ?d", "learn 0 e");
    check("nodes a b c d~90 e~90 f; 0/5: a! b c ?d ?e", "");
    check("nodes a b c d~90 e f; 0/5: a! b c +e ?d", "");
}

#[test]
fn a_node_that_is_back_learns_again() {
    check("nodes a b c d; 0: a! b ?c", "learn 0 c");
    check("nodes a b c% d; 0: a! b ?c", "learn 0 c");
}

#[test]
fn a_node_that_did_not_manage_is_tried_again_after_the_others() {
    check("nodes a b c d; 0: a! b ?c ^c", "learn 0 d");
    check("nodes a b c; 0: a! b ?c ^c", "learn 0 c");
}

#[test]
fn a_node_that_is_drained_gets_new_copies_only_if_there_is_no_other() {
    check("nodes a b c% d; 0: a! b", "learn 0 d");
    check("nodes a b c%; 0: a! b", "learn 0 c");
}

#[test]
fn the_copies_of_a_dead_node_are_made_on_many_others() {
    let many = Policy { learns_per_node: 3, ..policy() };
    assert_eq!(planned(&many, "nodes a b c d e-; 0: a! b; 1: b! c; 2: c! d; 3: d! a"), "learn 0 c, learn 1 a, learn 2 b, learn 3 b");
}

#[test]
fn a_dead_node_is_never_chosen() {
    check("nodes a b c- ; 0: a! b", "");
}

#[test]
fn nothing_is_done_while_the_primary_does_not_serve() {
    check("nodes a b c d%; 0: a b; 1: d a b ?c", "");
}

#[test]
fn a_member_too_many_is_removed_and_never_the_primary() {
    check("nodes a b c d; 0: a! b c d; 1: d! a b; 2: d! a c", "remove 0 d");
    check("nodes a:x b:y c:y d:z; 0: a! b c d; 1: d! a b", "remove 0 b");
    check("nodes a b c d-; 0: a! b c d", "remove 0 d");
}

#[test]
fn copies_nobody_needs_are_removed_once_the_group_is_whole() {
    check("nodes a b c d e-; 0: a! b c ?d ?e", "discard 0 d");
    check("nodes a b c d; 0/4: a! b c +d ?d", "");
    check("nodes a b c d; 0: a! b* c ?d", "");
    check("nodes a b c d; 0: a! b ?c ?d", "learn 0 c");
}

#[test]
fn a_drained_node_hands_over_all_it_leads() {
    check("nodes a% b c; 0: a! b c; 1: a! b c; 2: b! a c", "hand 0 c, hand 1 b");
    check("nodes a% b% c-; 0: a! b c", "");
    check("nodes a% b c; 0: a! b c; 1: a b c", "hand 0 b");
    let frozen = Policy { frozen: true, ..policy() };
    assert_eq!(planned(&frozen, "nodes a% b c; 0: a! b c"), "hand 0 b", "an administrator asked for it");
}

#[test]
fn learners_are_few_at_a_time() {
    check("nodes a b c; 0: a! b; 1: a! b; 2: a! b", "learn 0 c, learn 1 c");
    let few = Policy { learns_max: 1, ..policy() };
    assert_eq!(planned(&few, "nodes a b c d; 0: a! b; 1: b! a"), "learn 0 c");
}

#[test]
fn who_is_nearest_to_losing_data_comes_first() {
    let few = Policy { learns_max: 1, ..policy() };
    assert_eq!(planned(&few, "nodes a b c d; 0: a! b; 1: b!"), "learn 1 c");
}

#[test]
fn frozen_means_that_only_orders_are_carried_out() {
    let frozen = Policy { frozen: true, ..policy() };
    assert_eq!(planned(&frozen, "nodes a b c d; 0: a! b ?c; 1: a! b c d"), "");
    assert_eq!(planned(&frozen, "nodes a b c d; 0: a! b =add.d"), "learn 0 d");
    assert_eq!(planned(&frozen, "nodes a b c d; 0: a! b c =lead.b"), "hand 0 b");
    assert_eq!(planned(&frozen, "nodes a b c d; 0: a! b c =lead.d"), "learn 0 d");
}

#[test]
fn orders_come_before_everything_else() {
    check("nodes a b c d; 0: a! b c =lead.c", "hand 0 c");
    check("nodes a b c d; 0: a! b c =remove.b", "remove 0 b");
    check("nodes a b c d; 0: a! b c =remove.a", "hand 0 b");
    check("nodes a b c; 0: a! b ?c =remove.c", "");
    check("nodes a b c d; 0: a! b c d =add.d; 1: d! a b", "remove 0 b");
}

#[test]
fn primaries_are_spread_when_there_is_nothing_else_to_do() {
    check("nodes a b c; 0: a! b c; 1: a! b c; 2: b! a c", "hand 0 c");
    check("nodes a b c; 0: a! b c; 1: b! a c; 2: c! a b; 3: a! b c", "");
    check("nodes a b c; 0: a! b c; 1: a! b c; 2: b! a", "learn 2 c");
    check("nodes a b c; 0: a! b c; 1: a! b* c; 2: b! a c", "");
    check("nodes a b c; 0: a! b c; 1: a! b c; 2: b a c", "");
    check("nodes a b c d~9; 0: a! b c; 1: a! b c; 2: b! a c", "");
    check("nodes a b c d-; 0: a! b c; 1: a! b c; 2: b! a c", "hand 0 c");
    check("nodes a b% c%; 0: a! b c; 1: a! b c; 2: a! b c", "");
}

#[test]
fn a_primary_that_an_administrator_chose_stays() {
    check("nodes a b c; 0: a!@ b c; 1: a! b c; 2: b! a c", "hand 1 c");
    check("nodes a b c; 0: a!@ b c; 1: a!@ b c; 2: b! a c", "");
    check("nodes a% b c; 0: a!@ b c; 1: b! a c", "hand 0 c");
}

#[test]
fn the_order_in_which_things_are_listed_does_not_matter() {
    let one = planned(&policy(), "nodes a b c d; 0: a! b; 1: b! c; 2: c! d a b ?d");
    let other = planned(&policy(), "nodes d c b a; 2: c! b d a ?d; 1: b! c; 0: a! b");
    assert_eq!(one, other);
}

/// Follows plans until nothing more is to be done, as if everything that is asked for succeeded at once.
fn carried_out(policy: &Policy, mut observed: Observed) -> Observed {
    for _ in 0..1000 {
        let actions = plan(policy, &observed);
        if actions.is_empty() {
            return observed;
        }
        let mut seen = std::collections::BTreeSet::new();
        for action in &actions {
            assert!(seen.insert(action.clone()), "twice {action:?}");
            let group = observed.groups.iter_mut().find(|group| group.partition == action.partition()).unwrap();
            match action {
                Action::Learn(_, node) => {
                    assert!(!group.has(node), "{node} has a copy of {group:?}");
                    assert!(observed.nodes.iter().any(|state| state.node == *node && state.alive), "{node} is dead");
                    group.copies.retain(|copy| copy != node);
                    group.secondaries.push(node.clone());
                }
                Action::HandOver(_, to) => {
                    let before = group.primary.replace(to.clone()).unwrap();
                    group.secondaries.retain(|node| node != to);
                    group.secondaries.push(before);
                }
                Action::Remove(_, node) => {
                    assert!(group.members() > group.wanted);
                    group.secondaries.retain(|secondary| secondary != node);
                    group.copies.push(node.clone());
                }
                Action::Discard(_, node) => {
                    assert!(!group.has(node) && group.members() >= group.wanted);
                    group.copies.retain(|copy| copy != node);
                }
            }
        }
    }
    panic!("it never ends: {:?}", plan(policy, &observed));
}

#[test]
fn whatever_was_is_whole_and_even_in_the_end() {
    let mut random = 1u64;
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    for round in 0..300 {
        let nodes: Vec<NodeState> = (0..4 + below(4))
            .map(|i| {
                let dead = i >= 3 && below(4) == 0;
                let silent = if dead { Duration::from_secs(600) } else { Duration::ZERO };
                NodeState { node: NodeId::new(&format!("n{i}")), zone: format!("z{}", below(3)), alive: !dead, silent, draining: false }
            })
            .collect();
        let alive: Vec<NodeId> = nodes.iter().filter(|node| node.alive).map(|node| node.node.clone()).collect();
        let groups = (0..1 + below(12))
            .map(|i| {
                let mut group = group(&format!("{i}: x!"));
                let mut rest = alive.clone();
                let members = 1 + below(3);
                let mut taken: Vec<NodeId> = (0..members).map(|_| rest.remove(below(rest.len() as u64) as usize)).collect();
                group.primary = taken.pop();
                group.secondaries = taken;
                if !rest.is_empty() {
                    group.copies = vec![rest[0].clone()];
                }
                group
            })
            .collect();
        let end = carried_out(&policy(), Observed { nodes, groups });
        let mut led: BTreeMap<NodeId, usize> = alive.iter().map(|node| (node.clone(), 0)).collect();
        for group in &end.groups {
            assert!(group.members() == 3 && group.copies.is_empty(), "round {round}: {group:?}");
            *led.get_mut(group.primary.as_ref().unwrap()).unwrap() += 1;
        }
        let uneven = |group: &GroupState| group.secondaries.iter().any(|node| led[group.primary.as_ref().unwrap()] >= led[node] + 2);
        assert!(!end.groups.iter().any(uneven), "round {round}: {led:?}");
    }
}
