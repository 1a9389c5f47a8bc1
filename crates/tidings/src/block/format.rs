//! What do the bytes mean? The only file that knows them.

/// Why bytes are not a whole block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A newer version than this program reads.
    #[error("block format {version} is newer than this program reads (1); upgrade tidings")]
    Newer {
        /// The version in the bytes.
        version: u8,
    },
}
