use super::*;

/// `members` is one word each: `name` then any of `-` (silent), `~` (restarted, certainly), `?` (restarted, perhaps), `x` (failed), and the copy as
/// `=ballot/prepared_ballot.prepared/committed`; without a copy there is none. `group` is `ballot` or `ballot:primary`.
fn check(group: &str, members: &str, expected: &str) {
    check_with(group, members, None, expected);
}

fn check_with(group: &str, members: &str, force: Option<&Force>, expected: &str) {
    let (ballot, primary) = group.split_once(':').map_or((group, None), |(ballot, primary)| (ballot, Some(NodeId::new(primary))));
    let members: Vec<Member> = members.split_whitespace().map(member).collect();
    let text = match decide(Ballot(number(ballot)), primary.as_ref(), &members, force) {
        Decision::Keep => "keep".to_owned(),
        Decision::Seal => "seal".to_owned(),
        Decision::Appoint(node, members) => {
            format!("appoint {node} of {}", members.iter().map(NodeId::name).collect::<Vec<_>>().join(" "))
        }
        Decision::Wait(obstacles) => obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    assert_eq!(text, expected);
}

fn member(word: &str) -> Member {
    let (head, copy) = word.split_once('=').map_or((word, None), |(head, copy)| (head, Some(copy)));
    let copy = copy.map(|copy| {
        let mut parts = copy.split('/');
        let mut next = || parts.next().expect("three parts");
        let ballot = Ballot(number(next()));
        let (prepared_ballot, prepared) = next().split_once('.').expect("ballot.decree");
        Copy {
            ballot,
            prepared_ballot: Ballot(number(prepared_ballot)),
            prepared: Decree(number(prepared)),
            committed: Decree(number(next())),
            failed: head.contains('x'),
        }
    });
    let node = NodeId::new(head.trim_end_matches(['-', '~', '?', 'x']));
    Member { node, alive: !head.contains('-'), restarted: head.contains(['~', '?']), certain: head.contains('~'), copy }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

#[test]
fn a_new_group_gets_its_first_primary_when_all_members_made_their_copy() {
    check("0", "a~=0/0.0/0 b~=0/0.0/0 c~", "c has no copy");
    check("0", "a~=0/0.0/0 b~=0/0.0/0 c~-", "c does not report");
    check("0", "a~=0/0.0/0 b~=0/0.0/0 c~=0/0.0/0", "appoint a of a b c");
}

#[test]
fn a_group_with_a_member_that_lives_is_left_alone() {
    check("4:a", "a=4/4.9/9 b=4/4.9/8 c=4/4.9/8", "keep");
    check("4:a", "a~=4/4.9/9 b=4/4.9/8 c~=4/4.9/8", "keep");
    check("4:a", "a-=4/4.9/9 b-=4/4.9/8 c=4/4.9/8", "keep");
}

#[test]
fn a_group_is_sealed_when_all_its_processes_are_over() {
    check("4:a", "a~=4/4.9/9 b~=4/4.9/8 c~=4/4.9/8", "seal");
    check("4:a", "a~=4/4.9/9 bx=4/4.9/8 c~", "seal");
    check("4:a", "a~=4/4.9/9", "seal");
}

#[test]
fn who_is_silent_is_waited_for() {
    check("4:a", "a~=4/4.9/9 b~=4/4.9/8 c-=4/4.9/8", "c does not report");
    check("5", "a~=5/4.9/9 b~-=5/4.9/8 c~=4/4.9/8", "b does not report");
}

#[test]
fn what_may_be_the_late_word_of_a_former_process_decides_nothing() {
    check("4:a", "a~=4/4.9/9 b~=4/4.9/8 c?", "what c reports is of an earlier process than its last one");
    check("5", "a~=5/4.9/9 b?x=4/4.9/8", "what b reports is of an earlier process than its last one");
    check("0", "a?=0/0.0/0 b?=0/0.0/0", "appoint a of a b");
    check_with("5", "a~=5/4.9/9 b?", Some(&Force { from: None }), "appoint a of a");
}

#[test]
fn a_group_of_one_gets_its_member_back() {
    check("4:a", "a~=4/4.9/9", "seal");
    check("5", "a~=5/4.9/9", "appoint a of a");
}

#[test]
fn a_member_whose_storage_failed_does_not_keep_its_group_alive() {
    check("4:a", "ax=4/4.9/9 b=4/4.9/8", "keep");
    check("4:a", "ax=4/4.9/9 b~=4/4.9/8", "seal");
    check("5", "ax=5/4.9/9 b~=5/4.9/8", "appoint b of b");
}

#[test]
fn who_has_nothing_is_not_waited_for_if_another_has_something() {
    check("5", "a~=5/4.9/9 b~ c~x=5/4.9/8", "appoint a of a");
    check("5", "a~x=5/4.9/9 b~", "the copy on a has failed; b has no copy");
}

#[test]
fn a_failure_that_was_reported_before_the_ballot_may_be_over() {
    check("5", "a~=5/4.9/9 c~x=4/4.9/8", "c has not taken up the ballot");
    check("6:b", "a~=6/5.9/9 bx=4/4.9/8", "keep");
}

#[test]
fn reports_from_before_the_seal_do_not_count() {
    check("5", "a~=5/4.9/9 b~=4/4.9/8 c~=5/4.9/8", "b has not taken up the ballot");
}

#[test]
fn the_member_with_the_newest_last_mutation_leads() {
    check("5", "a~=5/4.7/6 b~=5/4.9/8 c~=5/4.8/8", "appoint b of a b c");
    // A long tail of an old ballot is void behind the fence of a newer one.
    check("5", "a~=5/2.99/8 b~=5/3.12/9 c~=5/4.10/9", "appoint c of a b c");
}

#[test]
fn between_equals_the_first_in_order_leads() {
    check("5", "c~=5/4.9/8 a~=5/4.9/9 b~=5/4.9/9", "appoint c of c a b");
}

#[test]
fn a_group_that_lost_what_was_committed_waits_for_a_person() {
    check("5", "a~=5/4.7/9 b~=5/4.7/6", "decree 9 was committed according to a, the best copy ends at 7");
}

#[test]
fn a_person_may_go_on_with_what_is_there() {
    let best = Force { from: None };
    check_with("4:a", "a~-=4/4.9/9 b~=4/4.9/8 c-", Some(&best), "seal");
    check_with("5", "a~-=4/4.9/9 b~=5/4.7/6 c~=5/4.8/6", Some(&best), "appoint c of b c");
    check_with("5", "a~-=4/4.9/9 b~=5/4.7/6 c~=5/4.8/6", Some(&Force { from: Some(NodeId::new("b")) }), "appoint b of b c");
    check_with("5", "a~=5/4.7/9 b~=5/4.7/6", Some(&best), "appoint a of a b");
    check_with("4:a", "a=4/4.9/9 b~-=4/4.9/8", Some(&best), "keep");
}

#[test]
fn a_ballot_that_was_never_issued_stops_everything() {
    check("4:a", "a~=4/4.9/9 b~=6/6.9/8", "b is at ballot 6, which this meta server never issued");
    check("0", "a~=0/0.0/0 b~=6/6.9/8", "b is at ballot 6, which this meta server never issued");
}
