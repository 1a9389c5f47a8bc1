//! How does a host test what it builds on tidings? With doubles and suites.
//!
//! Under the feature `testing`, for tests only.

pub mod blocks;
pub mod faulty;
pub mod store_suite;

pub use blocks::Blocks;
pub use faulty::{Fault, FaultyStore};
