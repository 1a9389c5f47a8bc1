//! Several machines: a server and a member of etcd on each of three hosts, which
//! are network namespaces, and what goes wrong among them.
//!
//! Needs root. Alone: `cargo test -p tidings-cli --test cluster`.

#![expect(clippy::unwrap_used, reason = "a test's helper fails as its test does")]
#![expect(clippy::format_collect, reason = "bodies of tests are short")]

mod access;
mod clocks;
mod clones;
mod etcd;
mod faults;
mod hostile;
mod hosts;
mod patience;
mod rounds;
#[path = "../it/server.rs"]
#[expect(dead_code, reason = "the tests on one machine need more of it")]
mod server;
mod sharing;
mod trio;
mod truth;
mod writers;
