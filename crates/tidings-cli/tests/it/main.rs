//! The program from outside: real processes, real sockets, real files.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod server;
