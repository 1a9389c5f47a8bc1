//! Which of the blocks that wait go into the next publication?

use super::booking::{ALL, Booking};
use super::progress::Progress;
use crate::block::{BLOCK_EVENTS_MAX, Block, Entry, Joiner, Pushed};
use crate::event::RESERVED_TYPE_PREFIX;
use crate::id::{Boot, Origin, Position};
use crate::severity::Severity;
use crate::sharing::Unshared;
use crate::store::Waiting;

/// Events of waiting blocks that one publication is made of, at most; a single
/// block may have more.
pub(super) const PUBLICATION_EVENTS_MAX: u64 = BLOCK_EVENTS_MAX as u64;

/// What is to be done about the first of the blocks that wait.
#[derive(Debug)]
pub(super) enum Packed {
    /// It is put, perhaps together with those after it.
    Publication(Publication),
    /// Nobody will get it.
    LeftOut(LeftOut),
}

/// Blocks that nobody will get.
#[derive(Debug, PartialEq)]
pub(super) struct LeftOut {
    /// Where they begin.
    pub(super) bases: Vec<Position>,
    /// How many events they have.
    pub(super) events: u64,
    /// Why not.
    pub(super) why: Unshared,
    /// For people.
    pub(super) cause: String,
}

impl LeftOut {
    /// Tells people, and what is to be written into the books.
    pub(super) fn booking(self) -> Booking {
        let LeftOut { bases, events, why, cause } = self;
        if why == Unshared::Shed {
            tracing::debug!(events, %cause, "events are not shared");
        } else {
            tracing::error!(events, from = %bases[0], %cause, "events will not be shared");
        }
        Booking { bases, unshared: vec![(why, ALL)], progress: None }
    }
}

/// What is put under one key.
#[derive(Debug)]
pub(super) struct Publication {
    /// As the others will get it.
    pub(super) block: Block,
    /// Which start of this log it is of, and under which number it is put; `None`
    /// for a block of a queue in this process, which has a number of its own.
    pub(super) name: Option<(Boot, u64)>,
    /// Where the blocks begin that it is made of, in order.
    pub(super) bases: Vec<Position>,
    /// How many events these have.
    pub(super) events: u64,
    /// How many of them are not in it.
    pub(super) shed: u64,
    /// The block after it would have fitted, had there been room.
    pub(super) is_full: bool,
}

impl Publication {
    /// The others can get it.
    pub(super) fn published(self) -> Booking {
        let Publication { name, bases, shed, .. } = self;
        let unshared = if shed > 0 { vec![(Unshared::Shed, shed)] } else { Vec::new() };
        let progress = name.map(|name| Progress { last: Some(name) });
        Booking { bases, unshared, progress }
    }

    /// Nobody will get it. Its number is free for the next: if a try arrived all the
    /// same, that is found out then.
    pub(super) fn given_up(self, why: Unshared) -> Booking {
        Booking { bases: self.bases, unshared: vec![(why, ALL)], progress: None }
    }
}

/// Makes publications. Keeps its memory from one to the next.
pub(super) struct Packer {
    origin: Origin,
    joiner: Option<(Boot, Joiner)>,
}

impl Packer {
    /// Makes those of this log.
    pub(super) fn new(origin: Origin) -> Packer {
        Packer { origin, joiner: None }
    }

    /// Packs the first of the blocks that wait and what fits to it, without what is
    /// less severe than `least`; `None` if none waits. `number` answers with the number
    /// after the last one of a boot.
    pub(super) fn pack(
        &mut self,
        waiting: &[Waiting],
        least: Severity,
        number: impl Fn(Boot) -> u64,
    ) -> Option<Packed> {
        let first = waiting.first()?;
        let left_out = |why, cause| {
            let (bases, events) = (vec![first.base], first.count);
            Some(Packed::LeftOut(LeftOut { bases, events, why, cause }))
        };
        let block = match &first.block {
            Ok(block) => block,
            Err(damage) => return left_out(Unshared::Damaged, damage.to_string()),
        };
        let header = block.header();
        let ([run], Some(_)) = (header.runs.as_slice(), header.number) else {
            let cause = "it was merged out of several blocks, and has no name".to_owned();
            return left_out(Unshared::Rejected, cause);
        };
        if run.origin == self.origin {
            return Some(self.join(waiting, run.boot, least, number(run.boot)));
        }
        Some(Packed::Publication(Publication {
            block: block.clone(),
            name: None,
            bases: vec![first.base],
            events: first.count,
            shed: 0,
            is_full: false,
        }))
    }

    fn join(&mut self, waiting: &[Waiting], boot: Boot, least: Severity, number: u64) -> Packed {
        let joiner = joiner_of(&mut self.joiner, self.origin, boot);
        let gathered = match gather(joiner, waiting, self.origin, boot, least) {
            Ok(gathered) => gathered,
            Err(left_out) => return Packed::LeftOut(left_out),
        };
        let Gathered { bases, events, shed, is_last, is_full } = gathered;
        let name = Some((boot, number));
        if let Some(block) = joiner.seal(number, is_last) {
            return Packed::Publication(Publication { block, name, bases, events, shed, is_full });
        }
        let cause = "there is too little room for events of this severity".to_owned();
        Packed::LeftOut(LeftOut { bases, events, why: Unshared::Shed, cause })
    }
}

/// What a joiner holds.
#[derive(Debug, Default)]
struct Gathered {
    bases: Vec<Position>,
    events: u64,
    shed: u64,
    is_last: bool,
    is_full: bool,
}

/// Takes blocks of one boot as far as they fit. The error is the first of
/// them, if it is damaged.
fn gather(
    joiner: &mut Joiner,
    waiting: &[Waiting],
    origin: Origin,
    boot: Boot,
    least: Severity,
) -> Result<Gathered, LeftOut> {
    let mut gathered = Gathered::default();
    for one in waiting {
        let Some(block) = own_block(one, origin, boot) else { break };
        match joiner.push(block, |entry| is_kept(entry, least)) {
            Ok(Pushed::Kept(kept)) => {
                gathered.bases.push(one.base);
                gathered.events += one.count;
                gathered.shed += one.count.saturating_sub(kept as u64);
                gathered.is_last = block.header().last_of_boot;
            }
            Ok(Pushed::TooMany) => {
                gathered.is_full = true;
                break;
            }
            Err(cause) if gathered.bases.is_empty() => {
                let (bases, cause) = (vec![one.base], cause.to_string());
                return Err(LeftOut { bases, events: one.count, why: Unshared::Damaged, cause });
            }
            Err(_) => break,
        }
    }
    gathered.is_full |= gathered.events >= PUBLICATION_EVENTS_MAX;
    Ok(gathered)
}

/// What tidings says of itself is never left out: it is what tells of the rest.
fn is_kept(entry: &Entry<'_>, least: Severity) -> bool {
    entry.severity >= least || entry.event_type.starts_with(RESERVED_TYPE_PREFIX)
}

/// The block, if it is one of this boot of ours.
fn own_block(waiting: &Waiting, origin: Origin, boot: Boot) -> Option<&Block> {
    let block = waiting.block.as_ref().ok()?;
    let header = block.header();
    let [run] = header.runs.as_slice() else { return None };
    let ours = (run.origin, run.boot) == (origin, boot) && header.number.is_some();
    ours.then_some(block)
}

fn joiner_of(kept: &mut Option<(Boot, Joiner)>, origin: Origin, boot: Boot) -> &mut Joiner {
    kept.take_if(|(other, _)| *other != boot);
    &mut kept.get_or_insert_with(|| (boot, Joiner::new(origin, boot))).1
}

#[cfg(test)]
mod tests;
