//! The frame of DUMP and RESTORE: a value, the RDB version that can read it, and a checksum over both.

use bytes::Bytes;
use crc::{CRC_64_REDIS, Crc, Table};

use crate::error::{EncodeError, Malformed, PayloadError};
use crate::value::{self, Value};

/// The newest RDB version whose payloads are read: Redis 7.4's.
pub const VERSION_MAX: u16 = 12;

const FOOTER_LEN: usize = 2 + 8;

/// CRC-64 with Jones' polynomial, as Redis computes it.
static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The value of a payload, its strings slices of the payload where it holds them as they are.
///
/// # Errors
/// [`PayloadError::reply`] is what Redis says.
pub fn decode(payload: &Bytes) -> Result<Value, PayloadError> {
    decode_within(payload, usize::MAX)
}

/// As [`decode`], where the value may take no more than about `memory_max` bytes beyond those of its input.
///
/// # Errors
/// As [`decode`], and [`Malformed::Memory`].
pub fn decode_within(payload: &Bytes, memory_max: usize) -> Result<Value, PayloadError> {
    let Some((checked, checksum)) = payload.split_last_chunk::<8>() else {
        return Err(PayloadError::TooShort { len: payload.len() });
    };
    let Some((value, version)) = checked.split_last_chunk::<2>() else {
        return Err(PayloadError::TooShort { len: payload.len() });
    };
    let version = u16::from_le_bytes(*version);
    if version > VERSION_MAX {
        return Err(PayloadError::Version { version });
    }
    if CRC.checksum(checked) != u64::from_le_bytes(*checksum) {
        return Err(PayloadError::Checksum);
    }
    let mut rest = payload.slice(..value.len());
    let value = value::decode_within(&mut rest, memory_max)?;
    if rest.is_empty() { Ok(value) } else { Err(Malformed::Trailing.into()) }
}

/// The payload of a value, for the lowest RDB version of at least 10 that carries all of it.
///
/// # Errors
/// Those of [`value::encode`].
pub fn encode(value: &Value) -> Result<Vec<u8>, EncodeError> {
    encode_for(value, VERSION_MAX)
}

/// The payload of a value for a reader of RDB versions up to `version_max`: see [`value::encode_for`].
///
/// # Errors
/// Those of [`value::encode_for`].
pub fn encode_for(value: &Value, version_max: u16) -> Result<Vec<u8>, EncodeError> {
    let (kind, value) = value::encode_for(value, version_max)?;
    Ok(seal(value, kind.version()))
}

/// Puts the footer behind a type byte and value.
pub fn seal(mut value: Vec<u8>, version: u16) -> Vec<u8> {
    value.reserve_exact(FOOTER_LEN);
    value.extend_from_slice(&version.to_le_bytes());
    let checksum = CRC.checksum(&value);
    value.extend_from_slice(&checksum.to_le_bytes());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(payload: Vec<u8>) -> Result<Value, PayloadError> {
        super::decode(&payload.into())
    }

    #[test]
    fn the_checksum_is_redis() {
        assert_eq!(CRC.checksum(b"123456789"), 0xE9C6_D914_C4B8_D9CA);
    }

    #[test]
    fn the_frame_is_checked_before_the_value() {
        let value = || b"\x00\x01a".to_vec();
        assert_eq!(decode(seal(value(), 12)), Ok(Value::String("a".into())));
        assert_eq!(decode(seal(value(), 0)), Ok(Value::String("a".into())));
        assert_eq!(decode(seal(value(), 13)), Err(PayloadError::Version { version: 13 }));
        assert_eq!(decode(vec![0; 9]), Err(PayloadError::TooShort { len: 9 }));
        let mut damaged = seal(value(), 10);
        damaged[1] ^= 1;
        assert_eq!(decode(damaged), Err(PayloadError::Checksum));
        assert_eq!(decode(seal(vec![], 10)), Err(Malformed::Truncated.into()));
        assert_eq!(decode(seal(b"\x00\x01ab".to_vec(), 10)), Err(Malformed::Trailing.into()));
    }

    #[test]
    fn errors_are_those_of_redis() {
        let reply = |payload| decode(payload).map_err(|error| error.reply());
        assert_eq!(reply(vec![]), Err("ERR DUMP payload version or checksum are wrong"));
        assert_eq!(reply(seal(vec![0, 0], 13)), Err("ERR DUMP payload version or checksum are wrong"));
        assert_eq!(reply([[0; 10], [1; 10]].concat()), Err("ERR DUMP payload version or checksum are wrong"));
        assert_eq!(reply(seal(vec![8], 10)), Err("ERR Bad data format"));
    }

    #[test]
    fn strings_are_slices_of_the_payload() {
        let payload = Bytes::from(seal(b"\x00\x05hello".to_vec(), 10));
        let Ok(Value::String(string)) = super::decode(&payload) else { panic!("a string") };
        assert_eq!(string.as_ptr(), payload[2..].as_ptr());
    }

    #[test]
    fn modules_are_named() {
        let error = decode(seal(b"\x07\x81\0\0\0\0\0\0\0\0".to_vec(), 10)).expect_err("no module");
        assert_eq!(error.to_string(), "the value belongs to the module AAAAAAAAA");
    }
}
