use super::*;

/// Events as `client called..returned operation -> answer`.
fn history(lines: &[(u64, u64, Op, Heard)]) -> Vec<Event> {
    let at = Duration::from_millis;
    let event = |(client, (called, returned, op, heard)): (usize, &(u64, u64, Op, Heard))| Event {
        key: "k".to_owned(),
        client,
        op: op.clone(),
        called: at(*called),
        returned: at(*returned),
        heard: heard.clone(),
    };
    lines.iter().enumerate().map(event).collect()
}

fn set(value: &str) -> Op {
    Op::Set(value.to_owned())
}

fn set_new(value: &str) -> Op {
    Op::SetNew(value.to_owned())
}

fn value(value: &str) -> Heard {
    Heard::Value(value.to_owned())
}

fn holds(lines: &[(u64, u64, Op, Heard)]) -> bool {
    match check(&history(lines)) {
        Verdict::Linearizable => true,
        Verdict::Violation { .. } => false,
        Verdict::Undecided(key) => panic!("{key}"),
    }
}

#[test]
fn what_overlaps_may_come_in_any_order_and_what_does_not_may_not() {
    assert!(holds(&[(0, 10, set("a"), Heard::Done), (5, 15, set("b"), Heard::Done), (20, 30, Op::Get, value("a"))]));
    assert!(!holds(&[(0, 10, set("a"), Heard::Done), (15, 25, set("b"), Heard::Done), (30, 40, Op::Get, value("a"))]));
    assert!(!holds(&[(0, 10, set("a"), Heard::Done), (20, 30, Op::Get, value(""))]));
}

#[test]
fn what_heard_nothing_may_have_happened_later_or_never_but_not_twice() {
    let unknown = (0, 10, set("a"), Heard::Nothing);
    assert!(holds(&[unknown.clone(), (20, 30, Op::Get, value("")), (40, 50, Op::Get, value("a"))]));
    assert!(!holds(&[unknown, (20, 30, Op::Get, value("a")), (40, 50, Op::Get, value(""))]));
    let one = (0, 10, Op::Incr, Heard::Nothing);
    assert!(holds(&[one.clone(), (20, 30, Op::Incr, Heard::Number(2))]));
    assert!(!holds(&[one, (20, 30, Op::Incr, Heard::Number(3))]));
}

#[test]
fn an_append_tells_what_was_there_before() {
    let append = |piece: &str| Op::Append(piece.to_owned());
    assert!(holds(&[(0, 10, append("ab"), Heard::Number(4)), (0, 10, append("cd"), Heard::Number(2)), (20, 30, Op::Get, value("cdab"))]));
    assert!(!holds(&[(0, 10, append("ab"), Heard::Number(2)), (20, 30, append("cd"), Heard::Number(2))]));
}

#[test]
fn a_delete_tells_whether_something_was_there() {
    let del = |there| (20, 30, Op::Del, Heard::Number(there));
    assert!(holds(&[(0, 10, set("a"), Heard::Done), del(1), (40, 50, Op::Get, value(""))]));
    assert!(!holds(&[(0, 10, set("a"), Heard::Done), del(0)]));
    assert!(!holds(&[(0, 10, set("a"), Heard::Done), del(1), (40, 50, Op::Get, value("a"))]), "it came back");
    assert!(!holds(&[(0, 10, Op::Incr, Heard::Number(1)), del(1), (40, 50, Op::Incr, Heard::Number(2))]), "counts on from what is gone");
}

#[test]
fn a_set_of_what_is_new_happens_only_where_nothing_is() {
    assert!(holds(&[(0, 10, set_new("a"), Heard::Done), (20, 30, set_new("b"), value("")), (40, 50, Op::Get, value("a"))]));
    assert!(!holds(&[(0, 10, set_new("a"), Heard::Done), (20, 30, set_new("b"), Heard::Done)]));
    assert!(!holds(&[(0, 10, set_new("a"), value(""))]), "nothing was there");
}

#[test]
fn a_value_nobody_read_shows_in_what_others_hear() {
    let unknown = (0, 10, set("a"), Heard::Nothing);
    assert!(holds(&[unknown.clone(), (20, 30, Op::Del, Heard::Number(1)), (40, 50, Op::Del, Heard::Number(0))]));
    assert!(!holds(&[unknown, (20, 30, Op::Del, Heard::Number(1)), (40, 50, Op::Del, Heard::Number(1))]), "one write, deleted twice");
    assert!(holds(&[(0, 10, set_new("a"), Heard::Nothing), (20, 30, set_new("b"), value("")), (40, 50, Op::Del, Heard::Number(1))]));
}

#[test]
fn an_unknown_write_that_was_read_does_not_happen_again_later() {
    let read = |at, text: &str| (at, at + 5, Op::Get, value(text));
    let unknown = (0, 10, set("a"), Heard::Nothing);
    assert!(holds(&[unknown.clone(), (12, 60, set("b"), Heard::Done), read(20, "a"), read(40, "b")]));
    assert!(!holds(&[unknown, (12, 30, set("b"), Heard::Done), read(20, "a"), read(40, "b"), read(60, "a")]));
}

/// Four clients on one key for a while, each answer as one store would give it.
fn honest(count: u64) -> Vec<(u64, u64, Op, Heard)> {
    let mut now = String::new();
    let mut events = Vec::new();
    for at in 0..count {
        // What is called at `at` takes effect at `at * 10`, and overlaps its neighbours.
        let (op, heard) = match at % 7 {
            0 | 3 => (set(&format!("v{at}")), Heard::Done),
            5 => (Op::Del, Heard::Number(i64::from(!now.is_empty()))),
            _ => (Op::Get, value(&now)),
        };
        match &op {
            Op::Set(new) => now.clone_from(new),
            Op::Del => now.clear(),
            _ => {}
        }
        let known = at % 11 != 3 || op == Op::Get;
        events.push((at * 10, at * 10 + 35, op, if known { heard } else { Heard::Nothing }));
    }
    events
}

#[test]
fn long_histories_hold_and_one_stale_read_among_many_is_found() {
    let mut events = honest(400);
    assert!(holds(&events));
    let at = 300 + events[300..].iter().position(|event| event.2 == Op::Get).expect("a read");
    events[at].3 = value("v3");
    assert!(!holds(&events), "a value of long ago");
}
