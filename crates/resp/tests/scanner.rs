//! Requests as the scanner finds them, in whatever pieces they arrive.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use redis_protocol::resp2::types::RangeFrame;
use resp::batch::{BATCH_BYTES, BATCH_REQUESTS, Drained};
use resp::scan::{Limits, ProtocolError, Scan, Scanner};
use types::args::Args;

#[test]
fn requests_of_both_kinds() {
    check("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", &[&["GET", "k"]], None);
    check("*1\r\n$0\r\n\r\n", &[&[""]], None);
    check("*1\r\n$4\r\n\r\n$1\r\n", &[&["\r\n$1"]], None);
    check("PING\r\n", &[&["PING"]], None);
    check("PING\n", &[&["PING"]], None);
    check("  set\tk  v \r\n", &[&["set", "k", "v"]], None);
    check("PING\r\n*1\r\n$4\r\nPING\r\necho x\n", &[&["PING"], &["PING"], &["echo", "x"]], None);
}

#[test]
fn what_asks_for_nothing_is_skipped() {
    for nothing in ["\r\n", "\n", "  \t \r\n", "*0\r\n", "*-1\r\n", "*-10\r\n", "\r\n\r\n*0\r\n\n"] {
        check(nothing, &[], None);
        check(&format!("{nothing}PING\r\n{nothing}*1\r\n$1\r\nx\r\n{nothing}"), &[&["PING"], &["x"]], None);
    }
}

#[test]
fn quotes_in_a_line() {
    for (line, args) in [
        (r#"set k "a b""#, &["set", "k", "a b"] as &[&str]),
        (r#"set k 'a b'"#, &["set", "k", "a b"]),
        (r#"a"b c"'d'"#, &[]),
        (r#"a"b c" d"#, &["ab c", "d"]),
        (r#""\n\r\t\b\a\x41\x4a\\\"\q""#, &["\n\r\t\u{8}\u{7}AJ\\\"q"]),
        (r#""\x4" "\xzz""#, &["x4", "xzz"]),
        (r#"'it\'s' '\n'"#, &["it's", r"\n"]),
        (r#""" '' """#, &["", "", ""]),
        ("a\u{b}b \u{b}c", &["a\u{b}b", "c"]),
    ] {
        if args.is_empty() {
            check(&format!("{line}\r\n"), &[], Some(ProtocolError::UnbalancedQuotes));
        } else {
            check(&format!("{line}\r\n"), &[args], None);
        }
    }
    for line in [r#"""#, r#"'"#, r#"set k "a"#, r#"set k 'a"#, r#"set k "a"b"#, r#"set k 'a'b"#, r#"k "\""#, r#"k "\"#] {
        check(&format!("PING\r\n{line}\r\nPING\r\n"), &[&["PING"]], Some(ProtocolError::UnbalancedQuotes));
    }
}

#[test]
fn refusals_have_the_words_of_redis() {
    for (sent, text) in [
        ("*3000000000\r\n", "invalid multibulk length"),
        ("*1048577\r\n", "invalid multibulk length"),
        ("*99999999999999999999999\r\n", "invalid multibulk length"),
        ("*\r\n", "invalid multibulk length"),
        ("*+1\r\n", "invalid multibulk length"),
        ("*01\r\n", "invalid multibulk length"),
        ("*00\r\n", "invalid multibulk length"),
        ("*-0\r\n", "invalid multibulk length"),
        ("*1 \r\n", "invalid multibulk length"),
        ("*x\r\n", "invalid multibulk length"),
        ("*?\r\n", "invalid multibulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$\r\n", "invalid bulk length"),
        ("*1\r\n$+1\r\n", "invalid bulk length"),
        ("*1\r\n$01\r\n", "invalid bulk length"),
        ("*1\r\n$2000000000\r\n", "invalid bulk length"),
        ("*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
        ("*1\r\n$9223372036854775808\r\n", "invalid bulk length"),
        ("*1\r\n$?\r\n", "invalid bulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n*1\r\n", "expected '$', got '*'"),
        ("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
    ] {
        assert_eq!(outcome(sent.as_bytes()).1.map(|e| e.to_string()).as_deref(), Some(text), "{sent:?}");
    }
}

#[test]
fn a_refusal_is_written_with_the_byte_as_it_came() {
    for (sent, reply) in [
        (b"*1\r\n\xff\r\n".as_slice(), b"-ERR Protocol error: expected '$', got '\xff'\r\n".as_slice()),
        (b"*1\r\n\n\r\n", b"-ERR Protocol error: expected '$', got ' '\r\n"),
        (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    ] {
        let mut out = Vec::new();
        outcome(sent).1.unwrap().reply(&mut out);
        assert_eq!(out, reply);
    }
}

#[test]
fn lines_that_do_not_end_are_refused_at_64_kib() {
    let line = "1".repeat(1 << 16);
    for (start, error) in [
        ("", ProtocolError::TooBigInline),
        ("*", ProtocolError::TooBigMultibulkCount),
        ("*1\r\n$", ProtocolError::TooBigBulkCount),
        ("\0\r\n", ProtocolError::TooBigInline),
        ("*\0\r\n", ProtocolError::TooBigMultibulkCount),
        ("*1\r\n$\0\r\n", ProtocolError::TooBigBulkCount),
    ] {
        check(&format!("{start}{}", &line[..60_000]), &[], None);
        check(&format!("PING\r\n{start}{line}1"), &[&["PING"]], Some(error));
    }
    check(&format!("{line}\n"), &[&[&line]], None);
    check(&format!("{line}1\n"), &[], Some(ProtocolError::TooBigInline));
}

#[test]
fn a_client_that_has_not_authenticated_gets_ten_arguments_of_16_kib() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    let value = "v".repeat(16 << 10);
    for (sent, error) in [
        (format!("*10\r\n$16384\r\n{value}\r\n"), None),
        ("*11\r\n".to_owned(), Some("unauthenticated multibulk length")),
        ("*1\r\n$16385\r\n".to_owned(), Some("unauthenticated bulk length")),
        ("*1\r\n$-5\r\n".to_owned(), Some("invalid bulk length")),
        ("*99999999\r\n".to_owned(), Some("invalid multibulk length")),
    ] {
        let found = Scanner::new().scan(sent.as_bytes(), &limits);
        assert_eq!(found.err().map(|e| e.to_string()).as_deref(), error, "{sent:.20}");
    }
}

#[test]
fn what_follows_auth_in_a_pipeline_is_judged_after_auth() {
    let mut limits = Limits { authenticated: false, ..Limits::default() };
    let mut buffer = BytesMut::from("AUTH secret\r\n*11\r\n");
    let (mut scanner, mut out) = (Scanner::new(), Vec::new());
    assert_eq!(scanner.drain(&mut buffer, &limits, &mut out), Ok(Drained::Full));
    assert_eq!(out.len(), 1);
    limits.authenticated = true;
    assert_eq!(scanner.drain(&mut buffer, &limits, &mut out), Ok(Drained::Empty { wanted: 0 }));
}

#[test]
fn a_request_is_bounded_as_a_whole() {
    let limits = Limits { request_max: 100, ..Limits::default() };
    let mut scanner = Scanner::new();
    let sent = "*9\r\n$60\r\n".to_owned() + &"a".repeat(60) + "\r\n$60\r\n";
    assert_eq!(scanner.scan(sent.as_bytes(), &limits), Err(ProtocolError::TooBigRequest));
    let mut scanner = Scanner::new();
    assert_eq!(scanner.scan(b"*1\r\n$90\r\n", &limits), Err(ProtocolError::TooBigRequest));
    let mut scanner = Scanner::new();
    assert_eq!(scanner.scan(b"*1\r\n$89\r\n", &limits), Ok(Scan::More { wanted: 100 }));
    // Each request anew, also within a pipeline.
    let sent = "*1\r\n$60\r\n".to_owned() + &"a".repeat(60) + "\r\n";
    let mut out = Vec::new();
    let drained = Scanner::new().drain(&mut BytesMut::from(sent.repeat(5).as_str()), &limits, &mut out);
    assert_eq!((drained, out.len()), (Ok(Drained::Empty { wanted: 0 }), 5));
}

#[test]
fn the_bytes_wanted_are_told_once_they_are_known() {
    let mut scanner = Scanner::new();
    let limits = Limits::default();
    for (sent, wanted) in [("", 0), ("*2\r\n", 0), ("*2\r\n$1000", 0), ("*2\r\n$1000\r\n", 1013), ("*2\r\n$1000\r\nabc", 1013)] {
        assert_eq!(scanner.scan(sent.as_bytes(), &limits), Ok(Scan::More { wanted }));
    }
    let mut buffer = BytesMut::from("*1\r\n$1\r\nx\r\n*1\r\n$3\r\nab");
    let mut out = Vec::new();
    assert_eq!(Scanner::new().drain(&mut buffer, &limits, &mut out), Ok(Drained::Empty { wanted: 13 }));
}

#[test]
fn ranges_are_those_of_the_buffer() {
    let mut scanner = Scanner::new();
    let found = scanner.scan(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1", &Limits::default());
    assert_eq!(found, Ok(Scan::Request { len: 20 }));
    assert_eq!(scanner.ranges(), [8..11, 17..18]);
    assert_eq!(scanner.inline(), None);
    assert_eq!(scanner.scan(b"PING\r\n", &Limits::default()), Ok(Scan::Request { len: 6 }));
    assert_eq!(scanner.ranges(), []);
    assert_eq!(scanner.inline(), Some(Args::copied(["PING"])));
}

#[test]
fn a_batch_is_bounded_in_requests_and_in_bytes() {
    let limits = Limits::default();
    for request in ["x\n".to_owned(), "*1\r\n$1\r\nx\r\n".to_owned(), format!("*1\r\n$65536\r\n{}\r\n", "v".repeat(1 << 16))] {
        let sent = 2 * BATCH_REQUESTS + 7;
        let mut buffer = BytesMut::from(request.repeat(sent).as_str());
        let (mut scanner, mut got) = (Scanner::new(), 0);
        loop {
            let (mut out, before) = (Vec::new(), buffer.len());
            let drained = scanner.drain(&mut buffer, &limits, &mut out).unwrap();
            got += out.len();
            assert!(out.len() <= BATCH_REQUESTS);
            assert!(before - buffer.len() <= BATCH_BYTES + request.len());
            if drained != Drained::Full {
                break;
            }
            assert!(!out.is_empty());
        }
        assert_eq!(got, sent);
    }
}

#[test]
fn an_error_is_final() {
    let (mut scanner, mut out) = (Scanner::new(), Vec::new());
    let mut buffer = BytesMut::from("PING\r\n*1\r\n$1\r\nx\r\n*x\r\nPING\r\n");
    for _ in 0..3 {
        assert_eq!(scanner.drain(&mut buffer, &Limits::default(), &mut out), Err(ProtocolError::InvalidMultibulkLength));
        assert_eq!(out.len(), 2);
        buffer.put_slice(b"PING\r\n");
    }
    assert_eq!(scanner.take(&mut buffer, &Limits::default()), Err(ProtocolError::InvalidMultibulkLength));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_sent_comes_out_whole(requests in prop::collection::vec(prop::collection::vec(any_arg(), 1..6), 0..20)) {
        let sent: Vec<u8> = requests.iter().flat_map(|args| encoded(args)).collect();
        let (got, error) = outcome(&sent);
        prop_assert_eq!(error, None);
        prop_assert_eq!(got, requests.iter().map(Args::copied).collect::<Vec<_>>());
    }

    #[test]
    fn pieces_make_no_difference(stream in any_stream(), cuts in prop::collection::vec(0usize..400, 0..12)) {
        let whole = outcome(&stream);
        prop_assert_eq!(&whole, &by_drain(&stream, &cuts));
        prop_assert_eq!(&whole, &by_take(&stream, &cuts));
        prop_assert_eq!(&whole, &by_drain(&stream, &(0..stream.len()).collect::<Vec<_>>()));
    }

    #[test]
    fn random_bytes_never_panic(stream in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(0usize..300, 0..4)) {
        prop_assert_eq!(by_drain(&stream, &[]), by_drain(&stream, &cuts));
    }

    /// A request in array form is read as redis-protocol reads it, whole or cut off.
    #[test]
    fn the_reference_decoder_agrees(args in prop::collection::vec(any_arg(), 1..6), cut in 0usize..5) {
        let mut sent = encoded(&args);
        sent.truncate(sent.len() - cut);
        let mut scanner = Scanner::new();
        let ours = scanner.scan(&sent, &Limits::default()).unwrap();
        match redis_protocol::resp2::decode::decode_range(&sent).unwrap() {
            None => prop_assert!(matches!(ours, Scan::More { .. }), "{:?}", ours),
            Some((RangeFrame::Array(strings), len)) => {
                prop_assert_eq!(ours, Scan::Request { len });
                let theirs: Vec<_> = strings.iter().map(|s| match s {
                    RangeFrame::BulkString((start, end)) => *start..*end,
                    other => panic!("{other:?}"),
                }).collect();
                prop_assert_eq!(scanner.ranges(), theirs);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn any_arg() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => prop::collection::vec(any::<u8>(), 0..12), 1 => prop::collection::vec(any::<u8>(), 90..130)]
}

/// Valid requests of both kinds, pieces of them, and damage.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::collection::vec(any_arg(), 1..5).prop_map(|args| encoded(&args)),
        4 => prop::sample::select(vec!["PING\r\n", "\r\n", "\n", "*0\r\n", "*-1\r\n", "set k 'a b'\r\n", "get \"\\x41\"\n", "a\0b\n"])
            .prop_map(|s| s.as_bytes().to_vec()),
        1 => prop::sample::select(vec!["*1", "*", "$", "$3", "\r", "'", "\"", "*2\r\n$1\r\n", "*1\r\n:1\r\n", "*1\r\n$-1\r\n", "*1\r\n$3\rxabcyz"])
            .prop_map(|s| s.as_bytes().to_vec()),
    ];
    (prop::collection::vec(piece, 0..8), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2)).prop_map(
        |(pieces, damage)| {
            let mut stream = pieces.concat();
            for (at, byte) in damage {
                if !stream.is_empty() {
                    let at = at.index(stream.len());
                    stream[at] = byte;
                }
            }
            stream
        },
    )
}

fn encoded(args: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    resp::reply::array(&mut out, args.len());
    args.iter().for_each(|arg| resp::reply::bulk(&mut out, arg));
    out
}

type Outcome = (Vec<Args>, Option<ProtocolError>);

fn check(sent: &str, args: &[&[&str]], error: Option<ProtocolError>) {
    let expected: Outcome = (args.iter().map(|args| Args::copied(*args)).collect(), error);
    assert_eq!(outcome(sent.as_bytes()), expected, "{sent:.200?}");
    assert_eq!(by_take(sent.as_bytes(), &[]), expected, "{sent:.200?}");
    assert_eq!(by_drain(sent.as_bytes(), &(0..sent.len()).collect::<Vec<_>>()), expected, "{sent:.200?}");
}

fn outcome(sent: &[u8]) -> Outcome {
    by_drain(sent, &[])
}

/// Everything of the stream, which arrives in pieces that end at `cuts`.
fn by_drain(sent: &[u8], cuts: &[usize]) -> Outcome {
    in_pieces(sent, cuts, |scanner, buffer, out| {
        while scanner.drain(buffer, &Limits::default(), out)? == Drained::Full {}
        Ok(())
    })
}

fn by_take(sent: &[u8], cuts: &[usize]) -> Outcome {
    in_pieces(sent, cuts, |scanner, buffer, out| {
        while let Some(args) = scanner.take(buffer, &Limits::default())? {
            out.push(args);
        }
        Ok(())
    })
}

fn in_pieces(
    sent: &[u8],
    cuts: &[usize],
    mut read: impl FnMut(&mut Scanner, &mut BytesMut, &mut Vec<Args>) -> Result<(), ProtocolError>,
) -> Outcome {
    let mut cuts: Vec<usize> = cuts.iter().copied().filter(|&cut| cut < sent.len()).chain([sent.len()]).collect();
    cuts.sort_unstable();
    let (mut scanner, mut buffer, mut out, mut from) = (Scanner::new(), BytesMut::new(), Vec::new(), 0);
    for cut in cuts {
        buffer.put_slice(&sent[from..cut]);
        from = cut;
        if let Err(error) = read(&mut scanner, &mut buffer, &mut out) {
            return (out, Some(error));
        }
    }
    (out, None)
}
