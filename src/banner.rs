//! What a person who just started it wants to know.

use std::net::SocketAddr;

/// The lines printed when a onebox serves.
pub fn onebox(redis: SocketAddr, admin: Option<SocketAddr>, http: Option<SocketAddr>, summary: &str) -> String {
    let mut text = format!("\nPegasus {} is serving: {summary}\n\n", env!("CARGO_PKG_VERSION"));
    text += &format!("  talk to it        redis-cli -h {} -p {}\n", redis.ip(), redis.port());
    match admin {
        Some(admin) => text += &format!("  look at it        pegasus admin --meta {admin} status      (nodes, tables, partitions)\n"),
        None => text += "  look at it        not reachable: its administration port is in use (--set meta.port=N)\n",
    }
    if let Some(http) = http {
        text += &format!("  watch it          curl http://{http}/metrics\n");
    }
    text + "  stop it           Ctrl-C\n"
}
