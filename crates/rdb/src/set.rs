//! Sets: as members, as an intset, or as a listpack.

use bytes::Bytes;

use crate::error::{EncodeError, Malformed};
use crate::input::{Input, STRING, with_room};
use crate::output::Output;
use crate::value::{Kind, all_different};
use crate::{integer, intset, listpack};

/// Members up to which a set of integers is an intset: Redis' `set-max-intset-entries`.
const INTSET_COUNT_MAX: usize = 512;

pub(crate) fn decode(kind: Kind, input: &mut Input) -> Result<Vec<Bytes>, Malformed> {
    let members = match kind {
        Kind::SetIntset => {
            let integers = intset::read(&input.string()?)?;
            input.charge(integers.len().saturating_mul(STRING))?;
            integers.into_iter().map(integer::text).collect()
        }
        Kind::SetListpack => {
            let elements = listpack::Reader::new(input.string()?)?;
            input.charged(elements).map(|element| element.map(listpack::Element::into_bytes)).collect::<Result<Vec<_>, _>>()?
        }
        _ => {
            let count = input.count(1)?;
            let mut members = with_room(count);
            for _ in 0..count {
                members.push(input.string()?);
            }
            members
        }
    };
    if members.is_empty() {
        return Err(Malformed::Empty);
    }
    all_different(members.iter())?;
    Ok(members)
}

pub(crate) fn encode(members: &[Bytes], output: &mut Output) -> Result<Kind, EncodeError> {
    if members.is_empty() {
        return Err(EncodeError::Empty);
    }
    if let Some(integers) = integers(members) {
        output.blob(&intset::write(&integers));
        return Ok(Kind::SetIntset);
    }
    output.count(members.len());
    members.iter().for_each(|member| output.string(member));
    Ok(Kind::Set)
}

/// The members as integers, ascending, if that is what they are.
fn integers(members: &[Bytes]) -> Option<Vec<i64>> {
    if members.len() > INTSET_COUNT_MAX {
        return None;
    }
    let mut integers = members.iter().map(|member| integer::canonical(member)).collect::<Option<Vec<_>>>()?;
    integers.sort_unstable();
    Some(integers)
}
