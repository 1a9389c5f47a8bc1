//! What does a person see? The commands on a terminal of their own, which `script`
//! makes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::commands::assert_code;
use crate::server::Server;

/// What stands on a terminal of so many columns after this command line. `None`,
/// said aloud, where there is no `script`.
fn shown(server: &Server, columns: u16, line: &str) -> Option<String> {
    shown_with(server, columns, line, &[])
}

fn shown_with(
    server: &Server,
    columns: u16,
    line: &str,
    environment: &[(&str, &str)],
) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_tidings");
    let command = format!("stty cols {columns} rows 24 && exec '{program}' {line}");
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::null());
    // Without a configuration, a pager or a wish for colours of whoever runs the tests.
    script.env("XDG_CONFIG_HOME", "/nonexistent").env("TIDINGS_SERVER", server.url(""));
    script.env("TERM", "xterm").env("SHELL", "/bin/sh").env("TIDINGS_TZ", "UTC");
    for name in ["PAGER", "TIDINGS_PAGER", "NO_COLOR", "TIDINGS_COLOR", "TIDINGS_CONFIG"] {
        script.env_remove(name);
    }
    let Ok(output) = script.envs(environment.iter().copied()).output() else {
        // Not through `eprintln`, which cargo keeps to itself when a test passes.
        std::io::stderr().write_all(b"skipped: script is not here\n").unwrap();
        return None;
    };
    assert_code(&output, 0);
    Some(String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"))
}

fn server() -> Server {
    let server = Server::start();
    for (ago, severity, message) in [("3h", "info", "quiet"), ("2h", "error", "loud")] {
        let added = server.tidings(&["add", "--at", ago, "-p", severity, message]);
        assert_code(&added, 0);
    }
    server
}

#[test]
fn a_chart_takes_what_the_terminal_has() {
    let server = server();
    for (columns, step) in [(50, "1h a column"), (80, "30m a column"), (130, "15m a column")] {
        let Some(chart) = shown(&server, columns, "stats --color never") else { return };

        assert!(chart.contains(step), "{columns}: {chart}");
        // The summary, on the standard error, is as long as it is.
        let rows = chart.lines().take_while(|line| !line.contains(" events since "));
        let widest = rows.map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns.into()), "{columns}: {chart}");
    }
}

#[test]
fn severities_are_coloured_and_the_summary_comes_last() {
    let Some(chart) = shown(&server(), 80, "stats") else { return };

    let rows: Vec<&str> = chart.lines().collect();
    assert!(rows[1].starts_with("info "), "{chart}");
    assert!(rows[2].starts_with("\x1b[31merror ") && rows[2].ends_with("\x1b[0m"), "{chart}");
    assert!(rows[4].starts_with("2 events since "), "{chart}");
    assert!(rows[4].ends_with("nothing missing"), "{chart}");
}

#[test]
fn an_empty_list_says_when_something_matched_last_and_starts_no_pager() {
    let pager = [("PAGER", "echo a pager")];
    let Some(empty) = shown_with(&server(), 80, "list -S 1h -g loud", &pager) else { return };

    let lines: Vec<&str> = empty.lines().collect();
    assert_eq!(lines.len(), 2, "{empty}");
    assert!(lines[0].starts_with("0 of 0 events since "), "{empty}");
    assert!(lines[1].starts_with("last match: 2h ago, "), "{empty}");
}

#[test]
fn an_empty_list_says_how_the_query_was_read_and_that_nothing_ever_matched() {
    let server = server();
    let Some(empty) = shown(&server, 80, "list -q 'absent OR missing'") else { return };
    let Some(misread) = shown(&server, 80, "list -q 'absent ('") else { return };
    let Some(none) = shown(&server, 80, "list -n 0") else { return };

    let lines: Vec<&str> = empty.lines().skip(1).collect();
    assert_eq!(lines, ["-q was read as absent OR missing", "last match: none that is kept"]);
    assert_eq!(misread.matches("-q was read as").count(), 1, "{misread}");
    assert_eq!(none.lines().count(), 1, "{none}");
}

#[test]
fn a_list_goes_through_the_pager_unless_it_must_not() {
    let server = server();
    let sed = [("PAGER", "sed s/^/paged:/")];
    let Some(paged) = shown_with(&server, 80, "list", &sed) else { return };
    let Some(plain) = shown_with(&server, 80, "list --no-pager", &sed) else { return };

    assert_eq!(paged.matches("paged:").count(), 2, "{paged}");
    assert!(paged.contains("\n2 of 2 events since "), "{paged}");
    assert!(!plain.contains("paged:") && plain.contains(" quiet\n"), "{plain}");
}

#[test]
fn a_collapsed_list_tells_events_and_groups() {
    let server = server();
    assert_code(&server.tidings(&["add", "quiet"]), 0);

    let Some(list) = shown(&server, 80, "list -x --no-pager") else { return };

    assert!(list.contains(" quiet ×2 (since "), "{list}");
    assert!(list.contains("\n3 of 3 events in 2 groups since "), "{list}");
}

#[test]
fn no_colour_is_sent_where_none_is_wanted() {
    let server = server();
    for environment in [[("NO_COLOR", "1")], [("TERM", "dumb")], [("TIDINGS_COLOR", "never")]] {
        let Some(list) = shown_with(&server, 80, "list --no-pager", &environment) else { return };

        assert!(list.contains("loud") && !list.contains('\x1b'), "{environment:?}: {list}");
    }
}
