//! What a client sends in its headers is nobody else's business, nor is the
//! password of etcd.

use serde_json::json;
use tempfile::TempDir;
use tidings::testing::etcd::{EtcdMember, is_here};

use crate::commands::{stderr, stdout};
use crate::disks::wait_for;
use crate::server::Server;

#[test]
fn credentials_are_neither_echoed_nor_logged() {
    const SECRET: &str = "tdg_4f1d2c9b8a7e6f5d";
    let server = Server::start();
    let bearer = format!("Bearer {SECRET}");
    let cookie = format!("session={SECRET}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("X-Access-Token", SECRET),
        ("Cookie", cookie.as_str()),
        ("Proxy-Authorization", bearer.as_str()),
    ];
    let requests = [
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/events?nope=1"),
        ("GET", "/nope"),
        ("DELETE", "/api/v1/events"),
        ("POST", "/api/v1/events"),
        ("POST", "/e/a"),
        ("GET", "/api/v1/stats"),
        ("GET", "/metrics"),
        ("GET", "/healthz?verbose"),
    ];

    for (method, path) in requests {
        let answer = server.request(method, path, &headers, b"");
        assert!(!answer.text().contains(SECRET), "{method} {path}");
        assert!(!format!("{:?}", answer.headers).contains(SECRET), "{method} {path}");
    }

    let stopped = server.stop();
    assert!(!stopped.stderr.contains(SECRET), "{}", stopped.stderr);
}

const PASSWORD: &str = "correct horse battery staple";
const WRONG: &str = "wrong donkey flat-battery";

/// An etcd that asks for a user.
fn locked_etcd() -> EtcdMember {
    let etcd = EtcdMember::start();
    etcd.ctl(&["user", "add", "root:root"]);
    etcd.ctl(&["user", "grant-role", "root", "root"]);
    etcd.ctl(&["role", "add", "tidings"]);
    etcd.ctl(&["role", "grant-permission", "tidings", "readwrite", "--prefix=true", "tidings/"]);
    etcd.ctl(&["user", "add", &format!("tidings:{PASSWORD}")]);
    etcd.ctl(&["user", "grant-role", "tidings", "tidings"]);
    etcd.ctl(&["auth", "enable"]);
    etcd
}

/// Everything that the server tells anybody.
fn told(server: &Server) -> String {
    let paths =
        ["/readyz?verbose", "/status/check", "/metrics", "/api/v1/stats", "/api/v1/members"];
    let mut told: Vec<String> = paths.iter().map(|path| server.get(path).text()).collect();
    for args in [&["status"][..], &["status", "-o", "json"], &["members"], &["list", "-S", "all"]] {
        let output = server.tidings(args);
        told.extend([stdout(&output), stderr(&output)]);
    }
    let shared = server.post("/e/a?ack=shared", "text/plain", b"x");
    told.push(shared.text());
    let process = format!("/proc/{}", server.pid());
    for file in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("{process}/{file}")).unwrap();
        told.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    told.concat()
}

#[test]
fn a_wrong_password_of_etcd_is_told_and_no_password_is_ever_repeated() {
    if !is_here("a_wrong_password_of_etcd_is_told_and_no_password_is_ever_repeated") {
        return;
    }
    let etcd = locked_etcd();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, format!("{WRONG}\n")).unwrap();
    let (url, file_name) = (etcd.url(), file.to_str().unwrap());
    let flags = ["--etcd", &url, "--etcd-user", "tidings", "--etcd-password-file", file_name];
    let server = Server::start_with(&dir.path().join("data"), &flags);

    let refused =
        json!({"message": "MemberID test-server", "status": "etcd refuses the credentials"});
    wait_for(&server, || server.get("/status/check").json() == refused);
    assert_eq!(server.get("/readyz").status, 200);
    let mut all = told(&server);
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    wait_for(&server, || server.get("/status/check").status == 200);
    all += &told(&server);
    all += &server.stop().stderr;

    assert!(all.contains("etcd: refuses the credentials"), "{all}");
    for secret in [WRONG, PASSWORD] {
        assert!(!all.contains(secret), "{all}");
    }
}
