//! Do events get from one log into another, each once, and is told what does not?

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::commands::{assert_code, feed, stderr, stdout};
use crate::server::{Server, exchange, tidings};

/// What becomes of a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Answered by somebody who has not passed it on: 503, in so many seconds.
    NotNow(u64),
    /// Passed on; of the answer, only so many bytes come back.
    Cut(usize),
    /// Passed on, as its answer is.
    Pass,
}

/// Stands between a client and a server; each request has a connection of its own.
struct Between {
    url: String,
    /// What is due to the next requests whose first line begins as asked, the last
    /// one first; others pass.
    fates: Arc<Mutex<Vec<Fate>>>,
}

impl Between {
    /// Works until the test ends.
    fn start(server: &Server, request: &'static str, fates: &[Fate]) -> Between {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fates = Arc::new(Mutex::new(fates.iter().rev().copied().collect::<Vec<_>>()));
        let (server, due) = (server.address(), fates.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let fate = |head: &str| {
                    let asked = head.starts_with(request);
                    let fate = asked.then(|| due.lock().unwrap().pop()).flatten();
                    fate.unwrap_or(Fate::Pass)
                };
                let _ = between(client, server, fate);
            }
        });
        Between { url, fates }
    }

    fn is_used_up(&self) -> bool {
        self.fates.lock().unwrap().is_empty()
    }

    fn tidings(&self, args: &[&str]) -> Output {
        tidings().args(args).args(["--server", &self.url]).output().unwrap()
    }
}

fn between(
    mut client: TcpStream,
    server: SocketAddr,
    fate: impl Fn(&str) -> Fate,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" || line.is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let fate = fate(&head);
    if let Fate::NotNow(seconds) = fate {
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        );
        return client.write_all(answer.as_bytes());
    }
    let request = [format!("{head}Connection: close\r\n\r\n").as_bytes(), &body].concat();
    let answer = exchange(server, &request)?;
    match fate {
        Fate::Cut(bytes) => client.write_all(&answer[..bytes.min(answer.len())]),
        _ => client.write_all(&answer),
    }
}

/// What is the same of an event in every log: all but what the log gave it. An
/// event that had no key has its id as one in the other log.
fn whatever_log(line: &str) -> Value {
    let mut event: Value = serde_json::from_str(line).unwrap();
    let fields = event.as_object_mut().unwrap();
    let id = fields.remove("id").unwrap();
    fields.entry("key").or_insert(id);
    for name in ["received", "origin", "boot", "seq", "position"] {
        assert!(fields.remove(name).is_some(), "{name} of {line}");
    }
    event
}

fn exported(server: &Server) -> String {
    let output = server.tidings(&["export", "-S", "all", "-t", "!tidings.*"]);
    assert_code(&output, 0);
    stdout(&output)
}

fn same_in_every_log(lines: &str) -> Vec<Value> {
    lines.lines().map(whatever_log).collect()
}

/// A server with so many events of every kind.
fn filled(count: usize) -> Server {
    let server = Server::start();
    let event = |n: usize| {
        let mut event = json!({
            "type": format!("deploy.{}", n % 7),
            "message": format!("{n} \u{1b}[2J\u{202e}é{}", "x".repeat(n % 90)),
            "timestamp": format!("2026-0{}-02T03:04:05.{n:09}Z", 1 + n % 9),
            "memberid": format!("db{}", n % 3),
            "severity_number": 1 + n % 24,
            "fields": {"z": n, "a": [1.5, null, {"b": "c"}], "big": 12_345_678_901_234_567_890_u64},
            "trace_id": format!("{:032x}", n + 1),
            "span_id": format!("{:016x}", n + 1),
        });
        if n.is_multiple_of(4) {
            event["key"] = format!("key-{n}").into();
            event["source"] = "ci".into();
            event["subject"] = "api".into();
        }
        event.to_string() + "\n"
    };
    for from in (0..count).step_by(500) {
        let lines: String = (from..count.min(from + 500)).map(event).collect();
        let answer = server.post("/api/v1/events", "application/x-ndjson", lines.as_bytes());
        assert_eq!(answer.json()["rejected"], json!([]), "{}", answer.text());
    }
    server
}

fn last_line(output: &Output) -> String {
    stderr(output).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn what_is_exported_is_imported_whole_and_once() {
    let (old, new) = (filled(1200), Server::start());
    let lines = exported(&old);
    assert_eq!(lines.lines().count(), 1200);

    let first = feed(&new, &["import"], lines.as_bytes());
    let second = feed(&new, &["import", "-"], lines.as_bytes());

    assert_code(&first, 0);
    assert_eq!(stderr(&first), "stored 1,200, duplicates 0, rejected 0\n");
    assert_code(&second, 0);
    assert_eq!(stderr(&second), "stored 0, duplicates 1,200, rejected 0\n");
    let sorted = |lines: &str| {
        let mut all = same_in_every_log(lines);
        all.sort_by_key(|event| event["message"].to_string());
        all
    };
    assert_eq!(sorted(&exported(&new)), sorted(&lines));
}

#[test]
fn an_export_is_oldest_first_and_says_how_much_it_was_and_what_is_missing() {
    let server = filled(300);

    let output = server.tidings(&["export", "-S", "all", "--utc", "-t", "deploy.*"]);

    let time = |line| whatever_log(line)["timestamp"].as_str().unwrap().parse().unwrap();
    let times: Vec<tidings::Timestamp> = stdout(&output).lines().map(time).collect();
    assert!(times.is_sorted());
    let words = stderr(&output);
    assert!(words.starts_with("exported 300 events (1"), "{words}");
    assert!(words.ends_with("(retention 24h), nothing missing\n"), "{words}");
}

#[test]
fn an_export_of_a_log_with_a_gap_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path());
    server.post("/e/a", "text/plain", b"m");
    server.signal("KILL");
    server.wait();
    let server = Server::start_in(dir.path());

    let output = server.tidings(&["export"]);

    assert_code(&output, 0);
    assert!(
        stderr(&output).contains("missing: nobody knows how many events"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn importing_into_the_log_that_it_comes_from_changes_nothing() {
    let server = filled(20);
    server.tidings(&["add", "without a key"]);
    let lines = exported(&server);

    let output = feed(&server, &["import"], lines.as_bytes());

    assert_eq!(stderr(&output), "stored 0, duplicates 21, rejected 0\n");
    assert_eq!(exported(&server), lines);
}

#[test]
fn an_export_that_is_cut_goes_on_where_it_was_cut() {
    let server = filled(900);
    let cuts: Vec<Fate> = (0..12).map(|n| Fate::Cut(20_000 + n * 1_777)).collect();
    let between = Between::start(&server, "GET /api/v1/events?", &cuts);

    let output = between.tidings(&["export", "-S", "all", "-t", "!tidings.*"]);

    assert_code(&output, 0);
    assert!(between.is_used_up());
    assert_eq!(stdout(&output), exported(&server));
}

#[test]
fn an_export_that_is_cut_for_good_says_that_it_is_not_whole() {
    let server = filled(300);
    let cuts = [Fate::Cut(20_000), Fate::Cut(0), Fate::Cut(0)];
    let between = Between::start(&server, "GET /api/v1/events?", &cuts);

    let output = between.tidings(&["export", "-S", "all", "-t", "!tidings.*"]);

    assert_code(&output, 3);
    assert!(stderr(&output).contains("what is exported is not whole"), "{}", stderr(&output));
    let whole = exported(&server);
    let lines = stdout(&output).lines().count();
    assert!((1..300).contains(&lines), "{lines}");
    assert!(whole.starts_with(&stdout(&output)), "only whole lines");
}

/// Whoever stands between may take the chunks off; then a cut looks like the end.
#[test]
fn an_answer_whose_end_cannot_be_told_from_a_cut_is_not_exported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = BufReader::new(client.try_clone().unwrap()).lines();
        while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"id\":\"i\"}\n").unwrap();
    });

    let output = tidings().args(["export", "--server", &url]).output().unwrap();

    assert_code(&output, 3);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("does not say where its answer ends"), "{output:?}");
}

#[test]
fn an_export_that_nobody_reads_any_more_ends_quietly() {
    let server = filled(2000);
    let mut export = tidings();
    export.args(["export", "-S", "all", "--server", &server.url("")]);
    let mut child = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();

    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn bad_lines_are_told_with_their_place_and_the_others_are_stored() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.ndjson");
    let long = "x".repeat(2 * 1024 * 1024 + 1);
    let lines = format!(
        "{{\"type\":\"a\",\"id\":\"1\"}}\n\n  \n{{\"type\":\n{{\"message\":\"m\"}}\r\n{long}\n\
         {{\"type\":\"b\",\"id\":\"2\"}}"
    );
    std::fs::write(&file, lines).unwrap();

    let output = server.tidings(&["import", file.to_str().unwrap()]);

    assert_code(&output, 1);
    let name = file.display();
    let told = format!(
        "{name}:4: EOF while parsing a value at column 8\n{name}:5: type: is required\n\
         {name}:6: over 2097152 bytes, which no event has\nstored 2, duplicates 0, rejected 3\n"
    );
    assert_eq!(stderr(&output), told);
    assert_eq!(exported(&server).lines().count(), 2);
}

#[test]
fn a_strict_import_stores_nothing_of_a_batch_with_a_bad_line_and_stops() {
    let server = Server::start();
    let line = |n: usize| format!("{{\"type\":\"a\",\"id\":\"{n}\"}}\n");
    let good: String = (1..=1500).map(line).collect();
    let lines = format!("{good}{{\"type\":7}}\n{}", (1502..=3000).map(line).collect::<String>());

    let output = feed(&server, &["import", "--strict"], lines.as_bytes());

    assert_code(&output, 1);
    let told = stderr(&output);
    assert!(told.contains("standard input:1501: type: expected text, found a number\n"), "{told}");
    assert!(told.contains("nothing of standard input, lines 1001 to "), "{told}");
    assert_eq!(last_line(&output), "stored 1,000, duplicates 0, rejected 1");
    assert_eq!(exported(&server).lines().count(), 1000);
}

#[test]
fn what_a_log_said_of_itself_is_kept_as_a_word_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path());
    server.post("/e/a", "text/plain", b"m");
    assert_eq!(server.stop().code, Some(0));
    let (old, new) = (Server::start_in(dir.path()), Server::start());
    let lines = stdout(&old.tidings(&["export", "-t", "tidings.*"]));
    assert_eq!(lines.lines().count(), 1, "{lines}");

    let output = feed(&new, &["import"], lines.as_bytes());

    assert_code(&output, 0);
    let told = "stored 1, duplicates 0, rejected 0\n\
                1 event of another log about itself: kept as imported.tidings.*\n";
    assert_eq!(stderr(&output), told);
    let kept: Value = serde_json::from_str(&exported(&new)).unwrap();
    assert_eq!(kept["type"], "imported.tidings.closed");
    assert_eq!(kept["fields"]["through"], 2, "{kept}");
}

#[test]
fn an_event_whose_key_another_has_is_refused_or_stored_under_its_id() {
    let server = Server::start();
    let line = |id: &str, message: &str| {
        format!(
            "{{\"type\":\"a\",\"id\":\"{id}\",\"key\":\"nightly\",\"message\":\"{message}\"}}\n"
        )
    };
    let lines = line("1", "monday") + &line("2", "tuesday");

    let refused = feed(&server, &["import"], lines.as_bytes());
    let strict = feed(&server, &["import", "--strict"], lines.as_bytes());
    let rekeyed = feed(&server, &["import", "--rekey", "--strict"], lines.as_bytes());
    let again = feed(&server, &["import", "--rekey"], lines.as_bytes());

    assert_code(&refused, 1);
    let told = stderr(&refused);
    assert!(told.starts_with("standard input:2: another event is there under the same"), "{told}");
    assert!(told.contains("stored 1, duplicates 0, rejected 1\nhint: --rekey "), "{told}");
    assert_code(&strict, 1);
    assert_code(&rekeyed, 0);
    assert!(stderr(&rekeyed).starts_with("stored 1, duplicates 1, rejected 0\n"), "{rekeyed:?}");
    assert!(stderr(&again).starts_with("stored 0, duplicates 2, rejected 0\n"), "{again:?}");
    assert_eq!(exported(&server).lines().count(), 2);
}

#[test]
fn a_batch_whose_answer_is_lost_or_late_is_stored_once() {
    let (old, new) = (filled(700), Server::start());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.ndjson");
    // Of some events nobody knows an id or a key.
    let lines = exported(&old) + "{\"type\":\"a\"}\n{\"type\":\"a\"}\n";
    std::fs::write(&file, lines).unwrap();
    let fates = [Fate::NotNow(1), Fate::Cut(0), Fate::Cut(30), Fate::Pass];
    let between = Between::start(&new, "POST /api/v1/events", &fates);

    let output = between.tidings(&["import", file.to_str().unwrap()]);

    assert_code(&output, 0);
    assert!(between.is_used_up());
    let told = stderr(&output);
    assert!(told.contains("; trying again\n"), "{told}");
    assert!(told.contains("stored 0, duplicates 702, rejected 0\n1 call made again"), "{told}");
    assert_eq!(exported(&new).lines().count(), 702);
}

#[test]
fn an_import_that_is_put_off_for_too_long_says_what_is_stored_and_can_be_repeated() {
    let server = Server::start();
    let line = |n: usize| format!("{{\"type\":\"a\",\"id\":\"{n}\"}}\n");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.ndjson");
    std::fs::write(&file, (1..=1500).map(line).collect::<String>()).unwrap();
    let file = file.to_str().unwrap();
    let between = Between::start(&server, "POST /api/v1/events", &[Fate::Pass, Fate::NotNow(3600)]);

    let put_off = between.tidings(&["import", file]);
    let repeated = between.tidings(&["import", file]);

    assert_code(&put_off, 3);
    let told = stderr(&put_off);
    assert!(told.contains("(lines 1001 to 1500 of "), "{told}");
    assert!(told.contains("; before it: stored 1,000, duplicates 0, rejected 0\n"), "{told}");
    assert!(told.ends_with("hint: import it again: within an hour nothing is stored twice\n"));
    assert_eq!(stderr(&repeated), "stored 500, duplicates 1,000, rejected 0\n");
}

#[test]
fn an_import_without_its_server_or_its_file_says_so_before_anything_is_stored() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let (there, gone) = (dir.path().join("a"), dir.path().join("b"));
    std::fs::write(&there, "{\"type\":\"a\"}\n").unwrap();

    let missing = server.tidings(&["import", there.to_str().unwrap(), gone.to_str().unwrap()]);
    let unreachable =
        tidings().args(["import", "--server", "http://127.0.0.1:1"]).output().unwrap();

    assert_code(&missing, 1);
    assert!(stderr(&missing).contains("cannot read"), "{}", stderr(&missing));
    assert_eq!(exported(&server), "");
    assert_code(&unreachable, 3);
}
