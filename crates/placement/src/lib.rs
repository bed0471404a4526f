//! Cluster state to plan: which replica belongs on which node.
