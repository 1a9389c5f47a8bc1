//! How soon do other servers have an event, and how fast do they catch up? Two
//! release programs on a real disk, over one member of etcd.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use etcd_client::{Client, WatchOptions};
use serde_json::Value;
use tempfile::TempDir;
use tidings::Clock;
use tidings::testing::etcd::EtcdMember;

use crate::events::{Events, ndjson};
use crate::http::process::Server;
use crate::http::wire::{self, Connection};
use crate::ingest::directory;
use crate::measure::{middle, seconds, short, table};

/// Events that are waited for one after the other.
const FOLLOWED: usize = 60;
/// Rest before each, so that the server idles: longer than it lingers.
const REST: Duration = Duration::from_millis(1100);
/// What waits after ten minutes at 1000 events/s.
const BACKLOG: u64 = 600_000;
const BATCH_EVENTS: usize = 100;
/// New events while the others catch up: a batch in each such time.
const BATCH_EVERY: Duration = Duration::from_millis(100);
/// Seconds in which keys are counted.
const KEYS_SECONDS: u64 = 30;
const DAY_SECONDS: f64 = 86_400.0;
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_mins(5);

/// Two servers over one member of etcd.
struct Pair {
    etcd: EtcdMember,
    here: Server,
    there: Server,
    _dirs: [TempDir; 2],
}

impl Pair {
    fn start(etcd: EtcdMember) -> io::Result<Pair> {
        let (dirs, url) = ([directory()?, directory()?], etcd.url());
        let serve = |dir: &TempDir, member| {
            Server::tidings_with(&dir.path().join("data"), &["--member", member, "--etcd", &url])
        };
        let (here, there) = (serve(&dirs[0], "here")?, serve(&dirs[1], "there")?);
        Ok(Pair { etcd, here, there, _dirs: dirs })
    }

    fn etcd_status(&self, name: &str) -> f64 {
        let told = self.etcd.ctl(&["endpoint", "status", "-w", "json"]);
        let told: Value = serde_json::from_str(&told).unwrap_or_default();
        told[0]["Status"][name].as_f64().unwrap_or(f64::NAN)
    }

    /// Keys of events in etcd.
    fn keys(&self) -> usize {
        let keys = self.etcd.ctl(&["get", "--prefix", "--keys-only", "tidings/event/"]);
        keys.lines().filter(|line| !line.is_empty()).count()
    }
}

pub(crate) fn report() -> String {
    measure().unwrap_or_else(|error| format!("not measured: {error}"))
}

fn measure() -> io::Result<String> {
    Ok(format!(
        "Two servers on this machine, over one member of etcd beside them.\n\n{}\n{}\n{}",
        latency()?,
        catch_up()?,
        lingering()?
    ))
}

/// Batches of events, the same at every run.
fn batches(events: usize) -> Vec<Vec<u8>> {
    let mut all = Events::new();
    let mut next = || -> Vec<_> { all.by_ref().take(events).collect() };
    (0..64).map(|_| wire::post(wire::NDJSON, &ndjson(&next()))).collect()
}

/// A single event, posted to one server, in the stream of the other; beside a bare
/// put and a bare watch.
fn latency() -> io::Result<String> {
    let pair = Pair::start(EtcdMember::start())?;
    let (clock, singles) = (Clock::system(), batches(1));
    let (mut streamed, mut bare) = (Vec::new(), Vec::new());
    let failed = |error: etcd_client::Error| io::Error::other(error.to_string());
    let millis = |began: Duration, seen: Duration| seconds(seen.saturating_sub(began)) * 1e3;
    wire::runtime()?.block_on(async {
        let mut follower = Connection::open(pair.there.address).await?;
        follower.follow().await?;
        let mut poster = Connection::open(pair.here.address).await?;
        let mut client = Client::connect([pair.etcd.url()], None).await.map_err(failed)?;
        let options = WatchOptions::new().with_prefix();
        let mut watch = client.watch("bare/", Some(options)).await.map_err(failed)?;
        watch.message().await.map_err(failed)?;
        for single in singles.iter().cycle().take(FOLLOWED) {
            rest(REST);
            let began = clock.monotonic();
            tokio::try_join!(poster.ask(single), follower.frame())?;
            streamed.push(millis(began, clock.monotonic()));

            let began = clock.monotonic();
            let (put, seen) = (client.put("bare/1", single.as_slice(), None), watch.message());
            let both = async { tokio::try_join!(put, seen) };
            both.await.map_err(failed)?;
            bare.push(millis(began, clock.monotonic()));
        }
        io::Result::Ok(())
    })?;
    let row = |what: &str, mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        let late = all[all.len() * 95 / 100];
        vec![what.to_owned(), short(middle(all)), short(late)]
    };
    let rows = [
        row("posted to one server → stream of the other", streamed),
        row("bare put → bare watch", bare),
    ];
    Ok(table(&["one event, idle, ms", "median", "95 %"], &rows))
}

/// How many events a server has.
fn events_of(server: &Server) -> io::Result<u64> {
    let (_, body) = wire::get(server.address, "/api/v1/stats")?;
    let stats: Value = serde_json::from_slice(&body)?;
    Ok(stats["store"]["events"].as_u64().unwrap_or(0))
}

/// Waits until the server has so many events; says when.
fn wait_for(server: &Server, events: u64) -> io::Result<Duration> {
    let clock = Clock::system();
    let began = clock.monotonic();
    while events_of(server)? < events {
        if clock.monotonic().saturating_sub(began) > LONG {
            return Err(io::Error::other(format!("{events} events do not come")));
        }
        rest(LOOK_EVERY);
    }
    Ok(clock.monotonic())
}

/// Posts batches one after the other.
fn fill(server: &Server, events: u64) -> io::Result<()> {
    let batches = batches(BATCH_EVENTS);
    wire::runtime()?.block_on(async {
        let mut poster = Connection::open(server.address).await?;
        let count = usize::try_from(events).unwrap_or(0) / BATCH_EVENTS;
        for batch in batches.iter().cycle().take(count) {
            poster.ask(batch).await?;
        }
        Ok(())
    })
}

/// Nobody wakes who rests here.
fn rest(span: Duration) {
    thread::park_timeout(span);
}

/// Posts 1000 events/s until told to stop.
fn keep_posting(address: SocketAddr, told: &Receiver<()>) -> io::Result<u64> {
    let batches = batches(BATCH_EVENTS);
    let mut count = 0;
    wire::runtime()?.block_on(async {
        let mut poster = Connection::open(address).await?;
        for batch in batches.iter().cycle() {
            if told.recv_timeout(BATCH_EVERY) != Err(RecvTimeoutError::Timeout) {
                break;
            }
            poster.ask(batch).await?;
            count += BATCH_EVENTS as u64;
        }
        Ok(count)
    })
}

/// What waited while etcd was away goes to the other server.
fn catch_up() -> io::Result<String> {
    let mut etcd = EtcdMember::with(&["--quota-backend-bytes=8589934592"]);
    etcd.kill();
    let mut pair = Pair::start(etcd)?;
    let memory = |pair: &Pair| [&pair.here, &pair.there].map(Server::resident_bytes);
    let before = memory(&pair);
    fill(&pair.here, BACKLOG)?;
    let away = memory(&pair);
    let clock = Clock::system();
    let (end, told) = sync_channel(0);
    let address = pair.here.address;
    let poster = thread::spawn(move || keep_posting(address, &told));
    pair.etcd.run();
    let back = clock.monotonic();
    let had = events_of(&pair.there)?;
    let first = wait_for(&pair.there, had + 1)?;
    let done = wait_for(&pair.there, BACKLOG)?;
    let after = memory(&pair);
    drop(end);
    let new_events = poster.join().map_err(|_| io::Error::other("the poster panicked"))??;
    let all = events_of(&pair.here)?;
    wait_for(&pair.there, all)?;
    let (keys, bytes) = (pair.keys(), pair.etcd_status("dbSizeInUse"));
    let row = |what: &str, value: f64| vec![what.to_owned(), short(value)];
    let megabytes = |what: &str, [here, there]: [f64; 2]| {
        vec![what.to_owned(), format!("{}, {}", short(here / 1e6), short(there / 1e6))]
    };
    let rows = [
        row("etcd serves → first event there, s", seconds(first.saturating_sub(back))),
        row("first event there → all of the backlog there, s", seconds(done.saturating_sub(first))),
        row("events/s meanwhile", BACKLOG as f64 / seconds(done.saturating_sub(first))),
        row("new events posted meanwhile", new_events as f64),
        megabytes("MB resident of both servers, before", before),
        megabytes("MB resident, with the backlog", away),
        megabytes("MB resident, caught up", after),
        row("keys of events in etcd", keys as f64),
        row("bytes of etcd's database in use, an event", bytes / all as f64),
    ];
    Ok(table(&["600,000 events waited, in batches of 100", "measured"], &rows))
}

/// Keys that a server makes under steady load.
fn lingering() -> io::Result<String> {
    let pair = Pair::start(EtcdMember::start())?;
    let (end, told) = sync_channel(0);
    let address = pair.here.address;
    let poster = thread::spawn(move || keep_posting(address, &told));
    rest(Duration::from_secs(5));
    let first = pair.keys();
    rest(Duration::from_secs(KEYS_SECONDS));
    let keys = pair.keys() - first;
    drop(end);
    poster.join().map_err(|_| io::Error::other("the poster panicked"))??;
    let a_day = keys as f64 * DAY_SECONDS / KEYS_SECONDS as f64;
    let row = vec!["keys a day of one server".to_owned(), short(a_day)];
    Ok(table(&["1000 events/s, default linger", "measured"], &[row]))
}
