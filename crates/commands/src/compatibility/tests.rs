//! The page in the repository is the one the table makes.

use std::path::Path;

use crate::compatibility::{ALL, SUBCOMMANDS, compatibility_markdown};
use crate::table::COMMANDS;

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new("../../docs/compatibility.md");
    let page = compatibility_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "run UPDATE_DOCS=1 cargo test --release -p commands");
}

#[test]
fn every_command_of_the_table_is_one_of_redis() {
    for command in COMMANDS {
        assert!(ALL.iter().any(|(_, names)| names.split(' ').any(|name| name == command.name)), "{}", command.name);
        for subcommand in command.subcommands.iter().filter(|_| command.name != "debug") {
            let known = SUBCOMMANDS.iter().find(|(container, _)| *container == command.name).map(|(_, names)| names.split(' '));
            assert!(known.is_some_and(|mut names| names.any(|name| name == subcommand.own_name())), "{}", subcommand.name);
        }
    }
}
