//! How long does a test wait? As long as it takes, within a bound that only
//! something that hangs reaches.

use std::time::Duration;

use tidings::Clock;

use crate::server::PATIENCE;

/// Asks until it is so; if it never is, says how it stands instead.
#[track_caller]
pub(crate) fn wait_until(is_so: impl Fn() -> bool, how_it_stands: impl Fn() -> String) {
    let clock = Clock::system();
    let deadline = clock.monotonic() + PATIENCE;
    while !is_so() {
        assert!(clock.monotonic() < deadline, "waited in vain: {}", how_it_stands());
        pause(Duration::from_millis(20));
    }
}

/// Lets so much time go by.
pub(crate) fn pause(span: Duration) {
    let clock = Clock::system();
    let end = clock.monotonic() + span;
    while clock.monotonic() < end {
        std::thread::park_timeout(span);
    }
}
