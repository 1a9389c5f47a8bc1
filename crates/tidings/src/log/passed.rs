//! Which events has a follower passed, said so that another member understands it?
//!
//! Positions mean something in one log only. What every member of a cluster knows
//! an event by is its boot and its sequence number, and each applies the events of
//! a boot in order: so stretches of sequence numbers say what was passed, wherever
//! it stands.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::Boot;

/// Stretches that a follow cursor names, at most.
pub const PASSED_STRETCHES_MAX: usize = 48;
/// Stretches that are kept in memory for one place in a log, at most.
pub(crate) const STRETCHES_KEPT_MAX: usize = 1024;
/// How much longer than the retention a boot is named that says nothing more.
const PASSED_SLACK: Duration = Duration::from_hours(1);

/// Events of one boot, from one sequence number to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Whose.
    pub boot: Boot,
    /// The first sequence number; 0 if nothing of the boot comes before.
    pub from: u64,
    /// The last, included.
    pub to: u64,
    /// When the latest of them was received.
    pub received: Timestamp,
}

impl Stretch {
    fn touches(&self, other: &Stretch) -> bool {
        self.boot == other.boot
            && self.from <= other.to.saturating_add(1)
            && other.from <= self.to.saturating_add(1)
    }
}

/// What the follower with this cursor has passed in its own log, for a member of
/// the same cluster that it turns to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The id of the cluster's etcd.
    pub cluster: u64,
    /// Of boots that are not named, what was received before this counts as passed;
    /// in whole seconds.
    pub horizon: Timestamp,
    /// Every boot is named of which something was received since then.
    pub whole: bool,
    /// What was passed, latest first, at most [`PASSED_STRETCHES_MAX`].
    pub stretches: Vec<Stretch>,
}

impl Passed {
    /// Whether these events of one boot were all passed.
    pub(crate) fn covers(&self, events: &Stretch) -> bool {
        let mut named = false;
        for stretch in self.stretches.iter().filter(|s| s.boot == events.boot) {
            if stretch.from <= events.from && events.to <= stretch.to {
                return true;
            }
            named = true;
        }
        !named && events.received < self.horizon
    }

    /// Whether this one event was passed.
    pub(crate) fn covers_event(&self, boot: Boot, seq: u64, received: Timestamp) -> bool {
        self.covers(&Stretch { boot, from: seq, to: seq, received })
    }
}

/// Stretches up to a place in a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretches {
    all: Vec<Stretch>,
    /// When the latest was received of those for which there was no room.
    cut: Option<Timestamp>,
}

impl Stretches {
    pub(crate) fn of(passed: &Passed) -> Stretches {
        let cut = (!passed.whole).then_some(Timestamp::MAX);
        Stretches { all: passed.stretches.clone(), cut }
    }

    /// Takes one in, into one that it touches if there is any.
    pub(crate) fn add(&mut self, new: Stretch) {
        // What grows is what was added last.
        if let Some(old) = self.all.iter_mut().rev().find(|old| old.touches(&new)) {
            old.from = old.from.min(new.from);
            old.to = old.to.max(new.to);
            old.received = old.received.max(new.received);
            return;
        }
        self.all.push(new);
        if self.all.len() > STRETCHES_KEPT_MAX {
            self.all.sort_by_key(|stretch| stretch.received);
            let oldest = self.all.remove(0);
            self.cut = self.cut.max(Some(oldest.received));
        }
    }

    pub(crate) fn add_all(&mut self, others: &Stretches) {
        self.cut = self.cut.max(others.cut);
        others.all.iter().for_each(|stretch| self.add(*stretch));
    }

    /// Whether one of them has all of this.
    pub(crate) fn have(&self, events: &Stretch) -> bool {
        let around = |s: &&Stretch| s.from <= events.from && events.to <= s.to;
        self.all.iter().filter(|s| s.boot == events.boot).any(|s| around(&s))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stretch> {
        self.all.iter()
    }

    /// As a cursor says it.
    pub(crate) fn passed(&self, cluster: u64, cutoff: Timestamp) -> Passed {
        let horizon = whole_seconds(cutoff.before(PASSED_SLACK));
        let later = |stretch: &&Stretch| stretch.received >= horizon;
        let mut stretches: Vec<Stretch> = self.all.iter().filter(later).copied().collect();
        for stretch in &mut stretches {
            stretch.received = whole_seconds(stretch.received).after(Duration::from_secs(1));
        }
        stretches.sort_by_key(|stretch| std::cmp::Reverse(stretch.received));
        let fit = stretches.len() <= PASSED_STRETCHES_MAX;
        stretches.truncate(PASSED_STRETCHES_MAX);
        Passed { cluster, horizon, whole: fit && self.cut < Some(horizon), stretches }
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    let nanos = at.as_nanos();
    Timestamp::from_nanos(nanos.saturating_sub(nanos.rem_euclid(1_000_000_000)))
}
