//! BITOP: a string is made of others, bit by bit. Chunk by chunk: no source is ever held as a whole.

use types::txn::Abort;

use crate::object::GROWN;
use crate::program::{Program, Stop};
use crate::strings::text::Text;

/// BITOP. Strings that are too short count as filled up with zeros.
pub(crate) fn bitop(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let operation = match args.at(1) {
        o if o.eq_ignore_ascii_case(b"and") => Operation::And,
        o if o.eq_ignore_ascii_case(b"or") => Operation::Or,
        o if o.eq_ignore_ascii_case(b"xor") => Operation::Xor,
        o if o.eq_ignore_ascii_case(b"not") => Operation::Not,
        _ => return Err(Stop::syntax()),
    };
    if operation == Operation::Not && args.len() != 4 {
        return Err(Stop::refused("ERR BITOP NOT must be called with a single source key."));
    }
    let mut sources = Vec::with_capacity(args.len() - 3);
    for index in 3..args.len() {
        let key = p.key(index);
        sources.push(p.text(key)?.unwrap_or_else(|| Text::empty(key)));
    }
    let target = p.key(2);
    let len = sources.iter().map(Text::len).max().unwrap_or(0);
    if len == 0 {
        if p.live(&target)?.is_some() {
            p.txn.delete_root(&target)?;
        }
    } else {
        combine(p, operation, &mut sources, Text::empty(target), len)?;
    }
    p.integer(len as i64);
    Ok(())
}

fn combine(p: &mut Program<'_>, operation: Operation, sources: &mut [Text<'_>], mut target: Text<'_>, len: u64) -> Result<(), Abort> {
    let limits = p.limits();
    target.grow(p.txn, limits, len)?;
    let step = target.step(limits);
    let mut result = Vec::new();
    let mut at = 0;
    while at < len {
        let end = len.min(at.saturating_add(step));
        let size = (end - at) as usize;
        for (index, source) in sources.iter_mut().enumerate() {
            let bytes = source.read(p.txn, at..end)?;
            if index == 0 {
                result.clear();
                result.extend_from_slice(&bytes);
                result.resize(size, 0);
            } else {
                operation.apply(&mut result, &bytes);
            }
        }
        if operation == Operation::Not {
            result.iter_mut().for_each(|byte| *byte = !*byte);
        }
        target.write(p.txn, limits, at, &result)?;
        at = end;
    }
    target.save(p.txn, GROWN)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    /// Changes `result` by bytes behind which there are zeros.
    fn apply(self, result: &mut [u8], bytes: &[u8]) {
        let pairs = result.iter_mut().zip(bytes);
        match self {
            Operation::And => {
                pairs.for_each(|(result, byte)| *result &= byte);
                result[bytes.len()..].fill(0);
            }
            Operation::Or => pairs.for_each(|(result, byte)| *result |= byte),
            Operation::Xor => pairs.for_each(|(result, byte)| *result ^= byte),
            Operation::Not => {}
        }
    }
}
