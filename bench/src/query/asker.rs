//! How long does an answer take? One connection that is kept, one question after
//! the other.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tidings::Clock;
use tokio::runtime::Runtime;

use super::question::Answer;
use crate::http::wire::{self, Connection};
use crate::measure::{middle, seconds};

/// Rounds of which the median is told: so many, or what fits into the time.
const ROUNDS: usize = 101;
const ROUNDS_MIN: usize = 31;
/// Of what takes long.
const ROUNDS_SLOW_MIN: usize = 3;
const ROUND_SECONDS_SLOW: f64 = 0.05;
const BUDGET_SECONDS: f64 = 1.5;

/// The median of a work that says how many it found, after a round that does not
/// count.
pub(super) fn median(mut work: impl FnMut(usize) -> io::Result<u64>) -> io::Result<Answer> {
    let clock = Clock::system();
    let found = work(0)?;
    let (begun, mut all) = (clock.monotonic(), Vec::new());
    loop {
        let start = clock.monotonic();
        work(all.len())?;
        all.push(seconds(clock.monotonic().saturating_sub(start)));
        let spent = seconds(clock.monotonic().saturating_sub(begun));
        let slow = spent / all.len() as f64 > ROUND_SECONDS_SLOW;
        let least = if slow { ROUNDS_SLOW_MIN } else { ROUNDS_MIN };
        if all.len() >= ROUNDS || (all.len() >= least && spent > BUDGET_SECONDS) {
            return Ok(Answer { seconds: middle(all), found, whole: true });
        }
    }
}

/// A client that keeps its connection.
#[derive(Debug)]
pub(super) struct Asker {
    runtime: Runtime,
    connection: Connection,
}

impl Asker {
    pub(super) fn open(address: SocketAddr) -> io::Result<Asker> {
        let runtime = wire::runtime()?;
        let connection = runtime.block_on(Connection::open(address))?;
        Ok(Asker { runtime, connection })
    }

    /// The body of an answer that went well.
    pub(super) fn get(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.ask(request(path).as_bytes(), path)
    }

    fn ask(&mut self, request: &[u8], path: &str) -> io::Result<Vec<u8>> {
        let (status, body) = self.runtime.block_on(self.connection.answer(request))?;
        if status == 200 {
            return Ok(body);
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Err(io::Error::other(format!("{path} was answered with {status}: {body}")))
    }

    pub(super) fn json(&mut self, path: &str) -> io::Result<Value> {
        Ok(serde_json::from_slice(&self.get(path)?)?)
    }

    /// The median over these paths in turns, each asked once before; what the first
    /// one finds.
    pub(super) fn median(&mut self, paths: &[String]) -> io::Result<Answer> {
        let requests: Vec<String> = paths.iter().map(|path| request(path)).collect();
        let first = self.json(&paths[0])?;
        for path in &paths[1..] {
            self.get(path)?;
        }
        let answer = median(|round| {
            let place = round % paths.len();
            self.ask(requests[place].as_bytes(), &paths[place]).map(|_| 0)
        })?;
        let whole = first["coverage"]["complete"].as_bool().unwrap_or(true);
        Ok(Answer { found: found_in(&first), whole, ..answer })
    }

    /// The path of a page so deep, the first being page 1.
    pub(super) fn page(&mut self, path: &str, page: usize) -> io::Result<String> {
        let mut here = path.to_owned();
        for _ in 1..page {
            let answer = self.json(&here)?;
            let next = answer["page"]["next"].as_str();
            let next = next.ok_or_else(|| io::Error::other(format!("{here} is the last page")))?;
            here = format!("{path}&after={next}");
        }
        Ok(here)
    }
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// How many events an answer is about: those of a list, and all that were counted.
fn found_in(answer: &Value) -> u64 {
    if let Some(events) = answer["events"].as_array() {
        return events.len() as u64;
    }
    let one = u64::from(answer["id"].is_string());
    answer["matched"].as_u64().unwrap_or(one)
}

/// A text as it stands in a query string.
pub(super) fn encoded(text: &str) -> String {
    let of = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(of).collect()
}
