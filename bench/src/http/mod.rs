//! What does the server cost, seen from its socket? The release program on a
//! real disk, beside a server that only reads bodies, and beside the disk alone.

mod bare;
mod fill;
mod load;
pub(crate) mod process;
pub(crate) mod wire;

use std::io::{self, Write};

use tidings::Clock;

pub(crate) use bare::{CHILD as BARE, serve as serve_bare};
pub(crate) use fill::bytes_in;

use crate::events::{Events, ndjson};
use crate::ingest::directory;
use crate::measure::{middle, seconds, table};
use load::Load;
use process::Server;
use wire::{JSON, NDJSON};

/// Requests that are made beforehand and sent again and again.
const BODIES: usize = 64;
const BATCH_EVENTS: usize = 1000;
/// Syncs of one small append each.
const SYNCS: usize = 500;

pub(crate) fn report() -> String {
    measure().unwrap_or_else(|error| format!("not measured: {error}"))
}

fn measure() -> io::Result<String> {
    let dir = directory()?;
    let tidings = Server::tidings(&dir.path().join("data"))?;
    let idle = tidings.resident_bytes();
    let bare = Server::bare()?;
    let batches = requests(NDJSON, BATCH_EVENTS);
    let singles = requests(JSON, 1);
    let loads = [
        Load { events: BATCH_EVENTS, connections: 2, requests: 100, bodies: &batches },
        Load { events: 1, connections: 1, requests: 500, bodies: &singles },
        Load { events: 1, connections: 64, requests: 100, bodies: &singles },
    ];
    let mut rows = Vec::new();
    for load in &loads {
        rows.push(load.row(&tidings, &bare)?);
    }
    let sync = sync_seconds(dir.path(), &singles[0])?;
    let mut text = format!(
        "Acknowledged when durable. Beside it a server made of the same libraries that reads the same requests and answers 200.\n\n{}\n{}\n",
        table(&load::HEAD, &rows),
        load::follower(&tidings, &singles, sync)?
    );
    tidings.stop()?;
    drop(bare);
    text += &fill::report(&batches, idle)?;
    Ok(text)
}

/// Requests of so many events each, the same at every run.
fn requests(media: &str, events: usize) -> Vec<Vec<u8>> {
    let mut all = Events::new();
    (0..BODIES)
        .map(|_| {
            let batch: Vec<_> = all.by_ref().take(events).collect();
            wire::post(media, &ndjson(&batch))
        })
        .collect()
}

/// How long the disk alone takes for an event, appended to a file.
fn sync_seconds(dir: &std::path::Path, text: &[u8]) -> io::Result<f64> {
    let clock = Clock::system();
    let mut file = std::fs::File::create(dir.join("small"))?;
    let mut all = Vec::new();
    for _ in 0..SYNCS {
        let start = clock.monotonic();
        file.write_all(text)?;
        file.sync_data()?;
        all.push(seconds(clock.monotonic().saturating_sub(start)));
    }
    Ok(middle(all))
}
