//! What can this log answer for, and what is missing?

use super::boots::Asked;
use super::core::Core;
use super::index::{Index, Slot};
use super::losses::missing_in;
use super::peers::SeenThrough;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin, Position};
use crate::store::{Gap, GapReason};

/// What a log can answer for, and what it cannot.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Coverage {
    /// `received` of the oldest event kept, not before the retention began.
    pub oldest: Option<Timestamp>,
    /// `received` of the newest event kept.
    pub newest: Option<Timestamp>,
    /// How long events are kept, in seconds.
    #[serde(rename = "retention")]
    pub retention_seconds: u64,
    /// Nothing is known to be missing.
    pub complete: bool,
    /// What is missing, oldest first, at most [`COVERAGE_GAPS_MAX`].
    pub gaps: Vec<Missing>,
    /// `size` when the size limit forced events out before their time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_by: Option<&'static str>,
    /// How far the other members of a cluster have been heard; empty on a single
    /// machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen_through: Vec<SeenThrough>,
}

/// Gaps that one answer lists, at most; the rest are added up in the last.
pub const COVERAGE_GAPS_MAX: usize = 100;

/// Something that is not in the log and should be.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Missing {
    /// Who took the events, if that is known.
    pub origin: Option<Origin>,
    /// Which start of it.
    pub boot: Option<Boot>,
    /// From when, if that is known.
    pub from: Option<Timestamp>,
    /// Until when, if that is known.
    pub to: Option<Timestamp>,
    /// How many; `None` when nobody knows (a boot without an end).
    pub events: Option<u64>,
    /// `buffer_full`, `paused`, `damaged`, `missing_tail`, `end_unknown`, …; in a
    /// cluster also `unheard`, `watch_stale`, `hole`, `unshared`; `more` for what [`COVERAGE_GAPS_MAX`] leaves out.
    pub reason: &'static str,
}

impl Missing {
    pub(super) fn of(
        (origin, boot): (Option<Origin>, Option<Boot>),
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        events: Option<u64>,
        reason: &'static str,
    ) -> Missing {
        Missing { origin, boot, from, to, events, reason }
    }
}

impl Core {
    pub(super) fn coverage(&self) -> Coverage {
        let cutoff = self.cutoff();
        // A store that cannot be read tells no gaps; that it cannot be read is
        // told by whatever else was asked of it.
        let told = self.store.gaps().unwrap_or_default();
        let peers = self.peers.ask();
        let (retention, origin) = (self.options.retention, self.origin);
        let asked = Asked { cutoff, retention, origin, peers: &peers };
        let mut gaps = self.boots.lock().missing(&asked);
        gaps.extend(peers.missing(cutoff));
        let index = self.index.read();
        gaps.extend(gaps_in(&index, &told));
        let (oldest, newest) = index.received_since(cutoff).unzip();
        drop(index);
        gaps.extend(self.missing_of_this_boot(cutoff));
        Coverage {
            oldest: oldest.map(|oldest| oldest.max(cutoff)),
            newest,
            retention_seconds: self.options.retention.as_secs(),
            complete: gaps.is_empty(),
            gaps: shortened(gaps),
            cut_by: (self.upkeep_seen.lock().cut_to >= Some(cutoff)).then_some("size"),
            seen_through: peers.seen_through(),
        }
    }

    fn missing_of_this_boot(&self, cutoff: Timestamp) -> Vec<Missing> {
        let (tally, span) = {
            let gate = self.gate.lock();
            (gate.tally, gate.telling.of_boot)
        };
        let Some((from, to)) = span.filter(|(_, to)| *to >= cutoff) else { return Vec::new() };
        let name = (Some(self.origin), Some(self.boot));
        let of = |(reason, events)| Missing::of(name, (Some(from), Some(to)), Some(events), reason);
        missing_in(&tally).into_iter().map(of).collect()
    }
}

/// What is damaged or gone, as positions between blocks whose times are known.
fn gaps_in(index: &Index, told: &[Gap]) -> Vec<Missing> {
    let slots = index.slots();
    let mut gaps = Vec::new();
    let unsound = if index.is_whole() { &[] } else { slots };
    for (i, slot) in unsound.iter().enumerate() {
        if !slot.readable {
            let around = times_around(slots, i, i + 1);
            gaps.push(Missing::of((None, None), around, Some(slot.count.into()), "damaged"));
        }
        for (from, to) in index.damaged_within(slot) {
            let span = (Some(slot.received.0), Some(slot.received.1));
            gaps.push(Missing::of((None, None), span, Some(to.0 - from.0), "damaged"));
        }
    }
    for gap in told {
        let at = slots.partition_point(|slot| slot.end() <= gap.range.start);
        // Damage in a block that has its place in the index is told already.
        if slots.get(at).is_some_and(|slot| slot.base < gap.range.end) {
            continue;
        }
        let count = gap.range.end.0.saturating_sub(gap.range.start.0);
        let events = (gap.reason != GapReason::TailUnknown).then_some(count);
        let around = times_around(slots, at, at);
        gaps.push(Missing::of((None, None), around, events, name_of(gap.reason)));
    }
    gaps
}

/// The latest time before slot `before` and the earliest from slot `after` on.
fn times_around(
    slots: &[Slot],
    before: usize,
    after: usize,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let earlier = slots[..before].iter().rev().find(|slot| slot.readable);
    let later = slots[after..].iter().find(|slot| slot.readable);
    (earlier.map(|slot| slot.received.1), later.map(|slot| slot.received.0))
}

pub(crate) fn name_of(reason: GapReason) -> &'static str {
    match reason {
        GapReason::MissingTail => "missing_tail",
        GapReason::Damaged => "damaged",
        GapReason::TailUnknown => "tail_unknown",
    }
}

/// Oldest first; what is beyond the limit is added up in the last.
fn shortened(mut gaps: Vec<Missing>) -> Vec<Missing> {
    gaps.sort_by_key(|gap| gap.from);
    if gaps.len() <= COVERAGE_GAPS_MAX {
        return gaps;
    }
    let rest = gaps.split_off(COVERAGE_GAPS_MAX - 1);
    let events = rest.iter().map(|gap| gap.events).sum::<Option<u64>>();
    let from = rest.iter().filter_map(|gap| gap.from).min();
    let to = rest.iter().filter_map(|gap| gap.to).max();
    gaps.push(Missing::of((None, None), (from, to), events, "more"));
    gaps
}

/// Why a range of positions that no block covers cannot be shown.
pub(crate) fn reason_of_hole(told: &[Gap], from: Position, to: Position) -> &'static str {
    let hit = told.iter().find(|gap| gap.range.start < to && gap.range.end > from);
    hit.map_or("expired", |gap| name_of(gap.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_beyond_the_limit_are_added_up_in_the_last() {
        let gap = |i: i64| {
            let at = Some(Timestamp::from_nanos(i));
            Missing::of((None, None), (at, at), Some(2), "damaged")
        };
        let many = (0..101).rev().map(gap).collect();

        let gaps = shortened(many);

        assert_eq!((gaps.len(), COVERAGE_GAPS_MAX), (100, 100));
        assert_eq!(gaps[0].from, Some(Timestamp::from_nanos(0)));
        let last = gaps.last().unwrap();
        assert_eq!((last.events, last.reason), (Some(4), "more"));
    }
}
