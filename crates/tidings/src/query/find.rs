//! Where is the event of this id? In the few blocks whose times of `add` take it
//! in; no index of ids is kept.

use super::{Found, QueryError};
use crate::block::FormatError;
use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::id::{EventId, Position};
use crate::log::{Core, Part, Passage, Slot};
use crate::store::StoreError;

/// No tidings made an id before this instant: 2020-01-01.
const FIRST_PLAUSIBLE: Timestamp = Timestamp::from_nanos(1_577_836_800_000_000_000);

pub(super) fn find(core: &Core, id: EventId) -> Result<Found, QueryError> {
    let (from, until) = id.added();
    let candidates: Vec<Slot> = {
        let index = core.index.read();
        let holds = |s: &&Slot| s.readable && s.added.0 < until && s.added.1 >= from;
        index.slots().iter().filter(holds).copied().collect()
    };
    for slot in candidates {
        let Some(part) = core.part(&slot)? else { continue };
        if let Some(event) = in_part(core, &slot, &part, id)? {
            let shown = event.received >= core.cutoff();
            return Ok(if shown { Found::Event(Box::new(event)) } else { Found::Expired });
        }
    }
    Ok(if has_expired(core, id) { Found::Expired } else { Found::Nothing })
}

fn in_part(
    core: &Core,
    slot: &Slot,
    part: &Part,
    id: EventId,
) -> Result<Option<StoredEvent>, StoreError> {
    let low = u64::from(id.seq_low());
    let holds = |first: u64, last: u64| {
        // Only 32 bits of the number are in the id: the first that is not below
        // the run's start and ends with them.
        let candidate = first.wrapping_add(low.wrapping_sub(first) & 0xffff_ffff);
        candidate <= last
    };
    if !part.header().runs.iter().any(|run| holds(run.first_seq, run.last_seq)) {
        return Ok(None);
    }
    for number in likely_first(part, id) {
        let Some(passage) = core.passage(slot, part, part.positions(number))? else { continue };
        for number in passage.frames() {
            match in_frame(&passage, number, id) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(cause) => {
                    let (from, to) = passage.part.positions(number);
                    core.note_damage(from, to, &cause);
                }
            }
        }
    }
    Ok(None)
}

/// The frames of a part, beginning where the id's time says that it should stand.
fn likely_first(part: &Part, id: EventId) -> Vec<usize> {
    let (first, last) = part.header().added;
    let (span, way) = (last.since(first).as_nanos(), id.added().0.since(first).as_nanos());
    let guess = way * part.outline.frames() as u128 / span.max(1);
    let guess = usize::try_from(guess).unwrap_or(usize::MAX);
    let mut frames: Vec<usize> = part.frames().collect();
    frames.sort_by_key(|frame| frame.abs_diff(guess));
    frames
}

fn in_frame(
    passage: &Passage,
    number: usize,
    id: EventId,
) -> Result<Option<StoredEvent>, FormatError> {
    let frame = passage.sections(number).into_frame()?;
    let at = passage.rows(number).find(|i| frame.id(*i) == id);
    at.map(|i| frame.event(i, passage.part.base)).transpose()
}

/// Whether an event of this id may have been here and is gone: the log has let
/// events go, and the id is older than all that is left.
fn has_expired(core: &Core, id: EventId) -> bool {
    let bytes = id.to_bytes();
    let ours = bytes[6] >> 4 == 7 && bytes[8] >> 6 == 0b10;
    let index = core.index.read();
    let first = index.slots().first().map_or(index.next(), |slot| slot.base);
    let oldest = index.slots().iter().filter(|s| s.readable).map(|s| s.added.0).min();
    let added = id.added().0;
    ours && first > Position(0)
        && added >= FIRST_PLAUSIBLE
        && added < oldest.unwrap_or_else(|| core.now())
}
