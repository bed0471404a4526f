//! What is said about arguments that are no command.

use types::args::Args;
use types::reply::Sink;

use crate::table::Command;

/// Why arguments are not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// There is no command of this name.
    Command,
    /// The container has no subcommand of this name.
    Subcommand(&'static Command),
    /// Too few or too many arguments.
    Arity(&'static Command),
}

impl NotFound {
    /// Appends the error reply that Redis gives to these arguments.
    pub fn write(self, args: &Args, out: &mut impl Sink) {
        let mut text = Vec::with_capacity(160);
        match self {
            NotFound::Command => {
                text.extend_from_slice(b"ERR unknown command '");
                text.extend_from_slice(head(args.get(0).unwrap_or_default(), QUOTED_MAX));
                text.extend_from_slice(b"', with args beginning with: ");
                let start = text.len();
                for arg in args.iter().skip(1) {
                    let Some(room) = (start + QUOTED_MAX).checked_sub(text.len()).filter(|&room| room > 0) else { break };
                    text.push(b'\'');
                    text.extend_from_slice(head(arg, room));
                    text.extend_from_slice(b"' ");
                }
            }
            NotFound::Subcommand(container) => {
                text.extend_from_slice(b"ERR unknown subcommand '");
                text.extend_from_slice(head(args.get(1).unwrap_or_default(), QUOTED_MAX));
                text.extend_from_slice(b"'. Try ");
                text.extend_from_slice(container.name.to_ascii_uppercase().as_bytes());
                text.extend_from_slice(b" HELP.");
            }
            NotFound::Arity(command) => {
                text.extend_from_slice(b"ERR wrong number of arguments for '");
                text.extend_from_slice(command.name.as_bytes());
                text.extend_from_slice(b"' command");
            }
        }
        resp::reply::error_bytes(out, &text);
    }
}

/// As much of a text as Redis quotes in an error: up to `max` bytes, and nothing from a zero byte on.
fn head(text: &[u8], max: usize) -> &[u8] {
    let text = &text[..text.len().min(max)];
    text.iter().position(|&b| b == 0).map_or(text, |end| &text[..end])
}

/// Bytes of a client's words that an error text repeats.
const QUOTED_MAX: usize = 128;
