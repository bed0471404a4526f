//! A value of any type, and its way from and to bytes.

use std::collections::HashSet;

use bytes::Bytes;

use crate::error::{EncodeError, Malformed, ModuleName};
use crate::hash::{self, Field};
use crate::input::Input;
use crate::output::Output;
use crate::stream::{self, Stream};
use crate::{list, set, zset};

/// What a Redis key holds. Strings that were decoded are slices of the bytes they came from wherever these hold them as they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    String(Bytes),
    /// Elements from head to tail; at least one.
    List(Vec<Bytes>),
    /// Members, all different; at least one.
    Set(Vec<Bytes>),
    /// Members, all different, with scores, none of them NaN; at least one, in no promised order.
    ZSet(Vec<(Bytes, f64)>),
    /// Fields, all different; at least one.
    Hash(Vec<Field>),
    /// A stream, which can be empty.
    Stream(Stream),
}

/// The type byte in front of a value: its type and how it is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A string.
    String = 0,
    /// Elements of a list.
    List = 1,
    /// Members of a set.
    Set = 2,
    /// Members of a sorted set and scores as text.
    ZSet = 3,
    /// Fields of a hash and values.
    Hash = 4,
    /// Members of a sorted set and scores as doubles.
    ZSet2 = 5,
    /// A module's value, in a form that only the module can find the end of.
    Module = 6,
    /// A module's value.
    Module2 = 7,
    /// A hash as a [`crate::zipmap`].
    HashZipmap = 9,
    /// A list as a [`crate::ziplist`].
    ListZiplist = 10,
    /// A set as an [`crate::intset`].
    SetIntset = 11,
    /// A sorted set as a [`crate::ziplist`] of members and scores.
    ZSetZiplist = 12,
    /// A hash as a [`crate::ziplist`] of fields and values.
    HashZiplist = 13,
    /// A list as several ziplists.
    ListQuicklist = 14,
    /// A stream, as Redis 5.0 wrote it.
    Stream = 15,
    /// A hash as a [`crate::listpack`] of fields and values.
    HashListpack = 16,
    /// A sorted set as a [`crate::listpack`] of members and scores, ascending.
    ZSetListpack = 17,
    /// A list as several listpacks and single large elements.
    ListQuicklist2 = 18,
    /// A stream, as Redis 7.0 writes it: counts what was ever added.
    Stream2 = 19,
    /// A set as a [`crate::listpack`].
    SetListpack = 20,
    /// A stream, as Redis 7.2 writes it: knows when consumers were last active.
    Stream3 = 21,
    /// A hash with times of expiry, as release candidates of Redis 7.4 wrote it.
    HashExpiryCandidate = 22,
    /// The same as a listpack.
    HashListpackExpiryCandidate = 23,
    /// A hash with times of expiry, relative to the first of them.
    HashExpiry = 24,
    /// A hash as a [`crate::listpack`] of fields, values and times of expiry, ascending, then the fields that never expire.
    HashListpackExpiry = 25,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 25] = [
        Kind::String,
        Kind::List,
        Kind::Set,
        Kind::ZSet,
        Kind::Hash,
        Kind::ZSet2,
        Kind::Module,
        Kind::Module2,
        Kind::HashZipmap,
        Kind::ListZiplist,
        Kind::SetIntset,
        Kind::ZSetZiplist,
        Kind::HashZiplist,
        Kind::ListQuicklist,
        Kind::Stream,
        Kind::HashListpack,
        Kind::ZSetListpack,
        Kind::ListQuicklist2,
        Kind::Stream2,
        Kind::SetListpack,
        Kind::Stream3,
        Kind::HashExpiryCandidate,
        Kind::HashListpackExpiryCandidate,
        Kind::HashExpiry,
        Kind::HashListpackExpiry,
    ];

    /// The kind with this type byte.
    pub fn of(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// The lowest RDB version whose readers all know the kinds that are written: 10 is Redis 7.0, 11 is 7.2, 12 is 7.4.
    pub fn version(self) -> u16 {
        match self {
            Kind::SetListpack | Kind::Stream3 => 11,
            Kind::HashExpiryCandidate | Kind::HashListpackExpiryCandidate | Kind::HashExpiry | Kind::HashListpackExpiry => 12,
            _ => 10,
        }
    }
}

/// Takes a type byte and the value behind it from the front of `bytes`. After an error `bytes` are what they were.
///
/// # Errors
/// Whatever makes Redis refuse a payload when it checks them in depth (`sanitize-dump-payload yes`), and everything that contradicts the
/// promises of [`Value`].
pub fn decode(bytes: &mut Bytes) -> Result<Value, Malformed> {
    decode_within(bytes, usize::MAX)
}

/// As [`decode`], where the value may take no more than about `memory_max` bytes beyond those of its input.
///
/// # Errors
/// As [`decode`], and [`Malformed::Memory`].
pub fn decode_within(bytes: &mut Bytes, memory_max: usize) -> Result<Value, Malformed> {
    let mut input = Input::within(bytes.clone(), memory_max);
    let byte = input.byte()?;
    let value = match Kind::of(byte).ok_or(Malformed::UnknownType(byte))? {
        Kind::String => Value::String(input.string()?),
        kind @ (Kind::List | Kind::ListZiplist | Kind::ListQuicklist | Kind::ListQuicklist2) => {
            Value::List(list::decode(kind, &mut input)?)
        }
        kind @ (Kind::Set | Kind::SetIntset | Kind::SetListpack) => Value::Set(set::decode(kind, &mut input)?),
        kind @ (Kind::ZSet | Kind::ZSet2 | Kind::ZSetZiplist | Kind::ZSetListpack) => Value::ZSet(zset::decode(kind, &mut input)?),
        kind @ (Kind::Stream | Kind::Stream2 | Kind::Stream3) => Value::Stream(stream::decode(kind, &mut input)?),
        Kind::Module | Kind::Module2 => return Err(Malformed::Module(ModuleName::from_id(input.number()?))),
        kind => Value::Hash(hash::decode(kind, &mut input)?),
    };
    *bytes = input.into_rest();
    Ok(value)
}

/// The type byte and the value, as the lowest RDB version of at least 10 writes it that carries all of it.
///
/// # Errors
/// [`EncodeError::Empty`], [`EncodeError::TooLarge`].
pub fn encode(value: &Value) -> Result<(Kind, Vec<u8>), EncodeError> {
    encode_for(value, u16::MAX)
}

/// As [`encode`], for a reader that knows RDB versions up to `version_max`. What such a reader cannot be told and loses no data without
/// is left out: when consumers of a stream were last active, below version 11.
///
/// # Errors
/// As [`encode`], and [`EncodeError::NeedsVersion`]: hash fields that expire are carried from version 12 on, everything else from 10 on.
pub fn encode_for(value: &Value, version_max: u16) -> Result<(Kind, Vec<u8>), EncodeError> {
    let mut output = Output::default();
    let kind = match value {
        Value::String(string) => {
            output.string(string);
            Kind::String
        }
        Value::List(elements) => list::encode(elements, &mut output)?,
        Value::Set(members) => set::encode(members, &mut output)?,
        Value::ZSet(members) => zset::encode(members, &mut output)?,
        Value::Hash(fields) => hash::encode(fields, &mut output)?,
        Value::Stream(stream) => stream::encode(stream, version_max >= Kind::Stream3.version(), &mut output)?,
    };
    match kind.version() {
        needed if needed > version_max => Err(EncodeError::NeedsVersion { needed }),
        _ => Ok((kind, [&[kind as u8][..], &output.into_bytes()].concat())),
    }
}

/// Checks that no string is there twice.
pub(crate) fn all_different<'a>(strings: impl ExactSizeIterator<Item = &'a Bytes>) -> Result<(), Malformed> {
    let mut seen = HashSet::with_capacity(strings.len());
    for string in strings {
        if !seen.insert(&string[..]) {
            return Err(Malformed::Duplicate);
        }
    }
    Ok(())
}
