//! Who carries blocks into the spool, and from there to the sink? The sealer and
//! the workers, with these steps.

use super::gate::Chore;
use super::logs;
use super::receipt::Fate;
use super::sealer::Step;
use super::shared::Shared;
use super::spool::{Spool, SpoolFailure};
use super::worker::guarded_put;
use crate::store::{Outcome, Sink};

/// The sealer's: appends one block, or sees whether the spool works again.
pub(super) fn carry(shared: &Shared, spool: &Spool) -> Step {
    let mono = shared.clock.monotonic();
    let chore = shared.gate().chore(mono);
    match chore {
        None => return Step::Idle,
        Some(Chore::Mend) => {
            let mended = spool.mend();
            shared.change(|gate| gate.mended(mended.is_ok(), shared.clock.monotonic()));
            logs::spool_mended(shared, spool, mended.as_ref().err());
        }
        Some(Chore::Append { number, block }) => match spool.append(&block) {
            Ok(()) => spooled(shared, number),
            Err(failure) => failed(shared, spool, number, &failure),
        },
    }
    Step::Did
}

fn spooled(shared: &Shared, number: u64) {
    let mono = shared.clock.monotonic();
    if let Some(job) = shared.change(|gate| gate.spooled(number, mono)) {
        job.settle_as(&Fate::Spooled);
    }
}

fn failed(shared: &Shared, spool: &Spool, number: u64, failure: &SpoolFailure) {
    let perhaps =
        matches!(failure, SpoolFailure::Store(error) if error.outcome() == Outcome::Unknown);
    let (now, mono) = (shared.clock.now(), shared.clock.monotonic());
    let lost = shared.sweep(|gate, swept| gate.spool_failed(number, perhaps, now, mono, swept));
    logs::spool_failed(shared, spool, failure, lost);
}

/// A worker's: puts the spool's front.
pub(super) fn drain(shared: &Shared, sink: &dyn Sink, spool: &Spool, appends: u64) {
    let drained = spool.drain(|block| guarded_put(sink, block));
    let (now, mono) = (shared.clock.now(), shared.clock.monotonic());
    let emptied = shared.change(|gate| {
        let waited = gate.may_hold_spooled();
        gate.drained(&drained, appends, now, mono);
        waited && !gate.may_hold_spooled()
    });
    logs::drained(shared, sink, &drained, emptied);
}
