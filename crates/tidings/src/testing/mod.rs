//! How does a host test what it builds on tidings? With doubles and suites, and
//! clocks moved by hand (see [`crate::Clock::by_hand`]).
//!
//! Under the feature `testing`, for tests only.

pub mod blocks;
#[cfg(feature = "etcd")]
pub mod etcd;
pub mod faulty;
mod recorder;
mod scripted;
#[cfg(feature = "etcd")]
mod shelf;
pub mod store_suite;
pub mod words;

pub use crate::queue::{Audit, SteppedQueue};
pub use blocks::Blocks;
pub use faulty::{Fault, FaultyStore};
pub use recorder::FakeRecorder;
pub use scripted::{Answer, ScriptedSink};
#[cfg(feature = "etcd")]
pub use shelf::{Shelf, ShelfKey, ShelfMember};
