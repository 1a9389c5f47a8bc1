//! Which blocks are on their way, and what becomes of each?
//!
//! A block keeps its bytes and its number until its fate is known: a put whose
//! outcome nobody knows is settled by putting the same bytes again.

use std::time::Duration;

use super::pace::Pace;
use super::receipt::{Fate, Ticket};
use crate::block::Block;
use crate::store::{Outcome, Placed, StoreError};
use crate::tally::LossReason;

/// The rest after a first failed put; doubles with every further one.
pub const RETRY_FIRST: Duration = Duration::from_millis(100);
/// The longest rest between two puts of one block.
pub const RETRY_MAX: Duration = Duration::from_secs(10);
/// The longest rest between two puts of one block while the queue closes.
pub const RETRY_CLOSING_MAX: Duration = Duration::from_millis(200);

/// A sealed block on its way.
#[derive(Debug)]
pub(super) struct Job {
    /// The block's number in its boot.
    pub(super) number: u64,
    pub(super) block: Block,
    pub(super) events: u64,
    pub(super) first_seq: u64,
    /// When its oldest event began to wait, on the monotonic clock.
    pub(super) waiting_since: Duration,
    pub(super) tells_losses: bool,
    pub(super) last: bool,
    /// Who wants to know, by place in the block.
    pub(super) tickets: Vec<(u64, Ticket)>,
    doing: Doing,
    unknown: bool,
    attempts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Waiting {
        due: Duration,
    },
    Putting,
    /// On its way into the spool.
    Spooling,
}

/// What a job is made of besides its block.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) number: u64,
    pub(super) first_seq: u64,
    pub(super) waiting_since: Duration,
    pub(super) tells_losses: bool,
    pub(super) last: bool,
    pub(super) tickets: Vec<(u64, Ticket)>,
}

impl Job {
    pub(super) fn new(block: Block, sealed: Sealed) -> Job {
        Job {
            events: u64::from(block.header().count),
            block,
            number: sealed.number,
            first_seq: sealed.first_seq,
            waiting_since: sealed.waiting_since,
            tells_losses: sealed.tells_losses,
            last: sealed.last,
            tickets: sealed.tickets,
            doing: Doing::Waiting { due: Duration::ZERO },
            unknown: false,
            attempts: 0,
        }
    }

    /// Whether its events may be in the store although nobody said so.
    pub(super) fn may_be_stored(&self) -> bool {
        self.unknown || !matches!(self.doing, Doing::Waiting { .. })
    }

    /// Whether a put may have stored it although none said so.
    pub(super) fn is_doubtful(&self) -> bool {
        self.unknown
    }

    /// Tells every receipt the same.
    pub(super) fn settle_as(self, fate: &Fate) {
        for (_, ticket) in self.tickets {
            ticket.settle(fate.clone());
        }
    }

    /// Tells every receipt that the event is lost.
    pub(super) fn settle_lost(self, reason: LossReason) {
        self.settle_as(&Fate::of_loss(reason));
    }

    /// Tells every receipt where its event is.
    pub(super) fn settle_stored(self, placed: Placed) {
        for (place, ticket) in self.tickets {
            ticket.settle(Fate::Stored { position: placed.base.map(|base| base.plus(place)) });
        }
    }
}

/// Half to all of the doubled rest, different for every block and attempt.
pub(super) fn rest(number: u64, attempts: u32, closing: bool) -> Duration {
    let longest = if closing { RETRY_CLOSING_MAX } else { RETRY_MAX };
    let doubled = RETRY_FIRST.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    let rest = doubled.min(longest);
    rest / 2 + (rest / 2).mul_f64(jitter(number, attempts))
}

/// A number from 0 to 1, spread by the finalizer of SplitMix64.
fn jitter(number: u64, attempts: u32) -> f64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from(attempts));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from((x >> 40) as u32) / f64::from(1 << 24)
}

/// What a worker does next.
#[derive(Debug)]
pub(super) enum Pick {
    /// Put this block; it is in flight from now on.
    Put { number: u64, block: Block },
    /// Put the block in front of the spool.
    Drain { appends: u64 },
    /// Nothing to do, for so long or until woken.
    Wait(Option<Duration>),
    /// The queue is closed.
    Done,
}

/// What became of a put.
#[derive(Debug)]
pub(super) enum Settled {
    Stored {
        job: Job,
        attempts: u32,
    },
    Lost {
        job: Job,
        reason: LossReason,
    },
    /// It is tried again after this rest.
    Again {
        attempts: u32,
        rest: Duration,
    },
    /// The spool has the block by now.
    Elsewhere,
    /// Nobody waits for it any more: its events were counted before.
    Late,
}

/// Whether failed puts may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    All,
    /// Paused and discarding: only those whose outcome is unknown.
    UnknownOnly,
}

/// The blocks on their way; never more than `slots`.
#[derive(Debug)]
pub(super) struct Jobs {
    all: Vec<Job>,
    slots: usize,
    age_max: Duration,
    pace: Pace,
    closing: bool,
    #[cfg(feature = "testing")]
    pub(super) puts_started: u64,
}

impl Jobs {
    pub(super) fn new(slots: usize, age_max: Duration, pace: Pace) -> Jobs {
        Jobs {
            all: Vec::with_capacity(slots),
            slots,
            age_max,
            pace,
            closing: false,
            #[cfg(feature = "testing")]
            puts_started: 0,
        }
    }

    pub(super) fn has_slot(&self) -> bool {
        self.all.len() < self.slots
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn push(&mut self, job: Job) {
        debug_assert!(self.has_slot(), "only the sealer pushes, and it asks before");
        self.all.push(job);
    }

    pub(super) fn first_seq(&self) -> Option<u64> {
        self.all.iter().map(|job| job.first_seq).min()
    }

    /// Whether blocks wait that no worker has.
    pub(super) fn any_waiting(&self) -> bool {
        self.all.iter().any(|job| matches!(job.doing, Doing::Waiting { .. }))
    }

    /// The oldest block that is due, marked as in flight.
    pub(super) fn pick(&mut self, mono: Duration) -> Pick {
        let waiting = self.all.iter_mut().filter_map(|job| match job.doing {
            Doing::Waiting { due } => Some((due.saturating_sub(mono), job.number, job)),
            Doing::Putting | Doing::Spooling => None,
        });
        let Some((wait, _, job)) = waiting.min_by_key(|(wait, number, _)| (*wait, *number)) else {
            return Pick::Wait(None);
        };
        if !wait.is_zero() {
            return Pick::Wait(Some(wait));
        }
        if let Err(wait) = self.pace.take(mono) {
            return Pick::Wait(Some(wait));
        }
        job.doing = Doing::Putting;
        #[cfg(feature = "testing")]
        {
            self.puts_started += 1;
        }
        Pick::Put { number: job.number, block: job.block.clone() }
    }

    /// Decides what becomes of a block whose put has returned.
    pub(super) fn settle(
        &mut self,
        number: u64,
        put: &Result<Placed, StoreError>,
        retry: Retry,
        mono: Duration,
    ) -> Settled {
        let Some(at) = self.all.iter().position(|job| job.number == number) else {
            return Settled::Late;
        };
        let job = &mut self.all[at];
        if job.doing == Doing::Spooling {
            return Settled::Elsewhere;
        }
        job.attempts += 1;
        let attempts = job.attempts;
        let lost = match put {
            Ok(_) => return Settled::Stored { job: self.all.swap_remove(at), attempts },
            Err(error) => job.verdict(error, retry, mono.saturating_sub(self.age_max)),
        };
        if let Some(reason) = lost {
            return Settled::Lost { job: self.all.swap_remove(at), reason };
        }
        let rest = rest(job.number, attempts, self.closing);
        job.doing = Doing::Waiting { due: mono + rest };
        Settled::Again { attempts, rest }
    }

    /// Removes one that is certainly not stored and that no worker has.
    pub(super) fn remove_untried_or_failed(&mut self) -> Option<Job> {
        let at = self.all.iter().position(|job| !job.may_be_stored())?;
        Some(self.all.swap_remove(at))
    }

    /// The oldest block, marked as on its way into the spool.
    pub(super) fn spool_first(&mut self) -> Option<(u64, Block)> {
        let job = self.all.iter_mut().min_by_key(|job| job.number)?;
        job.unknown |= job.doing == Doing::Putting;
        job.doing = Doing::Spooling;
        Some((job.number, job.block.clone()))
    }

    /// It did not get into the spool; `perhaps`: or it did, and the store gets it
    /// from there.
    pub(super) fn unspool(&mut self, number: u64, perhaps: bool) {
        for job in self.all.iter_mut().filter(|job| job.number == number) {
            job.unknown |= perhaps;
            job.doing = Doing::Waiting { due: Duration::ZERO };
        }
    }

    pub(super) fn has(&self, number: u64) -> bool {
        self.all.iter().any(|job| job.number == number)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Job> {
        let at = self.all.iter().position(|job| job.number == number)?;
        Some(self.all.swap_remove(at))
    }

    /// Takes leave for one put outside of these blocks, or says when there is.
    pub(super) fn take_pace(&mut self, mono: Duration) -> Result<(), Duration> {
        self.pace.take(mono)?;
        #[cfg(feature = "testing")]
        {
            self.puts_started += 1;
        }
        Ok(())
    }

    pub(super) fn remove_any(&mut self) -> Option<Job> {
        self.all.pop()
    }

    /// Ends every rest.
    pub(super) fn hurry(&mut self) {
        for job in &mut self.all {
            if let Doing::Waiting { due } = &mut job.doing {
                *due = Duration::ZERO;
            }
        }
    }

    /// From now on rests are short and puts are not paced.
    pub(super) fn close(&mut self) {
        self.closing = true;
        self.pace = Pace::none();
    }

    #[cfg(feature = "testing")]
    pub(super) fn events(&self) -> u64 {
        self.all.iter().map(|job| job.events).sum()
    }
}

impl Job {
    /// Why a failed put is the last one, or `None` if it is tried again.
    fn verdict(
        &mut self,
        error: &StoreError,
        retry: Retry,
        born_before: Duration,
    ) -> Option<LossReason> {
        if matches!(error, StoreError::Conflict { .. }) {
            // Other bytes stand under our name: ours certainly do not.
            return Some(LossReason::Rejected);
        }
        self.unknown |= error.outcome() == Outcome::Unknown;
        let reason = if error.pause().is_none() {
            LossReason::Rejected
        } else if self.waiting_since < born_before {
            LossReason::TooOld
        } else if retry == Retry::UnknownOnly && !self.unknown {
            LossReason::Paused
        } else {
            return None;
        };
        Some(if self.unknown { LossReason::Unknown } else { reason })
    }
}
