//! Commands of HyperLogLogs over any string.
//!
//! Input: form | bytes. The form's two lowest bits: 0, the string is the bytes; 1 and 2, they are the registers behind the header of a
//! sparse one and of a dense one, of which the missing ones are 0; 3, the bytes behind the magic.

use crate::reply::Reply;
use crate::store::Store;

pub(crate) fn hyperloglog(input: &[u8]) {
    let [form, bytes @ ..] = input else { return };
    let string = match form % 4 {
        0 => bytes.to_vec(),
        1 => [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", bytes].concat(),
        2 => {
            let mut dense = [b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80", bytes].concat();
            dense.resize(DENSE_LEN, 0);
            dense
        }
        _ => [b"HYLL", bytes].concat(),
    };
    let mut store = Store::new(form >> 2);
    store.run(&[b"SET", b"h", &string]);
    store.line("PFADD other a b c");

    if let Reply::Integer(estimate) = store.line("PFCOUNT h") {
        assert!(estimate >= 0);
    }
    let union = store.line("PFCOUNT h other");
    let merged = store.line("PFMERGE merged h other");
    assert_eq!(union.is_error(), merged.is_error(), "{union:?} {merged:?}");
    if !merged.is_error() {
        assert_eq!(store.line("PFCOUNT merged"), union);
        assert_eq!(store.line("PFADD merged a b c"), Reply::Integer(0), "a union has what its parts have");
    }
    store.line("PFDEBUG DECODE h");
    store.line("PFDEBUG ENCODING h");

    let added = store.line("PFADD h a b c");
    if !added.is_error() {
        // As in Redis, elements may be added to runs that end too early, if theirs are there; PFCOUNT then refuses to count.
        assert_eq!(store.line("PFADD h a b c"), Reply::Integer(0), "what was added is there");
    }
    let before = store.line("PFCOUNT h");
    let dense = store.line("PFDEBUG TODENSE h");
    if !before.is_error() && !dense.is_error() {
        assert_eq!(store.line("PFCOUNT h"), before, "as sparse and as dense");
        assert_eq!(store.line("PFDEBUG GETREG h").len(), 16384);
        assert_eq!(store.line("STRLEN h"), Reply::Integer(DENSE_LEN as i64));
    }
}

/// 16 bytes of header, 16384 registers of 6 bits.
const DENSE_LEN: usize = 16 + 16384 * 6 / 8;
