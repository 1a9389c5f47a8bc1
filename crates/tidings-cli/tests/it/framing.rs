//! Bytes that are not quite HTTP: each gets an answer or is cut off, never more.

use std::io::{Read, Write};
use std::time::Duration;

use crate::server::{Server, parse};

fn get(head: &str) -> Vec<u8> {
    format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n")
        .into_bytes()
}

#[test]
fn broken_heads_are_answered_with_what_is_wrong_with_them() {
    let server = Server::start();
    let headers = |count: usize| "X: y\r\n".repeat(count);
    let cases: [(&str, Vec<u8>, u16); 14] = [
        // Host and Connection make it a hundred.
        ("100 headers", get(&headers(98)), 200),
        ("101 headers", get(&headers(99)), 431),
        ("a header of 700 KB", get(&format!("X: {}\r\n", "y".repeat(700_000))), 431),
        ("a header with a NUL", get("X: a\0b\r\n"), 400),
        ("a folded header", get("X: a\r\n b\r\n"), 400),
        ("a header without a colon", get("X\r\n"), 400),
        ("two content lengths", get("Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        ("a negative length", get("Content-Length: -1\r\n"), 400),
        ("a length past all numbers", get("Content-Length: 99999999999999999999\r\n"), 400),
        ("a huge length", b"POST /e/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17179869184\r\nConnection: close\r\n\r\n".to_vec(), 413),
        ("another HTTP", b"GET / HTTP/3.0\r\n\r\n".to_vec(), 400),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefgh\r\n\r\n".to_vec(), 400),
        ("no Host", b"GET /api/v1/stats HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), 400),
        ("a URI of 70 KB", format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000)).into_bytes(), 414),
    ];
    for (name, bytes, status) in cases {
        assert_eq!(server.raw_status(&bytes), Some(status), "{name}");
    }
    assert_eq!(server.get("/livez").status, 200, "and it still lives");
}

#[test]
fn a_head_or_a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::start();
    let half_head = "GET /livez HTTP/1.1\r\nHost: loc".to_owned();
    let half_body =
        "POST /e/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf".to_owned();
    let waiting: Vec<_> = [(half_head, None), (half_body, Some(408)), (String::new(), None)]
        .into_iter()
        .map(|(bytes, status)| {
            let mut stream = server.connect();
            stream.write_all(bytes.as_bytes()).unwrap();
            let wait = move || {
                // Blocks until the server gives up: the helper's limit is a minute.
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("closed by the server");
                assert_eq!(parse(&answer).map(|a| a.status), status, "{bytes:?}");
            };
            std::thread::spawn(wait)
        })
        .collect();
    for thread in waiting {
        thread.join().unwrap();
    }
}

#[test]
fn a_byte_a_second_does_not_hold_a_connection() {
    let server = Server::start();
    let mut head = server.connect();
    let mut body = server.connect();
    body.write_all(b"POST /e/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n")
        .unwrap();
    let mut open = [true, true];
    for _ in 0..30 {
        for (stream, open) in [&mut head, &mut body].into_iter().zip(&mut open) {
            stream.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
            let sent = stream.write_all(b"x");
            let ended = match stream.read(&mut [0; 1024]) {
                Ok(_) => true,
                Err(error) => !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ),
            };
            *open &= sent.is_ok() && !ended;
        }
    }
    assert_eq!(open, [false, false]);
}

#[test]
fn a_wrong_method_names_the_right_ones_and_a_wrong_path_is_not_found() {
    let server = Server::start();
    for (method, path, allow) in [
        ("DELETE", "/api/v1/events", ["GET", "POST"]),
        ("POST", "/livez", ["GET", "HEAD"]),
        ("GET", "/e/a", ["POST", "PUT"]),
        ("OPTIONS", "/e/a", ["POST", "PUT"]),
    ] {
        let answer = server.request(method, path, &[], b"");
        assert_eq!(answer.status, 405, "{method} {path}");
        let allowed = answer.header("allow").unwrap_or_default();
        assert!(allow.iter().all(|method| allowed.contains(method)), "{path}: {allowed}");
        assert_eq!(answer.json()["status"], 405);
    }
    for path in ["/nope", "/api/v1/nope", "/e/", "/e/a/b", "/api/v1/events/x/y", "/ui/../secret"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
}

#[test]
fn head_is_get_without_its_body() {
    let server = Server::start();
    for path in ["/livez", "/", "/api/v1/events", "/api/v1/event", "/status/check", "/metrics"] {
        let answer = server.request("HEAD", path, &[], b"");
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
}

#[test]
fn only_our_names_and_our_own_pages_are_heard() {
    let server = Server::start();
    let status = |method: &str, path: &str, headers: &[(&str, &str)]| {
        server.request(method, path, headers, b"").status
    };

    assert_eq!(status("GET", "/api/v1/stats", &[("Host", "evil.example")]), 421);
    assert_eq!(status("GET", "/", &[("Host", "evil.example:80")]), 421);
    assert_eq!(status("GET", "/livez", &[("Host", "evil.example")]), 200);
    assert_eq!(status("GET", "/readyz", &[("Host", "evil.example")]), 200);
    assert_eq!(status("POST", "/e/a", &[("Origin", "https://evil.example")]), 403);
    assert_eq!(status("POST", "/e/a", &[("Sec-Fetch-Site", "cross-site")]), 403);
    assert_eq!(status("POST", "/e/a", &[("X-Forwarded-For", "8.8.8.8")]), 403);
    let own = server.url("");
    assert_eq!(status("POST", "/e/a", &[("Origin", &own)]), 201);
}
