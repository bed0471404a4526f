//! COMMAND, and HELP of every container.

use commands::describe::{self, ListFilter};
use commands::help;
use commands::table::{COMMANDS, lookup};
use resp::reply;
use types::args::Args;

use crate::errors;
use crate::local::{Answer, Visit};

pub(super) fn all(v: &mut Visit<'_>) -> Answer {
    describe::all_command_infos(v.state.proto, v.out);
    Ok(())
}

pub(super) fn count(v: &mut Visit<'_>) -> Answer {
    reply::integer(v.out, COMMANDS.len() as i64);
    Ok(())
}

pub(super) fn info(v: &mut Visit<'_>) -> Answer {
    if v.args.len() == 2 {
        return all(v);
    }
    describe::command_infos(v.args.iter().skip(2), v.state.proto, v.out);
    Ok(())
}

pub(super) fn docs(v: &mut Visit<'_>) -> Answer {
    describe::all_command_docs(v.args.iter().skip(2), v.state.proto, v.out);
    Ok(())
}

pub(super) fn getkeys(v: &mut Visit<'_>) -> Answer {
    describe::command_getkeys(&Args::copied(v.args.iter().skip(2)), v.out);
    Ok(())
}

pub(super) fn list(v: &mut Visit<'_>) -> Answer {
    let filter = match v.args.len() {
        2 => ListFilter::None,
        5 if v.is(2, "filterby") && v.is(3, "module") => ListFilter::Module,
        5 if v.is(2, "filterby") && v.is(3, "aclcat") => ListFilter::Category(v.args.at(4)),
        5 if v.is(2, "filterby") && v.is(3, "pattern") => ListFilter::Pattern(v.args.at(4)),
        _ => return Err(errors::SYNTAX.into()),
    };
    describe::command_list(filter, v.out);
    Ok(())
}

pub(super) fn help(v: &mut Visit<'_>) -> Answer {
    if let Some((_, container)) = lookup(v.args.at(0)) {
        help::help(container, v.out);
    }
    Ok(())
}
