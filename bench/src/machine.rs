//! On what was it measured, and what does this process take of it?

use std::fs::read_to_string;
use std::time::Duration;

/// Cores, processor, memory, kernel, and how busy it was before; Linux only, `?`
/// elsewhere.
pub(crate) fn line() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "?".into());
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!("{cores} cores of {model}, {memory} memory, Linux {}, load {load}", kernel.trim())
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

/// Seconds that all threads of this process have used, to a hundredth.
pub(crate) fn process_cpu() -> f64 {
    cpu_of(std::process::id())
}

/// The same of another process.
pub(crate) fn cpu_of(process: u32) -> f64 {
    let text = read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in brackets may have spaces; user and system time are the 12th and
    // 13th words after it, in the hundredths that Linux shows to programs.
    let words = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    words.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Bytes of memory that this process occupies.
pub(crate) fn resident_bytes() -> u64 {
    resident_bytes_of(std::process::id())
}

/// The same of another process.
pub(crate) fn resident_bytes_of(process: u32) -> u64 {
    memory(process, "VmRSS")
}

/// The most that another process has occupied since it began.
pub(crate) fn resident_bytes_peak_of(process: u32) -> u64 {
    memory(process, "VmHWM")
}

fn memory(process: u32, name: &str) -> u64 {
    let text = read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
