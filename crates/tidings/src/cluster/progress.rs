//! How far had publishing come when the process ended?
//!
//! A note that may lag behind what was put: who goes on from it asks what is there.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::order::NUMBERS_END;
use crate::id::Boot;

/// What the note is called that keeps the [`Progress`].
pub(super) const PROGRESS_NOTE: &str = "published";
/// The format that is written.
const PROGRESS_FORMAT: u32 = 1;
/// Bytes of the note that a reader accepts.
pub(super) const PROGRESS_BYTES_MAX: usize = 1024;

/// How far the numbers of this log's own publications have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last number that was used up, and in which boot.
    pub(super) last: Option<(Boot, u64)>,
}

impl Progress {
    /// The number after the last one of this boot.
    pub(super) fn next_number(&self, boot: Boot) -> u64 {
        self.last.filter(|(last, _)| *last == boot).map_or(1, |(_, number)| number + 1)
    }

    /// The note's value.
    pub(super) fn encode(&self) -> Vec<u8> {
        let last = self.last.map(|(boot, number)| LastNote { boot: boot.to_string(), number });
        let note = Note { format: PROGRESS_FORMAT, last };
        serde_json::to_vec(&note).expect("numbers and texts are JSON")
    }

    /// Reads the note's value.
    ///
    /// # Errors
    ///
    /// [`BadProgress`]: nothing can be believed of it then.
    pub(super) fn decode(bytes: &[u8]) -> Result<Progress, BadProgress> {
        if bytes.len() > PROGRESS_BYTES_MAX {
            return Err(BadProgress::TooLong { bytes: bytes.len() });
        }
        let unreadable = |error: serde_json::Error| BadProgress::Unreadable(error.to_string());
        let Format { format } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if format > PROGRESS_FORMAT {
            return Err(BadProgress::Newer { format });
        }
        let note: Note = serde_json::from_slice(bytes).map_err(unreadable)?;
        let last = note.last.map(|last| Ok((boot(&last.boot)?, counted("number", last.number)?)));
        Ok(Progress { last: last.transpose()? })
    }
}

/// A note that does not say how far publishing has come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadProgress {
    /// Longer than any that was ever written.
    #[error("the note has {bytes} bytes, at most {PROGRESS_BYTES_MAX} are read")]
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// Something else.
    #[error("the note cannot be read: {0}")]
    Unreadable(String),
    /// Written by a later version.
    #[error("the note has format {format}, this program reads up to {PROGRESS_FORMAT}")]
    Newer {
        /// Its format.
        format: u32,
    },
    /// No publisher comes there.
    #[error("the note says {what} {value:?}, which cannot be")]
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
}

#[derive(Serialize, Deserialize)]
struct LastNote {
    boot: String,
    number: u64,
}

fn boot(text: &str) -> Result<Boot, BadProgress> {
    Boot::from_str(text).map_err(|bad| BadProgress::Impossible { what: "boot", value: bad.given })
}

/// What is counted from 1, and goes on.
fn counted(what: &'static str, value: u64) -> Result<u64, BadProgress> {
    if value == 0 || value >= NUMBERS_END {
        return Err(BadProgress::Impossible { what, value: value.to_string() });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::blocks::splitmix;

    const BOOT: Boot = Boot::from_bytes([0xb0; 8]);

    fn progress() -> Progress {
        Progress { last: Some((BOOT, 7)) }
    }

    #[test]
    fn what_is_noted_comes_back() {
        let most = Progress { last: Some((BOOT, NUMBERS_END - 1)) };
        for progress in [Progress::default(), progress(), most] {
            assert!(progress.encode().len() <= PROGRESS_BYTES_MAX);
            assert_eq!(Progress::decode(&progress.encode()), Ok(progress));
        }
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
        assert!(of("\"number\":7", "\"number\":0").contains("number \"0\""));
        assert!(of("\"number\":7", "\"number\":4611686018427387904").contains("number"));
        assert!(of("b0b0", "xyz").contains("boot"));
        assert!(of("}", "").contains("cannot be read"));
        let long = vec![b' '; PROGRESS_BYTES_MAX + 1];
        assert_eq!(Progress::decode(&long), Err(BadProgress::TooLong { bytes: long.len() }));
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
