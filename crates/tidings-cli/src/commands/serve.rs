//! `tidings serve`: stores events, answers over HTTP, shows the page.

use crate::exit::Failure;
use crate::settings::ServeSettings;

/// Serves until a signal says stop; then drains and prints the books.
///
/// # Errors
///
/// The data directory or the port cannot be used.
pub fn run(settings: &ServeSettings) -> Result<(), Failure> {
    let _ = settings;
    todo!()
}
