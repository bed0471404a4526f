//! Sums and their texts, compared with redis-server 7.0.15 on x86-64.

use crate::long_double::LongDouble;

fn sum(a: &str, b: &str) -> String {
    let number = |text: &str| LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"));
    number(a).plus(number(b)).map_or("overflow".to_string(), |sum| String::from_utf8(sum.to_text()).unwrap())
}

#[test]
fn sums_are_those_of_redis() {
    for (a, b, expected) in [
        ("0", "0", "0"),
        ("3", "1.1", "4.1"),
        ("0.1", "0.2", "0.3"),
        ("10.50", "0.1", "10.6"),
        ("5.0e3", "2.0e2", "5200"),
        ("1", "-1", "0"),
        ("0", "-1e-20", "0"),
        ("0", "1e-17", "0.00000000000000001"),
        ("0", "4e-18", "0"),
        ("0", "-0.5", "-0.5"),
        ("1.5", "-3", "-1.5"),
        (".5", "5.", "5.5"),
        ("+1", "0", "1"),
        ("4.1", "1e17", "100000000000000004.1015625"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551615", "0", "18446744073709551615"),
        ("18446744073709551616", "1", "18446744073709551616"),
        ("18446744073709551616", "3", "18446744073709551620"),
        ("1e30", "0", "1000000000000000000024696061952"),
        ("0.99999999999999999999999", "0", "1"),
        ("0000000000000000000000000000001.10000000000000000000000000000000000000", "0", "1.1"),
        ("1e4932", "1e4932", "overflow"),
        ("inf", "1", "overflow"),
        ("-Infinity", "1", "overflow"),
    ] {
        assert_eq!(sum(a, b), expected, "{a} + {b}");
        assert_eq!(sum(b, a), expected, "{b} + {a}");
    }
}

#[test]
fn the_largest_and_the_smallest_numbers_are_read() {
    assert_eq!(sum("1e4931", "0").len(), 4932);
    assert!(sum("1e4931", "0").starts_with("100000000000000000000601894938796389132383777425453311477378504135253301948660872"));
    assert_eq!(sum("1.189731495357231765e4932", "0").len(), 4933);
    assert_eq!(sum("3.6e-4951", "0"), "0");
    for text in ["1.19e4932", "1e4933", "1e99999999999999999999", "1e-4952", "1e-99999999999999999999"] {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn what_is_not_a_number_is_not_read() {
    for text in
        ["", " ", "1 ", " 1", "a", "1a", "nan", "-nan", "infin", "1e", "1e+", "e1", ".", "-", "+-1", "1.2.3", "0x10", "1_000", "1,5", "--1"]
    {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
    let long = "1".repeat(6000);
    assert_eq!(LongDouble::parse(long.as_bytes()), None);
}
