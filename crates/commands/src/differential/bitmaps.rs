//! Strings as bits.

use crate::differential::campaign::Type;

pub(super) const TYPE: Type = Type {
    name: "bitmaps",
    templates: &[
        "4 SET key value",
        "6 SETBIT key bit onoff",
        "3 GETBIT key bit",
        "3 BITCOUNT key",
        "4 BITCOUNT key index index [BYTE|BIT|FOO]",
        "BITCOUNT key integer integer [BIT]",
        "2 BITPOS key onoff",
        "2 BITPOS key onoff index",
        "4 BITPOS key onoff index index [BYTE|BIT|FOO]",
        "BITPOS key onoff integer integer [BIT]",
        "4 BITOP (AND|OR|XOR|FOO) key key+",
        "2 BITOP NOT key key",
        "3 BITFIELD key {GET bits field|SET bits field integer|INCRBY bits field integer|OVERFLOW (WRAP|SAT|FAIL|FOO)}",
        "5 BITFIELD key GET (U8|I5) field SET bits field integer OVERFLOW (WRAP|SAT|FAIL) INCRBY bits field integer",
        "5 BITFIELD key {SET bits field integer|OVERFLOW SAT|OVERFLOW FAIL} INCRBY bits field integer",
        "2 BITFIELD_RO key {GET bits field|GET bits field|SET bits field integer}",
        "APPEND key value",
        "GETRANGE key index index",
        "STRLEN key",
    ],
    ..Type::NEW
};
