//! Does it stay small? Memory, files, threads and disk of a server that has no
//! rest: writers, followers that come and go, readers that do not read.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tidings::Clock;
use tidings::store::sqlite::BALLAST_BYTES;

use crate::server::{PATIENCE, Server};

const BATCH_EVENTS: usize = 1000;
/// After so many batches, memory has found its size.
const WARM_UP: u64 = 40;
/// Twenty to forty seconds, as fast as the machine is; a day in the long run.
const LOAD: u64 = if cfg!(feature = "soak") { u64::MAX } else { 120 };
const LOAD_SPAN_MAX: Duration = Duration::from_hours(24);
/// What the server keeps. Each batch brings at least [`BATCH_BYTES_MIN`].
const RETENTION_BYTES: u64 = 2 << 20;
/// Of a thousand messages with 64 random bytes each.
const BATCH_BYTES_MIN: u64 = 64_000;
/// Followers and lists that are open and not read, at a time.
const STALLED: usize = 16;

/// What memory may have grown by after a warm-up: malloc keeps what threads gave
/// back in arenas of their own, and which thread does what is chance: each of six may
/// keep the place of a body of 15 MB.
const GROWTH_KIB_MAX: u64 = 96 * 1024;
/// Connections to the store that a burst of questions leaves open have three
/// files each.
const FILES_MORE_MAX: usize = 12;
/// Of a pool that shrinks when its threads have been idle for a while.
const THREADS_MORE_MAX: usize = 4;

/// What is kept, until it is purged a second later; the WAL, which the store bounds
/// by three quarters of the ballast; and the ballast.
const DISK_BYTES_MAX: u64 = 4 * RETENTION_BYTES + BALLAST_BYTES / 4 * 7;
// Without purging there would be more than that.
const _: () = assert!(LOAD > 100 && 160 * BATCH_BYTES_MIN > 4 * RETENTION_BYTES);

/// What a process takes.
#[derive(Clone, Copy, Debug)]
struct Usage {
    resident_kib: u64,
    threads: usize,
    files: usize,
    sockets: usize,
}

impl Usage {
    fn of(pid: u32) -> Usage {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let files: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
            .expect("it runs")
            .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
            .collect();
        let is_socket = |path: &&std::path::PathBuf| path.to_string_lossy().starts_with("socket:");
        let sockets = files.iter().filter(is_socket).count();
        let threads = usize::try_from(number("Threads:")).expect("few");
        Usage { resident_kib: number("VmRSS:"), threads, files: files.len(), sockets }
    }
}

/// Until when there is load, and the server that has it.
struct Load<'a> {
    server: &'a Server,
    clock: &'a Clock,
    until: Duration,
    /// That shall still be taken.
    batches: AtomicU64,
}

impl Load<'_> {
    fn goes_on(&self) -> bool {
        self.batches.load(Ordering::Relaxed) > 0 && self.clock.monotonic() < self.until
    }

    /// Everybody at once, until so many batches were taken.
    fn run(server: &Server, clock: &Clock, batches: u64) {
        let until = clock.monotonic() + LOAD_SPAN_MAX;
        let load = Load { server, clock, until, batches: AtomicU64::new(batches) };
        std::thread::scope(|threads| {
            threads.spawn(|| load.write());
            threads.spawn(|| load.follow_and_leave());
            threads.spawn(|| load.stall());
            threads.spawn(|| load.list_and_leave());
            threads.spawn(|| load.be_refused());
        });
    }

    /// Batches that do not compress well.
    fn write(&self) {
        let mut random = 7;
        while self.goes_on() {
            let line = |_| {
                let noise: String = (0..8)
                    .map(|_| format!("{:016x}", tidings::testing::blocks::splitmix(&mut random)))
                    .collect();
                format!("{{\"type\":\"load\",\"message\":\"{noise}\"}}\n")
            };
            let body: String = (0..BATCH_EVENTS).map(line).collect();
            let answer =
                self.server.post("/api/v1/events", "application/x-ndjson", body.as_bytes());
            assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
            if answer.status == 200 {
                self.batches.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Followers from the beginning that leave in the middle of something.
    fn follow_and_leave(&self) {
        while self.goes_on() {
            let mut stream = self.ask("/api/v1/events/stream?since=all");
            self.take(&mut stream, 50_000);
        }
    }

    /// Streams and lists that nobody reads, until others take their place.
    fn stall(&self) {
        let paths = ["/api/v1/events/stream?since=all", "/api/v1/events?format=ndjson&since=all"];
        let mut open = std::collections::VecDeque::new();
        for turn in 0.. {
            if !self.goes_on() {
                return;
            }
            let mut stream = self.ask(paths[turn % 2]);
            self.take(&mut stream, 1);
            open.push_back(stream);
            if open.len() > STALLED {
                open.pop_front();
            }
        }
    }

    fn list_and_leave(&self) {
        for turn in 0.. {
            if !self.goes_on() {
                return;
            }
            let limit = if turn % 8 == 0 { 10_000 } else { 500 };
            let mut list = self.ask(&format!("/api/v1/events?q=a&since=all&limit={limit}"));
            self.take(&mut list, if turn % 4 == 0 { usize::MAX } else { 20_000 });
        }
    }

    /// Bodies that are too large, too many, cut off, or no JSON.
    fn be_refused(&self) {
        let large = "x".repeat(15 << 20);
        let many = "{\"type\":\"a\"}\n".repeat(10_001);
        while self.goes_on() {
            let answer = self.server.post("/e/large", "text/plain", large.as_bytes());
            assert!(matches!(answer.status, 413 | 503), "{}", answer.text());
            let answer =
                self.server.post("/api/v1/events", "application/x-ndjson", many.as_bytes());
            assert!(matches!(answer.status, 413 | 503), "{}", answer.text());
            let mut half = self.server.connect();
            let head =
                "POST /e/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n";
            // A server that closes first is as good.
            let _ = half
                .write_all(head.as_bytes())
                .and_then(|()| half.write_all(&large.as_bytes()[..1 << 20]));
        }
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = self.server.connect();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("a connection");
        stream
    }

    /// Reads about so many bytes, or to the end, or until the time is over.
    fn take(&self, stream: &mut TcpStream, bytes: usize) {
        let mut buffer = [0; 16 * 1024];
        let mut taken = 0;
        while taken < bytes && self.goes_on() {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(read) => taken += read,
            }
        }
    }
}

/// What it takes once all clients are gone: no more sockets than before there
/// were any, and no more threads than this.
#[track_caller]
fn at_rest(server: &Server, clock: &Clock, sockets: usize, threads: usize) -> Usage {
    let deadline = clock.monotonic() + PATIENCE;
    loop {
        let usage = Usage::of(server.pid());
        if usage.sockets <= sockets && usage.threads <= threads {
            return usage;
        }
        assert!(clock.monotonic() < deadline, "it does not come to rest: {usage:?}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn bytes_below(dir: &Path) -> u64 {
    let files =
        fs::read_dir(dir).expect("a directory").filter_map(|file| file.ok()?.metadata().ok());
    files.map(|file| file.len()).sum()
}

#[test]
fn memory_files_threads_and_disk_stay_bounded_under_load() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::system());
    let size = RETENTION_BYTES.to_string();
    let server = Server::start_with(dir.path(), &["--retention-size", &size]);
    let start = Usage::of(server.pid());
    Load::run(&server, &clock, WARM_UP);
    let warm = at_rest(&server, &clock, start.sockets, usize::MAX);

    Load::run(&server, &clock, LOAD);

    let threads = warm.threads + THREADS_MORE_MAX;
    let end = at_rest(&server, &clock, start.sockets, threads);
    let disk = bytes_below(dir.path());
    println!("{disk} bytes on disk\n{start:?}\n{warm:?}\n{end:?}");
    assert!(end.resident_kib <= warm.resident_kib + GROWTH_KIB_MAX, "{warm:?} {end:?}");
    assert!(end.files <= warm.files + FILES_MORE_MAX, "{warm:?} {end:?}");
    assert!(disk <= DISK_BYTES_MAX, "{disk} bytes on disk");
    assert_eq!(server.stop().code, Some(0));
}
