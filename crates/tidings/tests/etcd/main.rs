//! What does a real etcd do to our blocks? Against members that the tests start.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod claims;
mod faults;
mod members;
mod presences;
mod spool;
mod values;
mod watches;
