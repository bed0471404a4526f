use super::*;

/// `members` is one word each: `name` then any of `-` (silent), `~` (restarted), `x` (failed), and the copy as
/// `=ballot/prepared_ballot.prepared/committed`; without a copy there is none. `group` is `ballot` or `ballot:primary`.
fn check(group: &str, members: &str, expected: &str) {
    let (ballot, primary) = group.split_once(':').map_or((group, None), |(ballot, primary)| (ballot, Some(NodeId::new(primary))));
    let members: Vec<Member> = members.split_whitespace().map(member).collect();
    let text = match decide(Ballot(number(ballot)), primary.as_ref(), &members) {
        Decision::Keep => "keep".to_owned(),
        Decision::Seal => "seal".to_owned(),
        Decision::Appoint(node) => format!("appoint {node}"),
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
    let node = NodeId::new(head.trim_end_matches(['-', '~', 'x']));
    Member { node, alive: !head.contains('-'), restarted: head.contains('~'), copy }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

#[test]
fn a_new_group_gets_its_first_primary_when_all_members_made_their_copy() {
    check("0", "a=0/0.0/0 b=0/0.0/0 c", "c has no copy");
    check("0", "a=0/0.0/0 b=0/0.0/0 c=0/0.0/0", "appoint a");
}

#[test]
fn a_group_whose_members_live_on_is_left_alone() {
    check("4:a", "a=4/4.9/9 b=4/4.9/8 c=4/4.9/8", "keep");
    check("4:a", "a-=4/4.9/9 bx=4/4.9/8 c=4/4.9/8", "keep");
}

#[test]
fn a_primary_that_lives_on_stays_when_all_are_back() {
    check("4:a", "a=4/4.7/7 b~=4/4.9/8 c=4/4.9/8", "appoint a");
    check("4:a", "a=4/4.7/7 b~=4/4.9/8 c-=4/4.9/8", "c does not report");
    check("4:a", "a=4/4.7/7 b~ c=4/4.9/8", "b has no copy");
    check("4:a", "a=4/4.7/7 b~x=4/4.9/8 c=4/4.9/8", "the copy on b has failed");
}

#[test]
fn a_primary_that_restarted_seals_the_group_first() {
    check("4:a", "a~=4/4.9/9 b=4/4.9/8 c=4/4.9/8", "seal");
    check("4:a", "a~=4/4.9/9 b~=4/4.9/8 c-=4/4.9/8", "seal");
}

#[test]
fn reports_from_before_the_seal_do_not_count() {
    check("5", "a~=5/4.9/9 b=4/4.9/8 c=5/4.9/8", "b has not taken up the ballot");
    check("5", "a~=5/4.9/9 b-=5/4.9/8 c=4/4.9/8", "b does not report; c has not taken up the ballot");
}

#[test]
fn the_member_with_the_newest_last_mutation_leads() {
    check("5", "a=5/4.7/6 b=5/4.9/8 c=5/4.8/8", "appoint b");
    // A long tail of an old ballot is void behind the fence of a newer one.
    check("5", "a=5/2.99/8 b=5/3.12/9 c=5/4.10/9", "appoint c");
}

#[test]
fn between_equals_the_first_in_order_leads() {
    check("5", "c=5/4.9/8 a=5/4.9/9 b=5/4.9/9", "appoint c");
}

#[test]
fn a_group_that_lost_what_was_committed_waits_for_a_person() {
    check("5", "a=5/4.7/9 b=5/4.7/6", "decree 9 was committed according to a, the best copy ends at 7");
}

#[test]
fn a_ballot_that_was_never_issued_stops_everything() {
    check("4:a", "a~=4/4.9/9 b=6/6.9/8", "b is at ballot 6, which this meta server never issued");
    check("0", "a=0/0.0/0 b=6/6.9/8", "b is at ballot 6, which this meta server never issued");
}
