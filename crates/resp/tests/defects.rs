//! What was found wrong with decoding requests by `redis-protocol` alone (version 6.0.0), one test each: it cannot happen here.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bytes::{Bytes, BytesMut};
use resp::batch::Drained;
use resp::decode::{take_resp2, take_resp3};
use resp::number::format_double;
use resp::reply;
use resp::scan::{Limits, ProtocolError, Scan, Scanner};
use resp::walk::{elements, reply_len};
use types::args::Args;
use types::txn::Proto;

/// 1: the decoder recurses without a bound; 30 KB of nested arrays overflow the stack.
#[test]
fn nested_arrays_cost_no_stack() {
    let bomb = b"*1\r\n".repeat(1_000_000);
    let small = std::thread::Builder::new().stack_size(64 << 10);
    let test = move || {
        assert_eq!(scan(&bomb), Err(ProtocolError::ExpectedBulk(b'*')));
        let whole = Bytes::from([&bomb[..], b":1\r\n"].concat());
        assert_eq!(reply_len(&whole), None);
        assert!(elements(&whole).is_none());
        assert_eq!(take_resp2(&mut whole.clone()), None);
        assert_eq!(take_resp3(&mut whole.clone()), None);
    };
    small.spawn(test).unwrap().join().unwrap();
}

/// 2: integers just below powers of ten (and their negatives) are written with a trailing NUL.
#[test]
fn integers_near_powers_of_ten_are_written_exactly() {
    for power in (0..=18).map(|exponent| 10i64.pow(exponent)).chain([i64::MAX]) {
        for value in (power.saturating_sub(5000)..=power.saturating_add(10)).flat_map(|value| [value, -value]) {
            let mut out = Vec::new();
            reply::integer(&mut out, value);
            assert_eq!(out, format!(":{value}\r\n").as_bytes());
            out.clear();
            reply::array(&mut out, value.unsigned_abs() as usize);
            assert_eq!(out, format!("*{}\r\n", value.unsigned_abs()).as_bytes());
        }
    }
}

/// 3: an absurd length means "wait for more", with everything that arrives kept.
#[test]
fn absurd_lengths_are_refused_at_once() {
    for sent in ["*1\r\n$4000000000\r\n", "*1\r\n$9223372036854775807\r\n", "*1\r\n$99999999999999999999\r\n"] {
        assert_eq!(scan(sent.as_bytes()), Err(ProtocolError::InvalidBulkLength));
    }
    assert_eq!(scan(b"*3000000000\r\n"), Err(ProtocolError::InvalidMultibulkLength));
}

/// 4: a length that does not end is kept and scanned again at each read.
#[test]
fn a_length_that_does_not_end_is_refused_at_64_kib() {
    let mut scanner = Scanner::new();
    let sent = [b"*".to_vec(), b"1".repeat(32 << 20)].concat();
    let refused = (1..sent.len()).find(|&len| scanner.scan(&sent[..len], &Limits::default()).is_err());
    assert_eq!(refused, Some((64 << 10) + 1));
}

/// 5: a request is parsed from its first byte at each read; the time grows with the square of its length.
/// Here what was understood is not even looked at again: it may be gone.
#[test]
fn what_was_understood_is_not_read_again() {
    let value = "v".repeat(40);
    let set = format!("*40001\r\n$4\r\nMSET\r\n{}", format!("$40\r\n{value}\r\n").repeat(40_000)).into_bytes();
    let mut scanner = Scanner::new();
    let mut arriving = Vec::new();
    for piece in set.chunks(1000) {
        let unfinished = arriving.len().saturating_sub(50);
        arriving[..unfinished].fill(b'?');
        arriving.extend_from_slice(piece);
        let found = scanner.scan(&arriving, &Limits::default()).unwrap();
        assert_eq!(matches!(found, Scan::Request { .. }), arriving.len() == set.len());
    }
    assert_eq!(scanner.ranges().len(), 40_001);
    assert_eq!(&set[scanner.ranges()[40_000].clone()], value.as_bytes());
}

/// 5, for a line of text and for a length: only the new bytes are searched for its end.
#[test]
fn what_was_searched_is_not_searched_again() {
    for (start, end) in [("", "1\n"), ("*", "\r\n")] {
        let mut scanner = Scanner::new();
        let mut line = start.to_owned() + &"1".repeat(50_000);
        assert_eq!(scanner.scan(line.as_bytes(), &Limits::default()), Ok(Scan::More { wanted: 0 }));
        line.replace_range(20_000..20_002, end);
        assert_eq!(scanner.scan(line.as_bytes(), &Limits::default()), Ok(Scan::More { wanted: 0 }));
    }
}

/// 6: requests as lines of text are errors, or, if they say `HELLO`, something special.
#[test]
fn lines_of_text_are_requests() {
    for line in ["PING", "HELLO 3", "HELLO 3 AUTH a b SETNAME c"] {
        let mut buffer = BytesMut::from(format!("{line}\r\n").as_str());
        let args = Scanner::new().take(&mut buffer, &Limits::default()).unwrap();
        assert_eq!(args, Some(Args::copied(line.split(' '))));
    }
    assert_eq!(scan(b"\r\n"), Ok(Scan::Nothing { len: 2 }));
}

/// 7: `*+1` is taken for a length and `*-10` for an error. (The texts of errors: `tests/scanner.rs`.)
#[test]
fn lengths_are_read_as_redis_reads_them() {
    assert_eq!(scan(b"*+1\r\n"), Err(ProtocolError::InvalidMultibulkLength));
    assert_eq!(scan(b"*-10\r\n"), Ok(Scan::Nothing { len: 6 }));
}

/// 8: `*?`, `$?` and `*-1` put the connection into a state that swallows what follows.
#[test]
fn nothing_changes_how_later_requests_are_read() {
    let mut scanner = Scanner::new();
    let (mut buffer, mut out) = (BytesMut::from("*-1\r\n*1\r\n$4\r\nPING\r\n"), Vec::new());
    assert_eq!(scanner.drain(&mut buffer, &Limits::default(), &mut out), Ok(Drained::Empty { wanted: 0 }));
    assert_eq!(out, [Args::copied(["PING"])]);
    assert_eq!(scan(b"*?\r\n"), Err(ProtocolError::InvalidMultibulkLength));
    assert_eq!(scan(b"*1\r\n$?\r\n"), Err(ProtocolError::InvalidBulkLength));
    for streamed in [b"*?\r\n:1\r\n.\r\n".as_slice(), b"$?\r\n;1\r\nx\r\n;0\r\n", b"*-1\r\n", b"$-1\r\n"] {
        assert_eq!(take_resp3(&mut Bytes::copy_from_slice(streamed)), None);
    }
}

/// 9: there is no null array.
#[test]
fn there_is_a_null_array() {
    let mut out = Vec::new();
    reply::null_array(&mut out, Proto::Resp2);
    assert_eq!(out, b"*-1\r\n");
    assert_eq!(reply_len(&out), Some(5));
}

/// 10: maps and sets go through hash tables and come out shuffled.
#[test]
fn maps_keep_the_order_in_which_they_are_written() {
    for (proto, header) in [(Proto::Resp2, "*100\r\n"), (Proto::Resp3, "%50\r\n")] {
        let (mut out, mut expected) = (Vec::new(), header.to_owned());
        reply::map(&mut out, proto, 50);
        for i in 0..50 {
            reply::bulk(&mut out, i.to_string().as_bytes());
            reply::integer(&mut out, i);
            expected += &format!("${}\r\n{i}\r\n:{i}\r\n", i.to_string().len());
        }
        assert_eq!(out, expected.as_bytes());
        let keys: Vec<_> = elements(&out).unwrap().skip(1).step_by(2).map(|value| resp::walk::parse_integer(value).unwrap()).collect();
        assert_eq!(keys, (0..50).collect::<Vec<_>>());
    }
}

/// 11: doubles are written without an exponent: 1e300 has 301 digits.
#[test]
fn doubles_have_exponents() {
    assert_eq!(&*format_double(1e300), b"1e+300");
}

/// 12: line breaks in statuses and errors are written as they are, so bytes of a client can pose as a reply.
#[test]
fn a_text_cannot_pose_as_another_reply() {
    for (text, line) in [
        ("ERR unknown command 'a\r\n+OK\r\n'", "ERR unknown command 'a  +OK  '"),
        ("\r\nERR x\n\n", "ERR x"),
        ("a\rb\nc", "a b c"),
        ("\r\n", ""),
        ("", ""),
    ] {
        let mut out = Vec::new();
        reply::error(&mut out, text);
        assert_eq!(out, format!("-{line}\r\n").as_bytes());
        out.clear();
        reply::simple(&mut out, text);
        assert_eq!(out, format!("+{line}\r\n").as_bytes());
        out.clear();
        reply::big_number(&mut out, Proto::Resp3, text);
        assert_eq!(out, format!("({line}\r\n").as_bytes());
    }
}

/// 13: a slice keeps the whole read buffer. What is copied out does not: then the memory is the connection's again.
#[test]
fn what_is_copied_out_lets_the_read_buffer_go() {
    let mut buffer = BytesMut::with_capacity(64 << 10);
    buffer.extend_from_slice(b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n");
    let args = Scanner::new().take(&mut buffer, &Limits::default()).unwrap().unwrap();
    let kept = Args::copied(args.iter());
    assert!(!buffer.try_reclaim((64 << 10) - 8), "the arguments share the buffer");
    drop(args);
    assert!(buffer.try_reclaim((64 << 10) - 8));
    assert_eq!(kept.at(1), b"c");
    // A line of text is copied anyway.
    buffer.extend_from_slice(b"SUBSCRIBE c\r\n");
    let args = Scanner::new().take(&mut buffer, &Limits::default()).unwrap().unwrap();
    assert!(buffer.try_reclaim((64 << 10) - 8));
    assert_eq!(args, kept);
}

fn scan(sent: &[u8]) -> Result<Scan, ProtocolError> {
    Scanner::new().scan(sent, &Limits::default())
}
