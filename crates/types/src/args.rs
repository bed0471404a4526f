//! The arguments of one command, as slices of the bytes they arrived in.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

/// Command name and arguments, kept as ranges of one shared buffer: parsing, splitting a command over partitions and handing it to
/// another thread copy nothing. Holding an `Args` holds the whole buffer, so what outlives the command is copied out.
#[derive(Clone, Default)]
pub struct Args {
    buffer: Bytes,
    ranges: SmallVec<[(u32, u32); 4]>,
}

impl Args {
    /// Arguments at `ranges` of `buffer`.
    ///
    /// # Panics
    /// If a range leaves the buffer, or the buffer is 4 GiB or larger.
    pub fn new(buffer: Bytes, ranges: impl IntoIterator<Item = Range<usize>>) -> Args {
        assert!(u32::try_from(buffer.len()).is_ok(), "request buffer of {} bytes", buffer.len());
        let ranges: SmallVec<[(u32, u32); 4]> = ranges
            .into_iter()
            .map(|r| {
                assert!(r.start <= r.end && r.end <= buffer.len(), "argument {r:?} of {} bytes", buffer.len());
                (r.start as u32, r.end as u32)
            })
            .collect();
        Args { buffer, ranges }
    }

    /// Arguments copied into a buffer of their own.
    pub fn copied<I: AsRef<[u8]>>(args: impl IntoIterator<Item = I>) -> Args {
        let mut buffer = Vec::new();
        let mut ranges = SmallVec::new();
        for arg in args {
            let start = buffer.len() as u32;
            buffer.extend_from_slice(arg.as_ref());
            ranges.push((start, buffer.len() as u32));
        }
        Args { buffer: buffer.into(), ranges }
    }

    /// The arguments at `indices` of this command, sharing its buffer: how a command is split over partitions.
    ///
    /// # Panics
    /// If an index is out of range.
    pub fn pick(&self, indices: impl IntoIterator<Item = usize>) -> Args {
        Args { buffer: self.buffer.clone(), ranges: indices.into_iter().map(|i| self.ranges[i]).collect() }
    }

    /// How many there are, the command name included.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is not even a command name.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Argument `index`; 0 is the command name.
    ///
    /// # Panics
    /// If there is none.
    pub fn at(&self, index: usize) -> &[u8] {
        let (start, end) = self.ranges[index];
        &self.buffer[start as usize..end as usize]
    }

    /// Argument `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        (index < self.len()).then(|| self.at(index))
    }

    /// Argument `index` as a slice that shares (and keeps alive) the buffer.
    pub fn bytes(&self, index: usize) -> Bytes {
        let (start, end) = self.ranges[index];
        self.buffer.slice(start as usize..end as usize)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.ranges.iter().map(|&(start, end)| &self.buffer[start as usize..end as usize])
    }

    /// Total bytes of all arguments.
    pub fn payload(&self) -> usize {
        self.ranges.iter().map(|&(start, end)| (end - start) as usize).sum()
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|a| a.escape_ascii().to_string())).finish()
    }
}

impl PartialEq for Args {
    fn eq(&self, other: &Args) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Args {}
