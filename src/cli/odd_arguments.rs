//! Arguments nobody means: each is refused in words or read, and none makes the program panic.

use clap::Parser;
use proptest::collection::vec;
use proptest::prelude::*;

use super::Cli;

const COMMANDS: &[&[&str]] = &[
    &["serve", "--spawner"],
    &["spawner", "--socket"],
    &["stand-in", "--listen"],
    &["run", "--max-turns"],
    &["run", "--key", "k", "--limit"],
    &["cancel", "--key", "k"],
    &["tenants", "create"],
    &["tenants", "create", "a", "--root"],
    &["keys", "create", "--tenant"],
    &["keys", "create", "--operator", "--expires-in-days"],
    &["keys", "expire", "x", "--at"],
    &["keys", "rotate", "x", "--overlap-hours"],
    &["sessions", "list", "--min-age-hours"],
    &["cleanup", "--min-ended-hours"],
    &["limits", "set", "a"],
    &["budgets", "create", "--limit"],
    &["budgets", "top-up", "x"],
    &["calls", "list", "--limit"],
    &["usage", "--hours"],
    &["usage", "--from"],
    &["audit", "--limit"],
    &["drill", "--only"],
];

const ODD: &[&str] = &[
    "",
    "-",
    "--",
    "-1",
    "0",
    "4294967296",
    "18446744073709551616",
    "1e400",
    "NaN",
    "0.5",
    "2026-13-01T00:00:00Z",
    "-009999-01-01T00:00:00Z",
    "+009999-12-31T23:59:59Z",
    "\u{0}",
    "\u{202e}",
    "127.0.0.1:99999",
    "[::1",
    "{}",
    "a=b=c",
    "🦢",
];

#[test]
fn odd_values_of_every_command_are_refused_in_words() {
    for command in COMMANDS {
        for odd in ODD {
            let arguments = ["innkeeper"].iter().chain(*command).copied().chain([*odd]);
            if let Err(error) = Cli::try_parse_from(arguments) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

proptest! {
    #[test]
    fn no_arguments_make_the_program_panic(at in 0..COMMANDS.len(), more in vec(".{0,12}", 0..4)) {
        let more = more.iter().map(String::as_str);
        let _ = Cli::try_parse_from(["innkeeper"].iter().chain(COMMANDS[at]).copied().chain(more));
    }
}
