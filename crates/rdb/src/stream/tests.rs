use bytes::Bytes;

use super::*;

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn entry(ms: u64, seq: u64, fields: &[(&str, &str)]) -> Entry {
    let fields = fields.iter().map(|(field, value)| (Bytes::from(field.to_string()), Bytes::from(value.to_string())));
    Entry { id: id(ms, seq), fields: fields.collect() }
}

fn stream(entries: Vec<Entry>) -> Stream {
    let last_id = entries.last().map_or(id(0, 0), |entry| entry.id);
    Stream { entries_added: entries.len() as u64, last_id, entries, ..Stream::default() }
}

fn group() -> Group {
    let consumer = |name: &'static str, seen| Consumer { name: name.into(), seen, active: Some(seen) };
    let pending = |ms, consumer| Pending { id: id(ms, 0), consumer, delivered: 1000, deliveries: 3 };
    Group {
        name: "group".into(),
        last_id: id(5, 0),
        entries_read: Some(2),
        pending: vec![pending(1, 1), pending(2, 0), pending(5, 1)],
        consumers: vec![consumer("alice", 1), consumer("bob", 2), consumer("idle", 3)],
    }
}

fn bytes(stream: &Stream) -> (Kind, Vec<u8>) {
    let mut output = Output::default();
    let kind = encode(stream, true, &mut output).expect("small entries");
    (kind, output.into_bytes())
}

fn comes_back(stream: &Stream) -> Kind {
    let (kind, bytes) = bytes(stream);
    let mut input = Input::new(bytes.into());
    assert_eq!(decode(kind, &mut input).as_ref(), Ok(stream));
    assert!(input.is_empty());
    kind
}

/// A node from the integers and strings of its listpack, in a stream of `entries` with nothing else.
fn with_node(elements: &str, entries: u8) -> Result<Stream, Malformed> {
    let mut writer = crate::listpack::Writer::default();
    elements.split_whitespace().for_each(|element| writer.push(element.as_bytes()));
    let mut output = Output::default();
    output.count(1);
    output.blob(&id(100, 5).to_bytes());
    output.blob(&writer.finish().expect("small"));
    output.raw(&[entries, 0x80, 0, 0, 0xFF, 0xFF, 0x7]);
    output.raw(&[0, 0, 0, 0, entries, 0]);
    decode(Kind::Stream2, &mut Input::new(output.into_bytes().into()))
}

#[test]
fn entries_of_all_shapes_come_back() {
    assert_eq!(comes_back(&stream(vec![])), Kind::Stream2);
    let two = [("temperature", "12"), ("unit", "C")];
    let mut entries = vec![entry(1, 0, &two), entry(1, 1, &two), entry(2, 0, &[("other", "")]), entry(u64::MAX, 3, &two)];
    comes_back(&stream(entries.clone()));
    entries.remove(0);
    comes_back(&stream(entries.clone()));
    let many: Vec<Entry> = (1..1000).map(|ms| entry(ms, 1000 - ms, &[("n", &"x".repeat(ms as usize % 90))])).collect();
    comes_back(&stream(many));
    let long = "long".repeat(5000);
    comes_back(&stream(vec![entry(1, 0, &[(&long, &long)]), entry(2, 0, &[(&long, "short")])]));
}

#[test]
fn groups_come_back_and_need_the_newer_form_only_for_what_it_adds() {
    let mut with_group = stream(vec![entry(5, 0, &[("a", "b")])]);
    with_group.groups = vec![group(), Group { name: "empty".into(), entries_read: None, pending: vec![], consumers: vec![], ..group() }];
    assert_eq!(comes_back(&with_group), Kind::Stream2);
    with_group.groups[0].consumers[2].active = None;
    assert_eq!(comes_back(&with_group), Kind::Stream3);
    let mut output = Output::default();
    assert_eq!(encode(&with_group, false, &mut output), Ok(Kind::Stream2));
}

#[test]
fn differences_to_the_id_of_the_node_can_be_negative() {
    let read = with_node("2 0 1 f 0  2 0 0 v 4  2 1 -5 w 4", 2).expect("whole");
    assert_eq!(read.entries, [entry(100, 5, &[("f", "v")]), entry(101, 0, &[("f", "w")])]);
}

#[test]
fn deleted_entries_are_left_out() {
    let read = with_node("2 2 1 f 0  3 0 0 v 4  2 1 0 w 4  1 2 0 1 g x 6  0 3 0 1 g y 6", 2).expect("whole");
    assert_eq!(read.entries, [entry(101, 5, &[("f", "w")]), entry(103, 5, &[("g", "y")])]);
}

#[test]
fn nodes_that_contradict_themselves_are_refused() {
    for (elements, entries, why) in [
        ("", 0, "no master entry"),
        ("1 0 1 f 1  2 0 0 v 4", 1, "no zero behind the master entry"),
        ("1 0 -1 0  2 0 0 3", 1, "a negative number of fields"),
        ("1 0 900000000000 f 0", 1, "more fields than elements"),
        ("9223372036854775807 9223372036854775807 1 f 0", 1, "more entries than elements"),
        ("1 0 1 f 0  4 0 0 v 4", 1, "unknown flags"),
        ("1 0 1 f 0  2 0 0 v 5", 1, "a wrong number of elements"),
        ("1 0 1 f 0  0 0 0 1 g v 5", 1, "a wrong number of elements"),
        ("1 0 1 f 0  2 a 0 v 4", 1, "an id that is no number"),
        ("1 0 1 f 0  3 0 0 v 4", 1, "deleted, and counted as not"),
        ("0 1 1 f 0  2 0 0 v 4", 1, "not deleted, and counted as deleted"),
        ("1 0 0 0  2 0 0 3", 1, "no fields"),
        ("1 0 1 f 0  2 0 0 v 4 7", 1, "an element more"),
    ] {
        assert_eq!(with_node(elements, entries), Err(Malformed::StreamNode), "{why}");
    }
    for (elements, entries, why) in [
        ("2 0 1 f 0  2 0 0 v 4  2 0 0 v 4", 2, "the same id twice"),
        ("2 0 1 f 0  2 0 5 v 4  2 0 0 v 4", 2, "ids descend"),
        ("1 0 1 f 0  2 -100 -5 v 4", 1, "0-0"),
        ("1 0 1 f 0  2 0 0 v 4", 2, "fewer than the stream says"),
        ("1 0 1 f 0  2 70000 0 v 4", 1, "greater than the last id"),
    ] {
        assert_eq!(with_node(elements, entries), Err(Malformed::StreamOrder), "{why}");
    }
}

#[test]
fn counters_have_bounds() {
    let damaged = |change: &dyn Fn(&mut Stream)| {
        let mut stream = stream(vec![entry(5, 0, &[("a", "b")])]);
        change(&mut stream);
        let (kind, bytes) = bytes(&stream);
        decode(kind, &mut Input::new(bytes.into()))
    };
    assert!(damaged(&|_| {}).is_ok());
    assert_eq!(damaged(&|stream| stream.entries_added = 0), Err(Malformed::StreamOrder));
    assert_eq!(damaged(&|stream| stream.last_id = id(4, 9)), Err(Malformed::StreamOrder));
    assert_eq!(damaged(&|stream| stream.max_deleted_id = id(5, 1)), Err(Malformed::StreamOrder));
    assert_eq!(damaged(&|stream| stream.groups = vec![group(), group()]), Err(Malformed::Duplicate));
    assert_eq!(damaged(&|stream| stream.groups = vec![Group { entries_read: Some(u64::MAX - 1), ..group() }]), Err(Malformed::StreamOrder));
    let twice = |group: &mut Group| group.consumers[1].name = "alice".into();
    let changed = |change: &dyn Fn(&mut Group)| {
        damaged(&|stream| {
            stream.groups = vec![group()];
            change(&mut stream.groups[0]);
        })
    };
    assert_eq!(changed(&twice), Err(Malformed::Duplicate));
    assert_eq!(changed(&|group| group.pending[1].id = id(1, 0)), Err(Malformed::Duplicate));
}

#[test]
fn pending_entries_belong_to_one_consumer() {
    let ids = |bytes: &mut Vec<u8>, from: u64, to: u64| {
        let at = bytes.windows(16).rposition(|window| window == id(from, 0).to_bytes()).expect("an id");
        bytes[at..at + 16].copy_from_slice(&id(to, 0).to_bytes());
    };
    let mut with_group = stream(vec![]);
    with_group.last_id = id(9, 0);
    with_group.groups = vec![group()];
    let changed = |from, to| {
        let (kind, mut bytes) = bytes(&with_group);
        ids(&mut bytes, from, to);
        decode(kind, &mut Input::new(bytes.into())).map(|_| ())
    };
    assert_eq!(changed(5, 5), Ok(()));
    assert_eq!(changed(5, 6), Err(Malformed::Pending), "not in the group");
    assert_eq!(changed(5, 2), Err(Malformed::Duplicate), "of two consumers");
    let (kind, mut bytes) = bytes(&with_group);
    let bobs = bytes.windows(3).position(|window| window == b"bob").expect("bob") + 3 + 8;
    assert_eq!(bytes[bobs], 2);
    bytes[bobs] = 1;
    bytes.drain(bobs + 1..bobs + 17);
    assert_eq!(decode(kind, &mut Input::new(bytes.into())), Err(Malformed::Pending), "of no consumer");
}

#[test]
fn the_first_form_of_streams_says_less() {
    let mut output = Output::default();
    let (_, with_counters) = bytes(&stream(vec![entry(5, 0, &[("a", "b")]), entry(6, 0, &[("a", "c")])]));
    let entries = with_counters.len() - 9; // count, three ids, entries added, groups
    output.raw(&with_counters[..entries]);
    output.raw(b"\x02\x06\x00\x04");
    for (name, ms) in [(b"\x01a", 6), (b"\x01b", 5), (b"\x01c", 1), (b"\x01d", 7)] {
        output.raw(name);
        output.raw(&[ms, 0, 0, 0]);
    }
    let read = decode(Kind::Stream, &mut Input::new(output.into_bytes().into())).expect("whole");
    assert_eq!(read.entries_added, 2);
    assert_eq!(read.first_id(), id(5, 0));
    assert_eq!(read.groups.iter().map(|group| group.entries_read).collect::<Vec<_>>(), [Some(2), Some(1), Some(0), None]);
}
