//! From when to when does the log show events in a window?

use super::filter::{Filter, Plan};
use super::scan::{Scan, Window};
use super::work::Work;
use super::{NANOSECOND, Order, QueryError, key_of};
use crate::clock::Timestamp;
use crate::log::Core;

/// The list times of the first and the last event shown, before any filter; `None`
/// when there is none.
pub(super) fn edges(
    core: &Core,
    window: &Window,
) -> Result<Option<(Timestamp, Timestamp)>, QueryError> {
    let Some(first) = edge(core, window, Order::Ascending)? else { return Ok(None) };
    let last = edge(core, window, Order::Descending)?;
    Ok(last.map(|last| (first, last)))
}

/// The time of the first event in an order: by the headers of blocks that lie in
/// the window, and out of those across its ends that may begin before them.
fn edge(core: &Core, window: &Window, order: Order) -> Result<Option<Timestamp>, QueryError> {
    let known = {
        let index = core.index.read();
        let whole = index.slots().iter().filter(|slot| {
            slot.readable
                && window.holds(slot.listed)
                && slot.received.0 >= window.cutoff
                && index.damaged_within(slot).next().is_none()
        });
        match order {
            Order::Ascending => whole.map(|slot| slot.listed.0).min(),
            Order::Descending => whole.map(|slot| slot.listed.1).max(),
        }
    };
    let beyond = match (known, order) {
        (None, _) => *window,
        (Some(at), Order::Ascending) => Window { last: at.before(NANOSECOND), ..*window },
        (Some(at), Order::Descending) => Window { since: at.after(NANOSECOND), ..*window },
    };
    let plan = &Plan::new(&Filter::default());
    let (after, limit, count_all, keeps, work) = (None, 1, false, false, &Work::default());
    let scan = Scan { core, plan, window: beyond, order, after, limit, count_all, keeps, work };
    let found = scan.run()?.events;
    Ok(found.first().map(|event| key_of(event).time).or(known))
}
