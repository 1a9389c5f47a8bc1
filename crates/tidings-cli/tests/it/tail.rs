//! `tidings tail -f`: everything once, whatever happens to the connection.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use crate::commands::assert_code;
use crate::server::{PATIENCE, Server, signal, tidings};

/// A `tail -f` that runs; dropping it kills it.
pub(crate) struct Tail {
    child: Child,
    pub(crate) lines: Receiver<String>,
}

impl Tail {
    pub(crate) fn start(url: &str, flags: &[&str]) -> Tail {
        let mut child = tidings()
            .args(["tail", "-f", "-o", "cat", "--server", url])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = sync_channel(10_000);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Tail { child, lines }
    }

    #[track_caller]
    pub(crate) fn expect(&self, lines: &[&str]) {
        for expected in lines {
            assert_eq!(self.lines.recv_timeout(PATIENCE).as_deref(), Ok(*expected));
        }
    }

    /// ^C; returns the exit code and stderr.
    pub(crate) fn interrupt(mut self) -> (Option<i32>, String) {
        signal(self.child.id(), "INT");
        let code = self.child.wait().unwrap().code();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (code, stderr)
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn add(server: &Server, message: &str) {
    assert_code(&server.tidings(&["add", message]), 0);
}

#[test]
fn what_was_comes_first_and_what_happens_then() {
    let server = Server::start();
    (1..=12).for_each(|n| add(&server, &n.to_string()));

    let tail = Tail::start(&server.url(""), &[]);
    tail.expect(&["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]);
    add(&server, "13");
    add(&server, "14");

    tail.expect(&["13", "14"]);
    assert_eq!(tail.interrupt(), (Some(130), String::new()));
}

#[test]
fn the_filter_holds_for_both() {
    let server = Server::start();
    let warn = |message: &str| assert_code(&server.tidings(&["add", "-p", "warn", message]), 0);
    add(&server, "quiet");
    warn("loud");

    let tail = Tail::start(&server.url(""), &["-p", "warn"]);
    tail.expect(&["loud"]);
    add(&server, "quiet again");
    warn("loud again");

    tail.expect(&["loud again"]);
}

#[test]
fn a_server_that_comes_back_is_followed_where_it_stopped() {
    // An address of this process alone, so that nobody takes it in between.
    let pid = std::process::id();
    let address = format!("127.{}.{}.9:8434", 1 + (pid >> 8) % 254, 1 + pid % 254);
    let dir = tempfile::tempdir().unwrap();
    let listen = ["--listen", address.as_str()];
    let mut server = Server::start_with(dir.path(), &listen);
    add(&server, "before");
    // The log tells of its own stops too.
    let tail = Tail::start(&format!("http://{address}"), &["-t", "!tidings.*"]);
    tail.expect(&["before"]);

    for round in ["after a clean stop", "after a crash"] {
        if round == "after a crash" {
            drop(server);
        } else {
            assert_eq!(server.stop().code, Some(0));
        }
        server = Server::start_with(dir.path(), &listen);
        add(&server, round);
        tail.expect(&[round]);
    }

    let (_, words) = tail.interrupt();
    assert_eq!(words.matches("lost the connection").count(), 2, "{words}");
}

#[test]
fn a_cursor_file_goes_on_where_the_last_tail_was_interrupted() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state");
    let flags = ["--cursor-file", file.to_str().unwrap()];
    add(&server, "one");
    let tail = Tail::start(&server.url(""), &flags);
    tail.expect(&["one"]);
    add(&server, "two");
    tail.expect(&["two"]);
    add(&server, "two and a half");
    tail.expect(&["two and a half"]);
    tail.interrupt();

    add(&server, "three");
    let tail = Tail::start(&server.url(""), &flags);

    // The cursor of the last event may not be kept yet when ^C comes.
    let first = tail.lines.recv_timeout(PATIENCE).unwrap();
    if first == "two and a half" {
        tail.expect(&["three"]);
    } else {
        assert_eq!(first, "three");
    }
}
