//! Lists: as elements, as one ziplist, or as a quicklist, which is several nodes of a ziplist or listpack each.
//!
//! A quicklist of the second kind has a number in front of each node: 1 for a plain element, 2 for a listpack.

use bytes::Bytes;

use crate::error::{EncodeError, Malformed};
use crate::input::{Input, with_room};
use crate::listpack::{self, Element};
use crate::output::Output;
use crate::value::Kind;
use crate::ziplist;

const PLAIN: u64 = 1;
const PACKED: u64 = 2;
/// A node takes elements until it is this long, in bytes: Redis' `list-max-listpack-size -2`.
const NODE_LEN_MAX: usize = 8192;
/// An element from this length on, in bytes, is a plain node, as in Redis. (Redis 7.0 reads shorter plain nodes, but never writes them.)
const PLAIN_LEN_MIN: usize = 1 << 30;

pub(crate) fn decode(kind: Kind, input: &mut Input) -> Result<Vec<Bytes>, Malformed> {
    let mut elements = Vec::new();
    match kind {
        Kind::List => {
            let count = input.count(1)?;
            elements = with_room(count);
            for _ in 0..count {
                elements.push(input.string()?);
            }
        }
        Kind::ListZiplist => {
            let node = ziplist::Reader::new(input.string()?)?;
            extend(&mut elements, input.charged(node))?;
        }
        Kind::ListQuicklist => {
            for _ in 0..input.count(1)? {
                let node = ziplist::Reader::new(input.string()?)?;
                extend(&mut elements, input.charged(node))?;
            }
        }
        _ => {
            for _ in 0..input.count(2)? {
                let container = input.number()?;
                let node = input.string()?;
                match container {
                    PLAIN if node.is_empty() => return Err(Malformed::Empty),
                    PLAIN => elements.push(node),
                    PACKED => extend(&mut elements, input.charged(listpack::Reader::new(node)?))?,
                    other => return Err(Malformed::ListContainer(other)),
                }
            }
        }
    }
    if elements.is_empty() { Err(Malformed::Empty) } else { Ok(elements) }
}

fn extend(elements: &mut Vec<Bytes>, node: impl Iterator<Item = Result<Element, Malformed>>) -> Result<(), Malformed> {
    for element in node {
        elements.push(element?.into_bytes());
    }
    Ok(())
}

pub(crate) fn encode(elements: &[Bytes], output: &mut Output) -> Result<Kind, EncodeError> {
    nodes(elements, PLAIN_LEN_MIN, output)
}

fn nodes(elements: &[Bytes], plain_len_min: usize, output: &mut Output) -> Result<Kind, EncodeError> {
    if elements.is_empty() {
        return Err(EncodeError::Empty);
    }
    let mut nodes = Output::default();
    let mut count = 0;
    let mut left = elements;
    while let [first, rest @ ..] = left {
        count += 1;
        if first.len() >= plain_len_min {
            nodes.number(PLAIN);
            nodes.blob(first);
            left = rest;
            continue;
        }
        let mut node = listpack::Writer::default();
        while let [element, rest @ ..] = left
            && (node.is_empty() || node.len() + listpack::Writer::room(element.len()) <= NODE_LEN_MAX && element.len() < plain_len_min)
        {
            node.push(element);
            left = rest;
        }
        nodes.number(PACKED);
        nodes.blob(&node.finish().ok_or(EncodeError::TooLarge)?);
    }
    output.count(count);
    output.raw(&nodes.into_bytes());
    Ok(Kind::ListQuicklist2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_elements_are_nodes_of_their_own() {
        let elements: Vec<Bytes> = [10, 30, 5, 40, 40, 1].iter().map(|len| vec![b'x'; *len].into()).collect();
        let mut output = Output::default();
        assert_eq!(nodes(&elements, 30, &mut output), Ok(Kind::ListQuicklist2));
        let bytes = output.into_bytes();
        assert_eq!(bytes[0], 6, "nodes");
        assert_eq!(decode(Kind::ListQuicklist2, &mut Input::new(bytes.into())), Ok(elements));
    }

    #[test]
    fn a_node_is_either_plain_or_packed() {
        let decode = |bytes: &'static [u8]| decode(Kind::ListQuicklist2, &mut Input::new(Bytes::from_static(bytes)));
        assert_eq!(decode(b"\x01\x01\x01a"), Ok(vec![Bytes::from("a")]));
        assert_eq!(decode(b"\x01\x03\x01a"), Err(Malformed::ListContainer(3)));
        assert_eq!(decode(b"\x01\x01\x00"), Err(Malformed::Empty));
        assert_eq!(decode(b"\x01\x02\x07\x07\0\0\0\0\0\xff"), Err(Malformed::Empty));
        assert_eq!(decode(b"\x02\x02\x07\x07\0\0\0\0\0\xff\x01\x01a"), Ok(vec![Bytes::from("a")]), "an empty node is skipped");
    }
}
