//! Bytes on their way to a socket: small things are copied together, large ones ride along by reference.
//!
//! ```text
//!   copied   [ header head small.. | header head | header head small ]
//!   large                          ^ 3 MiB      ^ 1 MiB
//! ```
//! A value of megabytes is thus never copied on its way out, and thousands of small frames make one `write`. The buffer is
//! reused: once everything has been sent, its memory takes the next frames.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Encoded frames, in order. Read it as a [`Buf`].
#[derive(Debug, Default)]
pub struct Outgoing {
    copied: Vec<u8>,
    /// How much of `copied` has been sent.
    sent: usize,
    /// Large payloads, each with the place in `copied` that it stands before.
    large: VecDeque<(usize, Bytes)>,
    remaining: usize,
}

/// Where in the copied bytes something was written, so that it can be completed afterwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(usize);

impl Outgoing {
    /// Appends a copy.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        self.copied.extend_from_slice(bytes);
        self.remaining += bytes.len();
    }

    /// Appends bytes, without a copy if they are many.
    pub(crate) fn share(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_MIN {
            return self.copy(&bytes);
        }
        self.remaining += bytes.len();
        self.large.push_back((self.copied.len(), bytes));
    }

    /// Appends what `write` appends to a vector.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.copied.len();
        write(&mut self.copied);
        self.remaining += self.copied.len() - before;
    }

    /// The place where the next copied byte goes. Good until a byte is sent.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.copied.len())
    }

    /// What was copied since `mark`, to be completed.
    pub(crate) fn since(&mut self, mark: Mark) -> &mut [u8] {
        &mut self.copied[mark.0..]
    }

    /// Forgets everything, keeping a reasonable amount of memory.
    pub fn clear(&mut self) {
        self.copied.clear();
        self.copied.shrink_to(KEPT_MAX);
        self.sent = 0;
        self.large.clear();
        self.remaining = 0;
    }

    /// End of the copied bytes that come before the next large payload.
    fn run_end(&self) -> usize {
        self.large.front().map_or(self.copied.len(), |&(at, _)| at)
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        match self.large.front() {
            Some((at, bytes)) if *at == self.sent => bytes,
            _ => &self.copied[self.sent..self.run_end()],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut used = 0;
        let mut from = self.sent;
        let ends = self.large.iter().map(|(at, bytes)| (*at, &bytes[..])).chain([(self.copied.len(), &[][..])]);
        for (at, large) in ends {
            for bytes in [&self.copied[from..at], large] {
                if !bytes.is_empty() {
                    let Some(slice) = slices.get_mut(used) else { return used };
                    *slice = IoSlice::new(bytes);
                    used += 1;
                }
            }
            from = at;
        }
        used
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "advance {count} of {}", self.remaining);
        self.remaining -= count;
        while count > 0 {
            let run = self.run_end() - self.sent;
            if run > 0 {
                let step = run.min(count);
                self.sent += step;
                count -= step;
                continue;
            }
            let (_, bytes) = self.large.front_mut().expect("remaining counts what is left");
            let step = bytes.len().min(count);
            bytes.advance(step);
            count -= step;
            if bytes.is_empty() {
                self.large.pop_front();
            }
        }
        if self.remaining == 0 {
            self.clear();
        }
    }
}

/// From here on a reference count and an entry of a vectored write are cheaper than a copy.
pub(crate) const SHARED_MIN: usize = 16 * 1024;
/// What a buffer that once grew large keeps.
const KEPT_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mut out: Outgoing, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while out.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 3];
            let used = out.chunks_vectored(&mut slices);
            let flat: Vec<u8> = slices[..used].iter().flat_map(|s| s.iter().copied()).collect();
            assert_eq!(&flat[..out.chunk().len()], out.chunk());
            let count = step.min(flat.len());
            all.extend_from_slice(&flat[..count]);
            out.advance(count);
        }
        assert_eq!((out.copied.len(), out.sent, out.large.len()), (0, 0, 0));
        all
    }

    #[test]
    fn everything_comes_out_in_the_order_it_went_in_whatever_the_socket_takes() {
        let large = Bytes::from(vec![7u8; SHARED_MIN]);
        for step in [61, SHARED_MIN, usize::MAX] {
            let mut out = Outgoing::default();
            let mut expected = Vec::new();
            for round in 0..4u8 {
                out.copy(&[round; 9]);
                out.share(Bytes::from(vec![round; 5]));
                out.share(large.clone());
                out.share(large.clone());
                expected.extend([round; 14]);
                expected.extend(&large[..]);
                expected.extend(&large[..]);
            }
            assert_eq!(out.remaining(), expected.len());
            assert!(drained(out, step) == expected, "step {step}");
        }
    }

    #[test]
    fn a_large_payload_is_not_copied() {
        let large = Bytes::from(vec![1u8; SHARED_MIN]);
        let mut out = Outgoing::default();
        out.share(large.clone());
        assert_eq!(out.chunk().as_ptr(), large.as_ptr());
    }
}
