//! What did an earlier process note?

use std::fmt::Display;

use crate::log::Core;
use crate::store::StoreError;

/// What was noted under a name, if anything; inside, why it cannot be understood:
/// then it is as good as gone.
///
/// # Errors
///
/// The log's store cannot be read.
pub(super) fn noted<T, E: Display>(
    core: &Core,
    name: &str,
    read: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<Result<Option<T>, String>, StoreError> {
    match core.recall(name) {
        Ok(note) => Ok(note.map(|note| read(&note).map_err(|error| error.to_string())).transpose()),
        Err(error @ StoreError::DamagedNote { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}
