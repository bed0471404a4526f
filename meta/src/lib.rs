//! The meta server: tables, partitions, nodes and routing tables with versions.
