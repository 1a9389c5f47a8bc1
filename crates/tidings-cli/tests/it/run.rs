//! `tidings run`: the command keeps its fate, and the log hears of it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::commands::{assert_code, listed, stderr, stdout};
use crate::server::{Server, signal, tidings};

fn run(server: &Server, args: &[&str]) -> Command {
    let mut command = tidings();
    command.arg("run").args(args).env("TIDINGS_SERVER", server.url(""));
    command
}

fn types(server: &Server) -> Vec<String> {
    let text = |event: &Value| event["type"].as_str().unwrap().to_owned();
    listed(server, &[]).iter().map(text).collect()
}

#[test]
fn a_command_that_succeeds_leaves_its_start_and_its_end() {
    let server = Server::start();

    let output =
        run(&server, &["-t", "build", "-a", "job=7", "--", "sh", "-c", "echo out; echo err >&2"])
            .output()
            .unwrap();

    assert_code(&output, 0);
    assert_eq!((stdout(&output), stderr(&output)), ("out\n".to_owned(), "err\n".to_owned()));
    assert_eq!(types(&server), ["build.started", "build.succeeded"]);
    let end = &listed(&server, &[])[1];
    assert_eq!(end["fields"]["exit_code"], 0);
    assert_eq!(end["fields"]["job"], "7");
    assert_eq!(end["fields"]["command"], "sh -c 'echo out; echo err >&2'");
    assert!(end["fields"]["duration"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{end}");
    assert_eq!(end["fields"].get("stderr"), None, "only failures need it");
}

#[test]
fn a_command_that_fails_passes_its_code_and_leaves_its_last_words() {
    let server = Server::start();

    let output = run(&server, &["-t", "backup", "--", "sh", "-c", "echo no space >&2; exit 42"])
        .output()
        .unwrap();

    assert_code(&output, 42);
    assert_eq!(stderr(&output), "no space\n");
    let end = &listed(&server, &[])[1];
    assert_eq!(end["type"], "backup.failed");
    assert_eq!(end["severity"], "error");
    assert_eq!(end["fields"]["exit_code"], 42);
    assert_eq!(end["fields"]["stderr"], "no space");
}

#[test]
fn a_command_that_is_not_there_is_a_failure_too() {
    let server = Server::start();

    assert_code(&run(&server, &["-t", "x", "--", "no-such-command-here"]).output().unwrap(), 127);
    assert_code(&run(&server, &["-t", "x", "--", "/"]).output().unwrap(), 126);

    assert_eq!(types(&server), ["x.failed", "x.failed"]);
}

#[test]
fn only_failures_says_nothing_of_success() {
    let server = Server::start();

    assert_code(&run(&server, &["-t", "x", "--only-failures", "--", "true"]).output().unwrap(), 0);
    assert_code(&run(&server, &["-t", "x", "--only-failures", "--", "false"]).output().unwrap(), 1);

    assert_eq!(types(&server), ["x.failed"]);
}

/// The same, with signals as a shell at a terminal gives them: who started this
/// test may have it ignore some (`nohup`), and a child inherits that.
fn run_as_from_a_terminal(server: &Server, args: &[&str]) -> Command {
    let program = run(server, args);
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null());
    command
}

#[test]
fn a_signal_to_us_reaches_the_command() {
    let server = Server::start();
    for name in ["TERM", "INT", "HUP", "USR1"] {
        // It ends by itself, should the signal never come.
        let script = format!(
            "trap 'echo got {name}; exit 7' {name}; echo ready; \
             for i in $(seq 1200); do sleep 0.05; done"
        );
        let mut child = run_as_from_a_terminal(&server, &["-t", "x", "--", "sh", "-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("ready"));

        signal(child.id(), name);

        assert_eq!(lines.next(), Some(format!("got {name}")));
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }
}

#[test]
fn a_command_that_a_signal_kills_is_told_by_its_name() {
    let server = Server::start();

    let output = run(&server, &["-t", "x", "--", "sh", "-c", "kill -KILL $$"]).output().unwrap();

    assert_code(&output, 128 + 9);
    assert_eq!(listed(&server, &["-t", "x.failed"])[0]["fields"]["signal"], "SIGKILL");
}

#[test]
fn a_server_that_is_away_changes_nothing_but_a_warning() {
    let url = Server::start().url("");
    let run = |code: &str| {
        let mut command = tidings();
        command.args(["run", "-t", "x", "--server", &url, "--", "sh", "-c", code]);
        command.output().unwrap()
    };

    let (good, bad) = (run("echo out"), run("exit 9"));

    assert_code(&good, 0);
    assert_eq!(stdout(&good), "out\n");
    assert_code(&bad, 9);
    assert!(stderr(&bad).contains("tidings: x.failed is not recorded: "), "{}", stderr(&bad));
}

#[test]
fn a_child_in_the_background_does_not_hold_us_up() {
    let server = Server::start();

    let mut child = run(&server, &["-t", "x", "--", "sh", "-c", "sleep 1000 & echo $!"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let status = child.wait().unwrap();

    signal(pid.trim().parse().unwrap(), "KILL");
    assert_eq!(status.code(), Some(0));
}
