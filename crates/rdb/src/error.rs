//! What can be wrong with the bytes of a value, and with a value that shall become bytes.

use std::fmt;

/// Why bytes are not a value. Redis answers all of these with `ERR Bad data format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length, a count or a fixed field asks for more bytes than there are.
    #[error("the value is cut short")]
    Truncated,
    /// The value ends before the payload does.
    #[error("bytes follow the value")]
    Trailing,
    /// A type byte that no Redis up to 7.4 writes in front of a value.
    #[error("value type {0} is not known")]
    UnknownType(u8),
    /// A value of a module: only that module can read it.
    #[error("the value belongs to the module {0}")]
    Module(ModuleName),
    /// A length where a string is, or a string where a length is, or a form of neither.
    #[error("length or string encoding {0:#04x} does not belong here")]
    Encoding(u8),
    /// Compressed bytes that do not unpack to the length announced.
    #[error("compressed string is damaged")]
    Lzf,
    /// The value takes more memory than the caller allows.
    #[error("the value takes too much memory")]
    Memory,
    /// See [`crate::listpack`].
    #[error("listpack is damaged")]
    Listpack,
    /// See [`crate::ziplist`].
    #[error("ziplist is damaged")]
    Ziplist,
    /// See [`crate::zipmap`].
    #[error("zipmap is damaged")]
    Zipmap,
    /// See [`crate::intset`].
    #[error("intset is damaged")]
    Intset,
    /// A list node that is neither plain nor packed.
    #[error("list node container {0} is not known")]
    ListContainer(u64),
    /// A collection without elements: Redis has no such keys (streams excepted).
    #[error("collection is empty")]
    Empty,
    /// A member, field, group, consumer or pending entry that is there twice.
    #[error("element is there twice")]
    Duplicate,
    /// A container whose elements are not whole pairs (or triples).
    #[error("element without its value")]
    Unpaired,
    /// A score that is no number.
    #[error("score is not a number")]
    Score,
    /// The time at which a hash field expires is out of range, or out of order where order is promised.
    #[error("expiry of a hash field is out of range")]
    FieldExpiry,
    /// A node of a stream whose entries do not have the announced shape.
    #[error("stream node is damaged")]
    StreamNode,
    /// Stream ids that do not increase, or counters that contradict the entries.
    #[error("stream ids or counters contradict each other")]
    StreamOrder,
    /// A pending entry of a consumer that the group does not have, or one of the group that no consumer has.
    #[error("pending entries of a group and of its consumers differ")]
    Pending,
}

/// The name of a module's data type: nine characters, as packed into the number in front of its values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ModuleName([u8; 9]);

impl ModuleName {
    /// Unpacks the name from a module type's number: nine times six bits, above ten bits of the type's own version.
    pub fn from_id(id: u64) -> ModuleName {
        const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        ModuleName(std::array::from_fn(|index| CHARACTERS[(id >> (10 + 6 * (8 - index))) as usize & 63]))
    }

    /// The nine characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the characters are ASCII")
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Too short to hold a version and a checksum.
    #[error("payload of {len} bytes is too short")]
    TooShort {
        /// Bytes of the payload.
        len: usize,
    },
    /// Written by a newer Redis than [`crate::payload::VERSION_MAX`] stands for.
    #[error("payload has RDB version {version}")]
    Version {
        /// The version it announces.
        version: u16,
    },
    /// Damaged on its way.
    #[error("payload has a wrong checksum")]
    Checksum,
    /// Arrived whole, but is no value.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl PayloadError {
    /// Redis' reply to such a payload, without the leading `-`.
    pub fn reply(&self) -> &'static str {
        match self {
            PayloadError::TooShort { .. } | PayloadError::Version { .. } | PayloadError::Checksum => {
                "ERR DUMP payload version or checksum are wrong"
            }
            PayloadError::Malformed(_) => "ERR Bad data format",
        }
    }
}

/// Why a value has no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A collection without elements, which no Redis restores (streams excepted).
    #[error("collection is empty")]
    Empty,
    /// One stream entry fills more than a listpack can hold.
    #[error("stream entry does not fit into a listpack")]
    TooLarge,
    /// The value needs a newer RDB version than the reader knows.
    #[error("value needs RDB version {needed}")]
    NeedsVersion {
        /// The lowest version that carries the value.
        needed: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_module_type_spells_its_name() {
        let number = b"ReJSON-RL".iter().fold(0, |number, byte| {
            let position = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".iter().position(|other| other == byte);
            number << 6 | position.expect("a known character") as u64
        });
        assert_eq!(ModuleName::from_id(number << 10 | 3).to_string(), "ReJSON-RL");
    }
}
