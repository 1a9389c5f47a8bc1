//! The page in a real browser: headless Chromium, told what to do by `chromedriver`,
//! on a real server.
//!
//! Alone: `cargo test -p tidings-cli --test browser`.

#![expect(clippy::unwrap_used, reason = "a test's helper fails as its test does")]
#![expect(clippy::format_collect, reason = "bodies of tests are short")]

mod driver;
mod events;
mod filters;
mod histogram;
mod hostile;
mod keyboard;
mod live;
mod looks;
mod page;
#[path = "../it/server.rs"]
#[expect(dead_code, reason = "the tests without a browser need more of it")]
mod server;
