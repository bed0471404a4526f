//! Sorted sets: as members with scores (text or doubles), as a ziplist, or as a listpack.
//!
//! A score as text is a length byte and the text, or one byte alone: 253 for NaN, 254 for infinity, 255 for its opposite.

use bytes::Bytes;

use crate::error::{EncodeError, Malformed};
use crate::input::{Input, with_room};
use crate::listpack::{self, Element};
use crate::output::Output;
use crate::value::{Kind, all_different};
use crate::ziplist;

/// Members, and bytes of a member, up to which a sorted set is a listpack: Redis' `zset-max-listpack-entries` and `-value`.
const LISTPACK_COUNT_MAX: usize = 128;
const LISTPACK_MEMBER_MAX: usize = 64;

pub(crate) fn decode(kind: Kind, input: &mut Input) -> Result<Vec<(Bytes, f64)>, Malformed> {
    let members = match kind {
        Kind::ZSet => counted(input, 2, text_score)?,
        Kind::ZSet2 => counted(input, 9, |input| Ok(f64::from_le_bytes(input.array()?)))?,
        Kind::ZSetZiplist => {
            let elements = ziplist::Reader::new(input.string()?)?;
            pairs(input.charged(elements))?
        }
        _ => {
            let elements = listpack::Reader::new(input.string()?)?;
            pairs(input.charged(elements))?
        }
    };
    if members.is_empty() {
        return Err(Malformed::Empty);
    }
    if members.iter().any(|(_, score)| score.is_nan()) {
        return Err(Malformed::Score);
    }
    all_different(members.iter().map(|(member, _)| member))?;
    Ok(members)
}

fn counted(
    input: &mut Input,
    pair_min: usize,
    score: impl Fn(&mut Input) -> Result<f64, Malformed>,
) -> Result<Vec<(Bytes, f64)>, Malformed> {
    let count = input.count(pair_min)?;
    let mut members = with_room(count);
    for _ in 0..count {
        members.push((input.string()?, score(input)?));
    }
    Ok(members)
}

fn text_score(input: &mut Input) -> Result<f64, Malformed> {
    match input.byte()? {
        253 => Err(Malformed::Score),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        len => parse(&input.take(len.into())?),
    }
}

fn pairs(mut elements: impl Iterator<Item = Result<Element, Malformed>>) -> Result<Vec<(Bytes, f64)>, Malformed> {
    let mut members = Vec::new();
    while let Some(member) = elements.next().transpose()? {
        let score = match elements.next().ok_or(Malformed::Unpaired)?? {
            Element::Integer(score) => score as f64,
            Element::String(score) => parse(&score)?,
        };
        members.push((member.into_bytes(), score));
    }
    Ok(members)
}

fn parse(text: &[u8]) -> Result<f64, Malformed> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed::Score)
}

pub(crate) fn encode(members: &[(Bytes, f64)], output: &mut Output) -> Result<Kind, EncodeError> {
    if members.is_empty() {
        return Err(EncodeError::Empty);
    }
    if members.len() <= LISTPACK_COUNT_MAX && members.iter().all(|(member, _)| member.len() <= LISTPACK_MEMBER_MAX) {
        output.blob(&listpack(members).finish().ok_or(EncodeError::TooLarge)?);
        return Ok(Kind::ZSetListpack);
    }
    output.count(members.len());
    for (member, score) in members {
        output.string(member);
        output.raw(&score.to_le_bytes());
    }
    Ok(Kind::ZSet2)
}

/// Redis takes the order of a listpack for the order of the set.
fn listpack(members: &[(Bytes, f64)]) -> listpack::Writer {
    let mut sorted: Vec<&(Bytes, f64)> = members.iter().collect();
    // `+ 0.0` makes the two zeros one
    sorted.sort_unstable_by(|(one, left), (other, right)| (left + 0.0).total_cmp(&(right + 0.0)).then_with(|| one.cmp(other)));
    let mut writer = listpack::Writer::default();
    for (member, score) in sorted {
        writer.push(member);
        let whole = *score as i64;
        if whole as f64 == *score && whole.unsigned_abs() < 1 << 53 && !(*score == 0.0 && score.is_sign_negative()) {
            writer.push_integer(whole);
        } else {
            writer.push(ryu::Buffer::new().format(*score).as_bytes());
        }
    }
    writer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(kind: Kind, bytes: &'static [u8]) -> Result<Vec<(Bytes, f64)>, Malformed> {
        super::decode(kind, &mut Input::new(Bytes::from_static(bytes)))
    }

    #[test]
    fn scores_as_text() {
        let members = [("a", 2.5), ("b", f64::INFINITY), ("c", f64::NEG_INFINITY), ("d", 1e20)];
        let bytes = b"\x04\x01a\x032.5\x01b\xfe\x01c\xff\x01d\x051e+20";
        assert_eq!(decode(Kind::ZSet, bytes), Ok(members.map(|(member, score)| (Bytes::from(member), score)).to_vec()));
    }

    #[test]
    fn scores_that_are_no_numbers_are_refused() {
        assert_eq!(decode(Kind::ZSet, b"\x01\x01a\xfd"), Err(Malformed::Score));
        assert_eq!(decode(Kind::ZSet, b"\x01\x01a\x03nan"), Err(Malformed::Score));
        assert_eq!(decode(Kind::ZSet, b"\x01\x01a\x031x2"), Err(Malformed::Score));
        assert_eq!(decode(Kind::ZSet, b"\x01\x01a\x00"), Err(Malformed::Score));
        assert_eq!(decode(Kind::ZSet2, b"\x01\x01a\0\0\0\0\0\0\xf8\x7f"), Err(Malformed::Score));
        assert_eq!(decode(Kind::ZSetListpack, b"\x0f\x0f\0\0\0\x02\0\x81a\x02\x83nan\x04\xff"), Err(Malformed::Score));
    }

    #[test]
    fn a_listpack_is_in_the_order_of_the_set() {
        let members = [("b", 1.0), ("a", 1.0), ("z", -0.0), ("y", 0.0), ("n", f64::NEG_INFINITY), ("h", 0.5), ("i", f64::INFINITY)];
        let members = members.map(|(member, score)| (Bytes::from(member), score));
        let mut output = Output::default();
        assert_eq!(encode(&members, &mut output), Ok(Kind::ZSetListpack));
        let decoded = super::decode(Kind::ZSetListpack, &mut Input::new(output.into_bytes().into())).expect("whole");
        let order: Vec<&[u8]> = decoded.iter().map(|(member, _)| &member[..]).collect();
        assert_eq!(order, [b"n", b"y", b"z", b"h", b"a", b"b", b"i"]);
        assert!(decoded[2].1.is_sign_negative(), "a negative zero stays one");
    }
}
