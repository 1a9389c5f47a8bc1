//! How many, when, and who is silent? `stats`, `members`, `types` and `-x`.

use serde_json::Value;

use crate::commands::{assert_code, stderr, stdout};
use crate::server::Server;

/// A server that was told of these events: how long ago, type, member, message.
fn server_with(events: &[(&str, &str, &str, &str)]) -> Server {
    let server = Server::start();
    for (ago, kind, member, message) in events {
        let added = server.tidings(&["add", "--at", ago, "-t", kind, "-m", member, message]);
        assert_code(&added, 0);
    }
    server
}

const EVENTS: [(&str, &str, &str, &str); 5] = [
    ("5h", "deploy", "ci", "build 41 rolled out"),
    ("4h", "deploy", "ci", "build 42 rolled out"),
    ("3h", "disk.high", "db1", "disk 91%"),
    ("20m", "deploy", "ci2", "build 43 rolled out"),
    ("10m", "error", "db1", "no route to 10.0.0.7"),
];

/// The lines that a command prints.
#[track_caller]
fn lines(server: &Server, args: &[&str]) -> Vec<String> {
    let output = server.tidings(args);
    assert_code(&output, 0);
    stdout(&output).lines().map(str::to_owned).collect()
}

#[track_caller]
fn objects(server: &Server, args: &[&str]) -> Vec<Value> {
    lines(server, args).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn counts_are_a_line_for_each_name_over_one_axis() {
    let server = server_with(&EVENTS);

    let table = lines(&server, &["stats", "--by", "type"]);

    assert_eq!(table.len(), 5, "{table:#?}");
    assert_eq!(table[0], "TYPE       COUNT  PEAK");
    for (row, begin) in
        ["deploy         3     1  ", "disk.high      1     1  ", "error          1     1  "]
            .iter()
            .enumerate()
    {
        let (row, count) = (&table[row + 1], &begin[9..16].trim());
        assert!(row.starts_with(begin), "{table:#?}");
        assert_eq!(row.matches('█').count().to_string(), **count, "{table:#?}");
    }
    assert!(table[4].starts_with("               5        "), "{table:#?}");
    assert!(table[4].contains("─ 30m a column ─"), "{table:#?}");
    assert!(table.iter().all(|line| line.chars().count() <= 80), "{table:#?}");
}

#[test]
fn counts_for_programs_are_the_servers_own() {
    let server = server_with(&EVENTS);

    let counts = &objects(&server, &["stats", "-p", "warn", "--step", "1h", "-o", "json"])[0];

    assert_eq!((&counts["step"], &counts["matched"]), (&3600.into(), &1.into()));
    assert_eq!(counts["series"][0]["name"], "error");
    let all = counts["series"][0]["counts"].as_array().unwrap();
    assert_eq!(all.iter().filter_map(Value::as_u64).sum::<u64>(), 1);
}

#[test]
fn a_step_is_taken_if_it_fits_and_said_if_it_does_not() {
    let server = server_with(&EVENTS);
    let stats = |step| server.tidings(&["stats", "--step", step]);

    let (fits, fine, finest) = (stats("6h"), stats("1m"), stats("1s"));

    assert!(stdout(&fits).contains(", 6h a column\n"), "{}", stdout(&fits));
    assert_eq!(stderr(&fits), "");
    assert!(stdout(&fine).contains(" 30m a column "), "{}", stdout(&fine));
    assert!(stderr(&fine).contains("--step 1m takes 1,44"), "{}", stderr(&fine));
    assert_code(&finest, 2);
    assert!(stderr(&finest).contains("1m or more would do"), "{}", stderr(&finest));
}

#[test]
fn whoever_spoke_is_told_with_counts_and_silence() {
    let server = server_with(&EVENTS);

    let table = lines(&server, &["members"]);
    let types = objects(&server, &["types", "-o", "json"]);

    assert_eq!(table.len(), 4, "{table:#?}");
    assert!(table[0].starts_with("MEMBER  COUNT  FIRST"), "{table:#?}");
    assert!(
        table[1].starts_with("ci          2  ") && table[1].ends_with("      4h"),
        "{table:#?}"
    );
    assert!(table[2].starts_with("ci2         1  "), "{table:#?}");
    let names: Vec<&Value> = types.iter().map(|name| &name["name"]).collect();
    assert_eq!(names, ["deploy", "disk.high", "error"]);
    assert!(types[1]["silent_for"].as_f64().unwrap() >= 3.0 * 3600.0, "{types:?}");
}

#[test]
fn only_who_is_silent_for_so_long_is_told() {
    let server = server_with(&EVENTS);
    let silent = |span| server.tidings(&["members", "--silent", span, "--exit-code", "-o", "json"]);

    let (hour, day) = (silent("1h"), silent("24h"));

    assert_code(&hour, 0);
    assert_eq!(stdout(&hour).lines().count(), 1);
    assert!(stdout(&hour).starts_with(r#"{"name":"ci","count":2,"#), "{}", stdout(&hour));
    assert_code(&day, 1);
    assert_eq!(stdout(&day), "");
}

#[test]
fn nothing_to_count_prints_nothing_and_fails_if_that_was_asked_for() {
    let server = server_with(&EVENTS);

    for command in ["stats", "members", "types"] {
        let ask = |flags: &[&str]| server.tidings(&[&[command, "-t", "no.such"], flags].concat());
        let (quiet, failed) = (ask(&[]), ask(&["--exit-code"]));

        assert_code(&quiet, 0);
        assert_eq!((stdout(&quiet), stderr(&quiet)), (String::new(), String::new()));
        assert_code(&failed, 1);
    }
}

#[test]
fn what_says_the_same_is_one_line_that_says_how_often() {
    let server = server_with(&EVENTS);

    let collapsed = lines(&server, &["list", "-x"]);
    let last = lines(&server, &["tail", "-x", "-n", "2", "-o", "cat"]);
    let json = objects(&server, &["list", "-x", "-o", "json", "-t", "deploy"]);

    assert_eq!(collapsed.len(), 3, "{collapsed:#?}");
    let deploy = &collapsed[1];
    assert!(deploy.contains("ci2") && deploy.contains(" build 43 rolled out ×3 (since "));
    assert!(deploy.ends_with(", 2 members)"), "{deploy}");
    assert!(!collapsed[0].contains('×'), "{collapsed:#?}");
    assert_eq!(last, ["build 43 rolled out", "no route to 10.0.0.7"]);
    assert_eq!(json[0]["collapsed"]["count"], 3);
}

#[test]
fn a_collapsed_list_longer_than_a_page_has_every_group_once() {
    let server = Server::start();
    let word = |n: usize| ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"][n % 12];
    let lines_of = |n: usize| format!("{}{}{} {n}\n", word(n / 144), word(n / 12), word(n));
    let body: String = (0..1_200).chain(0..1_200).map(lines_of).collect();
    let sent = server.post("/api/v1/events?lines=1", "text/plain", body.as_bytes());
    assert_eq!(sent.json()["accepted"], 2_400);

    let rows = lines(&server, &["list", "-x", "-o", "csv"]);

    assert_eq!(rows.len(), 1 + 1_200);
    assert!(rows[0].ends_with(",count,first,last,members"), "{}", rows[0]);
    let counted = rows[1..].iter().filter(|row| row.split(',').nth(10) == Some("2")).count();
    assert_eq!(counted, 1_200, "{}", rows[1]);
}

#[test]
fn no_name_commands_the_terminal() {
    let server = server_with(&[("1m", "a\u{202e}b", "m\u{202e}n", "x")]);

    for args in
        [&["stats", "--by", "type"][..], &["stats", "--by", "member"], &["members"], &["types"]]
    {
        let shown = stdout(&server.tidings(args));

        assert!(shown.contains(r"\u{202e}") && !shown.contains('\u{202e}'), "{shown}");
    }
}
