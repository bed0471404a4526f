//! Commands that draw lots: SPOP, SRANDMEMBER, HRANDFIELD, ZRANDMEMBER. Both sides have to draw as many elements of the value as was
//! asked for, in the same shape. What SPOP took away from theirs is then taken away from ours, too.

use resp::number::parse_integer;

use crate::differential::compare::same_doubles;
use crate::differential::reply::Reply;
use crate::differential::template::Words;

/// Whether a command draws with repetitions so often that Redis would not come to an end of it.
pub(super) fn is_endless(command: &Words) -> bool {
    let draws = [b"SRANDMEMBER".as_slice(), b"HRANDFIELD", b"ZRANDMEMBER"].iter().any(|name| command[0].eq_ignore_ascii_case(name));
    draws && command.get(2).and_then(|count| parse_integer(count)).is_some_and(|count| count < -REPETITIONS)
}

/// Elements that are drawn with repetitions at most.
const REPETITIONS: i64 = 100_000;

/// The command that reads all that `command` can draw.
pub(super) fn whole(command: &Words) -> Option<Words> {
    let key = command.get(1)?.clone();
    let words = |words: &[&str]| -> Words { words.iter().map(|word| word.as_bytes().to_vec()).collect() };
    let mut whole = match command[0].to_ascii_uppercase().as_slice() {
        b"SPOP" | b"SRANDMEMBER" => words(&["SMEMBERS"]),
        b"HRANDFIELD" => words(&["HGETALL"]),
        _ => words(&["ZRANGE", "0", "-1", "WITHSCORES"]),
    };
    whole.insert(1, key);
    Some(whole)
}

/// Whether both are draws from `whole`, the reply of the command of that name before the draw.
pub(super) fn same(command: &Words, whole: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
    if ours == theirs {
        return true;
    }
    let (parsed, parsed_theirs) = (Reply::parse(ours), Reply::parse(theirs));
    if [&parsed, &parsed_theirs].iter().any(|reply| reply.is_error() || reply.is_null()) {
        return false;
    }
    let shape = |reply: &Reply| match reply {
        Reply::Line(line) => (line[0], 0),
        Reply::Bulk(kind, _) => (*kind, 0),
        Reply::Many(kind, items) => (*kind, items.len()),
    };
    let pairs = command.len() > 3;
    let has_values = !command[0].to_ascii_uppercase().starts_with(b"S");
    let whole = elements(&Reply::parse(whole), has_values, true);
    let repeats = command.get(2).is_some_and(|count| count.starts_with(b"-"));
    let fits = |reply: &Reply| {
        let drawn = elements(reply, pairs, pairs);
        let mut members: Vec<&Reply> = drawn.iter().map(|(member, _)| member).collect();
        members.sort();
        let twice = members.windows(2).any(|pair| pair[0] == pair[1]);
        (repeats || !twice)
            && drawn.iter().all(|(member, value)| {
                let mut found = whole.iter().filter(|(known, _)| known == member);
                found.any(|(_, known)| match (known, value) {
                    (Some(known), Some(value)) => same_doubles(known, value) || same_doubles(value, known),
                    (_, value) => value.is_none(),
                })
            })
    };
    shape(&parsed) == shape(&parsed_theirs) && fits(&parsed) && fits(&parsed_theirs)
}

/// The members that a reply to SPOP tells of.
pub(super) fn popped(reply: &[u8]) -> Vec<Vec<u8>> {
    elements(&Reply::parse(reply), false, false).into_iter().filter_map(|(member, _)| Some(member.text()?.to_vec())).collect()
}

/// The elements that a reply tells of, with their values if it has them.
fn elements(reply: &Reply, pairs: bool, with_values: bool) -> Vec<(Reply, Option<Reply>)> {
    let Reply::Many(_, items) = reply else { return vec![(reply.clone(), None)] };
    // RESP3 has pairs of their own for some of these.
    let flat: Vec<Reply> =
        items.iter().flat_map(|item| if item.items().is_empty() { vec![item.clone()] } else { item.items().to_vec() }).collect();
    match pairs {
        true => flat.chunks(2).map(|pair| (pair[0].clone(), pair.get(1).cloned().filter(|_| with_values))).collect(),
        false => flat.into_iter().map(|member| (member, None)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    #[test]
    fn draws_are_of_the_value_and_of_the_same_shape() {
        let set = b"~3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n";
        let drawn = |command: &str, ours: &[u8], theirs: &[u8]| same(&words(command), set, ours, theirs);
        assert!(drawn("SPOP k", b"$1\r\na\r\n", b"$1\r\nb\r\n"));
        assert!(!drawn("SPOP k", b"$1\r\nx\r\n", b"$1\r\nb\r\n"));
        assert!(!drawn("SPOP k", b"$-1\r\n", b"$1\r\nb\r\n"));
        assert!(drawn("SRANDMEMBER k 2", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"*2\r\n$1\r\nc\r\n$1\r\nb\r\n"));
        assert!(!drawn("SRANDMEMBER k 2", b"*2\r\n$1\r\na\r\n$1\r\na\r\n", b"*2\r\n$1\r\nc\r\n$1\r\nb\r\n"), "one twice");
        assert!(drawn("SRANDMEMBER k -2", b"*2\r\n$1\r\na\r\n$1\r\na\r\n", b"*2\r\n$1\r\nc\r\n$1\r\nb\r\n"));
        assert!(!drawn("SRANDMEMBER k 2", b"*1\r\n$1\r\na\r\n", b"*2\r\n$1\r\nc\r\n$1\r\nb\r\n"), "one too few");
        assert_eq!(popped(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"), [b"a", b"b"]);
        assert_eq!(popped(b"$1\r\na\r\n"), [b"a"]);
    }

    #[test]
    fn values_are_those_of_the_members() {
        let hash = b"%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n";
        let drawn = |command: &str, ours: &[u8], theirs: &[u8]| same(&words(command), hash, ours, theirs);
        let (a, b, wrong) =
            (b"*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", b"*1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n", b"*1\r\n*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
        assert!(drawn("HRANDFIELD k 1 WITHVALUES", a, b));
        assert!(!drawn("HRANDFIELD k 1 WITHVALUES", wrong, b));
        assert!(drawn("HRANDFIELD k 1", b"*1\r\n$1\r\na\r\n", b"*1\r\n$1\r\nb\r\n"));
        assert!(!drawn("HRANDFIELD k 1", b"*1\r\n$1\r\n1\r\n", b"*1\r\n$1\r\nb\r\n"), "a value is not a field");
    }
}
