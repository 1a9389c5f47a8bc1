//! Two servers, one log: what is recorded on one is known to the other, and what
//! both say while etcd is away, locked, or not theirs.

use std::cell::OnceCell;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidings::testing::etcd::{EtcdMember, is_here};

use crate::commands::{assert_code, listed, stderr, stdout};
use crate::disks::{say, wait_for};
use crate::server::{Answer, Server, Stopped, tidings};

/// Two servers that share their log through one etcd.
pub(crate) struct Pair {
    etcd: EtcdMember,
    pub(crate) db1: Server,
    pub(crate) db2: Server,
    dirs: [TempDir; 2],
}

impl Pair {
    /// `None`, said aloud, without etcd.
    pub(crate) fn start(test: &str) -> Option<Pair> {
        if !is_here(test) {
            return None;
        }
        let etcd = EtcdMember::start();
        let dirs = [(); 2].map(|()| TempDir::new().unwrap());
        let db1 = serve(dirs[0].path(), "db1", &["--etcd", &etcd.url()]);
        let db2 = serve(dirs[1].path(), "db2", &["--etcd", &etcd.url()]);
        Some(Pair { etcd, db1, db2, dirs })
    }
}

fn serve(dir: &Path, member: &str, flags: &[&str]) -> Server {
    let mut command = tidings();
    command.args(["serve", "--listen", "127.0.0.1:0", "--member", member, "--data"]);
    command.arg(dir).args(flags);
    Server::start_as(command)
}

pub(crate) fn say_to_all(server: &Server, message: &str) -> Answer {
    server.post("/e/a?ack=shared", "text/plain", message.as_bytes())
}

/// Says it until the others can get it: on a busy machine etcd may seem to be down
/// for a moment. Under its key it is stored once.
#[track_caller]
fn share(server: &Server, message: &str) -> Answer {
    let path = format!("/e/a?ack=shared&key={message}");
    let shared = OnceCell::new();
    wait_for(server, || {
        let answer = server.post(&path, "text/plain", message.as_bytes());
        let is_so = (answer.status, &answer.json()["shared"]) == (201, &json!(true));
        is_so && shared.set(answer).is_ok()
    });
    shared.into_inner().unwrap()
}

fn messages(server: &Server) -> Vec<String> {
    let events = listed(server, &["-t", "a", "-S", "all"]);
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

fn cluster(server: &Server) -> Value {
    server.get("/api/v1/stats").json()["cluster"].clone()
}

/// The answer of 9volt's check: its status, and the reason or `OK`.
fn check(server: &Server) -> (u16, String) {
    let answer = server.get("/status/check");
    (answer.status, answer.json()["status"].as_str().unwrap().to_owned())
}

#[track_caller]
fn wait_until_plain_ok(server: &Server) {
    wait_for(server, || check(server) == (200, "OK".to_owned()));
}

/// The second books as the server printed them at its end.
#[track_caller]
fn assert_all_shared(stopped: &Stopped) {
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    let shared = stopped.stderr.lines().find(|line| line.starts_with("shared: "));
    let shared = shared.unwrap_or_else(|| panic!("no second books: {}", stopped.stderr));
    assert!(shared.ends_with(" + unshared 0 + waiting 0"), "{shared}");
}

#[test]
fn what_is_recorded_on_one_server_is_told_by_both() {
    let Some(pair) = Pair::start("what_is_recorded_on_one_server_is_told_by_both") else { return };
    let Pair { db1, db2, .. } = &pair;

    let first = share(db1, "from-db1");
    share(db2, "from-db2");

    for server in [db1, db2] {
        wait_for(server, || messages(server).len() == 2);
        assert_eq!(messages(server), ["from-db1", "from-db2"]);
        wait_until_plain_ok(server);
        let whole = || server.get("/api/v1/stats").json()["coverage"]["complete"] == true;
        wait_for(server, whole);
        let ready = server.get("/readyz?verbose").text();
        assert!(ready.contains("\n[+] etcd: answers\n"), "{ready}");
    }
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_code(&db2.tidings(&["show", &id]), 0);
    let members = stdout(&db2.tidings(&["members"]));
    let servers = members.split("\n\n").nth(1).unwrap_or_else(|| panic!("{members}"));
    assert!(servers.starts_with("SERVER  LOG"), "{members}");
    let heard = servers.lines().find(|line| line.starts_with("db1 "));
    assert!(heard.is_some_and(|line| line.contains("  heard  ")), "{members}");
    let metrics = db2.get("/metrics").text();
    for line in ["tidings_etcd_up 1\n", "tidings_etcd_servers{state=\"heard\"} 1\n"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let Pair { db1, db2, etcd, dirs } = pair;
    assert_all_shared(&db1.stop());
    wait_for(&db2, || db2.tidings(&["members"]).stdout.windows(6).any(|it| it == b"  left"));
    assert_all_shared(&db2.stop());
    // Given back: they need not run out before the servers start again.
    assert_eq!(etcd.ctl(&["get", "--prefix", "--keys-only", "tidings/claim/"]), "");
    let db1 = serve(dirs[0].path(), "db1", &["--etcd", &etcd.url()]);
    share(&db1, "again");
}

#[test]
fn a_batch_and_a_repetition_are_answered_when_all_of_it_is_shared() {
    let test = "a_batch_and_a_repetition_are_answered_when_all_of_it_is_shared";
    let Some(pair) = Pair::start(test) else { return };
    let Pair { db1, db2, .. } = &pair;
    let lines = "{\"type\":\"a\",\"message\":\"1\",\"key\":\"k\"}\n\
                 {\"type\":\"a\",\"message\":\"2\",\"key\":\"l\"}\n{\"type\":\"\"}\n";
    let send = || {
        let path = "/api/v1/events?ack=shared";
        db1.post(path, "application/x-ndjson", lines.as_bytes())
    };

    let first = send();
    let first = first.json();

    assert_eq!((&first["accepted"], &first["rejected"][0]["index"]), (&json!(2), &json!(2)));
    // On a busy machine etcd may seem to be down for a moment.
    wait_for(db1, || {
        let again = send();
        let told = again.json();
        assert_eq!((&told["accepted"], &told["duplicates"]), (&json!(0), &json!(2)));
        (again.status, &told["shared"]) == (200, &json!(true))
    });
    wait_for(db2, || messages(db2) == ["1", "2"]);
}

#[test]
fn an_etcd_that_hangs_costs_no_event_and_is_told_until_it_answers() {
    let test = "an_etcd_that_hangs_costs_no_event_and_is_told_until_it_answers";
    let Some(Pair { etcd, db1, db2, dirs: _dirs }) = Pair::start(test) else { return };
    share(&db1, "before");

    etcd.signal("-STOP");
    let answer = say_to_all(&db1, "meanwhile");

    assert_eq!((answer.status, &answer.json()["shared"]), (202, &json!(false)));
    assert!(answer.text().contains("on this server's disk"), "{}", answer.text());
    wait_for(&db1, || check(&db1) == (500, "etcd is down".to_owned()));
    let ready = db1.get("/readyz?verbose");
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("\n[-] etcd: is down, since 20"), "{}", ready.text());
    let status = db1.tidings(&["status"]);
    assert_code(&status, 0);
    assert!(stdout(&status).contains(" is down, since "), "{}", stdout(&status));
    assert!(stdout(&status).contains(" + waiting "), "{}", stdout(&status));
    assert!(db1.get("/metrics").text().contains("\ntidings_etcd_up 0\n"));
    assert_eq!(messages(&db1), ["before", "meanwhile"]);
    wait_for(&db2, || db2.get("/api/v1/stats").json()["coverage"]["complete"] == false);
    let list = db2.tidings(&["list"]);
    assert!(stderr(&list).contains("; missing: "), "{}", stderr(&list));

    etcd.signal("-CONT");
    for server in [&db1, &db2] {
        wait_until_plain_ok(server);
        wait_for(server, || messages(server) == ["before", "meanwhile"]);
    }
    assert_all_shared(&db1.stop());
}

#[test]
fn a_server_starts_without_its_etcd_and_shares_when_it_comes() {
    let test = "a_server_starts_without_its_etcd_and_shares_when_it_comes";
    if !is_here(test) {
        return;
    }
    let mut etcd = EtcdMember::start();
    etcd.kill();
    let dir = TempDir::new().unwrap();

    let server = serve(dir.path(), "db1", &["--etcd", &etcd.url()]);

    assert_eq!(say(&server, "alone").status, 201);
    wait_for(&server, || check(&server).0 == 500);
    etcd.run();
    wait_until_plain_ok(&server);
    share(&server, "together");
    assert_all_shared(&server.stop());
}

#[test]
fn a_server_that_stands_alone_says_what_sharing_needs() {
    let server = Server::start();

    let refused = say_to_all(&server, "x");

    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["parameter"], "ack");
    assert!(refused.text().contains("without --etcd"), "{}", refused.text());
    assert_eq!(cluster(&server), Value::Null);
    assert!(!server.get("/metrics").text().contains("tidings_etcd"));
    assert_eq!(server.get("/api/v1/members").json().get("servers"), None);
}

#[test]
fn a_log_that_was_shared_and_is_given_no_etcd_says_so() {
    if !is_here("a_log_that_was_shared_and_is_given_no_etcd_says_so") {
        return;
    }
    let mut etcd = EtcdMember::start();
    etcd.kill();
    let dir = TempDir::new().unwrap();
    let server = serve(dir.path(), "db1", &["--etcd", &etcd.url()]);
    assert_eq!(say(&server, "waits").status, 201);
    let stopped = server.stop();
    assert!(stopped.stderr.contains("\nwhat waits is on the disk"), "{}", stopped.stderr);

    let alone = serve(dir.path(), "db1", &[]).stop();

    assert_eq!(alone.stderr.matches("now no --etcd is given").count(), 1, "{}", alone.stderr);
    etcd.run();
    let server = serve(dir.path(), "db1", &["--etcd", &etcd.url()]);
    wait_for(&server, || cluster(&server)["sharing"]["waiting"] == 0);
    assert_all_shared(&server.stop());
}

#[test]
fn a_copy_of_a_data_directory_is_told_who_has_the_original() {
    let test = "a_copy_of_a_data_directory_is_told_who_has_the_original";
    let Some(Pair { etcd, db1, db2: _db2, dirs }) = Pair::start(test) else { return };
    share(&db1, "before");
    assert_eq!(db1.stop().code, Some(0));
    let copy = TempDir::new().unwrap();
    for entry in std::fs::read_dir(dirs[0].path()).unwrap().flatten() {
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let original = serve(dirs[0].path(), "db1", &["--etcd", &etcd.url()]);
    share(&original, "original");

    let copied = serve(copy.path(), "copy", &["--etcd", &etcd.url()]);
    assert_eq!(say(&copied, "kept").status, 201);

    wait_for(&copied, || check(&copied) == (500, "etcd takes no events of this server".to_owned()));
    let told = stdout(&copied.tidings(&["status"]));
    assert!(told.contains("is written by \"db1\" (boot "), "{told}");
    wait_until_plain_ok(&original);
}
