//! What may have been put when the process ended?
//!
//! A publication is never stored here: it is made again from the blocks that wait,
//! and its plan says from which. So the same plan gives the same bytes under the
//! same number, and putting them once more is harmless.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::block::BLOCK_EVENTS_DECODED_MAX;
use crate::id::{Boot, Position};
use crate::severity::Severity;

/// What the note is called that keeps the [`Progress`].
pub(super) const PROGRESS_NOTE: &str = "published";
/// The format that is written.
const PROGRESS_FORMAT: u32 = 1;
/// Bytes of the note that a reader accepts.
pub(super) const PROGRESS_BYTES_MAX: usize = 1024;

/// Which blocks are one publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The start of this log whose events they are.
    pub(super) boot: Boot,
    /// The publication's number in that boot, from 1.
    pub(super) number: u64,
    /// Where the first block begins.
    pub(super) from: Position,
    /// Where the last block begins.
    pub(super) to: Position,
    /// How many events they have, those that are left out included.
    pub(super) events: u64,
    /// What is less severe is left out.
    pub(super) least: Severity,
}

/// How far the numbers of this log's own publications have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last number that was used up, and in which boot.
    pub(super) last: Option<(Boot, u64)>,
    /// What is tried under the next number. Without one, a crash may have happened
    /// while the first block that waits was put alone and whole: that needs no plan.
    pub(super) plan: Option<Plan>,
}

impl Progress {
    /// The number after the last one of this boot.
    pub(super) fn next_number(&self, boot: Boot) -> u64 {
        self.last.filter(|(last, _)| *last == boot).map_or(1, |(_, number)| number + 1)
    }

    /// The note's value.
    pub(super) fn encode(&self) -> Vec<u8> {
        let last = self.last.map(|(boot, number)| LastNote { boot: boot.to_string(), number });
        let plan = self.plan.map(|plan| PlanNote {
            boot: plan.boot.to_string(),
            number: plan.number,
            from: plan.from.0,
            to: plan.to.0,
            events: plan.events,
            least: plan.least.number().into(),
        });
        let note = Note { format: PROGRESS_FORMAT, last, plan };
        serde_json::to_vec(&note).expect("numbers and texts are JSON")
    }

    /// Reads the note's value.
    ///
    /// # Errors
    ///
    /// [`BadPlan`]: nothing can be believed of it then.
    pub(super) fn decode(bytes: &[u8]) -> Result<Progress, BadPlan> {
        if bytes.len() > PROGRESS_BYTES_MAX {
            return Err(BadPlan::TooLong { bytes: bytes.len() });
        }
        let unreadable = |error: serde_json::Error| BadPlan::Unreadable(error.to_string());
        let Format { format } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if format > PROGRESS_FORMAT {
            return Err(BadPlan::Newer { format });
        }
        let note: Note = serde_json::from_slice(bytes).map_err(unreadable)?;
        let last = note.last.map(|last| Ok((boot(&last.boot)?, counted("number", last.number)?)));
        let plan = note.plan.as_ref().map(PlanNote::plan);
        Ok(Progress { last: last.transpose()?, plan: plan.transpose()? })
    }
}

/// A note that does not say how far publishing has come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPlan {
    /// Longer than any that was ever written.
    #[error("the plan has {bytes} bytes, at most {PROGRESS_BYTES_MAX} are read")]
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// Something else.
    #[error("the plan cannot be read: {0}")]
    Unreadable(String),
    /// Written by a later version.
    #[error("the plan has format {format}, this program reads up to {PROGRESS_FORMAT}")]
    Newer {
        /// Its format.
        format: u32,
    },
    /// No publisher plans that.
    #[error("the plan says {what} {value:?}, which cannot be")]
    Impossible {
        /// What the value stands for.
        what: &'static str,
        /// The value.
        value: String,
    },
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Note {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<LastNote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<PlanNote>,
}

#[derive(Serialize, Deserialize)]
struct LastNote {
    boot: String,
    number: u64,
}

#[derive(Serialize, Deserialize)]
struct PlanNote {
    boot: String,
    number: u64,
    from: u64,
    to: u64,
    events: u64,
    least: u64,
}

impl PlanNote {
    fn plan(&self) -> Result<Plan, BadPlan> {
        if self.from > self.to {
            return Err(impossible("an end before its beginning:", self.to));
        }
        if self.events > BLOCK_EVENTS_DECODED_MAX as u64 {
            return Err(impossible("events", self.events));
        }
        Ok(Plan {
            boot: boot(&self.boot)?,
            number: counted("number", self.number)?,
            from: Position(self.from),
            to: Position(self.to),
            events: counted("events", self.events)?,
            least: Severity::from_number(self.least)
                .ok_or_else(|| impossible("severity", self.least))?,
        })
    }
}

fn boot(text: &str) -> Result<Boot, BadPlan> {
    Boot::from_str(text).map_err(|bad| BadPlan::Impossible { what: "boot", value: bad.given })
}

/// What is counted from 1, and goes on.
fn counted(what: &'static str, value: u64) -> Result<u64, BadPlan> {
    if value == 0 || value == u64::MAX {
        return Err(impossible(what, value));
    }
    Ok(value)
}

fn impossible(what: &'static str, value: u64) -> BadPlan {
    BadPlan::Impossible { what, value: value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::blocks::splitmix;

    const BOOT: Boot = Boot::from_bytes([0xb0; 8]);

    fn progress() -> Progress {
        let (from, to) = (Position(40), Position(90));
        let plan = Plan { boot: BOOT, number: 8, from, to, events: 61, least: Severity::INFO };
        Progress { last: Some((BOOT, 7)), plan: Some(plan) }
    }

    #[test]
    fn what_is_noted_comes_back() {
        for progress in [Progress::default(), Progress { plan: None, ..progress() }, progress()] {
            assert_eq!(Progress::decode(&progress.encode()), Ok(progress));
        }
        let most = Position(u64::MAX);
        let plan = Plan { from: most, to: most, number: u64::MAX - 1, ..progress().plan.unwrap() };
        let large = Progress { plan: Some(plan), ..progress() };
        assert!(large.encode().len() <= PROGRESS_BYTES_MAX);
        assert_eq!(Progress::decode(&large.encode()), Ok(large));
    }

    #[test]
    fn numbers_go_on_in_a_boot_and_begin_again_in_the_next() {
        assert_eq!(progress().next_number(BOOT), 8);
        assert_eq!(progress().next_number(Boot::from_bytes([1; 8])), 1);
        assert_eq!(Progress::default().next_number(BOOT), 1);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let text = String::from_utf8(progress().encode()).unwrap();
        let of = |from: &str, to: &str| {
            assert!(text.contains(from), "{text}");
            Progress::decode(text.replace(from, to).as_bytes()).unwrap_err().to_string()
        };

        assert!(of("\"format\":1", "\"format\":2,\"later\":[]").contains("format 2"));
        assert!(of("\"number\":8", "\"number\":0").contains("number \"0\""));
        assert!(of("\"to\":90", "\"to\":39").contains("beginning"));
        assert!(of("\"events\":61", "\"events\":65537").contains("events \"65537\""));
        assert!(of("\"least\":9", "\"least\":25").contains("severity \"25\""));
        assert!(of("b0b0", "xyz").contains("boot"));
        assert!(of("}", "").contains("cannot be read"));
        let long = vec![b' '; PROGRESS_BYTES_MAX + 1];
        assert_eq!(Progress::decode(&long), Err(BadPlan::TooLong { bytes: long.len() }));
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        let whole = progress().encode();
        for seed in 0..2000_u64 {
            let (mut random, mut bytes) = (seed, whole.clone());
            for _ in 0..=splitmix(&mut random) % 4 {
                let at = splitmix(&mut random) % whole.len() as u64;
                let at = usize::try_from(at).unwrap();
                bytes[at] = splitmix(&mut random).to_le_bytes()[0];
            }
            bytes.truncate(usize::try_from(splitmix(&mut random) % 400).unwrap());
            // It may still be a note, with other numbers in it.
            if let Ok(read) = Progress::decode(&bytes) {
                assert_eq!(Progress::decode(&read.encode()), Ok(read), "seed {seed}");
            }
        }
    }
}
