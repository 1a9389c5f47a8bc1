//! The program from outside: real processes, real sockets, real files.

// The tests that use it come with the log they need.
#[expect(dead_code, reason = "its tests need the log, which is being built")]
mod server;
