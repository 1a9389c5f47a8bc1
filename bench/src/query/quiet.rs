//! What of a system that says little? A block for each event, merged when nobody
//! asks.

use std::io;
use std::path::Path;
use std::time::Duration;

use tidings::block::{Block, BlockBuilder};
use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::store::{Batch, BlockStore};
use tidings::{Boot, Event};

use super::dataset::{Dataset, SERVE_FLAGS};
use super::question;
use super::served::{Served, settle};
use crate::block::entry;
use crate::http::bytes_in;
use crate::http::process::Server;
use crate::ingest::directory;
use crate::measure::{seconds, short, table};

/// Blocks of one transaction: many, since it is the merging that is measured.
const COMMIT_BLOCKS: usize = 2000;
/// A day of them.
const SPAN: Duration = Duration::from_hours(24);

pub(super) fn report(events: u64) -> io::Result<String> {
    let dir = directory()?;
    let data = dir.path().join("data");
    let dataset = Dataset::over(events, SPAN);
    keep_singles(&data, &dataset)?;
    let before = bytes_in(&data)? / events as f64;
    let server = Server::tidings_with(&data, &SERVE_FLAGS)?;
    let (resident, start) = (server.resident_bytes(), seconds(server.start));
    let settled = settle(&server)?;
    let peak = server.resident_bytes_peak();
    server.stop()?;
    let row =
        |what: &str, aim: &str, value: f64| vec![what.to_owned(), aim.to_owned(), short(value)];
    let rows = [
        row("CPU-s of merging a million events", "≤ 3.5", settled.cpu / events as f64 * 1e6),
        row("s on the wall until it has settled", "–", settled.wall),
        row("blocks then", "–", settled.blocks),
        row("bytes on disk an event before", "–", before),
        row("ms from start to ready before", "–", start * 1e3),
        row("MB resident before", "–", resident / 1e6),
        row("MB resident while merging, at most", "–", peak / 1e6),
    ];
    let head = format!("{} blocks of one event", short(events as f64));
    let merging = table(&[&head, "aim", "measured"], &rows);
    let mut merged = Served::open(dir, dataset, settled)?;
    let questions = question::all(merged.dataset());
    let answers = merged.answers(&questions)?;
    let asked = question::table_of(&questions, &answers, events);
    Ok(format!("\n{merging}\n{asked}\n{}\n{}", merged.memory(), merged.stop()?))
}

/// As a log that was told of each event by itself, but without a sync for each.
fn keep_singles(data: &Path, dataset: &Dataset) -> io::Result<()> {
    let store = SqliteStore::open(data, SqliteOptions::default()).map_err(io::Error::other)?;
    let boot = Boot::random().map_err(io::Error::other)?;
    let mut builder = BlockBuilder::new(store.origin(), boot);
    let mut blocks: Vec<Block> = Vec::with_capacity(COMMIT_BLOCKS);
    let mut number = 0;
    let mut source = dataset.all().peekable();
    while let Some(event) = source.next() {
        number += 1;
        builder.push(&single(&event, number));
        blocks.extend(builder.seal(number, source.peek().is_none()));
        if blocks.len() == COMMIT_BLOCKS || source.peek().is_none() {
            let batch = Batch { blocks: &blocks, ..Batch::default() };
            store.append(&batch).map_err(io::Error::other)?;
            blocks.clear();
        }
    }
    store.close().map_err(io::Error::other)
}

/// Received when it happened.
fn single(event: &Event, seq: u64) -> tidings::block::Entry<'_> {
    let entry = entry(event, seq);
    tidings::block::Entry { received: entry.timestamp, ..entry }
}
