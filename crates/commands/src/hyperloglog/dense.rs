//! Registers of 6 bits in a row: four of them in three bytes, the first one in the lowest bits.

use crate::hyperloglog::pattern::REGISTERS;

/// Bytes of all registers.
pub(super) const SIZE: usize = REGISTERS / 4 * 3;

/// A register.
pub(super) fn get(bytes: &[u8], register: usize) -> u8 {
    let (byte, shift) = place(register);
    (pair(bytes, byte) >> shift) as u8 & MASK
}

/// Writes a register; its neighbours stay as they are.
pub(super) fn set(bytes: &mut [u8], register: usize, value: u8) {
    let (byte, shift) = place(register);
    let others = pair(bytes, byte) & !(u16::from(MASK) << shift);
    let [low, high] = (others | u16::from(value & MASK) << shift).to_le_bytes();
    bytes[byte] = low;
    if let Some(next) = bytes.get_mut(byte + 1) {
        *next = high;
    }
}

/// All registers, in order.
pub(super) fn registers(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let (threes, _) = bytes.as_chunks();
    threes.iter().flat_map(|&[a, b, c]| [a & MASK, (a >> 6 | b << 2) & MASK, (b >> 4 | c << 4) & MASK, c >> 2])
}

/// Index of the byte where a register begins, and how many bits of that byte are before it.
fn place(register: usize) -> (usize, usize) {
    (register * 6 / 8, register * 6 % 8)
}

/// A byte and the one above it; the last register lies in the last byte alone.
fn pair(bytes: &[u8], byte: usize) -> u16 {
    u16::from_le_bytes([bytes[byte], bytes.get(byte + 1).copied().unwrap_or(0)])
}

const MASK: u8 = 63;
