//! Starting where one cannot, and what the operator reads then.

use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::server::{Server, tidings};

/// What it says when it cannot serve; one that serves is ended, with exit code 124.
fn serve(dir: &std::path::Path, listen: &str) -> Output {
    let program = tidings();
    let mut command = Command::new("timeout");
    command.arg("60").arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["serve", "--listen", listen, "--data"]).arg(dir);
    command.stdin(Stdio::null()).stderr(Stdio::piped()).output().expect("the program starts")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_port_in_use_is_named_and_the_data_is_left_alone() {
    let (server, dir) = (Server::start(), TempDir::new().unwrap());
    let data = dir.path().join("data");

    let output = serve(&data, &server.address().to_string());

    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
    assert!(words(&output).contains(&server.address().to_string()), "{}", words(&output));
    assert!(!data.exists());
}

#[test]
fn a_data_directory_has_one_server_and_the_second_is_told_which() {
    let dir = TempDir::new().unwrap();
    let server = Server::start_in(dir.path());

    let output = serve(dir.path(), "127.0.0.1:0");

    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
    assert!(words(&output).contains(&server.pid().to_string()), "{}", words(&output));
}

#[test]
fn only_loopback_is_served() {
    let dir = TempDir::new().unwrap();

    let output = serve(&dir.path().join("data"), "0.0.0.0:0");

    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("loopback") || words(&output).contains("own machine"));
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_lost_store_file_is_never_made_anew() {
    let dir = TempDir::new().unwrap();
    let server = Server::start_in(dir.path());
    server.post("/e/a", "text/plain", b"x");
    assert_eq!(server.stop().code, Some(0));
    std::fs::remove_file(dir.path().join("log.sqlite")).unwrap();

    let output = serve(dir.path(), "127.0.0.1:0");

    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
    assert!(words(&output).contains("log.sqlite"), "{}", words(&output));
}

#[test]
fn a_newer_format_is_refused_with_both_versions() {
    let dir = TempDir::new().unwrap();
    let server = Server::start_in(dir.path());
    server.post("/e/a", "text/plain", b"x");
    assert_eq!(server.stop().code, Some(0));
    let store = dir.path().join("log.sqlite");
    let mut bytes = std::fs::read(&store).unwrap();
    // SQLite's "user version", big end first.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&store, &bytes).unwrap();

    let output = serve(dir.path(), "127.0.0.1:0");

    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
    assert!(words(&output).contains("format 99, newer than this program knows (3)"));
    assert_eq!(std::fs::read(&store).unwrap(), bytes);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let output = serve(std::path::Path::new("/proc/tidings-cannot-be-here"), "127.0.0.1:0");

    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
    assert!(words(&output).contains("/proc/tidings-cannot-be-here"), "{}", words(&output));
}

#[test]
fn it_says_at_the_start_where_it_is_and_what_to_type_next() {
    let dir = TempDir::new().unwrap();
    let server = Server::start_in(dir.path());
    let (page, data) = (server.url("/"), dir.path().display().to_string());
    let next = format!("curl -d 'it works' '{}'", server.url("/e/hello"));

    let stopped = server.stop();

    for words in [&page, &data, &next] {
        assert!(stopped.stderr.contains(words.as_str()), "{words} in {}", stopped.stderr);
    }
    assert!(!stopped.stderr.contains("panicked"), "{}", stopped.stderr);
}

#[test]
fn closed_outputs_are_nobodys_trouble() {
    let dir = TempDir::new().unwrap();
    let quiet = format!(
        "exec '{}' serve --listen 127.0.0.1:0 --data '{}' >&- 2>&-",
        env!("CARGO_BIN_EXE_tidings"),
        dir.path().join("data").display()
    );
    let mut child = std::process::Command::new("sh").args(["-c", &quiet]).spawn().unwrap();
    // The store file is made after the greeting had nowhere to go, or before it:
    // either way the process must still be there when it stands.
    while !dir.path().join("data/log.sqlite").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended early");
    }
    crate::server::signal(child.id(), "TERM");
    let code = child.wait().unwrap().code();
    // A signal before the handler stands ends it by itself: also quiet.
    assert!(matches!(code, Some(0) | None), "{code:?}");
}

#[test]
fn a_command_finds_the_server_it_is_pointed_at() {
    let server = Server::start();

    let output = server.tidings(&["status"]);

    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("test-server"));
}
