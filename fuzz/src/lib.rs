//! What must hold, whatever bytes come in? One target for each way in.
//!
//! A target reads hostile bytes as the program would, and panics when something
//! is wrong beyond a refusal: what was read does not read the same when it is
//! written again, a limit does not hold, or the code panics by itself. How much
//! memory one input may take stands beside each. `./x fuzz` runs them; the
//! ordinary tests run them over the seeds.

pub mod seeds;
mod targets;

/// One way in.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Tries these bytes. True if they read as something, false if they were
    /// refused.
    pub run: fn(&[u8]) -> bool,
    /// Bytes of memory that one input may take at its worst, besides
    /// [`HEAP_BYTES_PER_BYTE`] for each of its own.
    pub heap_bytes_max: usize,
}

/// Bytes of memory that one byte of input may take, in every target: a JSON value
/// of two bytes (`1,`) takes 32, and vectors grow by doubling.
pub const HEAP_BYTES_PER_BYTE: usize = 256;

const MIB: usize = 1024 * 1024;

/// All of them.
pub const TARGETS: [Target; 15] = [
    target("block", targets::block::block, 96 * MIB),
    target("header", targets::block::header, 16 * MIB),
    target("segment", targets::segment::segment, 16 * MIB),
    target("value", targets::shared::value, 64 * MIB),
    target("presence", targets::shared::presence, MIB),
    target("event", targets::events::event, MIB),
    target("array", targets::events::array, 4 * MIB),
    target("ndjson", targets::events::ndjson, 16 * MIB),
    target("spoken", targets::events::spoken, MIB),
    target("encoded", targets::encoded::encoded, 48 * MIB),
    target("question", targets::questions::question, 32 * MIB),
    target("search", targets::questions::search, 32 * MIB),
    target("names", targets::texts::names, MIB),
    target("words", targets::texts::words, 4 * MIB),
    target("directory", targets::directory::directory, 64 * MIB),
];

const fn target(name: &'static str, run: fn(&[u8]) -> bool, heap_bytes_max: usize) -> Target {
    Target { name, run, heap_bytes_max }
}

/// The target of this name.
pub fn named(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
