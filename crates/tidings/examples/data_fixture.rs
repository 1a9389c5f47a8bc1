//! What does a data directory of this version look like? Makes one for the tests
//! of later versions.
//!
//! `cargo run -p tidings --example data_fixture -- FOLDER` writes the files of a
//! data directory with events of every kind, as a kill leaves them, and what is
//! read of them as `events.ndjson`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tidings::{
    Ack, Clock, Event, Log, LogOptions, Order, PauseReason, Query, Queue, Severity, Timestamp,
    Verbose,
};

/// 2026-11-22T10:00:00Z.
const START: Timestamp = Timestamp::from_nanos(1_795_341_600_000_000_000);
const SOON: Duration = Duration::from_secs(5);
/// What a kill leaves behind, without the ballast, which is made anew.
const KEPT: [&str; 3] = ["log.sqlite", "log.sqlite-wal", "tail"];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("name the folder that shall be made")?;
    fs::create_dir_all(&folder)?;
    let scratch = std::env::temp_dir().join(format!("tidings-fixture-{}", std::process::id()));
    let clock = Clock::by_hand(START);
    closed_boot(&scratch, &clock)?;
    let alive = unclean_boot(&scratch, &clock)?;
    for file in KEPT {
        fs::copy(scratch.join(file), folder.join(file))?;
    }
    fs::write(folder.join("events.ndjson"), lines(&alive)?)?;
    drop(alive);
    Ok(fs::remove_dir_all(&scratch)?)
}

fn open(dir: &Path, clock: &Clock) -> Result<Log, Box<dyn Error>> {
    let member = "fixture".to_owned();
    let clock = clock.clone();
    let options = LogOptions { member, background: false, clock, ..LogOptions::default() };
    Ok(Log::open_with(dir, options)?)
}

/// Events one by one and many at once, a queue's blocks, a loss, a clean end.
fn closed_boot(dir: &Path, clock: &Clock) -> Result<(), Box<dyn Error>> {
    let log = open(dir, clock)?;
    for event in odd_events() {
        log.append(vec![event], Ack::Disk, true)?;
        clock.advance(Duration::from_millis(1500));
    }
    let many = (0..520).map(|n| Event::new("deploy", format!("step {n} of 520")));
    log.append(many.collect(), Ack::Disk, true)?;
    log.suspend(PauseReason::Manual);
    let refused = log.append(vec![Event::new("lost", "while paused")], Ack::Disk, true);
    assert!(refused.is_err(), "a paused log takes nothing");
    log.resume(PauseReason::Manual);
    clock.advance(Duration::from_mins(2));
    log.maintain()?;

    let queue = Queue::builder().clock(clock.clone()).build("recorder", log.clone())?;
    queue.start()?;
    for number in 0..5 {
        queue.client().add("queued", &format!("event {number}"))?;
    }
    let _ = queue.close(SOON);
    log.close(SOON);
    Ok(())
}

/// A few events more in the next hour, what was before merged, its words indexed, and no
/// end.
fn unclean_boot(dir: &Path, clock: &Clock) -> Result<Log, Box<dyn Error>> {
    clock.advance(Duration::from_hours(1));
    let log = open(dir, clock)?;
    for number in 0..4 {
        clock.advance(Duration::from_secs(1));
        log.append(
            vec![Event::new("late", format!("before the kill: {number}"))],
            Ack::Disk,
            true,
        )?;
    }
    while log.merge_step()?.is_some() || log.index_step()? {}
    log.append(vec![keyed()], Ack::Disk, true)?;
    Ok(log)
}

/// Sent again, it is a duplicate.
fn keyed() -> Event {
    Event::new("order", "paid").with_key("order-7").with_source("shop").with_member("shop1")
}

fn odd_events() -> Vec<Event> {
    let mut events: Vec<Event> = (1..=24)
        .filter_map(Severity::from_number)
        .map(|severity| Event::new("level", severity.number().to_string()).with_severity(severity))
        .collect();
    let values = json!({
        "null": null, "true": true, "int": i64::MIN, "big": u64::MAX, "float": 1.5e-7,
        "text": "é\u{0}\u{1b}[31m", "list": [1, [2, {"x": "y"}]], "empty": {},
    });
    let mut rich = Event::new("rich/type.x", "every field of an event")
        .with_member("db1")
        .with_source("kernel")
        .with_subject("sda1")
        .with_trace_id(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c)
        .with_span_id(0xb7ad_6b71_6920_3331)
        .with_severity(Severity::ERROR);
    for (name, value) in values.as_object().into_iter().flatten() {
        rich = rich.with_field(name.clone(), value.clone());
    }
    events.push(rich);
    events.push(Event::new("empty", ""));
    events.push(Event::new("hostile", "\u{202e}a\u{0}\u{1b}]0;x\u{7}\r\n\t\u{2028}b"));
    events.push(Event::new("long", "tidings ".repeat(1000)));
    events.push(Event::new("early", "before 1970").with_timestamp(Timestamp::from_nanos(-5)));
    let later = START.after(Duration::from_hours(24 * 365 * 70));
    events.push(Event::new("ahead", "in 2096").with_timestamp(later));
    events
}

fn lines(log: &Log) -> Result<String, Box<dyn Error>> {
    let query = Query { order: Order::Ascending, limit: 10_000, ..Query::default() };
    let mut lines = String::new();
    for event in log.query(&query)?.events {
        lines.push_str(&serde_json::to_string(&Verbose(&event))?);
        lines.push('\n');
    }
    Ok(lines)
}
