//! What does taking events in cost with all of this on? Over HTTP into the release
//! program, until nothing is left to merge and every word has its place.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tidings::Clock;

use super::served::settle;
use crate::events::{Events, ndjson};
use crate::http::bytes_in;
use crate::http::process::Server;
use crate::http::wire::{self, Connection};
use crate::ingest::directory;
use crate::measure::{seconds, short, table};

const BATCH_EVENTS: usize = 1000;
/// So close together that all of them have happened when they are sent.
const STEP_MEAN: Duration = Duration::from_micros(5);
/// Requests made beforehand, at most.
const AHEAD: usize = 8;

/// Every event another one, as the words of a log need not repeat.
pub(super) fn report(events: u64) -> io::Result<String> {
    let dir = directory()?;
    let data = dir.path().join("data");
    let server = Server::tidings(&data)?;
    let idle = server.resident_bytes();
    let (clock, cpu) = (Clock::system(), server.cpu());
    let start = clock.monotonic();
    send(&server, events / BATCH_EVENTS as u64)?;
    let wall = seconds(clock.monotonic().saturating_sub(start));
    let taken = server.cpu() - cpu;
    let settled = settle(&server)?;
    let resident = server.resident_bytes_peak();
    server.stop()?;
    let bytes = bytes_in(&data)?;
    let doubts = settled.doubts(events);
    let events = events as f64;
    let row =
        |what: &str, aim: &str, value: f64| vec![what.to_owned(), aim.to_owned(), short(value)];
    let rows = [
        row("events/s", "–", events / wall),
        row("CPU-s a million events, until all are acknowledged", "–", taken / events * 1e6),
        row("the same until it has settled", "≤ 2.6", (taken + settled.cpu) / events * 1e6),
        row("s from the last acknowledgement until then", "–", settled.wall),
        row("bytes on disk an event", "≤ 33", bytes / events),
        row("blocks", "–", settled.blocks),
        row("MB resident, empty", "–", idle / 1e6),
        row("MB resident, at most", "–", resident / 1e6),
    ];
    let head = format!("{} events over HTTP, 1000 a request, one connection", short(events));
    Ok(format!("{}\n{doubts}\n\n", table(&[&head, "aim", "measured"], &rows)))
}

/// A thread makes the requests, so that the server does not wait for long.
fn send(server: &Server, requests: u64) -> io::Result<()> {
    let (to, from) = sync_channel::<Vec<u8>>(AHEAD);
    let start = Clock::system().now();
    let maker = thread::spawn(move || {
        let mut source = Events::from(start, STEP_MEAN);
        for _ in 0..requests {
            let batch: Vec<_> = source.by_ref().take(BATCH_EVENTS).collect();
            if to.send(wire::post(wire::NDJSON, &ndjson(&batch))).is_err() {
                return;
            }
        }
    });
    wire::runtime()?.block_on(async {
        let mut connection = Connection::open(server.address).await?;
        for request in from {
            let status = connection.ask(&request).await?;
            if status != 200 {
                return Err(io::Error::other(format!("answered with {status}")));
            }
        }
        Ok(())
    })?;
    maker.join().map_err(|_| io::Error::other("the maker of requests panicked"))
}
