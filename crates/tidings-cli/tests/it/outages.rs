//! A disk that hangs or fails for a while, under the real program: strace makes
//! its syncs do so, and lets go of it.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::json;

use crate::commands::{assert_code, listed, stdout};
use crate::disks::{assert_plain_ok, say, wait_for, wait_until_ready};
use crate::server::{Server, signal};
use crate::stop::assert_balanced;

/// Every sync takes an hour.
const HANGS: &str = "fsync,fdatasync:delay_enter=3600000000";
/// More than the server has threads for what blocks.
const IN_FLIGHT: usize = 150;
/// Every sync fails.
const FAILS: &str = "fsync,fdatasync:error=EIO";

/// While it lives, system calls of a server do as they are told.
struct Outage {
    strace: Child,
    /// Kept open: strace would die of the first word that nobody takes.
    _words: BufReader<ChildStderr>,
}

impl Outage {
    /// `None`, said aloud, where there is no strace or no right to trace.
    fn begin(test: &str, server: &Server, inject: &str) -> Option<Outage> {
        let calls = format!("trace={}", inject.split(':').next().unwrap());
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-p", &server.pid().to_string()]);
        strace.args(["-e", &calls, "-e", &format!("inject={inject}")]);
        if let Ok(mut strace) = strace.stderr(Stdio::piped()).spawn() {
            let mut words = BufReader::new(strace.stderr.take().unwrap());
            let mut line = String::new();
            // It says so when it has all threads.
            if words.read_line(&mut line).is_ok() && line.contains(" attached") {
                return Some(Outage { strace, _words: words });
            }
            let _ = strace.wait();
        }
        // Not `eprintln!`: nobody hears what a test that passes prints by it.
        let words = format!("skipped: {test} needs strace and the right to trace\n");
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        None
    }

    /// Calls that hang go on now, and do what they were asked.
    fn end(mut self) {
        signal(self.strace.id(), "INT");
        self.strace.wait().unwrap();
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

fn messages(server: &Server) -> Vec<String> {
    let events = listed(server, &["-t", "a"]);
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

/// What operators and machines are told while events cannot be stored.
#[track_caller]
fn assert_told_as_down(server: &Server, disk: &str) {
    let health = server.get("/readyz?verbose");
    assert_eq!(health.status, 503);
    let words = health.text();
    assert!(words.contains("[-] log: paused since 20"), "{words}");
    assert!(words.contains(": the store is down\n"), "{words}");
    assert!(words.contains(&format!("[-] disk: {disk}, since 20")), "{words}");
    let check = server.get("/status/check");
    let told = json!({"message": "MemberID test-server", "status": "the store is down"});
    assert_eq!((check.status, check.json()), (500, told));
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("\ntidings_paused{reason=\"store_down\"} 1\n"), "{metrics}");
    let status = server.tidings(&["status"]);
    assert_code(&status, 1);
    assert!(
        stdout(&status).contains("\nstate   paused: store down, since "),
        "{}",
        stdout(&status)
    );
    let refused = say(server, "refused");
    assert_eq!((refused.status, &refused.json()["reasons"]), (503, &json!(["store_down"])));
}

/// Says so much at once, and looks how the server is while nobody is answered;
/// returns how many were told that nobody knows.
fn say_in_vain(server: &Server) -> usize {
    std::thread::scope(|scope| {
        let says = |i: usize| scope.spawn(move || say(server, &format!("in flight {i}")));
        let waiting: Vec<_> = (0..IN_FLIGHT).map(says).collect();
        wait_for(server, || server.get("/readyz").status == 503);
        assert_told_as_down(server, "does not answer");
        let status = stdout(&server.tidings(&["status"]));
        assert!(status.contains("\ndisk    does not answer, since "), "{status}");
        assert_eq!(listed(server, &["-t", "a"]).len(), 1, "reads go on");
        let answers = waiting.into_iter().map(|it| it.join().unwrap());
        let in_doubt = answers.filter(|answer| {
            assert_eq!((answer.status, &answer.json()["reasons"]), (503, &json!(["store_down"])));
            answer.text().contains("nobody knows")
        });
        in_doubt.count()
    })
}

#[test]
fn a_disk_that_hangs_keeps_nobody_waiting_and_all_is_plain_ok_again() {
    let server = Server::start();
    assert_eq!(say(&server, "before").status, 201);
    let outage = Outage::begin("a_disk_that_hangs_…", &server, HANGS);
    let Some(outage) = outage else { return };

    let in_doubt = say_in_vain(&server);
    let pending = server.get("/api/v1/stats").json()["tally"]["pending"].as_u64().unwrap();
    let pending = usize::try_from(pending).unwrap();
    assert!((1..=in_doubt).contains(&pending), "{pending} of {in_doubt}");

    outage.end();
    wait_for(&server, || server.get("/api/v1/stats").json()["disk"]["state"] == "recovering");
    assert_eq!(server.get("/readyz").status, 503, "it has to be quiet first");
    wait_until_ready(&server);
    assert_plain_ok(&server);
    assert_eq!(say(&server, "after").status, 201);
    let messages = messages(&server);
    assert_eq!(messages.len(), 2 + pending, "what was pending was written after all, and once");
    assert_eq!((&messages[0][..], &messages[pending + 1][..]), ("before", "after"));
    assert_balanced(&server.stop());
}

#[test]
fn a_disk_that_fails_for_a_while_is_told_and_all_is_plain_ok_again() {
    let server = Server::start();
    assert_eq!(say(&server, "before").status, 201);
    let outage = Outage::begin("a_disk_that_fails_…", &server, FAILS);
    let Some(outage) = outage else { return };

    let first = say(&server, "in doubt");
    assert_eq!((first.status, &first.json()["reasons"]), (503, &json!(["store_down"])));
    wait_for(&server, || server.get("/api/v1/stats").json()["disk"]["state"] == "failing");
    assert_told_as_down(&server, "the store is down");
    assert_eq!(listed(&server, &["-t", "a"]).len(), 1, "what nobody knows is not shown");

    outage.end();
    wait_until_ready(&server);
    assert_plain_ok(&server);
    assert_eq!(say(&server, "after").status, 201);
    assert_eq!(
        messages(&server),
        ["before", "in doubt", "after"],
        "it was settled by writing it again"
    );
    assert_balanced(&server.stop());
}
