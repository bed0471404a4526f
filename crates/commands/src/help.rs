//! What `<container> HELP` answers, drawn from the table.

use resp::reply;

use crate::table::Command;

/// Appends the reply to `HELP` of a container: one line of syntax and one of explanation per subcommand.
pub fn help(container: &Command, out: &mut Vec<u8>) {
    let name = container.name.to_ascii_uppercase();
    reply::array(out, 1 + 2 * container.subcommands.len());
    reply::simple(out, &format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    let (last, others): (Vec<&Command>, Vec<&Command>) = container.subcommands.iter().partition(|sub| sub.own_name() == "help");
    for sub in others.into_iter().chain(last) {
        reply::simple(out, &syntax(sub));
        reply::simple(out, &format!("    {}", sub.summary));
    }
}

/// The command's own name and its arguments: `SET key value [NX | XX] ...`.
pub fn syntax(command: &Command) -> String {
    let mut line = command.own_name().to_ascii_uppercase();
    for argument in command.arguments {
        line.push_str(&format!(" {argument}"));
    }
    line
}
