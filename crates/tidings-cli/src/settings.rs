//! What did the operator configure? The only reader of the environment.
//!
//! Precedence: flag, then `TIDINGS_*`, then the TOML file, then the default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What `tidings serve` runs with, fully resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// Loopback addresses to listen on; port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
    /// The data directory.
    pub data: PathBuf,
    /// Our name, and the member of events that name none.
    pub member: String,
    /// How long events are kept.
    pub retention: Duration,
    /// Bytes on disk beyond which the oldest go first.
    pub retention_bytes: u64,
    /// Host names besides loopback ones that requests may address.
    pub allowed_hosts: Vec<String>,
}
