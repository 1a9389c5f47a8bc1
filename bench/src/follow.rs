//! What does one more follower cost? Of one log in this process, and of one server
//! over its sockets, beside a thread that only writes as many bytes to as many
//! sockets.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tidings::query::{FollowFrom, Follower};
use tidings::store::memory::MemoryStore;
use tidings::{Clock, Log, LogOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::events::{Events, ndjson};
use crate::http::process::Server;
use crate::http::wire::{self, Connection};
use crate::ingest::{append, directory};
use crate::machine;
use crate::measure::{middle, seconds, short, table};

const FOLLOWERS: [usize; 3] = [1, 100, 1000];
/// Events that come one by one, and those that come at once.
const SINGLES: usize = 60;
const BATCH_EVENTS: usize = 1000;
const BATCHES: usize = 5;
/// Entries that a follower asks for at a time, as the server does.
const POLL: usize = 64;
/// What an event comes to in a stream: its cursor and its JSON.
const FRAME_BYTES: usize = 330;
/// Lines of an event in a stream: `id`, `data`, an empty one.
const FRAME_LINES: usize = 3;
const READ_BYTES: usize = 16 * 1024;

pub(crate) fn report() -> String {
    measure().unwrap_or_else(|error| format!("not measured: {error}"))
}

fn measure() -> io::Result<String> {
    let inside: Vec<_> = FOLLOWERS.iter().map(|followers| of_a_log(*followers)).collect();
    let mut outside = Vec::new();
    for followers in FOLLOWERS {
        outside.push(of_a_server(followers)?);
    }
    Ok(format!(
        "Followers of one log, polled in turn; CPU of an event for one of them.\n\n{}\n\
         Followers of one server, over HTTP on loopback, {SINGLES} events one by one and {BATCHES} \
         batches of {BATCH_EVENTS}; CPU of the server with what storing costs, for one event and \
         one follower. Bare: a thread writes {FRAME_BYTES} bytes to each of as many sockets.\n\n{}",
        table(&["followers", "single, µs", "of a batch, µs"], &inside),
        table(&HEAD, &outside)
    ))
}

const HEAD: [&str; 8] = [
    "followers",
    "first has it, µs",
    "last has it, µs",
    "single, CPU-µs",
    "bare, CPU-µs",
    "of a batch, CPU-µs",
    "delivered/s",
    "KB a follower",
];

/// Followers in this process, without a socket.
fn of_a_log(followers: usize) -> Vec<String> {
    let store = Arc::new(MemoryStore::new().expect("random ids"));
    let log = Log::over(store, LogOptions::default()).expect("a log in memory");
    let follow = |_| log.follow(FollowFrom::Now, Arc::default()).expect("from now on");
    let mut all: Vec<Follower> = (0..followers).map(follow).collect();
    let mut events = Events::new();
    let mut of = |batch: usize, rounds: usize| {
        let cpu = (0..rounds).map(|_| {
            append(&log, events.by_ref().take(batch).collect());
            let start = machine::thread_cpu();
            all.iter_mut().for_each(drain);
            seconds(machine::thread_cpu().saturating_sub(start))
        });
        middle(cpu.collect()) / (batch * followers) as f64 * 1e6
    };
    let (single, batch) = (of(1, SINGLES), of(BATCH_EVENTS, BATCHES));
    vec![followers.to_string(), short(single), short(batch)]
}

fn drain(follower: &mut Follower) {
    while !follower.caught_up() {
        follower.poll(POLL).expect("a log in memory");
    }
}

fn of_a_server(followers: usize) -> io::Result<Vec<String>> {
    let dir = directory()?;
    let server = Server::tidings(&dir.path().join("data"))?;
    let mut all = Events::new();
    let mut posts = |size: usize, count: usize| -> Vec<Vec<u8>> {
        let mut next = || -> Vec<_> { all.by_ref().take(size).collect() };
        (0..count).map(|_| wire::post(wire::NDJSON, &ndjson(&next()))).collect()
    };
    let (singles, batches) = (posts(1, SINGLES), posts(BATCH_EVENTS, BATCHES));
    let before = server.resident_bytes();
    let crowd = Crowd::gather(server.address, followers)?;
    let memory = (server.resident_bytes() - before) / followers as f64 / 1e3;
    let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
    let cpu = server.cpu();
    for single in &singles {
        let Arrival { first, last } = crowd.post(single, 1)?;
        firsts.push(first * 1e6);
        lasts.push(last * 1e6);
    }
    let single = (server.cpu() - cpu) / (SINGLES * followers) as f64 * 1e6;
    let (cpu, mut took) = (server.cpu(), Vec::new());
    for batch in &batches {
        took.push(crowd.post(batch, BATCH_EVENTS)?.last);
    }
    let delivered = (BATCH_EVENTS * followers) as f64;
    let batch = (server.cpu() - cpu) / BATCHES as f64 / delivered * 1e6;
    drop(crowd);
    server.stop()?;
    let (bare, rate) = (bare(followers)?, delivered / middle(took));
    let cells = [middle(firsts), middle(lasts), single, bare, batch, rate, memory];
    Ok(std::iter::once(followers.to_string()).chain(cells.map(short)).collect())
}

/// Clients that follow, all on one thread of this process.
struct Crowd {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    followers: usize,
    come: Arc<Come>,
    tasks: JoinSet<()>,
}

/// What has come to all of them.
#[derive(Default)]
struct Come {
    lines: AtomicUsize,
    /// One of them was cut off.
    ended: AtomicBool,
    more: Notify,
}

/// Seconds from the beginning of a request until followers have what was in it.
struct Arrival {
    first: f64,
    last: f64,
}

impl Crowd {
    fn gather(address: SocketAddr, followers: usize) -> io::Result<Crowd> {
        let runtime = wire::runtime()?;
        let come = Arc::new(Come::default());
        let mut tasks = JoinSet::new();
        runtime.block_on(async {
            for _ in 0..followers {
                let follower = follow(address).await?;
                tasks.spawn_on(count(follower, come.clone()), runtime.handle());
            }
            io::Result::Ok(())
        })?;
        Ok(Crowd { runtime, address, followers, come, tasks })
    }

    /// Posts so many events, and waits until everybody has them.
    fn post(&self, request: &[u8], events: usize) -> io::Result<Arrival> {
        let clock = Clock::system();
        let before = self.come.lines.load(Ordering::Relaxed);
        let (one, all) = (FRAME_LINES * events, FRAME_LINES * events * self.followers);
        self.runtime.block_on(async {
            let mut poster = Connection::open(self.address).await?;
            let start = clock.monotonic();
            let (mut first, mut come) = (None, 0);
            let arrive = async {
                while come < all {
                    self.come.more.notified().await;
                    if self.come.ended.load(Ordering::Relaxed) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    come = self.come.lines.load(Ordering::Relaxed) - before;
                    if come >= one {
                        first.get_or_insert_with(|| clock.monotonic());
                    }
                }
                io::Result::Ok(clock.monotonic())
            };
            let (answered, last) = tokio::join!(poster.ask(request), arrive);
            let (_, last) = (answered?, last?);
            let since = |at: Duration| seconds(at.saturating_sub(start));
            Ok(Arrival { first: since(first.unwrap_or(last)), last: since(last) })
        })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

/// A stream whose greeting was read. HTTP/1.0, so that nothing stands between its
/// lines.
async fn follow(address: SocketAddr) -> io::Result<tokio::net::TcpStream> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = b"GET /api/v1/events/stream HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    stream.write_all(request).await?;
    let mut read = Vec::new();
    while !read.windows(12).any(|bytes| bytes == b"event: hello") || !read.ends_with(b"\n\n") {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::Error::other(String::from_utf8_lossy(&read).into_owned()));
        }
    }
    Ok(stream)
}

async fn count(mut stream: tokio::net::TcpStream, come: Arc<Come>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let ends = buffer[..read].split(|byte| *byte == b'\n').count() - 1;
        come.lines.fetch_add(ends, Ordering::Relaxed);
        come.more.notify_one();
    }
    come.ended.store(true, Ordering::Relaxed);
    come.more.notify_one();
}

/// Processor time of one write to one of so many sockets, in microseconds.
fn bare(sockets: usize) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..sockets {
        theirs.push(TcpStream::connect(address)?);
        ours.push(listener.accept()?.0);
    }
    let frame = [b'x'; FRAME_BYTES];
    let rounds = (10_000 / sockets).max(10);
    let reader = thread::spawn(move || {
        let mut buffer = [0; FRAME_BYTES];
        (0..rounds).try_for_each(|_| theirs.iter_mut().try_for_each(|s| s.read_exact(&mut buffer)))
    });
    let start = machine::thread_cpu();
    for _ in 0..rounds {
        ours.iter_mut().try_for_each(|socket| socket.write_all(&frame))?;
    }
    let took = seconds(machine::thread_cpu().saturating_sub(start));
    reader.join().map_err(|_| io::Error::other("the reader broke"))??;
    Ok(took / (rounds * sockets) as f64 * 1e6)
}
