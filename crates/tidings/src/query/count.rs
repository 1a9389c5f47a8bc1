//! How many events does the log show in a window? By headers, and by what a header
//! says of each frame, where they tell.

use super::filter::{Filter, Plan};
use super::gather::{Found, Gather};
use super::scan::Window;
use super::walk::Walk;
use super::work::Work;
use super::{QueryError, TOTAL_BLOCKS_OPENED_MAX};
use crate::block::FormatError;
use crate::log::Core;

/// Counts the events of a window before any filter; `None` when too many blocks
/// stand across its ends to be opened.
pub(super) fn total(core: &Core, window: &Window, work: &Work) -> Result<Option<u64>, QueryError> {
    let mut total = 0;
    let mut across = Vec::new();
    {
        let index = core.index.read();
        for slot in index.slots() {
            let seen = slot.readable && slot.received.1 >= window.cutoff;
            if !seen || !window.meets(slot.listed) {
                continue;
            }
            if window.holds(slot.listed) && slot.received.0 >= window.cutoff {
                total += index.readable_count(slot);
            } else if across.len() < TOTAL_BLOCKS_OPENED_MAX {
                across.push(*slot);
            } else {
                return Ok(None);
            }
        }
    }
    let plan = Plan::new(&Filter::default());
    // So few blocks are always counted.
    let work = Work { events_max: None, ..work.clone() };
    let walk = Walk::new(core, &plan, *window, &work);
    let mut counted = Counted(total);
    across.iter().try_for_each(|slot| walk.open(slot, &mut counted))?;
    Ok(Some(counted.0))
}

struct Counted(u64);

impl Gather for Counted {
    fn only_counts(&self) -> bool {
        true
    }

    fn by_count(&mut self, events: u64) {
        self.0 += events;
    }

    fn frame(&mut self, found: &Found<'_>) -> Result<(), FormatError> {
        self.0 += found.rows.len() as u64;
        Ok(())
    }
}
