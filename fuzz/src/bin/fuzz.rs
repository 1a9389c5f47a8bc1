//! Runs one target, whose name stands in `TIDINGS_FUZZ_TARGET`, under libFuzzer.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use tidings_fuzz::{HEAP_BYTES_PER_BYTE, TARGETS, Target, named};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

static TARGET: OnceLock<Target> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "libFuzzer takes the arguments for itself")]
fn chosen() -> Target {
    let name = std::env::var("TIDINGS_FUZZ_TARGET").unwrap_or_default();
    named(&name).unwrap_or_else(|| {
        let names = TARGETS.map(|target| target.name).join(", ");
        panic!("TIDINGS_FUZZ_TARGET is {name:?}; the targets are {names}")
    })
}

fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let target = chosen();
        // What is made once is not the input's.
        (target.run)(&[]);
        target
    });
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    (target.run)(data);
    let taken = HEAP.peak_usage().saturating_sub(before);
    let most = target.heap_bytes_max + data.len() * HEAP_BYTES_PER_BYTE;
    assert!(taken <= most, "{} bytes of input took {taken} bytes of memory", data.len());
});
