//! Replies of RESP2, read strictly.

/// A reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Status(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Reply>),
    Nil,
}

impl Reply {
    /// The one reply that these bytes are.
    ///
    /// # Panics
    /// If they are anything else.
    pub(crate) fn whole(bytes: &[u8]) -> Reply {
        let (reply, rest) = Reply::first(bytes).unwrap_or_else(|| panic!("no reply: {}", bytes.escape_ascii()));
        assert!(rest.is_empty(), "more than one reply: {}", bytes.escape_ascii());
        reply
    }

    fn first(bytes: &[u8]) -> Option<(Reply, &[u8])> {
        let (kind, bytes) = bytes.split_first()?;
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
        let number = || std::str::from_utf8(line).ok()?.parse::<i64>().ok();
        Some(match kind {
            b'+' => (Reply::Status(line.to_vec()), rest),
            b'-' => (Reply::Error(line.to_vec()), rest),
            b':' => (Reply::Integer(number()?), rest),
            b'$' | b'*' if line == b"-1" => (Reply::Nil, rest),
            b'$' => {
                let (string, rest) = rest.split_at_checked(usize::try_from(number()?).ok()?)?;
                (Reply::Bulk(string.to_vec()), rest.strip_prefix(b"\r\n")?)
            }
            b'*' => {
                let (mut elements, mut rest) = (Vec::new(), rest);
                for _ in 0..number()? {
                    let (element, after) = Reply::first(rest)?;
                    elements.push(element);
                    rest = after;
                }
                (Reply::Array(elements), rest)
            }
            _ => return None,
        })
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }

    /// Number of elements of an array.
    ///
    /// # Panics
    /// If it is none.
    pub(crate) fn len(&self) -> i64 {
        self.elements().len() as i64
    }

    /// The elements of an array.
    ///
    /// # Panics
    /// If it is none.
    pub(crate) fn elements(&self) -> &[Reply] {
        let Reply::Array(elements) = self else { panic!("an array: {self:?}") };
        elements
    }
}
