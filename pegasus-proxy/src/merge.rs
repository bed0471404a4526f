//! Several partitions' outcomes of one command become one reply.

use bytes::Bytes;
use client::outcome::Outcome;
use commands::table::{Command, Merge};
use resp::{reply, walk};
use types::txn::Proto;
use wire::rpc::Refusal;

use crate::errors;
use crate::output::Output;

/// Appends the one reply. `order` is, for [`Merge::Interleave`], the place of each element of each outcome in turn.
pub(crate) fn merge(kind: Merge, command: &Command, outcomes: &[Outcome], order: &[u32], out: &mut Vec<u8>) {
    let replies = match replies(outcomes) {
        Ok(replies) => replies,
        Err(No::Refused(refusal)) => return reply::error(out, errors::text(refusal, command)),
        Err(No::Error(error)) => return out.extend_from_slice(error),
    };
    let done = match kind {
        Merge::Ok => {
            reply::simple(out, "OK");
            Some(())
        }
        Merge::Sum => sum(&replies, out),
        Merge::Concat => concat(&replies, out),
        Merge::Interleave => interleave(&replies, order, out),
        Merge::Streams => streams(&replies, out),
    };
    if done.is_none() {
        reply::error(out, errors::MALFORMED);
    }
}

/// Appends the one reply, for [`Merge::Concat`], where some are long: those are not here, but were looked at.
///
/// # Errors
/// An error reply in place of it.
pub(crate) fn chain(command: &Command, outcomes: Vec<Outcome>, output: &mut Output) -> Result<(), Vec<u8>> {
    let mut error = Vec::new();
    match replies(&outcomes) {
        Ok(_) => {}
        Err(No::Refused(refusal)) => {
            reply::error(&mut error, errors::text(refusal, command));
            return Err(error);
        }
        Err(No::Error(said)) => return Err(said.to_vec()),
    }
    let headers: Option<Vec<(usize, usize)>> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Reply(reply) => Some((header(reply)?.0, walk::elements(reply)?.len())),
            Outcome::Long(long) => header(long.looked()),
            Outcome::Refused(_) => None,
        })
        .collect();
    let Some(headers) = headers else {
        reply::error(&mut error, errors::MALFORMED);
        return Err(error);
    };
    reply::array(output.tail(), headers.iter().map(|(_, count)| count).sum());
    for (outcome, (len, _)) in outcomes.into_iter().zip(headers) {
        match outcome {
            Outcome::Reply(reply) => output.push(reply.slice(len..)),
            Outcome::Long(mut long) => {
                long.skip(len);
                output.push_long(long);
            }
            Outcome::Refused(_) => {}
        }
    }
    Ok(())
}

/// Length of the header of an array or map, and how many elements or pairs it announces.
fn header(reply: &[u8]) -> Option<(usize, usize)> {
    let end = reply.iter().position(|&byte| byte == b'\n')?;
    let count = reply.get(1..end)?.strip_suffix(b"\r")?;
    let count = resp::number::parse_integer(count).filter(|_| matches!(reply[0], b'*' | b'%'))?;
    Some((end + 1, usize::try_from(count).ok()?))
}

/// Why there is no merged reply.
enum No<'a> {
    Refused(Refusal),
    Error(&'a [u8]),
}

/// All replies, or the one thing that went wrong: doubt before a refusal before an error reply.
fn replies(outcomes: &[Outcome]) -> Result<Vec<&Bytes>, No<'_>> {
    let refused = |wanted: fn(Refusal) -> bool| {
        outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Refused(refusal) if wanted(*refusal) => Some(*refusal),
            _ => None,
        })
    };
    if let Some(refusal) = refused(|refusal| refusal == Refusal::Unknown).or_else(|| refused(|_| true)) {
        // Some partitions did it, others did not: of a write that is as good as not knowing. The text for it says so.
        let some_ran = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Reply(_) | Outcome::Long(_)));
        return Err(No::Refused(if some_ran { Refusal::Unknown } else { refusal }));
    }
    let replies: Vec<&Bytes> =
        outcomes.iter().filter_map(|outcome| if let Outcome::Reply(reply) = outcome { Some(reply) } else { None }).collect();
    match replies.iter().find(|reply| walk::is_error(reply)) {
        Some(error) => Err(No::Error(error)),
        None => Ok(replies),
    }
}

fn sum(replies: &[&Bytes], out: &mut Vec<u8>) -> Option<()> {
    let mut sum = 0i64;
    for reply in replies {
        sum = sum.saturating_add(walk::parse_integer(reply)?);
    }
    reply::integer(out, sum);
    Some(())
}

fn concat(replies: &[&Bytes], out: &mut Vec<u8>) -> Option<()> {
    let mut count = 0;
    for reply in replies {
        count += walk::elements(reply)?.len();
    }
    reply::array(out, count);
    for reply in replies {
        let header = reply.iter().position(|&byte| byte == b'\n')? + 1;
        out.extend_from_slice(&reply[header..]);
    }
    Some(())
}

/// Chains arrays of pairs, or maps, and leaves out nulls.
fn streams(replies: &[&Bytes], out: &mut Vec<u8>) -> Option<()> {
    let some: Vec<&Bytes> = replies.iter().filter(|reply| !matches!(&reply[..], b"*-1\r\n" | b"_\r\n")).copied().collect();
    let Some(first) = some.first() else {
        out.extend_from_slice(replies.first()?);
        return Some(());
    };
    let headers = some.iter().map(|reply| header(reply).filter(|_| reply[0] == first[0])).collect::<Option<Vec<_>>>()?;
    let count = headers.iter().map(|(_, count)| count).sum();
    if first[0] == b'%' {
        reply::map(out, Proto::Resp3, count);
    } else {
        reply::array(out, count);
    }
    for (reply, (len, _)) in some.iter().zip(headers) {
        out.extend_from_slice(&reply[len..]);
    }
    Some(())
}

fn interleave(replies: &[&Bytes], order: &[u32], out: &mut Vec<u8>) -> Option<()> {
    let mut elements: Vec<&[u8]> = vec![&[]; order.len()];
    let mut places = order.iter();
    for reply in replies {
        for element in walk::elements(reply)? {
            *elements.get_mut(*places.next()? as usize)? = element;
        }
    }
    if places.next().is_some() {
        return None; // a partition answered fewer keys than it was asked for
    }
    reply::array(out, elements.len());
    elements.iter().for_each(|element| out.extend_from_slice(element));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use commands::table::by_name;

    fn merged(kind: Merge, name: &str, outcomes: &[&str], order: &[u32]) -> String {
        let outcome = |text: &&str| match *text {
            "unknown" => Outcome::Refused(Refusal::Unknown),
            "busy" => Outcome::Refused(Refusal::Busy),
            reply => Outcome::Reply(Bytes::copy_from_slice(reply.as_bytes())),
        };
        let outcomes: Vec<Outcome> = outcomes.iter().map(outcome).collect();
        let mut out = Vec::new();
        merge(kind, by_name(name.as_bytes()).expect("a command"), &outcomes, order, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn counts_are_added_and_arrays_chained() {
        assert_eq!(merged(Merge::Sum, "del", &[":2\r\n", ":0\r\n", ":5\r\n"], &[]), ":7\r\n");
        assert_eq!(
            merged(Merge::Concat, "keys", &["*1\r\n$1\r\na\r\n", "*0\r\n", "*1\r\n$1\r\nb\r\n"], &[]),
            "*2\r\n$1\r\na\r\n$1\r\nb\r\n"
        );
        assert_eq!(merged(Merge::Ok, "mset", &["+OK\r\n", "+OK\r\n"], &[]), "+OK\r\n");
    }

    #[test]
    fn elements_go_back_to_the_places_of_their_keys() {
        let replies = ["*2\r\n$1\r\nb\r\n$-1\r\n", "*1\r\n$1\r\na\r\n"];
        assert_eq!(merged(Merge::Interleave, "mget", &replies, &[1, 2, 0]), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$-1\r\n");
    }

    #[test]
    fn streams_are_chained_without_those_that_have_nothing() {
        let streams = |replies: &[&str]| merged(Merge::Streams, "xread", replies, &[]);
        let (a, b) = ("*1\r\n*2\r\n$1\r\na\r\n*0\r\n", "*1\r\n*2\r\n$1\r\nb\r\n*0\r\n");
        assert_eq!(streams(&[a, "*-1\r\n", b]), "*2\r\n*2\r\n$1\r\na\r\n*0\r\n*2\r\n$1\r\nb\r\n*0\r\n");
        assert_eq!(streams(&["_\r\n", "%1\r\n$1\r\na\r\n*0\r\n"]), "%1\r\n$1\r\na\r\n*0\r\n");
        assert_eq!(streams(&["*-1\r\n", "*-1\r\n"]), "*-1\r\n");
        assert_eq!(streams(&["_\r\n", "_\r\n"]), "_\r\n");
        assert_eq!(streams(&[a, "%1\r\n$1\r\na\r\n*0\r\n"]), format!("-{}\r\n", errors::MALFORMED));
    }

    #[test]
    fn what_went_wrong_at_one_partition_is_the_reply() {
        assert_eq!(merged(Merge::Ok, "mset", &["+OK\r\n", "-OOM no\r\n"], &[]), "-OOM no\r\n");
        assert!(merged(Merge::Ok, "mset", &["busy", "unknown"], &[]).contains("not known"));
        assert!(merged(Merge::Ok, "mset", &["busy", "+OK\r\n"], &[]).contains("not known"), "half of it was done");
        assert!(merged(Merge::Ok, "mset", &["busy", "busy"], &[]).contains("not run"));
    }

    #[test]
    fn malformed_replies_are_an_error_and_nothing_else() {
        for reply in ["", "*2\r\n$1\r\nb\r\n", "+OK\r\n", "*1\r\n$9\r\nb\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n", "*1\r\n:1\r\n"] {
            let all = merged(Merge::Interleave, "mget", &[reply, "*1\r\n:1\r\n"], &[0, 1, 2]);
            assert_eq!(all, format!("-{}\r\n", errors::MALFORMED), "{reply:?}");
        }
        assert_eq!(merged(Merge::Sum, "del", &["+OK\r\n"], &[]), format!("-{}\r\n", errors::MALFORMED));
    }
}
