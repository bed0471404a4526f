//! One test per promise: of the paper, and of what this crate adds to it.
//!
//! Three replicas, a log each that syncs when told to, a network that delivers when told to. Messages wait in a list, so that a test can
//! read, drop, double and hold them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::time::Duration;

use bytes::Bytes;
use pacifica::invariants::{commit_invariant, primary_invariant};
use pacifica::message::{Change, Message, Mutation};
use pacifica::recovery::Recovery;
use pacifica::replica::{Answer, Blocked, Input, LogToken, Options, Output, Replica, Role, Suggestion};
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId};
use types::time::Time;

#[test]
fn a_secondary_acknowledges_what_it_has_not_what_it_was_sent() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.deliver(A, B);
    assert!(g.sent(B, A).is_empty(), "not on the disk yet");
    g.sync(B);
    assert_eq!(g.sent(B, A), [prepared(1, 2)]);
}

#[test]
fn a_decree_commits_when_every_member_holds_it() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.sync(A);
    g.deliver(A, B);
    g.sync(B);
    g.deliver(B, A);
    assert_eq!(g[A].committed(), Decree(1), "c does not hold it");
    g.deliver(A, C);
    g.sync(C);
    g.deliver(C, A);
    assert_eq!(g.applied(A), ["", "x"]);
}

#[test]
fn a_decree_does_not_commit_before_the_primary_itself_holds_it() {
    let mut g = Group::serving();
    g.write(A, "x");
    for secondary in [B, C] {
        g.deliver(A, secondary);
        g.sync(secondary);
        g.deliver(secondary, A);
    }
    assert_eq!(g[A].committed(), Decree(1));
    g.sync(A);
    assert_eq!(g[A].committed(), Decree(2));
}

#[test]
fn mutations_commit_and_are_applied_in_order() {
    let mut g = Group::serving();
    for body in ["1", "2", "3", "4", "5"] {
        g.write(A, body);
    }
    g.settle();
    for node in ALL {
        assert_eq!(g.applied(node), ["", "1", "2", "3", "4", "5"]);
    }
}

#[test]
fn the_commit_point_rides_on_the_next_prepare() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.settle_quietly();
    assert_eq!((g[A].committed(), g[B].committed()), (Decree(2), Decree(1)));
    g.write(A, "y");
    g.deliver(A, B);
    assert_eq!(g.applied(B), ["", "x"]);
}

#[test]
fn an_idle_primary_tells_its_commit_point_by_itself() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.settle_quietly();
    g.pass(options().notice);
    let sent = g.now;
    assert!(g.in_flight.contains(&(A, B, Message::Beacon { ballot: Ballot(1), committed: Decree(2), sent })));
    g.settle_quietly();
    assert_eq!(g.applied(B), ["", "x"]);
}

#[test]
fn what_the_predecessor_committed_the_new_primary_commits() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.settle_quietly(); // a committed and answered; b and c do not know
    assert_eq!(g.applied(B), [""]);
    g.configure(2, B, [B, C]); // a is gone
    g.restart(A);
    g.configure(3, B, ALL);
    g.settle();
    for node in ALL {
        assert_eq!(g.applied(node).iter().filter(|body| **body == "x").count(), 1);
    }
}

#[test]
fn a_new_primary_serves_only_when_what_it_found_is_committed_again() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.deliver(A, B);
    g.drop_all();
    g.configure(2, B, ALL);
    assert_eq!(g[B].role(), Role::Reconciling);
    assert_eq!(g.may_write(B), Err(Blocked::NotReady));
    g.sync(B);
    for secondary in [A, C] {
        assert_eq!(g[B].role(), Role::Reconciling);
        g.deliver(B, secondary);
        g.sync(secondary);
        g.deliver(secondary, B);
    }
    assert_eq!(g[B].role(), Role::Primary);
    assert_eq!(g.applied(B), ["", "x", ""], "the tail, then the fence");
}

#[test]
fn what_only_the_old_primary_prepared_is_void() {
    let mut g = Group::serving();
    g.write(A, "lost");
    g.sync(A);
    g.drop_all();
    g.configure(2, B, ALL);
    g.settle();
    g.write(B, "kept");
    g.settle();
    for node in ALL {
        assert_eq!(g.applied(node), ["", "", "kept"]);
    }
}

#[test]
fn a_primary_that_stays_primary_keeps_its_writes_and_their_decrees() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.write(A, "y");
    g.drop_all();
    g.restart(C);
    g.configure(2, A, ALL);
    assert_eq!(g[A].next_decree(), Decree(5));
    g.settle();
    for node in ALL {
        assert_eq!(g.applied(node), ["", "x", "y", ""]);
    }
}

#[test]
fn nothing_is_acknowledged_under_a_ballot_before_its_fence_is_stored() {
    let mut g = Group::serving();
    g.write(A, "xxxxxxxx"); // larger than a part
    g.deliver(A, B);
    g.drop_all();
    g.configure(2, B, ALL);
    g.drop_all_but(B, C);
    g.deliver(B, C);
    g.sync(C);
    assert_eq!(g.sent(C, B), [behind(2, 2)], "it has the tail and asks for more");
    g.deliver(C, B);
    g.deliver(B, C);
    assert!(g.sent(C, B).is_empty());
    g.sync(C);
    assert_eq!(g.sent(C, B), [prepared(2, 3)]);
}

#[test]
fn a_half_received_reconciliation_counts_for_nothing_after_a_restart() {
    let mut g = Group::serving();
    g.write(A, "aaaaaaaa");
    g.write(A, "bbbbbbbb");
    g.deliver(A, C); // c has both from a
    g.sync(C);
    g.drop_all();
    g.configure(2, B, ALL); // b has neither: its fence is decree 2
    g.sync(B);
    g.drop_all();
    g.configure(3, A, ALL); // a has both, too large for one part
    g.drop_all_but(A, C);
    g.deliver(A, C);
    g.sync(C);
    g.restart(C);
    assert_eq!(g.tail(C), ["1 aaaaaaaa", "1 bbbbbbbb"]);
    g.configure(4, C, ALL);
    g.settle();
    assert_eq!(g.applied(B), ["", "aaaaaaaa", "bbbbbbbb", ""]);
}

#[test]
fn a_secondary_keeps_its_suffix_until_the_fence() {
    let mut g = Group::serving();
    g.write(A, "aaaaaaaa");
    g.deliver(A, B);
    g.write(A, "bbbbbbbb");
    g.deliver(A, C);
    g.sync(C);
    g.drop_all();
    g.configure(2, B, ALL); // b has only the first
    g.drop_all_but(B, C);
    g.deliver(B, C);
    assert_eq!(g.tail(C), ["1 aaaaaaaa", "1 bbbbbbbb"]);
    g.pass(options().resend);
    g.settle();
    assert_eq!(g.applied(C), ["", "aaaaaaaa", ""]);
}

#[test]
fn a_message_of_a_lower_ballot_is_refused_and_the_sender_told() {
    let mut g = Group::serving();
    g.write(A, "late");
    g.configure_one(B, 2, C, ALL);
    g.drop_all_but(A, B);
    g.deliver(A, B);
    assert_eq!(g.sent(B, A), [Message::Superseded { ballot: Ballot(2) }]);
    assert!(g.tail(B).is_empty());
}

#[test]
fn a_message_of_a_ballot_that_is_not_adopted_is_not_taken() {
    let mut g = Group::serving();
    g.configure_one(B, 2, B, ALL);
    g.deliver(B, C);
    assert!(g.sent(C, B).is_empty());
    assert_eq!(g[C].prepared(), Decree(1));
    g.configure_one(C, 2, B, ALL);
    assert_eq!(g.sent(C, B), [behind(2, 1)], "it asks as soon as it may take it");
}

#[test]
fn a_primary_that_hears_of_a_higher_ballot_stops_serving() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.configure_one(B, 2, B, ALL);
    g.deliver(B, A);
    assert_eq!(g[A].role(), Role::Reconciling);
    assert_eq!(g.may_write(A), Err(Blocked::NotReady));
    g.configure(2, B, ALL);
    g.settle();
    assert_eq!(g[A].role(), Role::Secondary);
}

#[test]
fn a_restarted_replica_takes_no_part_under_the_ballot_it_had() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.restart(A);
    g.restart(B);
    g.configure(1, A, ALL);
    assert_eq!((g[A].role(), g[B].role()), (Role::Waiting, Role::Waiting));
    assert_eq!(g.may_write(A), Err(Blocked::NotPrimary));
    g.deliver(A, B);
    g.sync(B);
    assert_eq!(g.sent(B, A), [Message::Stranger { ballot: Ballot(1), renew: false }]);
}

#[test]
fn everything_acknowledged_survives_the_loss_of_all_power() {
    let mut g = Group::serving();
    for body in ["1", "2", "3"] {
        g.write(A, body);
    }
    g.settle_quietly();
    assert_eq!(g.applied(A), ["", "1", "2", "3"]);
    g.write(A, "unsynced");
    for node in ALL {
        g.restart(node);
    }
    g.configure(2, C, ALL); // whoever it is
    g.settle();
    for node in ALL {
        assert_eq!(g.log_of_applied(node), ["", "1", "2", "3", ""]);
    }
}

#[test]
fn what_a_restart_finds_committed_is_applied_at_once() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.settle();
    g.write(A, "y");
    g.settle();
    g.restart(B);
    assert_eq!(g[B].committed(), Decree(2), "y was never told as committed by a record");
    g.step(B, Input::Tick);
    assert_eq!(g.log_of_applied(B), ["", "x"]);
}

#[test]
fn a_lost_prepare_is_sent_again() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.sync(A);
    g.drop_all();
    g.pass(options().resend);
    g.settle();
    assert_eq!(g.applied(C), ["", "x"]);
}

#[test]
fn a_lost_acknowledgement_is_said_again() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.deliver(A, B);
    g.sync(B);
    g.drop_all_but(A, C);
    g.pass(options().resend);
    g.settle();
    assert_eq!(g.applied(A), ["", "x"]);
}

#[test]
fn a_gap_is_asked_for_once() {
    let mut g = Group::serving();
    g.write(A, "1");
    g.drop_all();
    for body in ["2", "3", "4"] {
        g.write(A, body);
    }
    g.deliver(A, B);
    assert_eq!(g.sent(B, A), [behind(1, 1)]);
    g.deliver(B, A);
    g.settle();
    assert_eq!(g[B].prepared(), Decree(5));
}

#[test]
fn a_doubled_or_late_prepare_changes_nothing() {
    let mut g = Group::serving();
    g.write(A, "x");
    let late = g.sent(A, B);
    g.settle();
    g.write(A, "y");
    g.settle();
    let before = g[B].standing();
    for message in late {
        g.step(B, Input::Received { from: ALL[A].clone_id(), message });
    }
    assert_eq!(g[B].standing(), before);
    assert_eq!(g.sent(B, A), [prepared(1, 3)]);
}

#[test]
fn a_completion_of_a_replaced_record_is_not_credited_to_its_replacement() {
    let mut g = Group::serving();
    g.write(A, "x");
    let old = g.last_token(A);
    g.drop_all();
    g.restart(B);
    g.restart(C);
    g.configure(2, A, ALL); // x is logged again
    for secondary in [B, C] {
        g.deliver(A, secondary);
        g.sync(secondary);
        g.deliver(secondary, A);
    }
    g.step(A, Input::Logged { upto: old });
    assert_eq!(g[A].committed(), Decree(1), "the record under ballot 2 is not on the disk");
    g.sync(A);
    assert_eq!(g.applied(A), ["", "x", ""]);
}

#[test]
fn a_group_of_one_commits_what_its_log_holds() {
    let mut g = Group::new();
    g.configure(1, A, [A]);
    g.sync(A);
    assert_eq!(g[A].role(), Role::Primary);
    g.write(A, "x");
    g.sync(A);
    assert_eq!(g.applied(A), ["", "x"]);
    assert_eq!(g[A].deadline(), None);
}

#[test]
fn the_window_bounds_what_is_in_flight() {
    let mut g = Group::serving();
    for _ in 0..options().window {
        g.write(A, "x");
    }
    assert_eq!(g.may_write(A), Err(Blocked::WindowFull));
    g.settle();
    assert_eq!(g.may_write(A), Ok(()));
    g.write(A, &"x".repeat(options().window_bytes));
    assert_eq!(g.may_write(A), Err(Blocked::WindowFull));
}

#[test]
fn changes_of_primary_without_progress_do_not_make_the_tail_longer() {
    let mut g = Group::serving();
    g.write(A, "x");
    for ballot in 2..50 {
        g.configure(ballot, A, ALL);
        g.drop_all();
    }
    assert_eq!(g.tail(A), ["49 x", "49 "]);
    g.pass(options().resend);
    g.settle();
    assert_eq!(g.applied(C), ["", "x", ""]);
}

#[test]
fn void_records_are_replaced_so_that_logs_can_be_trimmed() {
    let mut g = Group::serving();
    for body in ["1", "2", "3"] {
        g.write(A, body);
    }
    g.deliver(A, C);
    g.sync(C);
    g.drop_all();
    g.configure(2, B, ALL); // c has void records through 4; b's fence is 2
    g.settle();
    assert_eq!(g[C].prepared(), Decree(2));
    g.pass(options().resend); // something happened since it began to wait
    g.pass(options().resend);
    g.settle();
    assert_eq!(g[C].applied(), Decree(4));
    for node in ALL {
        assert_eq!(g.applied(node), ["", "", "", ""]);
    }
}

#[test]
fn a_secondary_that_lost_committed_records_says_so() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.settle();
    g.write(A, "y");
    g.settle();
    g.nodes[C].log.clear();
    g.restart(C);
    g.configure(2, A, ALL);
    g.settle();
    assert_eq!(g.nodes[C].behind, [(Decree(1), Decree(3))]);
    assert_eq!(g[A].role(), Role::Reconciling, "the group does not commit without it");
}

#[test]
fn a_secondary_whose_primary_lost_committed_records_says_so() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.settle();
    g.nodes[C].log.clear();
    g.restart(C);
    g.configure(2, C, ALL);
    g.settle();
    assert_eq!(g.nodes[A].behind, [(Decree(3), Decree(1))]);
    assert_eq!(g.applied(A), ["", "x"], "it keeps what it has");
}

#[test]
#[should_panic(expected = "was never given out")]
fn a_token_that_was_never_given_out_stops_the_replica() {
    let mut g = Group::serving();
    g.step(A, Input::Logged { upto: LogToken(99) });
}

#[test]
fn what_no_member_would_say_is_ignored() {
    let mut g = Group::serving();
    let before = g[A].standing();
    g.step(A, Input::Received { from: NodeId::new("stranger"), message: prepared(1, 1) });
    g.step(A, Input::Received { from: ALL[B].clone_id(), message: prepared(1, u64::MAX) });
    g.step(A, Input::Received { from: ALL[B].clone_id(), message: behind(1, u64::MAX) });
    g.step(A, Input::Received { from: NodeId::new("stranger"), message: behind(9, 1) });
    assert_eq!(g[A].standing(), before);
    let mutation = |ballot, decree, fence| Mutation {
        ballot: Ballot(ballot),
        decree: Decree(decree),
        committed: Decree(u64::MAX),
        fence,
        body: Bytes::new(),
    };
    for mutation in [mutation(7, 2, false), mutation(1, 2, true), mutation(1, u64::MAX, false), mutation(1, 0, true)] {
        let message = Message::Prepare { ballot: Ballot(1), committed: Decree(1), sent: Time::default(), mutations: vec![mutation] };
        g.step(B, Input::Received { from: ALL[A].clone_id(), message });
    }
    assert_eq!(g[B].standing(), before_of(Role::Secondary, &before));
}

#[test]
fn a_primary_serves_and_commits_only_under_the_lease_of_every_secondary() {
    let mut g = Group::serving();
    assert!(g.reads(A));
    g.write(A, "x");
    g.deliver(A, B);
    g.deliver(A, C);
    g.drop_all();
    ALL.into_iter().for_each(|node| g.sync(node));
    let acknowledgements = std::mem::take(&mut g.in_flight);
    g.now = g.now + options().lease; // nobody looks at the clock
    assert!(!g.reads(A));
    assert_eq!(g.may_write(A), Err(Blocked::NoLease));
    for (from, to, message) in acknowledgements {
        g.step(to, Input::Received { from: from.clone_id(), message });
    }
    assert_eq!(g[A].committed(), Decree(1), "they hold it, but may have another primary by now");
    g.pass(Duration::ZERO);
    g.settle_quietly();
    assert!(g.reads(A));
    assert_eq!(g.applied(A), ["", "x"]);
}

#[test]
fn beacons_keep_a_group_that_nobody_writes_to_as_it_is() {
    let mut g = Group::serving();
    for _ in 0..600 {
        g.pass(Duration::from_millis(100));
        g.settle_quietly();
        assert!(g.reads(A));
    }
    for node in ALL {
        assert_eq!(g.proposed(node), []);
    }
}

#[test]
fn a_primary_asks_for_the_removal_of_a_silent_secondary() {
    let mut g = Group::serving();
    g.live(Duration::from_secs(1), &[C]);
    assert_eq!(g.proposed(A), []);
    g.live(Duration::from_millis(1100), &[C]);
    assert_eq!(g.proposed(A), [(Ballot(1), Change::Remove(C.clone_id()))]);
    g.live(Duration::from_secs(2), &[C]);
    assert_eq!(g.proposed(A)[0], (Ballot(1), Change::Remove(C.clone_id())), "until it is answered");
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    assert!(g.reads(A));
    g.write(A, "x");
    g.settle_among(&[C]);
    assert_eq!(g.applied(A), ["", "", "x"]);
}

#[test]
fn a_primary_asks_for_the_removal_of_a_secondary_whose_disk_hangs() {
    let mut g = Group::serving();
    g.write(A, "x");
    for _ in 0..21 {
        g.pass(Duration::from_millis(100));
        [A, B].into_iter().for_each(|node| g.sync(node));
        while let Some((from, to, _)) = g.in_flight.first().cloned() {
            g.deliver(from, to);
            [A, B].into_iter().for_each(|node| g.sync(node));
        }
        assert!(g.reads(A), "it grants leases");
    }
    assert_eq!(g.proposed(A), [(Ballot(1), Change::Remove(C.clone_id()))]);
}

#[test]
fn a_secondary_takes_over_from_a_silent_primary_when_its_lease_is_over_for_certain() {
    let mut g = Group::serving();
    let heard = g.now;
    g.live(options().grace - Duration::from_millis(100), &[A]);
    assert_eq!(g.proposed(B), []);
    g.live(Duration::from_millis(200), &[A]);
    assert_eq!(g.proposed(B), [(Ballot(1), Change::TakeOver)]);
    assert!(g[A].lease_until() <= heard + options().lease && !g.reads(A));
    g.configure(2, B, [B, C]);
    g.settle_among(&[A]);
    assert!(g.reads(B) && !g.reads(A));
}

#[test]
fn who_asked_to_depose_its_primary_grants_it_nothing_until_it_knows_the_answer() {
    let mut g = Group::serving();
    g.live(options().grace, &[A]);
    assert_eq!(g.proposed(B), [(Ballot(1), Change::TakeOver)]);
    g.live(Duration::from_secs(1), &[C]);
    assert!(!g.reads(A), "b hears it, and gives no new lease");
    g.step(B, Input::Answered { ballot: Ballot(1), answer: Answer::Unknown });
    g.live(Duration::from_secs(1), &[]);
    assert!(!g.reads(A), "it may be deposed");
    for node in [B, C] {
        g.step(node, Input::Answered { ballot: Ballot(1), answer: Answer::Refused });
    }
    g.live(Duration::from_secs(1), &[]);
    assert!(g.reads(A));
}

#[test]
fn a_deposition_that_never_left_is_taken_back() {
    let mut g = Group::serving();
    g.live(options().grace, &[A]);
    for node in [B, C] {
        g.step(node, Input::Answered { ballot: Ballot(1), answer: Answer::Unsent });
    }
    g.live(Duration::from_secs(1), &[]);
    assert!(g.reads(A));
}

#[test]
fn a_suspected_secondary_is_removed_at_once() {
    let mut g = Group::serving();
    g.step(A, Input::Suspect(C.clone_id()));
    assert_eq!(g.proposed(A), [(Ballot(1), Change::Remove(C.clone_id()))]);
    g.step(B, Input::Suspect(A.clone_id()));
    assert_eq!(g.proposed(B), [], "that a primary is gone has to be certain");
    g.step(B, Input::Suggested(Suggestion::TakeOver));
    assert_eq!(g.proposed(B), [(Ballot(1), Change::TakeOver)]);
}

#[test]
fn a_restarted_secondary_says_that_it_is_none() {
    let mut g = Group::serving();
    g.restart(C);
    g.pass(options().beacon);
    g.settle_quietly();
    assert_eq!(g.proposed(A), [(Ballot(1), Change::Remove(C.clone_id()))]);
}

#[test]
fn a_restarted_replica_takes_no_configuration_from_its_peers() {
    let mut g = Group::serving();
    g.restart(C);
    g.configure_one(A, 2, A, ALL);
    g.deliver(A, C);
    assert!(g.nodes[C].adopts.is_empty(), "the place was given to another life");
    assert_eq!(g.nodes[C].outdated, Some(Ballot(2)));
    g.deliver(A, B);
    assert_eq!(g.nodes[B].adopts.len(), 1);
}

#[test]
fn a_learner_catches_up_from_memory_and_is_counted_before_it_is_added() {
    let mut g = Group::serving();
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    for body in ["1", "2"] {
        g.write(A, body);
        g.settle_among(&[C]);
    }
    g.restart(C);
    g.learn(C, 2, A, [A, B]);
    assert_eq!(g[C].role(), Role::Learner);
    g.drop_all_but(C, A);
    g.deliver(C, A);
    assert_eq!(g.sent(A, C).len(), 1, "fed from where it is");
    g.settle();
    assert_eq!(g.applied(C), ["", "", "1", "2"]);
    let life = g.nodes[C].life;
    assert_eq!(g.proposed(A), [(Ballot(2), Change::Add { node: C.clone_id(), life })]);
    g.write(A, "3");
    g.settle_among(&[C]);
    assert_eq!(g[A].committed(), Decree(4), "c may be a member already");
    g.configure(3, A, [A, B]); // as if removed by a ballot of its own
    g.settle_among(&[C]);
    assert_eq!(g.applied(A), ["", "", "1", "2", "3", ""]);
}

#[test]
fn a_learner_that_was_added_is_a_secondary_like_any_other() {
    let mut g = Group::serving();
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    g.write(A, "1");
    g.settle_among(&[C]);
    g.restart(C);
    g.learn(C, 2, A, [A, B]);
    g.settle();
    g.write(A, "2");
    g.configure_one(A, 3, A, ALL);
    g.deliver(A, C);
    g.deliver(A, B);
    g.adopt();
    assert_eq!(g[C].role(), Role::Secondary);
    g.settle();
    for node in ALL {
        assert_eq!(g.applied(node), ["", "", "1", "2", ""]);
    }
}

#[test]
fn a_learner_gives_up_what_it_prepared_and_was_not_committed() {
    let mut g = Group::serving();
    g.write(A, "void");
    g.sync(A);
    g.drop_all();
    g.configure(2, B, [B, C]);
    g.settle_among(&[A]);
    g.write(B, "kept");
    g.settle_among(&[A]);
    g.restart(A);
    assert_eq!(g.tail(A), ["1 void"]);
    g.learn(A, 2, B, [B, C]);
    assert_eq!(g[A].prepared(), Decree(1));
    g.settle();
    assert_eq!(g.applied(A), ["", "", "kept"]);
    g.restart(A);
    assert_eq!((g[A].prepared(), g.tail(A)), (Decree(3), vec!["2 kept".to_owned()]), "its log says so, too");
}

#[test]
fn a_learner_that_lacks_more_than_memory_is_sent_to_fetch_the_rest() {
    let mut g = Group::serving();
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    for _ in 0..20 {
        g.write(A, &"x".repeat(400));
        g.settle_among(&[C]);
    }
    g.restart(C);
    g.learn(C, 2, A, [A, B]);
    g.settle();
    assert_eq!(g.nodes[C].too_far, 1);
    // what it fetched is in its store now
    let applied = g[A].applied();
    g.nodes[C].replica = Replica::recover(C.clone_id(), options(), g.nodes[C].life, Ballot(2), applied, []).unwrap();
    g.nodes[C].log.clear();
    g.learn(C, 2, A, [A, B]);
    g.settle();
    assert_eq!(g[C].committed(), applied);
    assert_eq!(g.proposed(A).len(), 1, "caught up");
}

#[test]
fn a_learner_does_not_give_up_what_its_primary_may_count_on() {
    let mut g = Group::serving();
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    g.restart(C);
    g.learn(C, 2, A, [A, B]);
    g.settle_quietly();
    g.write(A, "x");
    g.settle_among(&[B]); // c holds it, b does not: it is not committed
    let before = g[C].standing();
    assert_eq!((before.held, before.committed), (Decree(3), Decree(2)));
    g.learn(C, 2, A, [A, B]);
    assert_eq!(g[C].standing(), before);
    g.step(C, Input::Received { from: A.clone_id(), message: Message::TooFar { ballot: Ballot(2) } });
    assert_eq!(g.nodes[C].too_far, 0);
    assert_eq!(g.sent(C, A), [Message::Stranger { ballot: Ballot(2), renew: true }]);
}

#[test]
fn a_learner_that_has_to_begin_again_gets_a_new_ballot() {
    let mut g = Group::serving();
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    g.step(A, Input::Received { from: C.clone_id(), message: Message::Stranger { ballot: Ballot(2), renew: true } });
    assert_eq!(g.proposed(A), [(Ballot(2), Change::Remove(C.clone_id()))]);
}

#[test]
fn an_acknowledgement_of_a_learners_earlier_session_counts_for_nothing() {
    let mut g = Group::serving();
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    g.write(A, "1");
    g.settle_among(&[C]);
    g.restart(C);
    g.learn(C, 2, A, [A, B]);
    g.deliver(C, A);
    g.deliver(A, C);
    g.sync(C);
    let late = g.sent(C, A);
    assert_eq!(late.len(), 1);
    g.drop_all();
    g.nodes[C].synced = 0;
    g.restart(C);
    g.now = g.now + Duration::from_millis(1);
    g.learn(C, 2, A, [A, B]);
    g.deliver(C, A);
    for message in late {
        g.step(A, Input::Received { from: C.clone_id(), message });
    }
    assert_eq!(g[A].learners().map(|(_, held)| held).collect::<Vec<_>>(), [Decree(0)]);
    assert_eq!(g.proposed(A), []);
}

#[test]
fn a_learner_whose_addition_is_refused_counts_until_a_new_ballot_makes_that_certain() {
    let mut g = Group::serving();
    g.configure(2, A, [A, B]);
    g.settle_among(&[C]);
    g.restart(C);
    g.learn(C, 2, A, [A, B]);
    g.settle();
    assert_eq!(g.proposed(A).len(), 1);
    g.step(A, Input::Answered { ballot: Ballot(2), answer: Answer::Refused });
    assert_eq!(g.proposed(A), [(Ballot(2), Change::Remove(C.clone_id()))]);
    g.write(A, "x");
    g.settle_among(&[C]);
    assert_eq!(g[A].committed(), Decree(2), "an earlier request may arrive yet");
}

#[test]
fn a_hand_over_waits_for_what_is_in_flight_and_takes_nothing_new() {
    let mut g = Group::serving();
    g.write(A, "x");
    g.step(A, Input::Suggested(Suggestion::HandOver(B.clone_id())));
    assert_eq!(g.may_write(A), Err(Blocked::HandingOver));
    assert!(g.reads(A));
    assert_eq!(g.proposed(A), []);
    g.settle_quietly();
    assert_eq!(g.proposed(A), [(Ballot(1), Change::HandOver(B.clone_id()))]);
    g.configure_one(A, 2, B, ALL);
    g.deliver(A, B);
    g.deliver(A, C);
    g.adopt();
    g.settle();
    assert!(g.reads(B));
    assert_eq!((g[A].role(), g.applied(B)), (Role::Secondary, vec!["", "x", ""]));
}

#[test]
fn a_hand_over_that_nobody_answers_does_not_keep_writes_waiting() {
    let mut g = Group::serving();
    g.step(A, Input::Suggested(Suggestion::HandOver(B.clone_id())));
    g.live(Duration::from_millis(1100), &[]);
    assert_eq!(g.may_write(A), Ok(()));
}

#[test]
fn a_predecessor_that_is_still_a_member_is_not_removed_while_it_may_have_a_lease() {
    let mut g = Group::serving();
    g.pass(options().beacon);
    g.settle_quietly();
    g.configure_one(B, 2, B, ALL);
    g.configure_one(C, 2, B, ALL);
    g.step(B, Input::Suspect(A.clone_id()));
    assert_eq!(g.proposed(B), []);
    g.live(options().lease, &[A]);
    assert_eq!(g.proposed(B), []);
    g.live(options().grace - options().lease, &[A]);
    assert_eq!(g.proposed(B), [(Ballot(2), Change::Remove(A.clone_id()))]);
    assert!(!g.reads(A));
}

#[test]
fn a_predecessor_is_not_removed_sooner_because_the_ballot_changed_again() {
    let mut g = Group::serving();
    g.configure_one(B, 2, B, ALL); // a handed over, and has not heard that it did
    g.step(B, Input::Suspect(C.clone_id()));
    assert_eq!(g.proposed(B), [(Ballot(2), Change::Remove(C.clone_id()))]);
    g.configure_one(B, 3, B, [A, B]);
    assert!(g.reads(A), "it has the lease of both");
    g.step(B, Input::Suspect(A.clone_id()));
    assert_eq!(g.proposed(B), []);
    g.drop_all();
    g.pass(options().grace);
    assert!(!g.reads(A));
    assert_eq!(g.proposed(B), [(Ballot(3), Change::Remove(A.clone_id()))]);
}

#[test]
fn a_predecessor_that_follows_is_removed_at_once_like_any_secondary() {
    for again in [false, true] {
        let mut g = Group::serving();
        g.configure(2, B, ALL);
        g.settle();
        assert_eq!(g[A].role(), Role::Secondary);
        if again {
            g.configure(3, B, ALL);
        }
        g.step(B, Input::Suspect(A.clone_id()));
        assert_eq!(g.proposed(B), [(g[B].ballot(), Change::Remove(A.clone_id()))]);
    }
}

#[test]
fn writes_need_the_floor_of_members_and_reads_do_not() {
    let mut g = Group::serving();
    g.nodes[A].replica.set_floor(2);
    assert_eq!(g.may_write(A), Ok(()));
    g.configure(2, A, [A]);
    g.settle();
    assert_eq!(g.may_write(A), Err(Blocked::TooFewMembers));
    assert!(g.reads(A));
}

#[test]
fn a_primary_whose_own_log_hangs_goes_silent() {
    let mut g = Group::serving();
    g.step(A, Input::Stalled(true));
    g.live(options().grace + Duration::from_millis(100), &[]);
    assert_eq!(g.proposed(B), [(Ballot(1), Change::TakeOver)]);
    assert!(!g.reads(A));
}

// ---- the group -------------------------------------------------------------------------------------------------------------------

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const ALL: [usize; 3] = [A, B, C];

trait CloneId {
    fn clone_id(&self) -> NodeId;
}

impl CloneId for usize {
    fn clone_id(&self) -> NodeId {
        NodeId::new(["a", "b", "c"][*self])
    }
}

/// Parts of eight bytes, so that a reconciliation can be cut.
fn options() -> Options {
    Options { window: 8, window_bytes: 1000, resend_bytes: 8, memory_bytes: 2000, ..Options::default() }
}

fn prepared(ballot: u64, upto: u64) -> Message {
    Message::Prepared { ballot: Ballot(ballot), upto: Decree(upto), heard: Time::default(), session: 0 }
}

fn behind(ballot: u64, upto: u64) -> Message {
    Message::Behind { ballot: Ballot(ballot), upto: Decree(upto), heard: Time::default() }
}

/// The message, and no time in it; `None`: it is about nothing else.
fn without_lease(message: Message) -> Option<Message> {
    match message {
        Message::Beacon { .. } | Message::Granted { .. } | Message::Config { .. } => None,
        Message::Prepared { ballot, upto, session, .. } => Some(Message::Prepared { ballot, upto, session, heard: Time::default() }),
        Message::Behind { ballot, upto, .. } => Some(Message::Behind { ballot, upto, heard: Time::default() }),
        message => Some(message),
    }
}

fn before_of(role: Role, standing: &pacifica::invariants::Standing) -> pacifica::invariants::Standing {
    pacifica::invariants::Standing { role, ..*standing }
}

/// A record of a log.
#[derive(Debug, Clone)]
enum Entry {
    Mutation(Mutation),
    Mark(Ballot, Decree),
}

struct Node {
    replica: Replica,
    life: u64,
    log: Vec<(LogToken, Entry)>,
    synced: usize,
    applied: Vec<Mutation>,
    behind: Vec<(Decree, Decree)>,
    proposed: Vec<(Ballot, Change)>,
    adopts: Vec<(GroupConfig, bool)>,
    too_far: usize,
    outdated: Option<Ballot>,
}

struct Group {
    nodes: Vec<Node>,
    in_flight: Vec<(usize, usize, Message)>,
    now: Time,
}

impl std::ops::Index<usize> for Group {
    type Output = Replica;
    fn index(&self, node: usize) -> &Replica {
        &self.nodes[node].replica
    }
}

impl Group {
    fn new() -> Group {
        let node = |i: &usize| Node {
            replica: Replica::recover(i.clone_id(), options(), 1, Ballot(0), Decree(0), []).unwrap(),
            life: 1,
            log: Vec::new(),
            synced: 0,
            applied: Vec::new(),
            behind: Vec::new(),
            proposed: Vec::new(),
            adopts: Vec::new(),
            too_far: 0,
            outdated: None,
        };
        Group { nodes: ALL.iter().map(node).collect(), in_flight: Vec::new(), now: Time::at(Duration::from_secs(10)) }
    }

    /// `A` is primary under ballot 1; everybody has applied its fence, decree 1.
    fn serving() -> Group {
        let mut group = Group::new();
        group.configure(1, A, ALL);
        group.settle();
        assert_eq!(group[A].role(), Role::Primary);
        group
    }

    fn configure(&mut self, ballot: u64, primary: usize, members: impl AsRef<[usize]>) {
        for node in members.as_ref() {
            self.configure_one(*node, ballot, primary, members.as_ref());
        }
    }

    fn configure_one(&mut self, node: usize, ballot: u64, primary: usize, members: impl AsRef<[usize]>) {
        let secondaries = members.as_ref().iter().filter(|i| **i != primary).map(CloneId::clone_id).collect();
        let config = GroupConfig { ballot: Ballot(ballot), primary: Some(primary.clone_id()), secondaries };
        self.step(node, Input::Configured(config));
    }

    fn write(&mut self, node: usize, body: &str) {
        self.step(node, Input::Write { body: Bytes::copy_from_slice(body.as_bytes()) });
    }

    fn step(&mut self, at: usize, input: Input) {
        let mut outputs = Vec::new();
        let node = &mut self.nodes[at];
        node.replica.step(self.now, input, &mut outputs);
        for output in outputs {
            match output {
                Output::Log { token, mutation } => node.log.push((token, Entry::Mutation(mutation))),
                Output::Mark { token, ballot, decree } => node.log.push((token, Entry::Mark(ballot, decree))),
                Output::Adopt { config, learn } => node.adopts.push((config, learn)),
                Output::Propose { ballot, change } => node.proposed.push((ballot, change)),
                Output::Outdated { ballot } => node.outdated = Some(ballot),
                Output::TooFar { .. } => node.too_far += 1,
                Output::Send { to, message } => {
                    let to = ALL.into_iter().find(|i| i.clone_id() == to).unwrap();
                    self.in_flight.push((at, to, message));
                }
                Output::Apply(mutation) => node.applied.push(mutation),
                Output::Role(role) => assert_eq!(role, node.replica.role()),
                Output::Behind { expected, received } => node.behind.push((expected, received)),
            }
        }
        let group: Vec<_> = self.nodes.iter().map(|node| node.replica.standing()).collect();
        primary_invariant(&group).unwrap();
        for (a, b) in group.iter().flat_map(|a| group.iter().map(move |b| (a, b))) {
            commit_invariant(a, b).unwrap();
        }
    }

    /// Everything the node logged is on its disk.
    fn sync(&mut self, node: usize) {
        self.nodes[node].synced = self.nodes[node].log.len();
        let upto = self.last_token(node);
        self.step(node, Input::Logged { upto });
    }

    fn last_token(&self, node: usize) -> LogToken {
        self.nodes[node].log.last().map_or(LogToken(0), |(token, _)| *token)
    }

    /// Loss of power at one node: it comes back with what was synced. Its store had flushed nothing.
    fn restart(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.log.truncate(node.synced);
        node.synced = node.log.len();
        node.log.iter_mut().for_each(|(token, _)| *token = LogToken(0));
        node.applied.clear();
        node.life += 1;
        node.proposed.clear();
        node.adopts.clear();
        let mut recovery = Recovery::new(node.replica.ballot(), Decree(0));
        for (_, entry) in &node.log {
            match entry {
                Entry::Mutation(mutation) => recovery.take(mutation.clone()).unwrap(),
                Entry::Mark(ballot, decree) => recovery.mark(*ballot, *decree).unwrap(),
            }
        }
        node.replica = recovery.finish(at.clone_id(), options(), node.life);
    }

    /// What is on its way, without leases.
    fn sent(&self, from: usize, to: usize) -> Vec<Message> {
        let between = self.in_flight.iter().filter(|(f, t, _)| (*f, *t) == (from, to));
        between.filter_map(|(.., message)| without_lease(message.clone())).collect()
    }

    fn may_write(&self, node: usize) -> Result<(), Blocked> {
        self[node].may_write(self.now)
    }

    /// Whether a read would be served.
    fn reads(&self, node: usize) -> bool {
        self[node].role() == Role::Primary && self.now < self[node].lease_until()
    }

    /// What `node` asked the meta server for, since this was last asked.
    fn proposed(&mut self, node: usize) -> Vec<(Ballot, Change)> {
        std::mem::take(&mut self.nodes[node].proposed)
    }

    /// `node` learns under the configuration.
    fn learn(&mut self, node: usize, ballot: u64, primary: usize, members: impl AsRef<[usize]>) {
        let secondaries = members.as_ref().iter().filter(|i| **i != primary).map(CloneId::clone_id).collect();
        let config = GroupConfig { ballot: Ballot(ballot), primary: Some(primary.clone_id()), secondaries };
        self.step(node, Input::Learn(config));
    }

    /// Time passes in small steps, while network and disks work; `cut` nodes are cut off.
    fn live(&mut self, span: Duration, cut: &[usize]) {
        let end = self.now + span;
        while self.now < end {
            self.pass(Duration::from_millis(100));
            self.in_flight.retain(|(from, to, _)| !cut.contains(from) && !cut.contains(to));
            self.settle_among(cut);
        }
    }

    fn settle_among(&mut self, cut: &[usize]) {
        loop {
            ALL.into_iter().for_each(|node| self.sync(node));
            self.in_flight.retain(|(from, to, _)| !cut.contains(from) && !cut.contains(to));
            let Some((from, to, _)) = self.in_flight.first().cloned() else { break };
            self.deliver(from, to);
        }
    }

    /// Carries out what members said of a configuration.
    fn adopt(&mut self) {
        for node in ALL {
            for (config, learn) in std::mem::take(&mut self.nodes[node].adopts) {
                self.step(node, if learn { Input::Learn(config) } else { Input::Configured(config) });
            }
        }
    }

    fn deliver(&mut self, from: usize, to: usize) {
        let (arrived, rest) = std::mem::take(&mut self.in_flight).into_iter().partition(|(f, t, _)| (*f, *t) == (from, to));
        self.in_flight = rest;
        let arrived: Vec<_> = arrived;
        for (from, to, message) in arrived {
            self.step(to, Input::Received { from: from.clone_id(), message });
        }
    }

    fn drop_all(&mut self) {
        self.in_flight.clear();
    }

    fn drop_all_but(&mut self, from: usize, to: usize) {
        self.in_flight.retain(|(f, t, _)| (*f, *t) == (from, to));
    }

    /// Time passes, and everybody looks at the clock.
    fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        for node in ALL {
            self.step(node, Input::Tick);
        }
    }

    /// Disks and network work until nothing moves.
    fn settle_quietly(&mut self) {
        loop {
            ALL.into_iter().for_each(|node| self.sync(node));
            let Some((from, to, _)) = self.in_flight.first().cloned() else { break };
            self.deliver(from, to);
        }
    }

    /// And the commit point is told.
    fn settle(&mut self) {
        self.settle_quietly();
        self.pass(options().notice);
        self.settle_quietly();
    }

    fn applied(&self, node: usize) -> Vec<&str> {
        self.nodes[node].applied.iter().map(|mutation| std::str::from_utf8(&mutation.body).unwrap()).collect()
    }

    /// The same, and that nothing was applied twice or left out since the restart.
    fn log_of_applied(&self, node: usize) -> Vec<&str> {
        let decrees: Vec<u64> = self.nodes[node].applied.iter().map(|mutation| mutation.decree.0).collect();
        assert_eq!(decrees, (1..=decrees.len() as u64).collect::<Vec<_>>());
        self.applied(node)
    }

    /// What is in force and not applied: `ballot body`.
    fn tail(&self, node: usize) -> Vec<String> {
        let name = |mutation: &Mutation| format!("{} {}", mutation.ballot, std::str::from_utf8(&mutation.body).unwrap());
        self[node].tail().filter(|mutation| mutation.decree > self[node].committed()).map(name).collect()
    }
}
