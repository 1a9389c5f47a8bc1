//! Measures tidings beside something known.
fn main() {}
