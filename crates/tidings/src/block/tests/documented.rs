//! Is `docs/block-format.md` right?
