//! The Redis command table and every data type as programs over hash-key/sort-key operations.
