//! Bounds that a server's configuration puts on commands. They travel with each call, so that every proxy's `CONFIG SET` holds for
//! what its clients send, wherever it runs.

/// Longest value, and where a collection goes from one record to one record per element. The names are those of redis.conf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `proto-max-bulk-len`: the longest string that a command may make, in bytes.
    pub value_max: u64,
    /// Longest string that lies whole in its key's root, in bytes; longer ones are written in chunks. Not in redis.conf.
    pub string_value: u32,
    /// Bytes of a chunk of a string that becomes too long for its root; rounded down to a power of two. Not in redis.conf.
    pub string_chunk: u32,
    /// `hash-max-listpack-entries`: fields of an inline hash at most.
    pub hash_entries: u32,
    /// `hash-max-listpack-value`: longest field or value of an inline hash, in bytes.
    pub hash_value: u32,
    /// `list-max-listpack-size`: positive: elements of an inline list at most; -1 to -5: bytes (4, 8, 16, 32, 64 KiB).
    pub list_size: i32,
    /// `set-max-intset-entries`: members of an inline set of integers at most.
    pub set_intset_entries: u32,
    /// `set-max-listpack-entries`: members of any other inline set at most.
    pub set_entries: u32,
    /// `set-max-listpack-value`: longest member of an inline set that is not one of integers, in bytes.
    pub set_value: u32,
    /// `zset-max-listpack-entries`: members of an inline sorted set at most.
    pub zset_entries: u32,
    /// `zset-max-listpack-value`: longest member of an inline sorted set, in bytes.
    pub zset_value: u32,
    /// `hll-sparse-max-bytes`: longest sparse HyperLogLog, in bytes.
    pub hll_sparse_bytes: u32,
    /// `stream-node-max-bytes`: what approximate trimming takes as a node, in bytes; 0: no bound.
    pub stream_node_bytes: u32,
    /// `stream-node-max-entries`: what approximate trimming takes as a node, in entries; 0: no bound.
    pub stream_node_entries: u32,
    /// `databases`: number of logical databases; what names one from here on is out of range.
    pub databases: u16,
}

impl Limits {
    /// What Redis 7.4 ships with.
    pub const DEFAULT: Limits = Limits {
        value_max: 512 << 20,
        string_value: 64 << 10,
        string_chunk: 16 << 10,
        hash_entries: 128,
        hash_value: 64,
        list_size: -2,
        set_intset_entries: 512,
        set_entries: 128,
        set_value: 64,
        zset_entries: 128,
        zset_value: 64,
        hll_sparse_bytes: 3000,
        stream_node_bytes: 4096,
        stream_node_entries: 100,
        databases: 16,
    };

    /// Where every collection is exploded that has more than `entries` elements (lists: at least one may be inline), and every string that
    /// has more bytes, into chunks of 4: for tests of both layouts.
    pub fn exploding_at(entries: u32) -> Limits {
        Limits {
            string_value: entries,
            string_chunk: 4,
            hash_entries: entries,
            list_size: i32::try_from(entries).unwrap_or(i32::MAX).max(1),
            set_intset_entries: entries,
            set_entries: entries,
            zset_entries: entries,
            ..Limits::DEFAULT
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
