//! Which server is asked? One over a data directory that was filled and has
//! settled: nothing is left to merge, and every word has its place.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tidings::Clock;

use super::asker::Asker;
use super::dataset::{Dataset, SERVE_FLAGS};
use super::question::{Answer, Question};
use crate::http::bytes_in;
use crate::http::process::Server;
use crate::ingest::directory;
use crate::measure::{seconds, short};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Looks in a row that must say the same where the log tells that it has settled: what
/// it does then is to make few indices of words of many.
const SETTLED_LOOKS: usize = 10;
/// The same where it does not tell: longer than it waits before it works on what came
/// last.
const STILL_LOOKS: usize = 35;
const SETTLE_DEADLINE: Duration = Duration::from_mins(20);
/// Processor seconds between two looks that are no work.
const IDLE_SECONDS: f64 = 0.03;
/// Events in a block when nothing was merged, at most: those of a batch.
const UNMERGED_EVENTS_LEFT: f64 = 1024.0;

/// A server over a log of which all is known.
#[derive(Debug)]
pub(super) struct Served {
    server: Server,
    asker: Asker,
    dataset: Dataset,
    data: PathBuf,
    settled: Settled,
    _dir: TempDir,
}

/// What the log says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sizes {
    blocks: f64,
    bytes: f64,
    /// What is still to do, if the log says that.
    left: Option<f64>,
}

/// How a server came to rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    pub(super) wall: f64,
    pub(super) cpu: f64,
    pub(super) blocks: f64,
    /// Whether the log itself said that nothing is left.
    pub(super) told: bool,
}

impl Settled {
    /// What is not there is said, whoever reads the figures.
    pub(super) fn doubts(&self, events: u64) -> String {
        let mut text = String::new();
        if events as f64 / self.blocks <= UNMERGED_EVENTS_LEFT {
            text += "**Not merged**: the log still has its small blocks. ";
        }
        if !self.told {
            text += "That it has settled was seen from its rest, it does not say so. ";
        }
        text
    }
}

impl Served {
    /// A server settles what was filled in, and another one is asked, so that its
    /// memory is that of the questions.
    pub(super) fn fill(dataset: Dataset) -> io::Result<Served> {
        let dir = directory()?;
        let data = dir.path().join("data");
        dataset.fill(&data)?;
        let server = Server::tidings_with(&data, &SERVE_FLAGS)?;
        let settled = settle(&server)?;
        server.stop()?;
        Served::open(dir, dataset, settled)
    }

    /// Over what lies in `data` of this directory, which has settled.
    pub(super) fn open(dir: TempDir, dataset: Dataset, settled: Settled) -> io::Result<Served> {
        let data = dir.path().join("data");
        let server = Server::tidings_with(&data, &SERVE_FLAGS)?;
        let asker = Asker::open(server.address)?;
        Ok(Served { server, asker, dataset, data, settled, _dir: dir })
    }

    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    pub(super) fn asker(&mut self) -> &mut Asker {
        &mut self.asker
    }

    pub(super) fn answers(&mut self, questions: &[Question]) -> io::Result<Vec<Answer>> {
        questions.iter().map(|one| one.put(&mut self.asker, &self.dataset)).collect()
    }

    pub(super) fn memory(&self) -> String {
        format!(
            "Memory of the server after these questions: {} MB resident, {} MB at most since its start, which took {} ms.",
            short(self.server.resident_bytes() / 1e6),
            short(self.server.resident_bytes_peak() / 1e6),
            short(seconds(self.server.start) * 1e3),
        )
    }

    /// Ends it, and tells what it leaves on the disk.
    pub(super) fn stop(self) -> io::Result<String> {
        self.server.stop()?;
        let events = self.dataset.events;
        Ok(format!(
            "{} bytes on disk an event, in {} blocks of {} events. {}\n",
            short(bytes_in(&self.data)? / events as f64),
            short(self.settled.blocks),
            short(events as f64 / self.settled.blocks),
            self.settled.doubts(events),
        ))
    }
}

/// Waits until the log says that nothing is left to do, or, where it does not say
/// so, until it has been at rest for a while.
pub(super) fn settle(server: &Server) -> io::Result<Settled> {
    let clock = Clock::system();
    let (start, cpu) = (clock.monotonic(), server.cpu());
    let mut asker = Asker::open(server.address)?;
    let (mut last, mut last_cpu) = (sizes(&mut asker)?, cpu);
    let (mut still, mut moved, mut moved_cpu) = (0, start, cpu);
    loop {
        let told = last.left == Some(0.0);
        let looks = if told { SETTLED_LOOKS } else { STILL_LOOKS };
        if (told || last.left.is_none()) && still >= looks {
            let wall = seconds(moved.saturating_sub(start));
            return Ok(Settled { wall, cpu: moved_cpu - cpu, blocks: last.blocks, told });
        }
        if clock.monotonic().saturating_sub(start) > SETTLE_DEADLINE {
            return Err(io::Error::other(format!("the log does not settle: {last:?}")));
        }
        thread::park_timeout(LOOK_EVERY);
        let (now, now_cpu) = (sizes(&mut asker)?, server.cpu());
        if now == last && now_cpu - last_cpu < IDLE_SECONDS {
            still += 1;
        } else {
            (still, moved, moved_cpu) = (0, clock.monotonic(), now_cpu);
        }
        (last, last_cpu) = (now, now_cpu);
    }
}

fn sizes(asker: &mut Asker) -> io::Result<Sizes> {
    let text = asker.get("/metrics")?;
    let text = String::from_utf8_lossy(&text);
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse::<f64>().ok()
    };
    let left = [of("tidings_unmerged_events"), of("tidings_unworded_events")];
    let left = left[0].zip(left[1]).map(|(unmerged, unworded)| unmerged + unworded);
    let blocks = of("tidings_store_blocks").unwrap_or(0.0);
    Ok(Sizes { blocks, bytes: of("tidings_store_bytes").unwrap_or(0.0), left })
}
