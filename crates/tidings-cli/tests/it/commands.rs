//! What do the commands print, and how do they end?

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::server::{Server, tidings};

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
pub(crate) fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(output), stderr(output));
}

/// The events of `list -o json`.
#[track_caller]
pub(crate) fn listed(server: &Server, flags: &[&str]) -> Vec<Value> {
    let output = server.tidings(&[&["list", "-o", "json"], flags].concat());
    assert_code(&output, 0);
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn feed(server: &Server, args: &[&str], input: &[u8]) -> Output {
    let mut child = tidings()
        .args(args)
        .env("TIDINGS_SERVER", server.url(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// The numbers from 0 on, one a line.
fn numbers(count: u32) -> String {
    let numbers: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    numbers.join("\n") + "\n"
}

#[test]
fn what_add_records_list_shows() {
    let server = Server::start();

    let added = server.tidings(&[
        "add",
        "-t",
        "Deploy",
        "-p",
        "warn",
        "-m",
        "db1",
        "-s",
        "api",
        "--source",
        "ci",
        "-a",
        "version=1.42",
        "-a",
        "n:=[1,2]",
        "--at",
        "2026-01-02T03:04:05Z",
        "rolled",
        "out",
    ]);

    assert_code(&added, 0);
    let listed = listed(&server, &["-S", "all"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(stdout(&added).trim(), listed[0]["id"].as_str().unwrap());
    for (name, value) in [
        ("type", "deploy"),
        ("message", "rolled out"),
        ("memberid", "db1"),
        ("severity", "warn"),
        ("subject", "api"),
        ("source", "ci"),
        ("timestamp", "2026-01-02T03:04:05Z"),
    ] {
        assert_eq!(listed[0][name], value, "{name}");
    }
    assert_eq!(listed[0]["fields"], serde_json::json!({"version": "1.42", "n": [1, 2]}));
}

#[test]
fn a_list_is_oldest_first_and_a_number_means_the_last() {
    let server = Server::start();
    let lines = numbers(25);
    assert_code(&feed(&server, &["add", "--stdin"], lines.as_bytes()), 0);
    let messages = |args: &[&str]| {
        let output = server.tidings(&[args, &["-o", "cat"]].concat());
        stdout(&output).split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<u32>>()
    };

    assert_eq!(messages(&["list"]), (0..25).collect::<Vec<_>>());
    assert_eq!(messages(&["ls", "-n", "3"]), [22, 23, 24]);
    assert_eq!(messages(&["list", "-r", "-n", "2"]), [24, 23]);
    assert_eq!(messages(&["tail"]), (15..25).collect::<Vec<_>>());
    assert_eq!(messages(&["list", "-n", "0"]), [0_u32; 0]);
    assert_eq!(messages(&["list", "-g", "^1.$", "-n", "all"]), (10..20).collect::<Vec<_>>());
}

#[test]
fn a_list_longer_than_a_page_is_whole() {
    let server = Server::start();
    let lines = numbers(2_500);
    assert_code(&feed(&server, &["add", "--stdin"], lines.as_bytes()), 0);

    assert_eq!(stdout(&server.tidings(&["list", "-o", "cat"])), lines);
    assert_eq!(stdout(&server.tidings(&["list", "-n", "1500", "-o", "cat"])).lines().count(), 1500);
}

#[test]
fn lines_that_are_refused_are_named_and_the_others_are_recorded() {
    let server = Server::start();
    let long = "x".repeat(64 * 1024 + 1);

    let output =
        feed(&server, &["add", "--stdin", "-t", "log"], format!("a\n\n{long}\nb\n").as_bytes());

    assert_code(&output, 1);
    assert_eq!(
        stderr(&output),
        "tidings: line 3: message: over 65536 bytes, which is what is kept at most\n\
         tidings: recorded 2 events, 1 refused\n"
    );
    let messages: Vec<_> =
        listed(&server, &["-t", "log"]).iter().map(|e| e["message"].clone()).collect();
    assert_eq!(messages, ["a", "b"]);
}

#[test]
fn the_same_key_twice_is_one_event_and_said_so() {
    let server = Server::start();
    let add = || server.tidings(&["add", "--key", "k1", "once"]);

    let (first, second) = (add(), add());

    assert_eq!(stdout(&first), stdout(&second));
    assert!(stderr(&second).contains("already"), "{}", stderr(&second));
    assert_eq!(listed(&server, &[]).len(), 1);
    assert_code(&server.tidings(&["add", "--key", "k1", "other"]), 1);
}

#[test]
fn one_event_is_shown_in_full_and_among_its_neighbours() {
    let server = Server::start();
    let ids: Vec<String> = ["one", "two", "three", "four"]
        .iter()
        .map(|message| stdout(&server.tidings(&["add", message])).trim().to_owned())
        .collect();

    let alone = server.tidings(&["show", &ids[1]]);
    let among = stdout(&server.tidings(&["show", &ids[1], "-C", "1"]));

    assert_code(&alone, 0);
    for line in ["    message=two\n", "    seq=2\n", "    position=1\n"] {
        assert!(stdout(&alone).contains(line), "{}", stdout(&alone));
    }
    let (one, two, three) = (among.find("one"), among.find("message=two"), among.find("three"));
    assert!(one.is_some() && one < two && two < three, "{among}");
    assert!(!among.contains("four"), "{among}");
    assert_code(&server.tidings(&["show", "019aab3c-7d2e-7c41-9a3b-1f2e00000001"]), 1);
}

#[test]
fn a_cursor_file_goes_on_where_the_last_list_stopped() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state");
    let list = || {
        let output =
            server.tidings(&["list", "-o", "cat", "--cursor-file", file.to_str().unwrap()]);
        assert_code(&output, 0);
        stdout(&output)
    };
    server.tidings(&["add", "one"]);
    server.tidings(&["add", "two"]);

    assert_eq!(list(), "one\ntwo\n");
    assert_eq!(list(), "");
    server.tidings(&["add", "three"]);
    assert_eq!(list(), "three\n");
}

#[test]
fn a_cursor_after_which_nothing_came_is_shown_again() {
    let server = Server::start();
    let show = |flags: &[&str]| {
        let output = server.tidings(&[&["list", "-o", "cat", "--show-cursor"], flags].concat());
        assert_code(&output, 0);
        stderr(&output)
    };
    assert_eq!(show(&[]), "", "nothing was shown, so there is nothing to go on after");
    server.tidings(&["add", "one"]);

    let cursor = show(&[]);
    let text = cursor.trim_end().strip_prefix("-- cursor: ").unwrap();

    assert_eq!(show(&["--after-cursor", text]), cursor);
}

#[test]
fn a_status_tells_reach_books_and_store() {
    let server = Server::start();
    server.tidings(&["add", "x"]);

    let text = server.tidings(&["status"]);
    let json = server.tidings(&["status", "-o", "json"]);

    assert_code(&text, 0);
    for words in
        ["state   running\n", "nothing missing\n", "offered 1 = stored 1", "1 event in 1 block"]
    {
        assert!(stdout(&text).contains(words), "{}", stdout(&text));
    }
    let json: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["stats"]["member"], "test-server");
}

#[test]
fn a_pipe_hears_nothing_but_data_while_nothing_is_missing() {
    let server = Server::start();
    server.tidings(&["add", "x"]);

    let output = server.tidings(&["list"]);

    assert_eq!(stderr(&output), "");
    assert!(stdout(&output).ends_with(" message[info] x\n"), "{}", stdout(&output));
}

#[test]
fn nobody_reading_is_no_error() {
    let server = Server::start();
    // More than a pipe holds, so that a write must fail.
    let lines = format!("{}\n", "x".repeat(200)).repeat(2_000);
    assert_code(&feed(&server, &["add", "--stdin"], lines.as_bytes()), 0);
    let mut list = tidings()
        .args(["list", "--server", &server.url("")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    drop(list.stdout.take());

    let output = list.wait_with_output().unwrap();
    assert_code(&output, 0);
    assert_eq!(stderr(&output), "");
}

#[test]
fn what_is_wrong_with_the_question_is_the_askers_to_mend() {
    let server = Server::start();
    for args in [
        &["list", "-g", "("][..],
        &["list", "-S", "noon"],
        &["list", "--after-cursor", "f00"],
        &["list", "-r", "--cursor-file", "x"],
        &["tail", "--cursor-file", "x"],
        &["add"],
        &["add", "-t", "tidings.lost", "x"],
        &["add", "-t", &"x".repeat(129), "x"],
        &["nonsense"],
        &["list", "--tz", "Mars/Olympus"],
    ] {
        let output = server.tidings(args);

        assert_code(&output, 2);
        assert!(!stderr(&output).is_empty(), "{args:?}");
    }
}

#[test]
fn nothing_matched_is_a_failure_only_if_asked_for() {
    let server = Server::start();
    server.tidings(&["add", "x"]);

    assert_code(&server.tidings(&["list", "-g", "y"]), 0);
    assert_code(&server.tidings(&["list", "-g", "y", "--exit-code"]), 1);
    assert_code(&server.tidings(&["list", "-g", "x", "--exit-code"]), 0);
}

#[test]
fn a_server_that_is_not_there_is_told_with_the_next_step() {
    // The listener is gone before the call, so nobody has its port.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    for args in [&["list"][..], &["add", "x"], &["tail", "-f"], &["status"]] {
        let output = tidings().args(args).args(["--server", &url]).output().unwrap();

        assert_code(&output, 3);
        let words = stderr(&output);
        assert!(
            words.starts_with(&format!("tidings: cannot reach the server at {url}: ")),
            "{words}"
        );
        assert!(words.ends_with("\nhint: start a server with tidings serve\n"), "{words}");
    }
}

/// What `status` says when this is all that a server answers.
fn status_of(answer: &'static str) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
        while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let output = tidings().args(["status", "--server", &url]).output().unwrap();
    server.join().unwrap();
    output
}

#[test]
fn a_refusal_is_told_in_the_servers_words_and_cannot_fool_the_terminal() {
    let output = status_of(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n\
         Connection: close\r\n\r\n{\"detail\":\"not \\u001b[31myou\"}",
    );

    assert_code(&output, 4);
    assert_eq!(stderr(&output), "tidings: not \\x1b[31myou\n");
}

#[test]
fn what_is_not_a_tidings_is_told_from_one() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>It works!</html>",
        "HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        "220 mail.example.org ESMTP\r\n",
        "",
    ] {
        let output = status_of(answer);

        assert_code(&output, 3);
        assert!(stderr(&output).contains("\nhint: "), "{}", stderr(&output));
    }
}

#[test]
fn an_unknown_setting_ends_with_its_line_and_a_suggestion() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "member = \"a\"\nretension = \"1h\"\n").unwrap();

    let output =
        tidings().args(["serve", "--check-config", "--config"]).arg(&file).output().unwrap();

    assert_code(&output, 2);
    let words = stderr(&output);
    assert!(words.contains("config.toml, line 2: unknown setting `retension`"), "{words}");
    assert!(words.ends_with("hint: did you mean `retention`?\n"), "{words}");
}

#[test]
fn the_version_and_the_configuration_are_printed() {
    let version = tidings().arg("version").output().unwrap();
    let config = tidings()
        .args(["serve", "--check-config", "--data", "d", "--retention", "3d"])
        .env("TIDINGS_RETENTION", "2d")
        .output()
        .unwrap();

    assert_eq!(stdout(&version), format!("tidings {}\n", env!("CARGO_PKG_VERSION")));
    assert_code(&config, 0);
    assert!(stdout(&config).contains("\nretention = \"3d\"\n"), "{}", stdout(&config));
}
