//! How does a program record events, and read them back?
//!
//! `cargo run --example record -- DIRECTORY` keeps them there; without a directory
//! they go into a temporary one.

#![expect(clippy::print_stdout, reason = "a program speaks on stdout")]

use std::time::Duration;

use tidings::{Log, Query, Queue};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args_os().nth(1).map(std::path::PathBuf::from);
    let directory = given.unwrap_or_else(|| std::env::temp_dir().join("tidings-example"));

    let log = Log::open(directory)?;
    let queue = Queue::new("web1", log.clone())?;
    queue.start()?;
    queue.client().add("deploy", "api rolled out")?;
    println!("{}", queue.close(Duration::from_secs(5)));

    for stored in log.query(&Query::default())?.events {
        println!("{} {} {}", stored.timestamp, stored.event.event_type(), stored.event.message());
    }
    Ok(())
}
