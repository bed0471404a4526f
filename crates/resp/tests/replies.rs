//! Replies as they are written, and as the reference decoder and the walker read them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bytes::Bytes;
use proptest::prelude::*;
use resp::decode::{Frame2, Frame3, take_resp2, take_resp3};
use resp::number::{format_double, parse_integer};
use resp::reply;
use resp::walk::{self, DEPTH_MAX, elements, is_error, parse_bulk, reply_len};
use types::txn::Proto;

#[test]
fn every_shape_in_both_protocols() {
    type Write = fn(&mut Vec<u8>, Proto);
    let table: &[(Write, &str, &str)] = &[
        (|o, _| reply::simple(o, "OK"), "+OK\r\n", "+OK\r\n"),
        (|o, _| reply::error(o, "ERR no"), "-ERR no\r\n", "-ERR no\r\n"),
        (|o, _| reply::integer(o, i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
        (|o, _| reply::bulk(o, b""), "$0\r\n\r\n", "$0\r\n\r\n"),
        (|o, _| reply::bulk(o, b"a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"),
        (reply::null, "$-1\r\n", "_\r\n"),
        (reply::null_array, "*-1\r\n", "_\r\n"),
        (|o, _| reply::array(o, 12), "*12\r\n", "*12\r\n"),
        (|o, p| reply::map(o, p, 6), "*12\r\n", "%6\r\n"),
        (|o, p| reply::set(o, p, 3), "*3\r\n", "~3\r\n"),
        (|o, p| reply::push(o, p, 3), "*3\r\n", ">3\r\n"),
        (|o, p| reply::double(o, p, 1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
        (|o, p| reply::double(o, p, f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"),
        (|o, p| reply::boolean(o, p, true), ":1\r\n", "#t\r\n"),
        (|o, p| reply::boolean(o, p, false), ":0\r\n", "#f\r\n"),
        (|o, p| reply::verbatim(o, p, "txt", b"a b"), "$3\r\na b\r\n", "=7\r\ntxt:a b\r\n"),
        (|o, p| reply::verbatim(o, p, "md", b""), "$0\r\n\r\n", "=4\r\nmd :\r\n"),
        (|o, p| reply::big_number(o, p, "-123"), "$4\r\n-123\r\n", "(-123\r\n"),
        (|o, _| reply::attribute(o, 2), "|2\r\n", "|2\r\n"),
    ];
    for (write, resp2, resp3) in table {
        for (proto, expected) in [(Proto::Resp2, resp2), (Proto::Resp3, resp3)] {
            let mut out = b"+before\r\n".to_vec();
            write(&mut out, proto);
            assert_eq!(out.escape_ascii().to_string(), format!("+before\r\n{expected}").escape_default().to_string(), "{proto:?}");
        }
    }
}

#[test]
fn doubles_as_redis_writes_them() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-17.0, "-17"),
        (3.0e15, "3000000000000000"),
        (4611686018427387904.0, "4611686018427387904"),
        (-4611686018427387904.0, "-4611686018427387904"),
        (9223372036854775808.0, "9223372036854776000"),
        (123456789012345678901.0, "123456789012345680000"),
        (1e19, "1e+19"),
        (1e20, "1e+20"),
        (1.5e300, "1.5e+300"),
        (f64::MAX, "1.7976931348623157e+308"),
        (-f64::MAX, "-1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "5e-324"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (-3.25, "-3.25"),
        (100.5, "100.5"),
        (1e-5, "0.00001"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (0.001234567, "0.001234567"),
        (0.0001234567, "1.234567e-4"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (-f64::NAN, "nan"),
    ] {
        assert_eq!(std::str::from_utf8(&format_double(value)).unwrap(), text);
    }
}

#[test]
fn integers_as_redis_reads_them() {
    for (text, value) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("99999999999999999999", None),
        ("", None),
        ("-", None),
        ("-0", None),
        ("00", None),
        ("01", None),
        ("-01", None),
        ("+1", None),
        (" 1", None),
        ("1 ", None),
        ("1.0", None),
        ("--1", None),
        ("1\0", None),
    ] {
        assert_eq!(parse_integer(text.as_bytes()), value, "{text:?}");
    }
}

#[test]
fn only_whole_and_well_formed_replies_are_measured() {
    for whole in [
        "+\r\n",
        "-ERR x\r\n",
        ":0\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "%0\r\n",
        "_\r\n",
        "#t\r\n",
        ",nan\r\n",
        "(1\r\n",
        "!3\r\nERR\r\n",
        "=7\r\ntxt:abc\r\n",
        "*2\r\n*1\r\n:1\r\n%1\r\n+a\r\n*0\r\n",
        "|1\r\n+a\r\n+b\r\n:1\r\n",
        "*2\r\n|1\r\n+a\r\n+b\r\n*1\r\n:1\r\n~0\r\n",
        ">2\r\n+message\r\n$1\r\n\r\r\n",
    ] {
        assert_eq!(reply_len(whole.as_bytes()), Some(whole.len()), "{whole:?}");
        assert_eq!(reply_len(format!("{whole}:1\r\n").as_bytes()), Some(whole.len()), "{whole:?}");
        for cut in 0..whole.len() {
            assert_eq!(reply_len(&whole.as_bytes()[..cut]), None, "{:?}", &whole[..cut]);
        }
    }
    for malformed in [
        "\r\n",
        "x\r\n",
        "PING\r\n",
        ":\r\n",
        ":1a\r\n",
        "+a\rb\r\n",
        "$1\r\nab\r\n",
        "$-2\r\n",
        "$?\r\n",
        "*?\r\n",
        "*-2\r\n",
        "%-1\r\n",
        "#x\r\n",
        "_x\r\n",
        "$18446744073709551615\r\n\r\n",
        "$9223372036854775807\r\n\r\n",
        "*9223372036854775807\r\n:1\r\n",
        "%9223372036854775807\r\n:1\r\n",
        "|9223372036854775807\r\n:1\r\n",
    ] {
        assert_eq!(reply_len(malformed.as_bytes()), None, "{malformed:?}");
    }
}

#[test]
fn replies_are_taken_apart() {
    let nested = b"*3\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n";
    let parts: Vec<_> = elements(nested).unwrap().collect();
    assert_eq!(parts, [b":1\r\n".as_slice(), b"*1\r\n$1\r\nx\r\n", b"$-1\r\n"]);
    assert_eq!(elements(nested).unwrap().len(), 3);
    assert_eq!(elements(b"%1\r\n+k\r\n+v\r\n").unwrap().len(), 2);
    assert_eq!(elements(b"~0\r\n").unwrap().count(), 0);
    for other in ["*-1\r\n", "*1\r\n", "*1\r\n:1\r\n:2\r\n", ":1\r\n", "$1\r\nx\r\n", "|1\r\n+a\r\n+b\r\n+c\r\n", ""] {
        assert!(elements(other.as_bytes()).is_none(), "{other:?}");
    }
    assert_eq!(walk::parse_integer(b":-42\r\n"), Some(-42));
    for other in [":-42", ":-42\r\n:1\r\n", "$1\r\n1\r\n", ":\r\n"] {
        assert_eq!(walk::parse_integer(other.as_bytes()), None, "{other:?}");
    }
    assert_eq!(parse_bulk(b"$3\r\na\r\n\r\n"), Some(b"a\r\n".as_slice()));
    for other in ["$-1\r\n", "$1\r\nx\r\n+\r\n", "+OK\r\n", "=4\r\ntxt:\r\n", "*1\r\n$1\r\nx\r\n"] {
        assert_eq!(parse_bulk(other.as_bytes()), None, "{other:?}");
    }
    assert!(is_error(b"-ERR no\r\n") && !is_error(b"+OK\r\n"));
}

#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| [b"*1\r\n".repeat(levels), b":1\r\n".to_vec()].concat();
    assert_eq!(reply_len(&deep(DEPTH_MAX + 1)), Some(4 * (DEPTH_MAX + 1) + 4));
    assert_eq!(reply_len(&deep(DEPTH_MAX + 2)), None);
    // Side by side is not inside.
    let wide = [b"*1000\r\n".to_vec(), deep(DEPTH_MAX).repeat(1000)].concat();
    assert_eq!(reply_len(&wide), Some(wide.len()));
}

/// A reply as a tree: what is written, and what should be read.
#[derive(Debug, Clone)]
enum Tree {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Double(f64),
    Boolean(bool),
    Array(Vec<Tree>),
    Push(Vec<Tree>),
}

impl Tree {
    fn write(&self, out: &mut Vec<u8>, proto: Proto) {
        match self {
            Tree::Simple(text) => reply::simple(out, text),
            Tree::Error(text) => reply::error(out, text),
            Tree::Integer(value) => reply::integer(out, *value),
            Tree::Bulk(value) => reply::bulk(out, value),
            Tree::Null => reply::null(out, proto),
            Tree::Double(value) => reply::double(out, proto, *value),
            Tree::Boolean(value) => reply::boolean(out, proto, *value),
            Tree::Array(of) | Tree::Push(of) => {
                match self {
                    Tree::Array(_) => reply::array(out, of.len()),
                    _ => reply::push(out, proto, of.len()),
                }
                of.iter().for_each(|tree| tree.write(out, proto));
            }
        }
    }

    fn frame2(&self) -> Frame2 {
        match self {
            Tree::Simple(text) => Frame2::SimpleString(text.clone().into()),
            Tree::Error(text) => Frame2::Error(text.as_str().into()),
            Tree::Integer(value) => Frame2::Integer(*value),
            Tree::Bulk(value) => Frame2::BulkString(value.clone().into()),
            Tree::Null => Frame2::Null,
            Tree::Double(value) => Frame2::BulkString(Bytes::copy_from_slice(&format_double(*value))),
            Tree::Boolean(value) => Frame2::Integer(i64::from(*value)),
            Tree::Array(of) | Tree::Push(of) => Frame2::Array(of.iter().map(Tree::frame2).collect()),
        }
    }

    fn frame3(&self) -> Frame3 {
        let attributes = None;
        match self {
            Tree::Simple(text) => Frame3::SimpleString { data: text.clone().into(), attributes },
            Tree::Error(text) => Frame3::SimpleError { data: text.as_str().into(), attributes },
            Tree::Integer(value) => Frame3::Number { data: *value, attributes },
            Tree::Bulk(value) => Frame3::BlobString { data: value.clone().into(), attributes },
            Tree::Null => Frame3::Null,
            Tree::Double(value) => Frame3::Double { data: *value, attributes },
            Tree::Boolean(value) => Frame3::Boolean { data: *value, attributes },
            Tree::Array(of) => Frame3::Array { data: of.iter().map(Tree::frame3).collect(), attributes },
            Tree::Push(of) => Frame3::Push { data: of.iter().map(Tree::frame3).collect(), attributes },
        }
    }
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        "[ -~]{0,20}".prop_map(Tree::Simple),
        "[A-Z]{1,5} [ -~]{0,20}".prop_map(Tree::Error),
        any::<i64>().prop_map(Tree::Integer),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Tree::Bulk),
        Just(Tree::Null),
        prop::num::f64::NORMAL.prop_map(Tree::Double),
        any::<bool>().prop_map(Tree::Boolean),
    ];
    let tree = leaf.prop_recursive(4, 40, 6, |tree| prop::collection::vec(tree, 0..6).prop_map(Tree::Array));
    let push = prop::collection::vec(tree.clone(), 1..4).prop_map(Tree::Push);
    prop_oneof![9 => tree, 1 => push]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_reference_decoder_reads_what_is_written(tree in any_tree()) {
        let (mut resp2, mut resp3) = (Vec::new(), Vec::new());
        tree.write(&mut resp2, Proto::Resp2);
        tree.write(&mut resp3, Proto::Resp3);
        prop_assert_eq!(reply_len(&resp2), Some(resp2.len()));
        prop_assert_eq!(reply_len(&resp3), Some(resp3.len()));
        for part in elements(&resp3).into_iter().flatten() {
            prop_assert_eq!(reply_len(part), Some(part.len()));
        }
        resp2.extend_from_slice(b"+next\r\n");
        let mut rest = Bytes::from(resp2);
        prop_assert_eq!(take_resp2(&mut rest), Some(tree.frame2()));
        prop_assert_eq!(rest, b"+next\r\n".as_slice());
        prop_assert_eq!(take_resp3(&mut Bytes::from(resp3)), Some(tree.frame3()));
    }

    #[test]
    fn damaged_replies_never_panic(tree in any_tree(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for proto in [Proto::Resp2, Proto::Resp3] {
            let mut bytes = Vec::new();
            tree.write(&mut bytes, proto);
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(parts) = elements(&bytes) {
                parts.for_each(drop);
            }
            take_resp2(&mut Bytes::from(bytes.clone()));
            take_resp3(&mut Bytes::from(bytes));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"*$%~>|:+-_#=!,(0123456789\r\n".to_vec())], 0..60)) {
        let measured = reply_len(&bytes);
        prop_assert!(measured.is_none_or(|len| len <= bytes.len()));
        take_resp2(&mut Bytes::from(bytes.clone()));
        take_resp3(&mut Bytes::from(bytes));
    }

    #[test]
    fn a_double_reads_back_as_itself(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let text = format_double(value);
        let back: f64 = std::str::from_utf8(&text).unwrap().parse().unwrap();
        prop_assert!(back.to_bits() == bits || value.is_nan() && back.is_nan());
    }

    #[test]
    fn only_the_canonical_text_is_an_integer(text in "-?[0-9]{0,21}") {
        prop_assert_eq!(parse_integer(text.as_bytes()), text.parse::<i64>().ok().filter(|value| value.to_string() == text));
    }
}
