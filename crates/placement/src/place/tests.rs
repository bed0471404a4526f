#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

/// `nodes` is `name[/zone][+primaries,secondaries]`, blank-separated. The plan reads `index: primary! others`.
fn check_plan(nodes: &str, partitions: u32, replicas: u32, expected: &str) {
    let planned = plan(&Policy { partitions, replicas }, &observed(nodes)).unwrap();
    let lines: Vec<String> = planned.groups.iter().enumerate().map(|(i, group)| format!("{i}: {}", show(group))).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, expected, "\n{}\n", lines.join("\n"));
}

fn show(group: &[NodeId]) -> String {
    let others: Vec<&str> = group[1..].iter().map(NodeId::name).collect();
    format!("{}! {}", group[0], others.join(" ")).trim_end().to_owned()
}

fn observed(nodes: &str) -> Observed {
    let node = |text: &str| {
        let (text, load) = text.split_once('+').unwrap_or((text, "0,0"));
        let (primaries, secondaries) = load.split_once(',').unwrap();
        let (name, zone) = text.split_once('/').unwrap_or((text, ""));
        let (primaries, secondaries) = (primaries.parse().unwrap(), secondaries.parse().unwrap());
        NodeLoad { node: NodeId::new(name), zone: zone.to_owned(), primaries, secondaries }
    };
    Observed { nodes: nodes.split_whitespace().map(node).collect() }
}

#[test]
fn three_nodes_share_three_copies_and_take_turns_to_lead() {
    check_plan(
        "a b c",
        8,
        3,
        "0: a! b c
         1: b! a c
         2: c! b a
         3: a! b c
         4: b! a c
         5: c! b a
         6: a! b c
         7: b! a c",
    );
}

#[test]
fn one_node_holds_everything_of_a_table_without_copies() {
    check_plan("a", 2, 1, "0: a!\n1: a!");
}

#[test]
fn two_copies_on_five_nodes_meet_in_many_pairs() {
    check_plan(
        "a b c d e",
        10,
        2,
        "0: a! b
         1: c! d
         2: e! a
         3: b! c
         4: d! e
         5: a! c
         6: b! d
         7: e! b
         8: d! a
         9: c! e",
    );
}

#[test]
fn no_zone_holds_two_copies_while_another_holds_none() {
    check_plan(
        "a/x b/x c/y d/y e/z f/z",
        6,
        3,
        "0: a! c e
         1: b! d f
         2: d! a e
         3: c! b f
         4: f! a c
         5: e! b d",
    );
}

#[test]
fn with_fewer_zones_than_copies_each_zone_still_has_one() {
    check_plan(
        "a/x b/x c/y d/y",
        4,
        3,
        "0: a! c b
         1: d! a b
         2: c! a d
         3: b! c d",
    );
}

#[test]
fn nodes_that_hold_little_are_first_between_equals() {
    check_plan("a+5,5 b+0,1 c+2,0", 1, 2, "0: b! c");
}

#[test]
fn the_order_in_which_nodes_are_listed_does_not_matter() {
    let policy = Policy { partitions: 12, replicas: 2 };
    assert_eq!(plan(&policy, &observed("c/x a/y b/x d")), plan(&policy, &observed("a/y b/x d c/x")));
}

#[test]
fn a_table_that_does_not_fit_is_refused() {
    let too_few = plan(&Policy { partitions: 1, replicas: 3 }, &observed("a b"));
    assert_eq!(too_few, Err(Unplaceable::TooFewNodes { replicas: 3, nodes: 2 }));
    assert_eq!(plan(&Policy { partitions: 1, replicas: 0 }, &observed("a b")), Err(Unplaceable::NoReplicas));
}

#[test]
fn sixteen_thousand_groups_on_a_hundred_nodes_are_even() {
    let nodes: Vec<String> = (0..100).map(|i| format!("n{i}/z{}", i % 5)).collect();
    let planned = plan(&Policy { partitions: 16_384, replicas: 3 }, &observed(&nodes.join(" "))).unwrap();
    assert_eq!(spread(&planned, &|group| &group[..1]), 1);
    assert_eq!(spread(&planned, &|group| group), 1);
}

/// Difference between the most and the least that a node appears in the chosen part of the groups, among nodes that appear.
fn spread(plan: &Plan, part: &dyn Fn(&[NodeId]) -> &[NodeId]) -> u32 {
    let mut counts = std::collections::HashMap::<&NodeId, u32>::new();
    for node in plan.groups.iter().flat_map(|group| group.iter()) {
        counts.entry(node).or_default();
    }
    for node in plan.groups.iter().flat_map(|group| part(group)) {
        *counts.get_mut(node).unwrap() += 1;
    }
    counts.values().max().unwrap() - counts.values().min().unwrap()
}

proptest! {
    #[test]
    fn every_plan_keeps_the_promises(
        loads in prop::collection::vec((0u32..4, 0u32..50, 0u32..50), 1..12),
        zones in 1u32..5,
        partitions in 1u32..60,
        replicas in 1u32..5,
    ) {
        let node = |(i, &(zone, primaries, secondaries)): (usize, &(u32, u32, u32))| {
            NodeLoad { node: NodeId::new(&format!("n{i}")), zone: format!("z{}", zone % zones), primaries, secondaries }
        };
        let observed = Observed { nodes: loads.iter().enumerate().map(node).collect() };
        let replicas = replicas.min(observed.nodes.len() as u32);
        let planned = plan(&Policy { partitions, replicas }, &observed).unwrap();
        prop_assert_eq!(planned.groups.len(), partitions as usize);

        let zone = |name: &NodeId| observed.nodes.iter().find(|n| n.node == *name).unwrap().zone.clone();
        let all: std::collections::BTreeSet<String> = observed.nodes.iter().map(|n| n.zone.clone()).collect();
        for group in &planned.groups {
            prop_assert_eq!(group.len(), replicas as usize);
            let nodes: std::collections::BTreeSet<_> = group.iter().collect();
            prop_assert_eq!(nodes.len(), group.len(), "two members share a node");
            let used: std::collections::BTreeSet<String> = group.iter().map(zone).collect();
            prop_assert_eq!(used.len(), all.len().min(group.len()), "a zone was passed over");
        }
        // Unequal zones force uneven nodes; where there is one zone everything is even.
        if all.len() == 1 {
            prop_assert!(spread(&planned, &|group| group) <= 1, "copies");
            prop_assert!(spread(&planned, &|group| &group[..1]) <= 1, "primaries");
        }
    }
}
