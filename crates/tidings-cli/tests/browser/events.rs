//! What is in the logs that the page is tried on?

use std::path::Path;

use serde_json::{Value, json};

use crate::server::Server;

/// An event that happened just now.
pub(crate) fn event(kind: &str, severity: &str, member: &str, message: &str) -> Value {
    json!({ "type": kind, "severity": severity, "memberid": member, "message": message })
}

/// A server that was told of three events, the newest last.
pub(crate) fn server_with_three() -> Server {
    let server = Server::start();
    server.record(&[
        event("deploy.api", "info", "ci", "api rolled out"),
        event("disk.high", "warn", "db1", "disk at 91%"),
        event("deploy.web", "error", "ci", "web did not come up"),
    ]);
    server
}

/// Records an event of the past: `ago` is `2h`, `30m`.
#[track_caller]
pub(crate) fn record_ago(server: &Server, ago: &str, severity: &str, message: &str) {
    let added = server.tidings(&["add", "--at", ago, "-t", "past", "-p", severity, message]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
}

/// A server on an address of this process and this test alone, at which it can be
/// started again.
pub(crate) fn server_at(address: &str, dir: &Path) -> Server {
    Server::start_with(dir, &["--listen", address])
}

/// An address that nobody else takes while a server is away; `test` tells apart
/// the tests of this process.
pub(crate) fn own_address(test: u8) -> String {
    let pid = std::process::id();
    format!("127.{}.{}.{test}:8434", 1 + (pid >> 8) % 254, 1 + pid % 254)
}
