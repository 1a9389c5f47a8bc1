//! Where may the words stand that a question needs?

use std::sync::Arc;

use super::core::Core;
use crate::id::Position;
use crate::sync::Mutex;
use crate::words::{self, Answer, Segment};

/// Positions, from the first to the one after the last.
type Runs = Arc<[(Position, Position)]>;

/// The positions at which all words may stand that a question needs. A segment of
/// the index is asked when its positions are, so that a question that ends early
/// asks few of them.
pub(crate) struct Places<'a> {
    core: &'a Core,
    /// All of these; of each any; of each every hash.
    needed: Vec<Vec<Vec<u64>>>,
    segments: Vec<Arc<Segment>>,
    /// What was asked already, by segment. A leaf among the locks.
    answers: Mutex<Vec<Option<Runs>>>,
}

impl Core {
    /// Where events may stand that hold, of each inner list, at least one whole word
    /// in any case.
    pub(crate) fn places(&self, needed: &[Vec<String>]) -> Places<'_> {
        let needed: Vec<Vec<Vec<u64>>> = needed
            .iter()
            .map(|any| any.iter().map(|text| hashes_of(text)).collect::<Vec<_>>())
            // One without letters and digits may stand anywhere.
            .filter(|any| any.iter().all(|every| !every.is_empty()))
            .collect();
        let segments = if needed.is_empty() { Vec::new() } else { self.words.segments() };
        let answers = Mutex::new(vec![None; segments.len()]);
        Places { core: self, needed, segments, answers }
    }
}

fn hashes_of(text: &str) -> Vec<u64> {
    let mut hashes = Vec::new();
    words::of(text, |word| hashes.push(words::hash_of(word)));
    hashes
}

impl Places<'_> {
    /// Whether an event from `from` on, before `to`, may hold the words.
    pub(crate) fn meets(&self, from: Position, to: Position) -> bool {
        let mut at = self.segments.partition_point(|segment| segment.range().end <= from);
        let mut next = from;
        while next < to {
            let Some(segment) = self.segments.get(at) else { return true };
            let range = segment.range();
            if range.start > next || is_met(&self.runs(at), from, to) {
                return true;
            }
            (next, at) = (range.end, at + 1);
        }
        false
    }

    fn runs(&self, at: usize) -> Runs {
        if let Some(known) = &self.answers.lock()[at] {
            return Arc::clone(known);
        }
        let segment = &self.segments[at];
        let answer = self.ask(segment).unwrap_or_else(|| segment.anywhere());
        let runs: Runs = segment.runs(&answer).into();
        self.answers.lock()[at] = Some(Arc::clone(&runs));
        runs
    }

    /// `None` if something that must be known cannot be read.
    fn ask(&self, segment: &Arc<Segment>) -> Option<Answer> {
        let mut all = segment.anywhere();
        for any in &self.needed {
            let mut some = segment.nowhere();
            for every in any {
                some.join(&self.all_of(segment, every)?);
            }
            all.meet(&some);
            if all.is_nowhere() {
                break;
            }
        }
        Some(all)
    }

    fn all_of(&self, segment: &Arc<Segment>, hashes: &[u64]) -> Option<Answer> {
        let mut all = segment.anywhere();
        for hash in hashes {
            all.meet(&self.one(segment, *hash)?);
            if all.is_nowhere() {
                break;
            }
        }
        Some(all)
    }

    fn one(&self, segment: &Arc<Segment>, hash: u64) -> Option<Answer> {
        let Some(number) = segment.part_of(hash) else { return Some(segment.nowhere()) };
        let first = segment.range().start;
        let part = match self.core.aside(|| self.core.store.word_part(first, number)) {
            Ok(part) => part.unwrap_or_default(),
            Err(error) => {
                tracing::debug!(%error, "words cannot be read, more is searched than need be");
                return None;
            }
        };
        let found = segment.find((number, &part), hash);
        if found.is_none() {
            // Or another has taken its place just now: then nothing comes of it.
            self.core.words.suspect(segment);
        }
        found
    }
}

/// Whether one of these sorted runs has a position from `from` on, before `to`.
fn is_met(runs: &[(Position, Position)], from: Position, to: Position) -> bool {
    let at = runs.partition_point(|run| run.1 <= from);
    runs.get(at).is_some_and(|run| run.0 < to)
}
