//! Patterns and what they match. The cases were compared with redis-server 7.0.15.

use crate::glob::{Case, matches};

#[test]
fn patterns_match_what_redis_matches() {
    for (pattern, matching, other) in [
        ("", &[""][..], &["a"][..]),
        ("*", &["", "a", "ab"], &[]),
        ("**", &["", "a"], &[]),
        ("a*", &["a", "ab", "aaa"], &["", "ba"]),
        ("*a", &["a", "ba", "aa"], &["", "ab"]),
        ("a*b*c", &["abc", "axxbyyc", "abcbc"], &["abcx", "acb"]),
        ("*abc*abc*", &["abcabc", "xabcabcabcx"], &["ababc"]),
        ("h?llo", &["hello", "h*llo"], &["hllo", "heello"]),
        ("h[ae]llo", &["hello", "hallo"], &["hillo", "h[llo"]),
        ("h[^e]llo", &["hallo"], &["hello"]),
        ("h[a-c]llo", &["hallo", "hcllo"], &["hdllo", "h-llo"]),
        ("h[c-a]llo", &["hbllo"], &["hdllo"]),
        ("h[^a-c]llo", &["hdllo"], &["hbllo"]),
        ("a[]b", &[], &["ab", "a]b"]),
        ("a[^]b", &["axb", "a]b"], &["ab"]),
        ("a[\\]]b", &["a]b"], &["a\\b"]),
        ("a[\\-z]b", &["a-b", "azb"], &["ayb"]),
        ("a[b-]c", &[], &["abc", "a-c"]),
        ("[", &[], &["[", "a"]),
        ("[^", &["a"], &[""]),
        ("[ab", &["a", "b"], &["c", "["]),
        ("[a-", &["a", "-"], &["b"]),
        ("[\\", &["\\"], &["a"]),
        ("\\*", &["*"], &["\\*", "a"]),
        ("\\", &["\\"], &["a"]),
        ("a\\", &["a\\"], &["a"]),
        ("\\a", &["a"], &["\\a"]),
        ("a*\\", &["a\\", "axx\\"], &["a"]),
        ("*[b]", &["b", "ab"], &["a"]),
        ("*?", &["a", "ab"], &[""]),
        ("?*?", &["ab", "abc"], &["a"]),
    ] {
        for text in matching {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} does not match {text}");
        }
        for text in other {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} matches {text}");
        }
    }
}

#[test]
fn case_can_be_ignored() {
    for (pattern, text) in [("AB", "ab"), ("a[B-C]", "Ac"), ("A[b]", "aB"), ("\\A", "a")] {
        assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Ignored), "{pattern} {text}");
        assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
    }
}

#[test]
fn many_stars_take_no_exponential_time() {
    let text = vec![b'a'; 20_000];
    let pattern = [b"*a".repeat(50), b"*b".to_vec()].concat();
    assert!(!matches(&pattern, &text, Case::Sensitive));
}

#[test]
fn no_bytes_are_too_odd_to_be_a_pattern() {
    // All patterns of up to five bytes out of those that mean something.
    let alphabet = b"*?[]^-\\ab";
    let mut patterns = vec![Vec::new()];
    let mut start = 0;
    for _ in 0..5 {
        let end = patterns.len();
        for index in start..end {
            for &byte in alphabet {
                patterns.push([patterns[index].as_slice(), &[byte]].concat());
            }
        }
        start = end;
    }
    let mut matched = 0;
    for pattern in &patterns {
        for text in [b"".as_slice(), b"a", b"ab", b"[a-]", b"\\*"] {
            matched += usize::from(matches(pattern, text, Case::Sensitive));
        }
    }
    assert!(matched > 1000, "{matched} of {} patterns matched", patterns.len());
}
