//! Where does a follower stand, in words that another member understands?

use std::sync::Arc;

use super::QueryError;
use super::cursor::FollowCursor;
use crate::clock::Timestamp;
use crate::id::{Boot, Position};
use crate::log::{Core, GoOn, Passed, Stretch, Stretches, Told};

/// What a follower has passed, as far as it was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// All before `told`, and what was passed in another member's log.
    known: Stretches,
    told: Position,
    /// The last event that was looked at, and its position.
    last: Option<(Position, Boot, u64)>,
    /// Passed in another member's log, or in this one by somebody who came from
    /// there: not to be shown again when it arrives here.
    elsewhere: Option<Arc<Passed>>,
}

/// A follower's beginning.
#[derive(Debug, Default)]
pub(super) struct Begin {
    pub(super) standing: Standing,
    pub(super) next: Position,
    /// What comes first is that something may be missing.
    pub(super) gap: bool,
}

impl Begin {
    pub(super) fn at(next: Position) -> Begin {
        Begin { next, ..Begin::default() }
    }

    /// Goes on from a cursor of this log, or of another member's.
    pub(super) fn after(cursor: &FollowCursor, core: &Core) -> Result<Begin, QueryError> {
        let ours = cursor.origin == core.origin;
        let Some(passed) = &cursor.passed else {
            return if ours {
                Ok(Begin::at(cursor.next))
            } else {
                Err(foreign(cursor, core, ALONE))
            };
        };
        if ours {
            let standing = Standing::after(passed);
            let standing =
                if standing.is_of(core, cursor.next) { Standing::default() } else { standing };
            return Ok(Begin { standing, ..Begin::at(cursor.next) });
        }
        match core.shares.cluster() {
            None => Err(foreign(cursor, core, NO_CLUSTER)),
            Some(cluster) if cluster != passed.cluster => Err(foreign(cursor, core, OTHER_CLUSTER)),
            Some(_) => {
                let GoOn { at, gap } = core.shares.go_on(passed, core.cutoff());
                Ok(Begin { standing: Standing::after(passed), next: at, gap })
            }
        }
    }
}

const ALONE: &str = ", and says nothing that another log could go on from";
const NO_CLUSTER: &str = ", which has not met the cursor's cluster";
const OTHER_CLUSTER: &str = ", which belongs to another cluster";

fn foreign(cursor: &FollowCursor, core: &Core, hint: &'static str) -> QueryError {
    QueryError::ForeignCursor { theirs: cursor.origin, ours: core.origin, hint }
}

impl Standing {
    fn after(passed: &Arc<Passed>) -> Standing {
        let elsewhere = Some(Arc::clone(passed));
        Standing { known: Stretches::of(passed), elsewhere, ..Standing::default() }
    }

    /// Whether it knows of nothing but what stands before this position.
    fn is_of(&self, core: &Core, next: Position) -> bool {
        let mut own = Standing::default();
        own.go_to(core, next) && self.known.iter().all(|stretch| own.known.have(stretch))
    }

    /// Notes that the event before `after` was looked at.
    pub(super) fn look_at(&mut self, after: Position, boot: Boot, seq: u64) {
        self.last = Some((after, boot, seq));
    }

    /// Whether it was passed in another member's log.
    pub(super) fn has_passed(&self, boot: Boot, seq: u64, received: Timestamp) -> bool {
        let elsewhere = self.elsewhere.as_ref();
        elsewhere.is_some_and(|passed| passed.covers_event(boot, seq, received))
    }

    /// Whether all of a block was.
    pub(super) fn has_passed_all(&self, header: &crate::block::Header) -> bool {
        self.elsewhere.as_ref().is_some_and(|passed| {
            header.runs.iter().all(|run| {
                let (from, to) = (run.first_seq, run.last_seq);
                passed.covers(&Stretch { boot: run.boot, from, to, received: header.received.1 })
            })
        })
    }

    /// What a cursor at this position says; `None` if it means something here only.
    pub(super) fn passed(&mut self, core: &Core, next: Position) -> Option<Arc<Passed>> {
        let cluster = core.shares.cluster()?;
        let known = self.go_to(core, next);
        known.then(|| Arc::new(self.known.passed(cluster, core.cutoff())))
    }

    /// Learns of all before `next`; says whether that is known.
    fn go_to(&mut self, core: &Core, next: Position) -> bool {
        match core.shares.tell(&mut self.known, self.told, next) {
            Told::Unknown => return false,
            Told::Whole => self.told = next,
            Told::Within(base, run) => {
                self.told = base;
                let boot = run.boot;
                let seq = match self.last {
                    Some((after, of, seq)) if after == next && of == boot => Some(seq),
                    _ => last_seq_before(core, next, boot),
                };
                if let Some(seq) = seq {
                    self.known.add(Stretch { to: seq, ..run });
                }
            }
        }
        true
    }
}

/// The sequence number of the event before a position, which is one of this boot.
fn last_seq_before(core: &Core, next: Position, boot: Boot) -> Option<u64> {
    let before = Position(next.0.checked_sub(1)?);
    let slot = core.index.read().at_or_after(before).filter(|slot| slot.base <= before)?;
    let part = core.part(&slot).ok()??;
    let passage = core.passage(&slot, &part, (before, next)).ok()??;
    let number = passage.frames().next()?;
    let frame = passage.sections(number).into_frame().ok()?;
    let (_, of, seq) = frame.name(passage.rows(number).start);
    (of == boot).then_some(seq)
}
