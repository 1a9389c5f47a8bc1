//! On what was it measured, and what does this process take of it?

use std::fs::read_to_string;
use std::time::Duration;

/// Cores, processor, memory, kernel; Linux only, `?` elsewhere.
pub(crate) fn line() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "?".into());
    format!("{cores} cores of {model}, {memory} memory, Linux {}", kernel.trim())
}

fn field(file: &str, name: &str) -> String {
    let text = read_to_string(file).unwrap_or_default();
    let value = text.lines().find(|line| line.starts_with(name));
    value.and_then(|line| line.split_once(':')).map_or("?", |(_, value)| value.trim()).to_owned()
}

/// What this thread has used of a processor since it began.
pub(crate) fn thread_cpu() -> Duration {
    // The kernel brings the figure up to date at every tick and when a thread
    // gives way: without this it would be 4 ms old.
    std::thread::yield_now();
    let text = read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
