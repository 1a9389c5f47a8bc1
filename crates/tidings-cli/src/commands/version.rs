//! `tidings version`: which tidings is this?

use std::io::Write as _;

use crate::exit::Failure;
use crate::view::out::Out;

/// Prints name and version.
///
/// # Errors
///
/// The output cannot be written.
pub(super) fn run() -> Result<(), Failure> {
    let mut out = Out::plain();
    writeln!(out, "tidings {}", env!("CARGO_PKG_VERSION")).map_err(|e| Failure::output(&e))?;
    out.finish().map_err(|error| Failure::output(&error))
}
