//! What became of a publication that is on its way?

use super::packing::Publication;
use super::plan::Plan;
use crate::sharing::Unshared;
use crate::store::StoreError;

/// Of the blocks in question, all events that nobody has counted yet.
pub(super) const ALL: u64 = u64::MAX;

/// A publication on its way.
pub(super) struct Parcel {
    pub(super) publication: Publication,
    /// As an earlier process planned it.
    pub(super) inherited: Option<Plan>,
    /// A try of an earlier process may have arrived.
    pub(super) is_inherited: bool,
    /// It can be made again after a crash.
    pub(super) is_planned: bool,
    /// A try of this process may have arrived.
    pub(super) may_be_there: bool,
    pub(super) settled: Option<Settled>,
}

/// What became of a publication: to be written into the books.
pub(super) struct Settled {
    pub(super) unshared: Vec<(Unshared, u64)>,
    /// Its number is used up.
    pub(super) takes_number: bool,
}

impl Parcel {
    pub(super) fn published(&self) -> Settled {
        let shed = self.publication.shed;
        let unshared = if shed > 0 { vec![(Unshared::Shed, shed)] } else { Vec::new() };
        Settled { unshared, takes_number: true }
    }

    /// What follows from another publication under its number; `None` if it may be
    /// put under the next.
    pub(super) fn judge(&self, error: &StoreError) -> Option<Settled> {
        let events = self.publication.events;
        match self.inherited {
            // An earlier process had put a block there that has gone since.
            None if self.is_inherited => return None,
            Some(plan) if events < plan.events => {
                tracing::warn!(%error, events, planned = plan.events,
                    "taken for published: part of what was put there has gone here since");
                return Some(self.published());
            }
            _ => {}
        }
        tracing::error!(%error, events, "events will not be shared");
        Some(Settled { unshared: vec![(Unshared::Conflict, ALL)], takes_number: true })
    }
}
