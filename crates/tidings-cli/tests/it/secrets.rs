//! What a client sends in its headers is nobody else's business.

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
