//! One function for each way in, by what they read.

pub(super) mod block;
pub(super) mod directory;
pub(super) mod encoded;
pub(super) mod events;
pub(super) mod questions;
pub(super) mod segment;
pub(super) mod shared;
pub(super) mod texts;

use tidings::Timestamp;

/// The time of every target: 2026-11-22T10:00:00Z.
pub(crate) const NOW: Timestamp = tidings::testing::blocks::START;
