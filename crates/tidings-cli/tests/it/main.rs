//! The program from outside: real processes, real sockets, real files.

mod bodies;
mod crash;
mod framing;
mod lists;
mod ninevolt;
mod readme;
mod secrets;
mod server;
mod stop;
mod streams;
mod system;
mod values;
