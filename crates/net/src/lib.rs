//! Connections and remote calls between nodes.
