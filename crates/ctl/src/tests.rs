use clap::{CommandFactory, Parser};

use crate::{
    Cli,
    plain::{plain, plain_lines},
    table::Table,
};

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_arguments_are_refused_with_what_is_allowed() {
    for (line, allowed) in [
        ("signetctl enroll smartcrad", "smartcard"),
        ("signetctl show 12", "4 to 32 lower-case hex digits"),
        ("signetctl show ABCDEF", "4 to 32 lower-case hex digits"),
        ("signetctl verify --service a/b", "--service"),
        ("signetctl list --user ../root", "--user"),
        ("signetctl status --server-uid root", "--server-uid"),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line).to_string();
        assert!(error.contains(allowed), "{line}: {error}");
    }
}

#[test]
fn options_may_stand_before_and_after_the_command() {
    for line in
        ["signetctl --json policy show", "signetctl policy show --json", "signetctl policy --json show"]
    {
        assert!(Cli::try_parse_from(line.split(' ')).expect(line).options.json);
    }
}

#[test]
fn text_from_elsewhere_steers_no_terminal() {
    assert_eq!(plain("a\u{1b}[2Jb\r\n\0\u{202e}é"), "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{0}\\u{202e}é");
    assert_eq!(plain_lines("a\n\tb\u{9b}c"), "a\n\tb\\u{9b}c");
}

#[test]
fn columns_are_aligned_by_what_is_seen() {
    let mut table = Table::new(["A", "B"]);
    table.row(["日本", "x"]);
    table.row(["", "\u{7}"]);
    assert_eq!(table.to_string(), "A     B\n日本  x\n-     \\u{7}");
}
