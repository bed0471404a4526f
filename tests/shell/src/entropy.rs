//! Randomness of the process, made of the seed.
//!
//! The order of a `HashMap`, the choice of a `select!` and the like come from the system's random source. In a run that can be repeated they
//! come from here: the standard library asks `getrandom`, which can be replaced by whoever links it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

static SEED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Every thread has the same sequence: which of them asks first changes nothing.
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// To be called before anything else happens in the process.
pub fn seed(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
}

/// Stands in the place of the C library's.
///
/// # Safety
/// `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
    for chunk in bytes.chunks_mut(8) {
        let word = NEXT.with(|next| {
            next.set(next.get() + 1);
            crate::random::mix(SEED.load(Ordering::Relaxed).wrapping_add(next.get().wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        });
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    length as isize
}
