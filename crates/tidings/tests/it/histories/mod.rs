//! Do the books balance over long histories? G3, and G6 over a store that fails.
//!
//! A [`World`] is a store in memory whose writes can fail, with a log over it, a
//! queue over that log, or a queue alone. It does [`Action`]s, and beside it a
//! plain model keeps what was offered and what was answered. After every action
//! the books are held against the model; at the end, so is what the store holds.

mod actions;
mod every_write;
mod found;
mod model;
mod random;
mod world;

use actions::{Action, Kind, Shape};
use model::Books;
use world::World;
