//! What does a full log cost? Memory, bytes on disk, and the time to start.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::BATCH_EVENTS;
use super::process::Server;
use super::wire::{self, Connection};
use crate::ingest::directory;
use crate::measure::{middle, seconds, short, table};

/// Events, each number in a log that has the ones before.
const EVENTS: [usize; 2] = [1_000_000, 5_000_000];
/// Starts of which the median is told.
const STARTS: usize = 5;

pub(super) fn report(batches: &[Vec<u8>], idle: f64) -> io::Result<String> {
    let dir = directory()?;
    let data = dir.path().join("data");
    let (mut rows, mut there) = (Vec::new(), 0);
    let empty = starts(&dir.path().join("empty"))?;
    let none = || "–".to_owned();
    rows.push(vec!["0".to_owned(), short(idle / 1e6), none(), millis(empty.median), none()]);
    for events in EVENTS {
        let server = Server::tidings(&data)?;
        fill(&server, batches, (events - there) / BATCH_EVENTS)?;
        there = events;
        let filled = server.resident_bytes();
        server.stop()?;
        let bytes = bytes_in(&data)?;
        let starts = starts(&data)?;
        rows.push(vec![
            short(events as f64),
            short(filled / 1e6),
            short(starts.resident / 1e6),
            millis(starts.median),
            short(bytes / events as f64),
        ]);
    }
    let head = [
        "events",
        "MB resident, just filled",
        "MB resident, after a start",
        "ms from start to ready",
        "bytes on disk/event",
    ];
    Ok(table(&head, &rows))
}

fn millis(seconds: f64) -> String {
    short(seconds * 1e3)
}

/// One request after the other; two connections, so that the server never waits.
fn fill(server: &Server, batches: &[Vec<u8>], requests: usize) -> io::Result<()> {
    let send = async |first: usize| {
        let mut connection = Connection::open(server.address).await?;
        for request in batches.iter().cycle().skip(first).take(requests / 2) {
            let status = connection.ask(request).await?;
            if status != 200 {
                return Err(io::Error::other(format!("answered with {status}")));
            }
        }
        Ok(())
    };
    wire::runtime()?.block_on(async { tokio::try_join!(send(0), send(1)) })?;
    Ok(())
}

struct Starts {
    median: f64,
    /// Just after the last one.
    resident: f64,
}

fn starts(data: &Path) -> io::Result<Starts> {
    let (mut all, mut resident) = (Vec::new(), 0.0);
    // The first one does not count: it reads from the disk, and may create.
    for _ in 0..=STARTS {
        let server = Server::tidings(data)?;
        all.push(seconds(server.start));
        std::thread::park_timeout(Duration::from_millis(200));
        resident = server.resident_bytes();
        server.stop()?;
    }
    Ok(Starts { median: middle(all.split_off(1)), resident })
}

/// Of all files but the ballast, which is put aside whatever is stored.
pub(crate) fn bytes_in(data: &Path) -> io::Result<f64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_name() != "ballast" {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes as f64)
}
