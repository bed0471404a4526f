//! What `COMMAND INFO`, `COMMAND DOCS` and `COMMAND GETKEYS` answer about one command.
//!
//! The shapes are those of Redis 7: an array of ten elements for INFO, a map for DOCS; sets and maps are arrays in RESP2.

use resp::reply;
use types::args::Args;
use types::txn::Proto;

use crate::glob;
use crate::table::argument::{Argument, ArgumentKind};
use crate::table::{Begin, COMMANDS, Category, Command, Find, Flag, KeySpec, NotFound, by_name, find};

/// Appends what `COMMAND` and `COMMAND INFO` say about a command.
pub fn command_info(command: &Command, proto: Proto, out: &mut Vec<u8>) {
    reply::array(out, 10);
    bulk(out, command.name);
    reply::integer(out, i64::from(command.arity));
    words(out, proto, Flag::ALL.into_iter().filter(|&flag| command.is(flag)).map(|flag| flag.name().to_string()));
    let (first, last, step) = legacy_keys(command);
    for number in [first, last, step] {
        reply::integer(out, number);
    }
    words(out, proto, command.categories().map(|category| format!("@{}", category.name())));
    reply::set(out, proto, command.tips.len());
    for tip in command.tips {
        bulk(out, tip);
    }
    reply::set(out, proto, command.keys.len());
    for spec in command.keys {
        key_spec(spec, proto, out);
    }
    reply::set(out, proto, command.subcommands.len());
    for subcommand in command.subcommands {
        command_info(subcommand, proto, out);
    }
}

/// Appends the reply to `COMMAND INFO` with these names; null for what is not a command.
pub fn command_infos<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>, proto: Proto, out: &mut Vec<u8>) {
    reply::array(out, names.len());
    for name in names {
        match by_name(name) {
            Some(command) => command_info(command, proto, out),
            None => reply::null(out, proto),
        }
    }
}

/// Appends the reply to `COMMAND` and to `COMMAND INFO` without names.
pub fn all_command_infos(proto: Proto, out: &mut Vec<u8>) {
    reply::array(out, COMMANDS.len());
    for command in COMMANDS {
        command_info(command, proto, out);
    }
}

/// Appends what `COMMAND DOCS` says about a command: its name and a map.
pub fn command_docs(command: &Command, proto: Proto, out: &mut Vec<u8>) {
    bulk(out, command.name);
    let optional = [!command.complexity.is_empty(), !command.arguments.is_empty(), !command.subcommands.is_empty()];
    let deprecated = if command.deprecated.is_some() { 3 } else { 0 };
    reply::map(out, proto, 3 + deprecated + optional.into_iter().filter(|&there| there).count());
    pair(out, "summary", command.summary);
    pair(out, "since", command.since);
    pair(out, "group", command.group.name());
    if !command.complexity.is_empty() {
        pair(out, "complexity", command.complexity);
    }
    if let Some((since, instead)) = command.deprecated {
        bulk(out, "doc_flags");
        words(out, proto, ["deprecated".to_string()].into_iter());
        pair(out, "deprecated_since", since);
        pair(out, "replaced_by", instead);
    }
    if !command.arguments.is_empty() {
        bulk(out, "arguments");
        arguments(command.arguments, proto, out);
    }
    if !command.subcommands.is_empty() {
        bulk(out, "subcommands");
        reply::map(out, proto, command.subcommands.len());
        for subcommand in command.subcommands {
            command_docs(subcommand, proto, out);
        }
    }
}

/// Appends the reply to `COMMAND DOCS` with these names; what is not a command is left out. No names: all commands.
pub fn all_command_docs<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>, proto: Proto, out: &mut Vec<u8>) {
    let chosen: Vec<&Command> = if names.len() == 0 { COMMANDS.iter().collect() } else { names.filter_map(by_name).collect() };
    reply::map(out, proto, chosen.len());
    for command in chosen {
        command_docs(command, proto, out);
    }
}

/// Which names `COMMAND LIST` answers.
#[derive(Debug, Clone, Copy)]
pub enum ListFilter<'a> {
    /// All.
    None,
    /// Those of a module: there are no modules.
    Module,
    /// Those of an ACL category.
    Category(&'a [u8]),
    /// Those that match a pattern.
    Pattern(&'a [u8]),
}

/// Appends the reply to `COMMAND LIST`.
pub fn command_list(filter: ListFilter<'_>, out: &mut Vec<u8>) {
    let chosen = |command: &&Command| match filter {
        ListFilter::None => true,
        ListFilter::Module => false,
        ListFilter::Category(name) => Category::named(name).is_some_and(|wanted| command.categories().any(|category| category == wanted)),
        ListFilter::Pattern(pattern) => glob::matches(pattern, command.name.as_bytes(), glob::Case::Ignored),
    };
    let flat = COMMANDS.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands));
    let names: Vec<&str> = flat.filter(chosen).map(|command| command.name).collect();
    reply::array(out, names.len());
    for name in names {
        bulk(out, name);
    }
}

/// Appends the reply to `COMMAND GETKEYS` for the command that `args` are.
pub fn command_getkeys(args: &Args, out: &mut Vec<u8>) {
    let text = match find(args) {
        Ok((_, command)) => {
            let keys: Vec<usize> = command.keys(args).collect();
            if !keys.is_empty() {
                reply::array(out, keys.len());
                for index in keys {
                    reply::bulk(out, args.at(index));
                }
                return;
            }
            "ERR The command has no key arguments"
        }
        Err(NotFound::Arity(_)) => "ERR Invalid number of arguments specified for command",
        Err(_) => "ERR Invalid command specified",
    };
    reply::error(out, text);
}

/// First key, last key and step, as `COMMAND` said it before there were key specs: the specs that are ranges, as long as they follow
/// one another.
fn legacy_keys(command: &Command) -> (i64, i64, i64) {
    let mut keys = (0, 0, 0);
    for spec in command.keys {
        let (Begin::Index(first), Find::Range { last, step, limit: 0 | 1 }) = (spec.begin, spec.find) else { continue };
        let (first, step) = (first as i64, step as i64);
        let last = if last < 0 { i64::from(last) } else { first + i64::from(last) };
        keys = match keys {
            (0, 0, 0) => (first, last, step),
            (begin, end, stride) if end + 1 == first && stride == step => (begin, last, step),
            _ => break,
        };
    }
    keys
}

fn key_spec(spec: &KeySpec, proto: Proto, out: &mut Vec<u8>) {
    reply::map(out, proto, if spec.notes.is_empty() { 3 } else { 4 });
    if !spec.notes.is_empty() {
        pair(out, "notes", spec.notes);
    }
    bulk(out, "flags");
    words(out, proto, spec.flags.iter().map(|flag| flag.to_string()));
    bulk(out, "begin_search");
    match spec.begin {
        Begin::Index(index) => search(out, proto, "index", &[("index", Part::Number(index as i64))]),
        Begin::Keyword(word, from) => {
            search(out, proto, "keyword", &[("keyword", Part::Word(word)), ("startfrom", Part::Number(i64::from(from)))]);
        }
        Begin::Unknown => search(out, proto, "unknown", &[]),
    }
    bulk(out, "find_keys");
    match spec.find {
        Find::Range { last, step, limit } => {
            let numbers = [("lastkey", i64::from(last)), ("keystep", step as i64), ("limit", limit as i64)];
            search(out, proto, "range", &numbers.map(|(name, number)| (name, Part::Number(number))));
        }
        Find::Count { index, first } => {
            let numbers = [("keynumidx", index as i64), ("firstkey", first as i64), ("keystep", 1)];
            search(out, proto, "keynum", &numbers.map(|(name, number)| (name, Part::Number(number))));
        }
        Find::Option { .. } | Find::Unknown => search(out, proto, "unknown", &[]),
    }
}

/// A part of a key spec's half.
enum Part {
    Word(&'static str),
    Number(i64),
}

/// One half of a key spec: its type and what belongs to it.
fn search(out: &mut Vec<u8>, proto: Proto, kind: &str, parts: &[(&str, Part)]) {
    reply::map(out, proto, 2);
    pair(out, "type", kind);
    bulk(out, "spec");
    reply::map(out, proto, parts.len());
    for (name, part) in parts {
        bulk(out, name);
        match part {
            Part::Word(word) => bulk(out, word),
            Part::Number(number) => reply::integer(out, *number),
        }
    }
}

fn arguments(arguments: &[Argument], proto: Proto, out: &mut Vec<u8>) {
    reply::array(out, arguments.len());
    for argument in arguments {
        self::argument(argument, proto, out);
    }
}

fn argument(argument: &Argument, proto: Proto, out: &mut Vec<u8>) {
    let members = argument.kind.members();
    let is_group = !members.is_empty();
    let flags = [(argument.optional, "optional"), (argument.multiple, "multiple")];
    let flags: Vec<String> = flags.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_string()).collect();
    let key_spec = if let ArgumentKind::Key(index) = argument.kind { Some(index) } else { None };
    let optional = [!is_group, key_spec.is_some(), argument.token.is_some(), argument.since.is_some(), !flags.is_empty(), is_group];
    reply::map(out, proto, 2 + optional.into_iter().filter(|&there| there).count());
    pair(out, "name", argument.name);
    pair(out, "type", argument.kind.name());
    if !is_group {
        pair(out, "display_text", argument.name);
    }
    if let Some(index) = key_spec {
        bulk(out, "key_spec_index");
        reply::integer(out, index as i64);
    }
    if let Some(token) = argument.token {
        pair(out, "token", token);
    }
    if let Some(since) = argument.since {
        pair(out, "since", since);
    }
    if !flags.is_empty() {
        bulk(out, "flags");
        words(out, proto, flags.into_iter());
    }
    if is_group {
        bulk(out, "arguments");
        arguments(members, proto, out);
    }
}

/// A set of statuses.
fn words(out: &mut Vec<u8>, proto: Proto, words: impl Iterator<Item = String>) {
    let words: Vec<String> = words.collect();
    reply::set(out, proto, words.len());
    for word in words {
        reply::simple(out, &word);
    }
}

fn pair(out: &mut Vec<u8>, name: &str, value: &str) {
    bulk(out, name);
    bulk(out, value);
}

fn bulk(out: &mut Vec<u8>, text: &str) {
    reply::bulk(out, text.as_bytes());
}

#[cfg(test)]
mod tests;
