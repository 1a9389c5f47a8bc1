//! How many events does the log show in a window? By headers, where they tell.

use super::scan::{Window, frame_range};
use super::{QueryError, TOTAL_BLOCKS_OPENED_MAX};
use crate::block::{Block, FormatError};
use crate::log::{Core, Slot};

/// Counts the events of a window before any filter; `None` when too many blocks
/// stand across its ends to be opened.
pub(super) fn total(core: &Core, window: &Window) -> Result<Option<u64>, QueryError> {
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
    for slot in across {
        if let Some(block) = core.block(&slot)? {
            total += in_block(core, window, &slot, &block);
        }
    }
    Ok(Some(total))
}

fn in_block(core: &Core, window: &Window, slot: &Slot, block: &Block) -> u64 {
    let meets = |number: &usize| window.meets(block.frame_listed(*number));
    let mut total = 0;
    for number in (0..block.frames()).filter(meets) {
        match in_frame(window, block, number) {
            Ok(count) => total += count,
            Err(cause) => {
                let (from, to) = frame_range(slot.base, block, number);
                core.note_damage(from, to, &cause);
            }
        }
    }
    total
}

fn in_frame(window: &Window, block: &Block, number: usize) -> Result<u64, FormatError> {
    let frame = block.frame(number)?;
    Ok((0..frame.len()).filter(|i| window.shows(&frame, *i)).count() as u64)
}
