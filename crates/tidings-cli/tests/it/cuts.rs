//! G12: followers whose connections are cut at random bytes see everything once
//! and in order.
//!
//! The sockets are real. What a client has read when the cut comes ends anywhere:
//! within the head, a cursor, an event. It goes on after the last whole frame.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;
use tidings::testing::blocks::splitmix;
use tidings_cli::client::stream::Stream;

use crate::server::{PATIENCE, Server};
use crate::tail::Tail;

/// Connections that are cut, over all followers.
const CUTS: usize = if cfg!(feature = "soak") { 20_000 } else { 200 };
const FOLLOWERS: u64 = 4;
/// What decides where they are cut; printed on failure, set it to replay.
const SEED: u64 = 1;

/// Events that are recorded while others follow: their messages are the numbers
/// from 0 on, filled up to odd lengths.
struct Recorded {
    over: Arc<AtomicBool>,
    writer: std::thread::JoinHandle<usize>,
}

impl Recorded {
    /// Records until told that it is over, and never more than a bit ahead of
    /// `seen`.
    fn start(server: &Arc<Server>, seen: &Arc<AtomicUsize>) -> Recorded {
        const AHEAD_MAX: usize = 400;
        let over = Arc::new(AtomicBool::new(false));
        let (server, seen, stop) = (server.clone(), seen.clone(), over.clone());
        let writer = std::thread::spawn(move || {
            let mut next = 0;
            while !stop.load(Ordering::SeqCst) {
                if next > seen.load(Ordering::SeqCst) + AHEAD_MAX {
                    std::thread::yield_now();
                    continue;
                }
                let count = 1 + next % 17;
                record(&server, next..next + count);
                next += count;
            }
            next
        });
        Recorded { over, writer }
    }

    /// How many there are, now that no more come.
    fn end(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        self.writer.join().unwrap()
    }
}

fn record(server: &Server, numbers: std::ops::Range<usize>) {
    let count = numbers.len();
    let line =
        |n: usize| format!("{{\"type\":\"a\",\"message\":\"{n} {}\"}}\n", "é".repeat(n * 31 % 400));
    let lines: String = numbers.map(line).collect();
    let answer = server.post("/api/v1/events", "application/x-ndjson", lines.as_bytes());
    assert_eq!(answer.json()["accepted"], count);
}

/// A follower that reads so many bytes of a connection and then cuts it.
struct Follower {
    address: SocketAddr,
    cursor: String,
    seen: usize,
    /// It has had enough then, and cuts at once.
    enough: usize,
}

impl Follower {
    /// Takes what comes over one connection. Fails with what it should not see.
    fn connection(&mut self, bytes: u64, abrupt: bool) -> Result<(), String> {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let cursor = match self.cursor.as_str() {
            "" => String::new(),
            cursor => format!("Last-Event-ID: {cursor}\r\n"),
        };
        let path = "/api/v1/events/stream?since=all&type=a";
        // HTTP/1.0 has no chunks, so the body comes as it is.
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{cursor}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let taken = self.read_frames(socket.try_clone().unwrap().take(bytes));
        if !abrupt {
            let _ = socket.shutdown(Shutdown::Both);
        }
        taken
    }

    fn read_frames(&mut self, mut bytes: impl Read + Send + 'static) -> Result<(), String> {
        if !pass_head(&mut bytes) {
            return Ok(());
        }
        let mut stream = Stream::new(bytes);
        while let Some(frame) = stream.next_frame().map_err(|error| error.to_string())? {
            match frame.name.as_str() {
                "hello" => {}
                "" => {
                    let event: Value = serde_json::from_str(&frame.data).unwrap();
                    let message = event["message"].as_str().unwrap();
                    let number = message.split(' ').next().unwrap();
                    if number != self.seen.to_string() {
                        return Err(format!("{number} came where {} was due", self.seen));
                    }
                    self.seen += 1;
                    if self.seen == self.enough {
                        return Ok(());
                    }
                }
                other => return Err(format!("{other}: {}", frame.data)),
            }
            self.cursor = frame.id.ok_or("a frame without a cursor")?;
        }
        Ok(())
    }
}

/// Reads to the empty line; `false` if the cut comes before.
fn pass_head(bytes: &mut impl Read) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    // Byte by byte: what follows belongs to the frames.
    while bytes.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            assert!(head.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&head));
            return true;
        }
    }
    false
}

/// Follows over connections that are cut. Counts for the writer what it has seen.
fn follow(server: &Server, seed: u64, progress: &AtomicUsize) -> Result<Follower, String> {
    let mut state = seed;
    let mut follower =
        Follower { address: server.address(), cursor: String::new(), seen: 0, enough: usize::MAX };
    for cut in 0..CUTS as u64 / FOLLOWERS {
        // Every fifth is cut within the head or the greeting.
        let most = if cut % 5 == 0 { 600 } else { 20_000 };
        let bytes = splitmix(&mut state) % most;
        let abrupt = splitmix(&mut state).is_multiple_of(2);
        follower
            .connection(bytes, abrupt)
            .map_err(|error| format!("seed {seed}, cut {cut} after {bytes} bytes: {error}"))?;
        progress.fetch_max(follower.seen, Ordering::SeqCst);
    }
    Ok(follower)
}

#[test]
fn followers_that_are_cut_at_random_bytes_see_everything_once_and_in_order() {
    let server = Arc::new(Server::start());
    let seen = Arc::new(AtomicUsize::new(0));
    let recorded = Recorded::start(&server, &seen);
    let followers: Vec<_> = (0..FOLLOWERS)
        .map(|n| {
            let (server, seen) = (server.clone(), seen.clone());
            std::thread::spawn(move || follow(&server, SEED + n, &seen))
        })
        .collect();
    let ended: Vec<_> = followers.into_iter().map(|it| it.join().unwrap()).collect();

    let all = recorded.end();
    for follower in ended {
        let mut follower = follower.unwrap_or_else(|error| panic!("{error}"));
        follower.enough = all;
        assert!(follower.seen > CUTS, "{} events prove little", follower.seen);
        while follower.seen < all {
            follower.connection(30_000, false).unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(follower.seen, all);
    }
}

/// Stands between a client and the server, and cuts connections at random bytes.
struct Cutter {
    url: String,
    cuts: Arc<AtomicUsize>,
}

impl Cutter {
    /// Works until the test ends.
    fn start(server: SocketAddr) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cuts = Arc::new(AtomicUsize::new(0));
        let count = cuts.clone();
        std::thread::spawn(move || {
            let mut state = SEED;
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(server).unwrap();
                // The first two are the stream and the list that a tail begins with:
                // if they are cut, it ends, as it should.
                let begins = count.fetch_add(1, Ordering::SeqCst) < 2;
                let bytes = splitmix(&mut state) % 12_000 + if begins { 4_000 } else { 0 };
                std::thread::spawn(move || between(client, &server, bytes));
            }
        });
        Cutter { url, cuts }
    }
}

/// Passes on what both say, until it cuts the connection.
fn between(mut client: TcpStream, server: &TcpStream, bytes: u64) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut said = server.try_clone().unwrap().take(bytes);
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = said.read(&mut piece) {
        if client.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn a_tail_that_is_cut_at_random_bytes_shows_everything_once_and_in_order() {
    const EVENTS: usize = 150;
    let server = Server::start();
    let cutter = Cutter::start(server.address());
    record(&server, 0..1);
    let tail = Tail::start(&cutter.url, &["-t", "a"]);
    let due = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let line = tail.lines.recv_timeout(PATIENCE).unwrap();
            let seen = line.split(' ').next().unwrap();
            assert_eq!(seen, number.to_string(), "seed {SEED}: {line}");
        }
    };
    due(0..1);

    record(&server, 1..EVENTS);
    due(1..EVENTS);

    let cuts = cutter.cuts.load(Ordering::SeqCst);
    assert!(cuts > 5, "{cuts} cuts prove little");
    let (_, words) = tail.interrupt();
    assert!(words.contains("lost the connection"), "{words}");
    assert!(!words.contains("missing"), "{words}");
}
