//! Do the README's commands work as they are written? Real curl, real git, real
//! cargo, in a small repository with a crate in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::Server;

const COMMITS: usize = 7;

/// The commands of the `sh` blocks under a heading, continuation lines joined.
fn commands(heading: &str) -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let section = readme.split(&format!("## {heading}\n")).nth(1).expect(heading);
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    block
        .expect("a block of commands")
        .split("\n\n")
        .map(|command| command.trim().to_owned())
        .filter(|command| !command.starts_with("export PATH="))
        .collect()
}

/// A folder with a git history and a crate that builds.
fn repository() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("src")).unwrap();
    fs::write(dir.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    let manifest = "[package]\nname = \"tiny\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    let make = format!(
        "git init -q . && git config user.email a@example.org && git config user.name a && \
         for i in $(seq {COMMITS}); do git commit -q --allow-empty -m \"change number $i\"; done"
    );
    assert!(shell(&make, dir.path()).status().unwrap().success());
    dir
}

fn shell(command: &str, dir: &Path) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", command]).current_dir(dir).stdin(Stdio::null());
    shell
}

/// A command of the README, against this server instead of the one on the default
/// port, with the program under test first on the path.
fn as_written(command: &str, server: &Server, dir: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_tidings")).parent().unwrap();
    let command = command.replace("localhost:8434", &server.address().to_string());
    let mut shell = shell(&format!("PATH=\"$PROGRAM:$PATH\"\n{command}"), dir);
    shell.env("PROGRAM", program).env("TIDINGS_SERVER", server.url(""));
    shell.env_remove("CARGO_TARGET_DIR");
    shell
}

#[track_caller]
fn run(command: &str, server: &Server, dir: &Path) -> String {
    let Output { status, stdout, stderr } = as_written(command, server, dir).output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command}\n{stderr}");
    String::from_utf8(stdout).unwrap()
}

/// Events of these types, oldest first.
fn events(server: &Server, types: &str) -> Vec<Value> {
    server.get(&format!("/api/v1/events?since=all&order=asc&type={types}")).events()
}

#[test]
fn the_commands_of_the_readme_record_and_find() {
    let server = Server::start();
    let repository = repository();
    let dir = repository.path();
    let record = commands("Record something");
    assert_eq!(record.len(), 4, "{record:#?}");

    let answer: Value = serde_json::from_str(&run(&record[0], &server, dir)).unwrap();
    assert_eq!(answer["type"], "disk.high");
    let id = run(&record[1], &server, dir);
    run(&record[2], &server, dir);
    let answer: Value = serde_json::from_str(&run(&record[3], &server, dir)).unwrap();
    assert_eq!(answer["accepted"], COMMITS);

    let disk = &events(&server, "disk.high")[0];
    assert_eq!(
        (&disk["message"], &disk["severity"], &disk["memberid"]),
        (&"disk 91%".into(), &"warn".into(), &"db1".into())
    );
    let deploy = &events(&server, "deploy")[0];
    assert_eq!(deploy["id"], id.trim());
    assert_eq!(deploy["fields"]["version"], "1.42");
    let build = events(&server, "build.*");
    assert_eq!(
        build.iter().map(|event| event["type"].as_str().unwrap()).collect::<Vec<_>>(),
        ["build.started", "build.succeeded"]
    );
    assert!(build[1]["fields"]["duration"].as_f64().unwrap() >= 0.0);
    assert_eq!(events(&server, "commit").len(), COMMITS);

    finds(&server, dir);
}

fn finds(server: &Server, dir: &Path) {
    let find = commands("Find it again");
    assert_eq!(find.len(), 5, "{find:#?}");

    let list = run(&find[0], server, dir);
    assert_eq!(list.lines().count(), COMMITS + 1, "{list}");
    assert!(list.contains("api rolled out") && list.contains("change-number-7"), "{list}");

    let asked = run(&find[1], server, dir);
    assert_eq!(asked.lines().count(), 2, "{asked}");
    assert!(asked.contains("disk 91%") && asked.contains("api rolled out"), "{asked}");

    follows(&find[2], server, dir);

    let counts = run(&find[3], server, dir);
    assert!(counts.lines().any(|row| row.starts_with("commit ") && row.contains('█')), "{counts}");

    let ninevolt: Value = serde_json::from_str(&run(&find[4], server, dir)).unwrap();
    assert_eq!(ninevolt.as_object().unwrap().len(), COMMITS + 1, "{ninevolt}");
}

/// `tail -f` shows what is there, then what comes.
fn follows(command: &str, server: &Server, dir: &Path) {
    let mut tail =
        as_written(&format!("exec {command}"), server, dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();

    let there = lines.next().unwrap().unwrap();
    assert!(there.contains("disk 91%"), "{there}");
    server.post("/e/fire?severity=error", "text/plain", b"rack 7 burns");
    let came = lines.next().unwrap().unwrap();
    assert!(came.contains("rack 7 burns"), "{came}");

    tail.kill().unwrap();
    tail.wait().unwrap();
}
