//! What does a program that uses tidings see?

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod allocations;
mod block_format;
#[cfg(feature = "etcd")]
mod cluster;
mod damage;
mod example;
mod full_disk;
mod histories;
mod old_data;
mod outages;
mod salvage;
mod tmpfs;
