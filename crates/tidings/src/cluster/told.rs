//! What is said of others' mistakes, and how often? The first at once, then totals.

use std::fmt::Display;
use std::time::Duration;

use super::order::BootName;

/// How long nothing more is said of the same kind of mistake.
const TELL_REST: Duration = Duration::from_secs(10);

/// Keeps a stranger who writes much nonsense from filling the program's log.
#[derive(Debug, Default)]
pub(super) struct Told {
    odd: Kind,
    holes: Kind,
}

#[derive(Debug, Default)]
struct Kind {
    told_at: Option<Duration>,
    untold: u64,
}

impl Kind {
    /// How many were not told since the last time; `None` if this one is not either.
    fn is_due(&mut self, now: Duration) -> Option<u64> {
        if self.told_at.is_some_and(|at| now.saturating_sub(at) < TELL_REST) {
            self.untold += 1;
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Told {
    pub(super) fn odd(&mut self, now: Duration, what: &str, cause: &dyn Display) {
        if let Some(untold) = self.odd.is_due(now) {
            tracing::warn!(what, %cause, untold, "what stands in etcd is passed over");
        }
    }

    pub(super) fn hole(&mut self, now: Duration, boot: BootName, (first, last): (u64, u64)) {
        if let Some(untold) = self.holes.is_due(now) {
            let BootName { origin, boot } = boot;
            tracing::warn!(%origin, %boot, first, last, untold, "publications have not come");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_in_one() {
        let mut kind = Kind::default();

        let told = (0..20).map(|second| kind.is_due(Duration::from_secs(second)));

        let told: Vec<_> = told.collect();
        assert_eq!((told[0], told[10]), (Some(0), Some(9)));
        assert_eq!(told.iter().flatten().count(), 2);
    }
}
