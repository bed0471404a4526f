//! Hashes: as fields and values, as a zipmap, a ziplist or a listpack; from Redis 7.4 on with the time at which each field expires.
//!
//! ```text
//!   24    first expiry (8) | fields | (expiry - first expiry + 1, or 0 for never | field | value)..
//!   25    first expiry (8) | listpack of (field, value, expiry or 0)..: expiries ascend, then come the zeros
//!   22, 23  the same without first expiry; in 22 expiries are as they are
//! ```

use bytes::Bytes;

use crate::error::{EncodeError, Malformed};
use crate::input::{Input, STRING, with_room};
use crate::listpack::{self, Element};
use crate::output::Output;
use crate::value::{Kind, all_different};
use crate::{ziplist, zipmap};

/// The last time at which a field can expire, in milliseconds since 1970: Redis has 48 bits for it.
pub const EXPIRE_MAX: i64 = (1 << 48) - 1;

/// Fields, and bytes of a field or value, up to which a hash is a listpack: Redis' `hash-max-listpack-entries` and `-value`.
const LISTPACK_COUNT_MAX: usize = 128;
const LISTPACK_STRING_MAX: usize = 64;

/// A field of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Bytes,
    /// Its value.
    pub value: Bytes,
    /// When it expires, in milliseconds since 1970, from 1 to [`EXPIRE_MAX`]; `None` is never.
    pub expire: Option<i64>,
}

pub(crate) fn decode(kind: Kind, input: &mut Input) -> Result<Vec<Field>, Malformed> {
    let fields = match kind {
        Kind::Hash => counted(input, 2, |_| Ok(None))?,
        Kind::HashExpiryCandidate => counted(input, 3, |input| expiry(input.number()?))?,
        Kind::HashExpiry => {
            let first = input.time()?.cast_unsigned();
            counted(input, 3, |input| match input.number()? {
                0 => Ok(None),
                after => expiry(first.checked_add(after - 1).ok_or(Malformed::FieldExpiry)?),
            })?
        }
        Kind::HashZipmap => {
            let bytes = input.string()?;
            input.charge(zipmap::pairs_max(bytes.len()).saturating_mul(2 * STRING))?;
            zipmap::read(bytes)?.into_iter().map(|(name, value)| Field { name, value, expire: None }).collect()
        }
        Kind::HashZiplist => {
            let elements = ziplist::Reader::new(input.string()?)?;
            pairs(input.charged(elements))?
        }
        Kind::HashListpackExpiryCandidate => {
            let elements = listpack::Reader::new(input.string()?)?;
            triples(input.charged(elements))?
        }
        Kind::HashListpackExpiry => {
            input.time()?;
            let elements = listpack::Reader::new(input.string()?)?;
            triples(input.charged(elements))?
        }
        _ => {
            let elements = listpack::Reader::new(input.string()?)?;
            pairs(input.charged(elements))?
        }
    };
    if fields.is_empty() {
        return Err(Malformed::Empty);
    }
    all_different(fields.iter().map(|field| &field.name))?;
    Ok(fields)
}

fn counted(
    input: &mut Input,
    field_min: usize,
    expire: impl Fn(&mut Input) -> Result<Option<i64>, Malformed>,
) -> Result<Vec<Field>, Malformed> {
    let count = input.count(field_min)?;
    let mut fields = with_room(count);
    for _ in 0..count {
        let expire = expire(input)?;
        fields.push(Field { name: input.string()?, value: input.string()?, expire });
    }
    Ok(fields)
}

fn expiry(time: u64) -> Result<Option<i64>, Malformed> {
    match i64::try_from(time) {
        Ok(0) => Ok(None),
        Ok(time @ 1..=EXPIRE_MAX) => Ok(Some(time)),
        _ => Err(Malformed::FieldExpiry),
    }
}

fn pairs(mut elements: impl Iterator<Item = Result<Element, Malformed>>) -> Result<Vec<Field>, Malformed> {
    let mut fields = Vec::new();
    while let Some(name) = elements.next().transpose()? {
        let value = elements.next().ok_or(Malformed::Unpaired)??;
        fields.push(Field { name: name.into_bytes(), value: value.into_bytes(), expire: None });
    }
    Ok(fields)
}

fn triples(mut elements: impl Iterator<Item = Result<Element, Malformed>>) -> Result<Vec<Field>, Malformed> {
    let mut fields: Vec<Field> = Vec::new();
    while let Some(name) = elements.next().transpose()? {
        let value = elements.next().ok_or(Malformed::Unpaired)??;
        let time = elements.next().ok_or(Malformed::Unpaired)??.as_integer().ok_or(Malformed::FieldExpiry)?;
        let expire = expiry(time.try_into().map_err(|_| Malformed::FieldExpiry)?)?;
        if let (Some(expire), Some(before)) = (expire, fields.last())
            && before.expire.is_none_or(|before| before > expire)
        {
            return Err(Malformed::FieldExpiry);
        }
        fields.push(Field { name: name.into_bytes(), value: value.into_bytes(), expire });
    }
    Ok(fields)
}

pub(crate) fn encode(fields: &[Field], output: &mut Output) -> Result<Kind, EncodeError> {
    if fields.is_empty() {
        return Err(EncodeError::Empty);
    }
    let small = |field: &Field| field.name.len() <= LISTPACK_STRING_MAX && field.value.len() <= LISTPACK_STRING_MAX;
    let small = fields.len() <= LISTPACK_COUNT_MAX && fields.iter().all(small);
    let first = fields.iter().filter_map(|field| field.expire).map(in_range).min();
    if let Some(first) = first {
        output.time(first);
    }
    let kind = match (small, first.is_some()) {
        (true, false) => Kind::HashListpack,
        (true, true) => Kind::HashListpackExpiry,
        (false, false) => Kind::Hash,
        (false, true) => Kind::HashExpiry,
    };
    if small {
        output.blob(&listpack(fields, first.is_some()).finish().ok_or(EncodeError::TooLarge)?);
        return Ok(kind);
    }
    output.count(fields.len());
    for field in fields {
        if let Some(first) = first {
            output.number(field.expire.map_or(0, |expire| in_range(expire).abs_diff(first) + 1));
        }
        output.string(&field.name);
        output.string(&field.value);
    }
    Ok(kind)
}

fn listpack(fields: &[Field], with_expiry: bool) -> listpack::Writer {
    let mut sorted: Vec<&Field> = fields.iter().collect();
    sorted.sort_by_key(|field| field.expire.map_or(i64::MAX, in_range));
    let mut writer = listpack::Writer::default();
    for field in sorted {
        writer.push(&field.name);
        writer.push(&field.value);
        if with_expiry {
            writer.push_integer(field.expire.map_or(0, in_range));
        }
    }
    writer
}

/// What expired before 1970 stays expired, and does not turn into what never expires.
fn in_range(expire: i64) -> i64 {
    expire.clamp(1, EXPIRE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(kind: Kind, bytes: &[u8]) -> Result<Vec<Option<i64>>, Malformed> {
        let fields = super::decode(kind, &mut Input::new(Bytes::copy_from_slice(bytes)))?;
        Ok(fields.into_iter().map(|field| field.expire).collect())
    }

    fn triples(triples: &[(&str, i64)]) -> Vec<u8> {
        let mut writer = listpack::Writer::default();
        for (name, expire) in triples {
            writer.push(name.as_bytes());
            writer.push(b"value");
            writer.push_integer(*expire);
        }
        let mut output = Output::default();
        output.blob(&writer.finish().expect("small"));
        output.into_bytes()
    }

    #[test]
    fn expiries_are_relative_to_the_first() {
        let bytes = |after: &[u8]| [&1000i64.to_le_bytes()[..], b"\x02\x00\x01a\x01b", after, b"\x01c\x01d"].concat();
        assert_eq!(decode(Kind::HashExpiry, &bytes(b"\x01")), Ok(vec![None, Some(1000)]));
        assert_eq!(decode(Kind::HashExpiry, &bytes(b"\x41\x01")), Ok(vec![None, Some(1256)]));
        assert_eq!(decode(Kind::HashExpiry, &bytes(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff")), Err(Malformed::FieldExpiry));
        assert_eq!(decode(Kind::HashExpiry, &bytes(b"\x81\x00\x00\xff\xff\xff\xff\xff\xff")), Err(Malformed::FieldExpiry));
        assert_eq!(decode(Kind::HashExpiryCandidate, &bytes(b"\x41\x01")[8..]), Ok(vec![None, Some(257)]));
    }

    #[test]
    fn expiries_of_a_listpack_ascend_and_then_there_are_none() {
        let candidate = |fields: &[(&str, i64)]| decode(Kind::HashListpackExpiryCandidate, &triples(fields));
        assert_eq!(candidate(&[("a", 5), ("b", 5), ("c", 6), ("d", 0), ("e", 0)]), Ok(vec![Some(5), Some(5), Some(6), None, None]));
        assert_eq!(candidate(&[("a", 5), ("b", 4)]), Err(Malformed::FieldExpiry));
        assert_eq!(candidate(&[("a", 0), ("b", 4)]), Err(Malformed::FieldExpiry));
        assert_eq!(candidate(&[("a", -1)]), Err(Malformed::FieldExpiry));
        assert_eq!(candidate(&[("a", EXPIRE_MAX + 1)]), Err(Malformed::FieldExpiry));
        assert_eq!(candidate(&[("a", 1), ("a", 0)]), Err(Malformed::Duplicate));
        let final_form = [&[0; 8][..], &triples(&[("a", EXPIRE_MAX)])].concat();
        assert_eq!(decode(Kind::HashListpackExpiry, &final_form), Ok(vec![Some(EXPIRE_MAX)]));
    }

    #[test]
    fn a_field_that_expired_before_time_began_is_still_expired() {
        let field = |expire| Field { name: "f".into(), value: "v".into(), expire: Some(expire) };
        let mut output = Output::default();
        assert_eq!(encode(&[field(-5)], &mut output), Ok(Kind::HashListpackExpiry));
        assert_eq!(decode(Kind::HashListpackExpiry, &output.into_bytes()), Ok(vec![Some(1)]));
    }
}
