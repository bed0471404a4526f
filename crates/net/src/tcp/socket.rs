//! Socket options.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Sends at once, and notices within about [`SILENCE_MAX`] that the other side is gone without a word.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE_MAX / 2).with_interval(SILENCE_MAX / 8).with_retries(4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE_MAX))?;
    Ok(())
}

/// Longer than any pause of a healthy network; what is under way has its own, mostly shorter deadline.
const SILENCE_MAX: Duration = Duration::from_secs(8);
/// Room for one read: hundreds of small frames.
pub(super) const READ: usize = 64 * 1024;
/// Less room than this is not worth a read.
pub(super) const READ_MIN: usize = 8 * 1024;
/// So many requests under way, and it pays to give up a turn before a write so that more frames share it.
pub(super) const FLOCK: usize = 4;
