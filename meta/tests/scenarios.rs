//! The meta core through the days of a cluster: its birth, restarts of nodes and of itself, replicas that fail, stores that fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use meta::core::{Bootstrap, Core};
use meta::store::memory::{Fault, Memory};
use meta::store::{Edit, MetaStore, StoreError, Version};
use pacifica::message::Change;
use types::id::{NodeId, PartitionId, TableId};
use types::time::Time;
use wire::rpc::{ControlRequest, ControlResponse};

use support::{Cluster, p};

fn route(table: &str, known: u64) -> ControlRequest {
    ControlRequest::Route { table: table.to_owned(), known }
}

fn create(name: &str, partitions: u32, replicas: u32) -> ControlRequest {
    ControlRequest::CreateTable { name: name.to_owned(), partitions, replicas }
}

#[test]
fn the_first_table_is_made_when_enough_nodes_reported() {
    let mut c = Cluster::of(3, 6);
    c.report("n1");
    c.report("n2");
    assert_eq!(c.ask(route("default", 0)), ControlResponse::Refused("there is no table default".to_owned()));
    let born = c.report("n3");
    let ControlResponse::Assignments(mine) = &born.answer else { panic!("{born:?}") };
    assert_eq!(mine.len(), 6);
    assert!(mine.iter().all(|a| a.config.ballot.0 == 0 && a.config.primary.is_none() && a.config.secondaries.len() == 3));
    assert_eq!((mine[0].partition_count, mine[0].addresses.len()), (6, 2));
    assert_eq!(born.pushes.iter().map(|push| push.node.name()).collect::<Vec<_>>(), ["n1", "n2"], "the others are told at once");
    assert!(born.pushes.iter().all(|push| push.assignments.len() == 6));

    c.report("n3");
    c.report("n1");
    c.report("n2");
    assert_eq!(c.group(0), (0, None), "n1 and n2 have made their copies just now, with this answer");
    c.report("n1");
    assert_eq!(c.group(0), (0, None));
    c.report("n2");
    assert_eq!(c.group(0), (1, Some("n1".to_owned())));
    c.settle();
    assert!(c.healthy());
    let view = c.view();
    assert!(view.nodes.iter().all(|node| node.alive && node.primaries == 2 && node.secondaries == 4), "{:?}", view.nodes);
    assert!(c.partitions().into_iter().all(|id| c.write(id, 1)));
}

#[test]
fn reports_of_a_settled_cluster_change_nothing() {
    let mut c = Cluster::of(3, 4);
    c.settle();
    let commits = c.store.commits();
    c.settle();
    c.pass(2500);
    c.settle();
    assert_eq!(c.store.commits(), commits);
    let again = c.report("n1");
    assert_eq!(again.pushes, []);
    assert!(matches!(again.answer, ControlResponse::Assignments(list) if list.len() == 4));
}

fn remove(node: &str) -> Change {
    Change::Remove(NodeId::new(node))
}

fn hand_over(node: &str) -> Change {
    Change::HandOver(NodeId::new(node))
}

#[test]
fn a_primary_has_a_secondary_removed_and_asks_twice_without_harm() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    assert_eq!(c.change("n1", 0, 1, remove("n3")), "2 n1 n2");
    assert_eq!(c.change("n1", 0, 1, remove("n3")), "2 n1 n2", "the answer was lost");
    assert_eq!(c.change("n1", 0, 1, remove("n2")), "2 n1 n2", "of two changes of one ballot the first is carried out");
    assert_eq!(c.group(0), (2, Some("n1".to_owned())));
}

#[test]
fn of_two_that_ask_to_take_over_one_does() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    assert_eq!(c.change("n3", 0, 1, Change::TakeOver), "2 n3 n2");
    assert_eq!(c.change("n2", 0, 1, Change::TakeOver), "2 n3 n2");
    assert_eq!(c.change("n1", 0, 1, remove("n2")), "2 n3 n2", "it is told that it is out");
}

#[test]
fn a_hand_over_keeps_the_members() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    assert_eq!(c.change("n1", 0, 1, hand_over("n2")), "2 n2 n1 n3");
    c.settle();
    assert!(c.healthy());
}

#[test]
fn who_may_ask_is_fixed_by_the_ballot() {
    let mut c = Cluster::of(3, 1);
    c.add("n4");
    c.settle();
    assert_eq!(c.change("n2", 0, 1, remove("n3")), "n2 is not the primary");
    assert_eq!(c.change("n1", 0, 1, Change::TakeOver), "n1 is the primary");
    assert_eq!(c.change("n4", 0, 1, Change::TakeOver), "n4 is no member");
    assert_eq!(c.change("n1", 0, 1, remove("n1")), "a primary does not remove itself");
    assert_eq!(c.change("n1", 0, 1, hand_over("n4")), "n4 is no member");
    c.restart("n2");
    assert_eq!(c.change("n2", 0, 1, Change::TakeOver), "the place of n2 was given to another life of it");
    assert_eq!(c.group(0).0, 1);
}

#[test]
fn a_learner_is_added_in_the_life_that_caught_up() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    assert_eq!(c.change("n1", 0, 1, remove("n3")), "2 n1 n2");
    let life = c.nodes["n3"].incarnation;
    c.restart("n3");
    c.report("n3");
    let add = |life| Change::Add { node: NodeId::new("n3"), life };
    assert_eq!(c.change("n1", 0, 2, add(life)), "n3 is another process by now");
    assert_eq!(c.change("n1", 0, 2, remove("n3")), "3 n1 n2", "a new ballot makes a late request harmless");
    let life = c.nodes["n3"].incarnation;
    assert_eq!(c.change("n1", 0, 2, add(life)), "3 n1 n2");
    assert_eq!(c.change("n1", 0, 3, add(life)), "4 n1 n2 n3");
}

#[test]
fn with_every_change_those_whose_process_is_over_lose_their_place() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    c.restart("n3");
    c.report("n3");
    assert_eq!(c.change("n2", 0, 1, Change::TakeOver), "2 n2");
}

#[test]
fn a_restarted_node_is_not_told_a_ballot_of_its_former_life() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    c.restart("n2");
    assert_eq!(c.told("n2", 0), "Bystander");
    assert_eq!(c.group(0).0, 1, "its group lives, and helps itself");
}

#[test]
fn a_missing_member_is_learned_where_a_copy_is() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    c.restart("n3");
    c.report("n3");
    c.change("n1", 0, 1, remove("n3"));
    c.settle();
    assert_eq!(c.told("n3", 0), "Learner");
    let life = c.nodes["n3"].incarnation;
    c.change("n1", 0, 2, Change::Add { node: NodeId::new("n3"), life });
    c.settle();
    assert_eq!(c.told("n3", 0), "Member");
    assert!(c.healthy());
}

#[test]
fn a_node_that_is_dead_for_long_is_replaced() {
    let mut c = Cluster::of(3, 1);
    c.add("n4");
    c.settle();
    c.kill("n3");
    c.change("n1", 0, 1, remove("n3"));
    c.settle();
    assert_eq!(c.told("n4", 0), "nothing", "it may come back");
    for _ in 0..13 {
        c.pass(5000);
        c.settle();
    }
    assert_eq!(c.told("n4", 0), "Learner");
}

#[test]
fn the_secondaries_of_a_primary_that_restarted_need_not_wait() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    assert_eq!(c.told("n2", 0), "Member");
    c.restart("n1");
    let pushes = c.report("n1").pushes;
    assert_eq!(pushes.iter().map(|push| push.node.name()).collect::<Vec<_>>(), ["n2", "n3"]);
    assert_eq!(c.told("n2", 0), "Member TakeOver");
    assert_eq!(c.told("n1", 0), "Bystander");
}

#[test]
fn a_drained_node_is_asked_to_hand_over_until_it_leads_nothing() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    let drain = |on| ControlRequest::Drain { node: NodeId::new("n1"), on };
    assert_eq!(c.ask(drain(true)), ControlResponse::Done);
    c.pass(100);
    assert_eq!(c.told("n1", 0), "Member HandOver(n2)");
    c.change("n1", 0, 1, hand_over("n2"));
    c.settle();
    assert_eq!(c.told("n2", 0), "Member");
    c.restart_meta();
    c.settle();
    assert!(c.view().nodes.iter().any(|node| node.draining && node.primaries == 0), "it is remembered");
    assert_eq!(c.ask(drain(false)), ControlResponse::Done);
}

#[test]
fn an_administrator_moves_a_primary_and_adds_and_removes_copies() {
    let mut c = Cluster::of(3, 1);
    c.add("n4");
    c.settle();
    let (partition, node) = (p(0), NodeId::new("n4"));
    assert_eq!(c.ask(ControlRequest::MovePrimary { partition, to: NodeId::new("n3") }), ControlResponse::Done);
    assert_eq!(c.told("n1", 0), "Member HandOver(n3)");
    assert_eq!(c.change("n1", 0, 1, hand_over("n3")), "2 n3 n1 n2");
    c.settle();
    assert_eq!(c.ask(ControlRequest::AddReplica { partition, node: node.clone() }), ControlResponse::Done);
    assert_eq!(c.told("n4", 0), "Learner");
    let life = c.nodes["n4"].incarnation;
    c.change("n3", 0, 2, Change::Add { node: node.clone(), life });
    c.node("n4").copies.insert(partition, Default::default());
    c.settle();
    let told = c.told("n3", 0);
    assert!(told.starts_with("Member Remove(") && !told.contains("n4"), "one too many now, and it is another: {told}");
    assert_eq!(c.ask(ControlRequest::AddReplica { partition, node: NodeId::new("n3") }), ControlResponse::Done);
    let told = c.told("n3", 0);
    c.ask(ControlRequest::RemoveReplica { partition, node: node.clone() });
    assert_eq!(c.told("n3", 0), "Member Remove(n4)");
    assert_eq!(c.ask(ControlRequest::AddReplica { partition, node: node.clone() }), ControlResponse::Done);
    assert_eq!(c.told("n3", 0), told, "n4 is there already: what was asked for before is taken back");
    let answer = c.ask(ControlRequest::AddReplica { partition: p(7), node });
    assert_eq!(answer, ControlResponse::Refused("there is no partition 1.7".to_owned()));
}

#[test]
fn copies_that_nobody_needs_are_discarded_unless_all_is_frozen() {
    let mut c = Cluster::of(3, 1);
    c.add("n4");
    c.settle();
    c.node("n4").copies.insert(p(0), Default::default());
    assert_eq!(c.ask(ControlRequest::Freeze { on: true }), ControlResponse::Done);
    c.settle();
    assert_eq!(c.told("n4", 0), "Bystander");
    c.restart_meta();
    c.settle();
    assert!(c.view().frozen, "it is remembered");
    c.ask(ControlRequest::Freeze { on: false });
    c.settle();
    assert_eq!(c.told("n4", 0), "Discard");
}

#[test]
fn a_group_whose_processes_are_all_over_is_sealed_and_led_by_who_has_most() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    c.sync_all();
    // Everybody reported before these writes: what meta remembers of n2 and n3 is old.
    assert!(c.write(p(0), 1) && c.write(p(0), 2));
    c.cut_power("n1");
    for name in ["n1", "n2", "n3"] {
        c.restart(name);
    }
    c.report("n1");
    c.report("n2");
    assert_eq!(c.group(0), (1, Some("n1".to_owned())), "n3 may live");
    c.report("n3");
    assert_eq!(c.group(0), (2, None), "sealed");
    c.settle();
    assert_eq!(c.group(0), (3, Some("n2".to_owned())));
    let log: Vec<u64> = c.copy("n1", p(0)).log.iter().map(|entry| entry.1).filter(|op| *op != support::FENCE).collect();
    assert_eq!(log, [1, 2]);
}

#[test]
fn after_a_restart_of_all_every_group_serves_again() {
    let mut c = Cluster::of(3, 6);
    c.settle();
    c.partitions().into_iter().for_each(|id| assert!(c.write(id, 1)));
    c.prepare(p(1), "n2", 9);
    for name in ["n1", "n2", "n3"] {
        c.kill(name);
    }
    c.restart_meta();
    for name in ["n3", "n1", "n2"] {
        c.start(name);
    }
    c.settle();
    assert!(c.healthy());
    assert!((0..6).all(|i| c.group(i).0 == 3));
    assert!(c.copy("n1", p(1)).log.iter().any(|entry| entry.1 == 9), "the newest tail was taken over");
}

#[test]
fn an_administrator_can_go_on_with_what_is_there() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    c.write(p(0), 1);
    let force = ControlRequest::Force { partition: p(0), node: None };
    assert!(matches!(c.ask(force.clone()), ControlResponse::Refused(why) if why.contains("helps itself")));
    for name in ["n1", "n2", "n3"] {
        c.kill(name);
    }
    c.pass(4000);
    c.start("n2");
    c.settle();
    assert_eq!(c.obstacles(0), "n1 does not report; n3 does not report");
    assert_eq!(c.ask(force), ControlResponse::Done);
    c.settle();
    let (ballot, primary) = c.group(0);
    assert_eq!((ballot, primary.as_deref()), (3, Some("n2")));
    assert_eq!(c.obstacles(0), "");
}

#[test]
fn an_administrator_takes_a_copy_from_the_node_that_leads() {
    let mut c = Cluster::of(3, 1);
    c.add("n4");
    c.settle();
    let (partition, node) = (p(0), NodeId::new("n1"));
    assert_eq!(c.ask(ControlRequest::RemoveReplica { partition, node: node.clone() }), ControlResponse::Done);
    assert_eq!(c.told("n1", 0), "Member HandOver(n2)");
    assert_eq!(c.change("n1", 0, 1, hand_over("n2")), "2 n2 n1 n3");
    c.settle();
    assert_eq!(c.told("n2", 0), "Member Remove(n1)");
    assert_eq!(c.change("n2", 0, 2, remove("n1")), "3 n2 n3");
    c.settle();
    assert_eq!((c.told("n1", 0).as_str(), c.told("n4", 0).as_str()), ("Bystander", "Learner"), "another node, although n1 has the data");
    let life = c.nodes["n4"].incarnation;
    c.node("n4").copies.insert(partition, Default::default());
    assert_eq!(c.change("n2", 0, 3, Change::Add { node: NodeId::new("n4"), life }), "4 n2 n3 n4");
    c.settle();
    assert_eq!(c.told("n1", 0), "Discard");
    assert_eq!(c.ask(ControlRequest::RemoveReplica { partition, node }), ControlResponse::Done, "it has none");

    let mut c = Cluster::of(1, 1);
    c.settle();
    let answer = c.ask(ControlRequest::RemoveReplica { partition, node: NodeId::new("n1") });
    assert_eq!(answer, ControlResponse::Refused("n1 is the only member".to_owned()));
}

#[test]
fn a_member_that_lost_its_disk_is_not_waited_for_and_one_that_is_silent_is() {
    for forced in [false, true] {
        let mut c = Cluster::of(3, 1);
        c.settle();
        assert!(c.write(p(0), 1));
        c.sync_all();
        for name in ["n1", "n2", "n3"] {
            c.kill(name);
        }
        c.node("n3").copies.clear();
        c.start("n2");
        c.start("n3");
        for _ in 0..20 {
            c.settle();
        }
        assert_eq!((c.obstacles(0).as_str(), c.group(0).0), ("n1 does not report", 1));
        if forced {
            assert_eq!(c.ask(ControlRequest::Force { partition: p(0), node: Some(NodeId::new("n2")) }), ControlResponse::Done);
            c.settle();
            assert_eq!(c.core.cluster().group(p(0)).map(|group| group.config().members().count()), Some(1), "n2 alone");
        }
        c.start("n1");
        for _ in 0..20 {
            c.settle();
        }
        let (ballot, primary) = c.group(0);
        assert_eq!((ballot, primary.as_deref()), (3, Some(if forced { "n2" } else { "n1" })));
        assert!(c.write(p(0), 2), "it serves");
        let log: Vec<u64> = c.copy(primary.as_deref().unwrap(), p(0)).log.iter().map(|entry| entry.1).collect();
        assert!(log.contains(&1) && log.contains(&2), "{log:?}");
        assert_eq!((c.obstacles(0).as_str(), c.told("n3", 0).as_str()), ("", "Learner"));
        assert_eq!(c.told("n1", 0), if forced { "Learner" } else { "Member" });
    }
}

#[test]
fn a_restart_of_meta_changes_nothing_for_others() {
    let mut c = Cluster::of(3, 4);
    c.settle();
    let (before, commits) = (c.ask(route("default", 0)), c.store.commits());
    c.restart_meta();
    assert_eq!(c.ask(route("default", 0)), before, "known before anybody reports");
    c.settle();
    assert!(c.healthy());
    assert_eq!(c.store.commits(), commits);
}

#[test]
fn a_node_that_restarted_while_meta_was_away_is_noticed() {
    let mut c = Cluster::of(3, 2);
    c.settle();
    c.restart("n1");
    c.restart_meta();
    c.settle();
    assert_eq!(c.told("n1", 1), "Bystander");
    assert_eq!(c.told("n2", 0), "Member TakeOver");
}

#[test]
fn a_meta_server_that_lost_its_state_does_not_make_the_table_again() {
    let mut c = Cluster::of(3, 2);
    c.settle();
    let options = support::options(Some(Bootstrap { table: "default".to_owned(), partitions: 2, replicas: 3, nodes: 3 }));
    c.core = Core::open(Box::new(Memory::new()), options, c.now).unwrap();
    c.settle();
    assert_eq!(c.core.cluster().tables().count(), 0);
    // A person can still make one; it does not get the number of the one that is there.
    assert_eq!(c.ask(create("other", 1, 1)), ControlResponse::Done);
    assert_eq!(c.core.cluster().table_named("other"), Some(TableId(2)));
}

#[test]
fn a_late_report_of_a_former_life_is_refused() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    let late = c.node("n2").report();
    c.restart("n2");
    c.settle();
    let ballot = c.group(0).0;
    let answer = c.ask(ControlRequest::Report(late));
    assert!(matches!(&answer, ControlResponse::Refused(why) if why.contains("n2")), "{answer:?}");
    c.settle();
    assert_eq!(c.group(0).0, ballot);
}

#[test]
fn a_second_process_of_the_same_name_elsewhere_is_refused_while_the_first_lives() {
    let mut c = Cluster::of(1, 1);
    c.settle();
    let mut second = c.node("n1").report();
    (second.incarnation, second.address) = (999, "elsewhere:1".to_owned());
    let answer = c.ask(ControlRequest::Report(second));
    assert_eq!(answer, ControlResponse::Refused("n1 lives at n1.host:34801: names of nodes are unique".to_owned()));
    assert_eq!(c.group(0).0, 1);
}

#[test]
fn routing_versions_grow_with_each_change_and_over_restarts() {
    let mut c = Cluster::of(3, 2);
    c.settle();
    let mut last = 0;
    let mut version = |c: &mut Cluster, changed: bool| {
        let ControlResponse::Routing(routing) = c.ask(route("default", 0)) else { panic!("no table") };
        assert_eq!(routing.version > last, changed, "{} after {last}", routing.version);
        assert_eq!(c.ask(route("default", routing.version)), ControlResponse::Unchanged);
        last = routing.version;
        routing
    };
    assert_eq!(version(&mut c, true).partitions.len(), 2);
    c.settle();
    version(&mut c, false);
    assert_eq!(c.change("n1", 0, 1, remove("n2")), "2 n1 n3");
    version(&mut c, true);
    c.restart_meta();
    version(&mut c, false);
    c.kill("n1");
    c.pass(4000);
    c.node("n1").address = "moved:1".to_owned();
    c.start("n1");
    c.report("n1");
    let routing = version(&mut c, true);
    assert!(routing.addresses.contains(&(NodeId::new("n1"), "moved:1".to_owned())));
}

#[test]
fn tables_are_made_on_demand_and_bad_ones_refused() {
    let mut c = Cluster::with(3, None);
    c.settle();
    assert_eq!(c.ask(create("t", 300, 2)), ControlResponse::Done);
    c.settle();
    assert!(c.healthy());
    let view = c.view();
    let copies: Vec<u32> = view.nodes.iter().map(|node| node.primaries + node.secondaries).collect();
    assert_eq!(copies, [200, 200, 200]);
    let mut refused = |name: &str, partitions, replicas| match c.ask(create(name, partitions, replicas)) {
        ControlResponse::Refused(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("t", 1, 1), "table t exists");
    assert_eq!(refused("", 1, 1), "a table's name is 1 to 128 of A-Z a-z 0-9 _ . : -");
    assert_eq!(refused("a b", 1, 1), "a table's name is 1 to 128 of A-Z a-z 0-9 _ . : -");
    assert_eq!(refused("u", 0, 1), "a table has 1 to 16384 partitions");
    assert_eq!(refused("u", 16_385, 1), "a table has 1 to 16384 partitions");
    assert_eq!(refused("u", 1, 0), "not enough nodes are alive: a group needs at least one member");
    assert_eq!(refused("u", 1, 4), "not enough nodes are alive: groups of 4 members need as many nodes, there are 3");
    c.kill("n3");
    c.pass(2000);
    for name in ["n1", "n2"] {
        c.report(name);
    }
    c.pass(2000);
    let answer = c.ask(create("u", 1, 3));
    assert!(matches!(answer, ControlResponse::Refused(why) if why.ends_with("there are 2")), "the silent do not count");
}

#[test]
fn nonsense_in_reports_is_refused() {
    let mut c = Cluster::with(1, None);
    let good = c.node("n1").report();
    let mut refused = |change: &dyn Fn(&mut wire::rpc::NodeReport)| {
        let mut report = good.clone();
        change(&mut report);
        matches!(c.ask(ControlRequest::Report(report)), ControlResponse::Refused(_))
    };
    assert!(refused(&|report| report.node = NodeId::new("")));
    assert!(refused(&|report| report.node = NodeId::new("a/b")));
    assert!(refused(&|report| report.node = NodeId::new(&"n".repeat(200))));
    assert!(refused(&|report| report.address = "nowhere".to_owned()));
    assert!(refused(&|report| report.address = "a b:1".to_owned()));
    assert!(refused(&|report| report.zone = "zone\n".to_owned()));
    assert!(!refused(&|_| {}));
    let configure = c.ask(ControlRequest::Configure(Vec::new()));
    assert!(matches!(configure, ControlResponse::Refused(_)));
    assert_eq!(c.ask(ControlRequest::Ping), ControlResponse::Done);
}

#[test]
fn a_commit_of_unknown_fate_is_looked_up_before_anything_else() {
    for fault in [Fault::Before, Fault::After] {
        let mut c = Cluster::of(3, 1);
        c.settle();
        c.store.fail(Some(fault));
        let answer = c.change("n1", 0, 1, remove("n2"));
        assert!(answer.starts_with("Refused"), "{fault:?}: nobody is told what may not be: {answer}");
        assert_eq!(c.change("n1", 0, 1, remove("n2")), "2 n1 n3", "{fault:?}: one ballot, whether or not it was written the first time");
    }
}

#[test]
fn while_the_store_is_down_nothing_is_decided_and_afterwards_all_is() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    c.store.fail(Some(Fault::Down));
    assert!(matches!(c.report("n1").answer, ControlResponse::Assignments(_)), "what needs no change is answered");
    assert!(c.change("n1", 0, 1, remove("n2")).starts_with("Refused"));
    c.store.fail(None);
    assert_eq!(c.change("n1", 0, 1, remove("n2")), "2 n1 n3");
}

#[test]
fn another_writer_of_the_store_is_noticed() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    let key = "partition/0000000001/00000";
    let found = c.store.get(key).unwrap().unwrap();
    c.store.commit(&[Edit { key: key.to_owned(), expected: found.version, value: Some(found.value) }]).unwrap();
    assert!(c.change("n1", 0, 1, remove("n2")).contains("changed by someone else"));
    assert_eq!(c.change("n1", 0, 1, remove("n2")), "2 n1 n3");
}

#[test]
fn a_table_whose_making_was_cut_short_is_not_there_and_can_be_made() {
    let mut c = Cluster::with(2, None);
    c.settle();
    // More groups than one commit holds: the second commit fails.
    let commits = c.store.commits();
    assert_eq!(c.ask(create("whole", 150, 1)), ControlResponse::Done);
    assert_eq!(c.store.commits(), commits + 2);
    let partial = c.store.clone();
    let whole = partial.list("partition/0000000001/").unwrap();
    assert_eq!(whole.len(), 150);
    let table = partial.get("table/0000000001").unwrap().unwrap();
    partial.commit(&[Edit { key: "table/0000000001".to_owned(), expected: table.version, value: None }]).unwrap();
    c.restart_meta();
    assert_eq!(c.core.cluster().tables().count(), 0);
    assert_eq!(c.core.cluster().groups().count(), 0);
    c.settle();
    assert_eq!(c.ask(create("whole", 4, 1)), ControlResponse::Done);
    assert_eq!(c.core.cluster().table_named("whole"), Some(TableId(2)), "the number is not used again");
}

#[test]
fn records_that_do_not_fit_together_or_are_newer_are_refused_at_the_start() {
    let open = |change: &dyn Fn(&Memory)| {
        let mut c = Cluster::of(1, 2);
        c.settle();
        change(&c.store);
        let options = support::options(None);
        match Core::open(Box::new(c.store.clone()), options, Time::default()) {
            Err(error) => error,
            Ok(_) => panic!("opened"),
        }
    };
    let set = |store: &Memory, key: &str, value: Option<&'static [u8]>| {
        let expected = store.get(key).unwrap().map_or(Version::ABSENT, |found| found.version);
        store.commit(&[Edit { key: key.to_owned(), expected, value: value.map(bytes::Bytes::from_static) }]).unwrap();
    };
    let newer = open(&|store| set(store, "table/0000000001", Some(b"\x63future")));
    assert_eq!(newer.to_string(), "meta record table/0000000001 has format 99, this program knows 1");
    let gap = open(&|store| set(store, "partition/0000000001/00001", None));
    assert_eq!(gap.to_string(), "meta record table/0000000001 is damaged: 1 of its 2 partitions are there");
    let counter = open(&|store| set(store, "next_table", None));
    assert!(matches!(counter, StoreError::Damaged { .. }), "{counter}");
}

#[test]
fn what_waits_is_seen_by_an_administrator() {
    let mut c = Cluster::of(3, 1);
    c.settle();
    c.kill("n2");
    c.pass(2000);
    for name in ["n1", "n3"] {
        c.report(name);
    }
    c.pass(2000);
    let view = c.view();
    let n2 = view.nodes.iter().find(|node| node.node.name() == "n2").unwrap();
    assert!(!n2.alive && n2.silent >= Duration::from_secs(4));
    assert_eq!(view.tables[0].healthy, 0);
    let partition: PartitionId = view.partitions[0].partition;
    assert_eq!((partition, view.partitions[0].replicas.len()), (p(0), 3));
}
