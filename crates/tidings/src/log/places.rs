//! Where may the words stand that a question needs?

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use super::core::Core;
use crate::id::Position;
use crate::sync::Mutex;
use crate::words::{self, Answer, Segment};

/// Questions whose answers are kept, at most: whoever reads on, or looks at the counts of
/// what is listed, asks for the same words again.
pub(crate) const ASKED_KEPT_MAX: usize = 8;
/// Runs of positions of one segment that are kept for the next who asks, at most: words
/// of more places are soon found.
pub(crate) const ASKED_RUNS_MAX: usize = 8;

/// Positions, from the first to the one after the last.
type Runs = Arc<[(Position, Position)]>;

/// All of these; of each any; of each every hash.
type Needed = Vec<Vec<Vec<u64>>>;

/// What was asked lately, the last in front. A leaf among the locks.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<VecDeque<Arc<Question>>>);

#[derive(Debug)]
struct Question {
    needed: Needed,
    /// By the first position of a segment. Another may have taken its place since.
    answers: Mutex<HashMap<Position, (Weak<Segment>, Runs)>>,
}

impl Asked {
    /// The question that needs these, with what is known of it.
    fn question(&self, needed: Needed) -> Arc<Question> {
        let mut asked = self.0.lock();
        let at = asked.iter().position(|question| question.needed == needed);
        let known = at.and_then(|at| asked.remove(at));
        let question = known.unwrap_or_else(|| Question::that_needs(needed).into());
        asked.truncate(ASKED_KEPT_MAX - 1);
        asked.push_front(Arc::clone(&question));
        question
    }
}

impl Question {
    fn that_needs(needed: Needed) -> Question {
        Question { needed, answers: Mutex::default() }
    }

    fn known(&self, segment: &Arc<Segment>) -> Option<Runs> {
        let answers = self.answers.lock();
        let (of, runs) = answers.get(&segment.range().start)?;
        std::ptr::eq(of.as_ptr(), Arc::as_ptr(segment)).then(|| Arc::clone(runs))
    }

    fn keep(&self, segment: &Arc<Segment>, runs: &Runs) {
        if runs.len() <= ASKED_RUNS_MAX {
            let answer = (Arc::downgrade(segment), Arc::clone(runs));
            self.answers.lock().insert(segment.range().start, answer);
        }
    }
}

/// The positions at which all words may stand that a question needs. A segment of
/// the index is asked when its positions are, so that a question that ends early
/// asks few of them.
pub(crate) struct Places<'a> {
    core: &'a Core,
    question: Arc<Question>,
    segments: Vec<Arc<Segment>>,
    /// What was asked already, by segment. A leaf among the locks.
    answers: Mutex<Vec<Option<Runs>>>,
}

impl Core {
    /// Where events may stand that hold, of each inner list, at least one whole word
    /// in any case.
    pub(crate) fn places(&self, needed: &[Vec<String>]) -> Places<'_> {
        let needed: Needed = needed
            .iter()
            .map(|any| any.iter().map(|text| hashes_of(text)).collect::<Vec<_>>())
            // One without letters and digits may stand anywhere.
            .filter(|any| any.iter().all(|every| !every.is_empty()))
            .collect();
        let (segments, question) = if needed.is_empty() {
            (Vec::new(), Question::that_needs(needed).into())
        } else {
            (self.words.segments(), self.words.asked.question(needed))
        };
        let answers = Mutex::new(vec![None; segments.len()]);
        Places { core: self, question, segments, answers }
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
        self.meets_by(from, to, |at| Some(self.runs(at)))
    }

    /// Whether none does, as far as that was asked before.
    pub(crate) fn are_known_to_miss(&self, from: Position, to: Position) -> bool {
        !self.meets_by(from, to, |at| self.answers.lock()[at].clone())
    }

    fn meets_by(&self, from: Position, to: Position, runs: impl Fn(usize) -> Option<Runs>) -> bool {
        let mut at = self.segments.partition_point(|segment| segment.range().end <= from);
        let mut next = from;
        while next < to {
            let Some(segment) = self.segments.get(at) else { return true };
            let range = segment.range();
            if range.start > next || runs(at).is_none_or(|runs| is_met(&runs, from, to)) {
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
        let runs = self.question.known(segment).unwrap_or_else(|| {
            let answer = self.ask(segment);
            let runs = segment.runs(answer.as_ref().unwrap_or(&segment.anywhere())).into();
            if answer.is_some() {
                self.question.keep(segment, &runs);
            }
            runs
        });
        self.answers.lock()[at] = Some(Arc::clone(&runs));
        runs
    }

    /// `None` if something that must be known cannot be read.
    fn ask(&self, segment: &Arc<Segment>) -> Option<Answer> {
        let mut all = segment.anywhere();
        for any in &self.question.needed {
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
