//! The program from outside: real processes, real sockets, real files.

#![expect(clippy::unwrap_used, reason = "a test's helper fails as its test does")]
#![expect(clippy::format_collect, reason = "bodies of tests are short")]

mod aggregates;
mod bodies;
mod collapse;
mod commands;
mod counting;
mod covered;
mod crash;
mod cuts;
mod damage;
mod disks;
mod framing;
mod hops;
mod lists;
mod load;
mod ninevolt;
mod outages;
mod page;
mod readme;
mod run;
mod secrets;
mod server;
mod several;
mod stop;
mod streams;
mod system;
mod tail;
mod terminal;
#[path = "../../../tidings/tests/it/tmpfs.rs"]
mod tmpfs;
mod tools;
mod transfer;
mod values;
mod work;
