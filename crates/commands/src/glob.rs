//! Redis' glob-style patterns: `*`, `?`, `[a-z]`, `[^a-z]`, `\` to take the next byte as it is.
//!
//! Matching remembers one way back, to the last `*`: that is all a glob needs, so there is no recursion and the cost is bounded by
//! the product of both lengths. Every byte string is a pattern; what is left open (`[ab`, a final `\`) means what it means in Redis.

/// A pattern, looked at once and matched many times.
#[derive(Debug, Clone, Copy)]
pub struct Pattern<'a> {
    pattern: &'a [u8],
    all: bool,
}

impl<'a> Pattern<'a> {
    /// Any bytes.
    pub fn new(pattern: &'a [u8]) -> Pattern<'a> {
        Pattern { pattern, all: pattern == b"*" }
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.all || matches(self.pattern, text, Case::Sensitive)
    }
}

/// Whether upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They do.
    Sensitive,
    /// ASCII letters are equal in both cases.
    Ignored,
}

/// Whether the whole of `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut back = None; // pattern after the last star, text that the star has not swallowed
    loop {
        let rest = &pattern[at_pattern..];
        if rest.first() == Some(&b'*') {
            at_pattern += rest.iter().position(|&b| b != b'*').unwrap_or(rest.len());
            if at_pattern == pattern.len() {
                return true;
            }
            back = Some((at_pattern, at_text));
            continue;
        }
        if at_text == text.len() {
            return rest.is_empty();
        }
        match step(rest, text[at_text], case) {
            Some(used) => (at_pattern, at_text) = (at_pattern + used, at_text + 1),
            None => match &mut back {
                Some((star, swallowed)) => {
                    *swallowed += 1;
                    (at_pattern, at_text) = (*star, *swallowed);
                }
                None => return false,
            },
        }
    }
}

/// Matches one byte with the start of a pattern that is not a star. How many bytes of the pattern that took; `None`: no match.
fn step(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let equal = |a: u8| if case == Case::Ignored { a.eq_ignore_ascii_case(&byte) } else { a == byte };
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, byte, case),
        [b'\\', next, ..] => equal(next).then_some(2),
        [literal, ..] => equal(literal).then_some(1),
    }
}

/// Matches one byte with a class, `pattern[0]` being its bracket. A class that is not closed ends with the pattern.
fn class(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let fold = |b: u8| if case == Case::Ignored { b.to_ascii_lowercase() } else { b };
    let byte = fold(byte);
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                found |= fold(literal) == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                let (low, high) = (fold(first.min(last)), fold(first.max(last)));
                found |= (low..=high).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= fold(literal) == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests;
