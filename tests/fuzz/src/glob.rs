//! Glob patterns against a matcher that looks at every prefix of the text: slow, and simple.
//!
//! Input: whether case is ignored (lowest bit) | length of the pattern | pattern | text.

use commands::glob::{Case, matches};

pub(crate) fn glob(input: &[u8]) {
    let [case, len, rest @ ..] = input else { return };
    let case = if case & 1 == 0 { Case::Sensitive } else { Case::Ignored };
    let (pattern, text) = rest.split_at(rest.len().min((*len).into()));
    let expected = reference(pattern, text, case);
    assert_eq!(matches(pattern, text, case), expected, "{} / {} / {case:?}", pattern.escape_ascii(), text.escape_ascii());
}

/// One part of a pattern.
enum Part {
    Star,
    Any,
    /// Ranges, ends included; and whether they are the bytes that do not match.
    Class(Vec<(u8, u8)>, bool),
}

/// Which prefixes of the text match the parts so far: `reached[n]`, the one of `n` bytes does.
fn reference(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts(pattern) {
        let mut next = vec![false; text.len() + 1];
        for (at, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
            match &part {
                Part::Star => {
                    next[at..].fill(true);
                    break;
                }
                Part::Any if at < text.len() => next[at + 1] = true,
                Part::Class(ranges, negated) if at < text.len() => next[at + 1] |= within(ranges, text[at], case) != *negated,
                Part::Any | Part::Class(..) => {}
            }
        }
        reached = next;
    }
    reached[text.len()]
}

fn within(ranges: &[(u8, u8)], byte: u8, case: Case) -> bool {
    let fold = |byte: u8| if case == Case::Ignored { byte.to_ascii_lowercase() } else { byte };
    ranges.iter().any(|&(low, high)| fold(low) <= fold(byte) && fold(byte) <= fold(high))
}

fn parts(pattern: &[u8]) -> Vec<Part> {
    let mut bytes = pattern.iter().copied().peekable();
    let mut parts = Vec::new();
    while let Some(byte) = bytes.next() {
        parts.push(match byte {
            b'*' => Part::Star,
            b'?' => Part::Any,
            b'[' => {
                let negated = bytes.next_if_eq(&b'^').is_some();
                let mut ranges = Vec::new();
                // A class that nothing closes ends with the pattern.
                while let Some(first) = bytes.next().filter(|byte| *byte != b']') {
                    let mut ahead = bytes.clone();
                    ranges.push(match (first, ahead.next(), ahead.next()) {
                        (b'\\', Some(literal), _) => {
                            bytes.next();
                            (literal, literal)
                        }
                        (_, Some(b'-'), Some(last)) => {
                            bytes = ahead;
                            (first.min(last), first.max(last))
                        }
                        _ => (first, first),
                    });
                }
                Part::Class(ranges, negated)
            }
            b'\\' => {
                let literal = bytes.next().unwrap_or(b'\\');
                Part::Class(vec![(literal, literal)], false)
            }
            literal => Part::Class(vec![(literal, literal)], false),
        });
    }
    parts
}
