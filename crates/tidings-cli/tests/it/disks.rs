//! A disk that is full, and one that cannot be written: small file systems in
//! memory, under the real program.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use tidings::Clock;

use crate::commands::{assert_code, listed, stderr, stdout};
use crate::ninevolt::original;
use crate::server::{Answer, PATIENCE, Server, tidings};
use crate::stop::assert_balanced;
use crate::streams::Stream;
use crate::tmpfs::Tmpfs;

/// More than three servers need at their start.
const DISK: &str = "96m";

/// A small disk, and what happens to it.
struct Disk(Tmpfs);

impl Disk {
    fn mount(test: &str) -> Option<Disk> {
        Tmpfs::mount(test, DISK).map(Disk)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn make_read_only(&self) {
        let mut mount = Command::new("mount");
        let output = mount.args(["-o", "remount,ro"]).arg(self.path()).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }

    /// Takes all room that is left, with a file of somebody else.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path().join("junk")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    /// So much of it is free again.
    fn give_back(&self, bytes: u64) {
        let junk = std::fs::OpenOptions::new().write(true).open(self.path().join("junk")).unwrap();
        junk.set_len(junk.metadata().unwrap().len() - bytes).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("junk")).unwrap();
    }
}

pub(crate) fn say(server: &Server, message: &str) -> Answer {
    server.post("/e/a", "text/plain", message.as_bytes())
}

/// Records until it is refused; returns what was acknowledged, and the refusal.
fn say_until_refused(server: &Server) -> (Vec<String>, Answer) {
    let mut acknowledged = Vec::new();
    loop {
        let message = format!("{} {}", acknowledged.len(), "x".repeat(1000));
        let answer = say(server, &message);
        if answer.status != 201 {
            return (acknowledged, answer);
        }
        acknowledged.push(message);
        assert!(acknowledged.len() < 10_000, "the disk is never full");
    }
}

#[track_caller]
fn assert_refused_as_full(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.json()["reasons"], json!(["disk_full"]), "{}", answer.text());
}

/// Asks until it is so.
#[track_caller]
pub(crate) fn wait_for(server: &Server, is_so: impl Fn() -> bool) {
    let clock = Clock::system();
    let deadline = clock.monotonic() + PATIENCE;
    while !is_so() {
        assert!(clock.monotonic() < deadline, "{}", server.get("/readyz?verbose").text());
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[track_caller]
pub(crate) fn wait_until_ready(server: &Server) {
    wait_for(server, || server.get("/readyz").status == 200);
}

/// Waits for the record of what was refused: it is due some time after the log
/// takes events again, not at once.
#[track_caller]
fn wait_until_told(server: &Server) {
    let told = "/api/v1/events?type=tidings.lost&limit=1";
    wait_for(server, || !server.get(told).events().is_empty());
}

/// As 9volt said it, byte for byte.
#[track_caller]
pub(crate) fn assert_plain_ok(server: &Server) {
    let (ours, theirs) = (server.get("/status/check"), original("02-status-check.txt"));
    assert_eq!(ours.status, 200);
    assert_eq!(ours.text(), theirs.text().replace("b251f2ec", "test-server"));
}

/// Every way of reading.
#[track_caller]
fn assert_reads_go_on(server: &Server, id: &str) {
    let list = server.tidings(&["list", "-o", "cat"]);
    assert_code(&list, 0);
    assert!(stdout(&list).starts_with("before\n"), "{}", stdout(&list));
    assert_code(&server.tidings(&["show", id]), 0);
    assert_eq!(server.get("/api/v1/events?limit=1").events().len(), 1);
    assert!(server.get("/api/v1/event").text().contains("\"before\""));
    let mut stream = Stream::open(server, "/api/v1/events/stream?since=1h", "");
    assert_eq!(stream.frame().expect("a greeting").name, "hello");
    assert_eq!(stream.messages(1), ["before"]);
    let page = server.get("/");
    assert!(page.status == 200 && page.text().contains("<!doctype html>"), "{}", page.text());
}

#[test]
fn a_full_disk_refuses_with_its_reason_reads_go_on_and_room_ends_it() {
    let Some(disk) = Disk::mount("a_full_disk_refuses_…") else { return };
    let server = Server::start_in(&disk.path().join("data"));
    let before = say(&server, "before").json()["id"].as_str().unwrap().to_owned();

    disk.fill();
    let (acknowledged, first) = say_until_refused(&server);
    assert_refused_as_full(&first);
    assert_refused_as_full(&say(&server, "while full"));
    let health = server.get("/readyz?verbose");
    assert_eq!(health.status, 503);
    let (words, since) = (health.text(), "[-] log: paused since 20");
    assert!(words.contains(since) && words.contains(": the disk is full\n"), "{words}");
    let health = server.get("/status/check");
    assert_eq!((health.status, &health.json()["status"]), (500, &json!("the disk is full")));
    assert_reads_go_on(&server, &before);

    disk.free();
    wait_until_ready(&server);
    assert_eq!(say(&server, "after").status, 201);
    assert_plain_ok(&server);
    let messages: Vec<_> = listed(&server, &["-t", "a"])
        .iter()
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect();
    let all = [&["before".to_owned()][..], &acknowledged, &["after".to_owned()]].concat();
    assert_eq!(messages, all);
    wait_until_told(&server);
    assert_balanced(&server.stop());
}

/// A body of about 15 MB that does not become much smaller: no two alike.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'0' + (state >> 58) as u8 % 75)
    };
    let mut body = String::new();
    for _ in 0..240 {
        let message: String = std::iter::repeat_with(&mut letter).take(60_000).collect();
        body += &json!({"type": "a", "message": message}).to_string();
        body.push('\n');
    }
    body.into_bytes()
}

/// Sends much at once, again and again, until the server finds the disk full.
fn flood_until_refused(server: &Server) -> Answer {
    let bodies: Vec<Vec<u8>> = (1..=4).map(noise).collect();
    for _ in 0..20 {
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let post = |body: &[u8]| server.post("/api/v1/events", "application/x-ndjson", body);
            let sent: Vec<_> = bodies.iter().map(|body| scope.spawn(move || post(body))).collect();
            sent.into_iter().map(|it| it.join().unwrap()).collect()
        });
        if let Some(refused) = answers.into_iter().find(|answer| answer.status == 503) {
            return refused;
        }
    }
    panic!("the disk is never full");
}

#[test]
fn a_full_disk_is_purged_and_takes_events_again_though_nobody_makes_room() {
    let Some(disk) = Disk::mount("a_full_disk_is_purged_…") else { return };
    let data = disk.path().join("data");
    let server = Server::start_with(&data, &["--retention-size", "1MiB"]);
    assert_eq!(say(&server, "before").status, 201);
    disk.fill();
    disk.give_back(40 << 20);

    let refused = flood_until_refused(&server);
    assert_eq!(refused.json()["reasons"], json!(["disk_full"]), "{}", refused.text());
    wait_until_ready(&server);

    assert_plain_ok(&server);
    assert_eq!(say(&server, "after").status, 201);
    let list = server.get("/api/v1/events?type=a&limit=1").json();
    assert_eq!(
        (&list["events"][0]["message"], &list["coverage"]["cut_by"]),
        (&json!("after"), &json!("size"))
    );
    wait_until_told(&server);
    assert_balanced(&server.stop());
}

#[test]
fn a_server_starts_on_a_full_disk_and_takes_events_when_there_is_room() {
    let Some(disk) = Disk::mount("a_server_starts_on_a_full_disk_…") else { return };
    let data = disk.path().join("data");
    let server = Server::start_in(&data);
    assert_eq!(say(&server, "before").status, 201);
    disk.fill();
    let (acknowledged, _) = say_until_refused(&server);
    drop(server);
    disk.fill();

    let server = Server::start_in(&data);
    assert_refused_as_full(&say_until_refused(&server).1);
    assert_eq!(listed(&server, &["-t", "a"]).len(), 1 + acknowledged.len());

    disk.free();
    wait_until_ready(&server);
    assert_eq!(say(&server, "after").status, 201);
}

fn serve(dir: &Path) -> Output {
    tidings().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(dir).output().unwrap()
}

#[test]
fn a_disk_that_cannot_be_written_is_named_at_the_start() {
    let Some(disk) = Disk::mount("a_disk_that_cannot_be_written_…") else { return };
    let (stopped, killed) = (disk.path().join("stopped"), disk.path().join("killed"));
    let server = Server::start_in(&stopped);
    assert_eq!(say(&server, "x").status, 201);
    assert_eq!(server.stop().code, Some(0));
    let server = Server::start_in(&killed);
    assert_eq!(say(&server, "x").status, 201);
    drop(server);
    disk.make_read_only();

    for data in [stopped, killed, disk.path().join("new")] {
        let output = serve(&data);

        assert_code(&output, 5);
        let words = stderr(&output);
        assert!(words.contains(data.to_str().unwrap()), "{words}");
        assert!(words.to_lowercase().contains("read-only"), "{words}");
    }
}
