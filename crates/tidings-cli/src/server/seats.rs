//! How many may be connected at a time? As many as there are files for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::limits::{CONNECTIONS_MAX, FILES_KEPT_BACK, FOLLOWERS_MAX};

/// Seats of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seats {
    /// Connections at a time.
    pub connections: usize,
    /// Of these, connections that follow.
    pub followers: usize,
}

impl Default for Seats {
    fn default() -> Seats {
        Seats { connections: CONNECTIONS_MAX, followers: FOLLOWERS_MAX }
    }
}

impl Seats {
    /// Raises this process' own limit of open files as far as it is needed and
    /// allowed, and leaves the store what it may want of them.
    pub fn by_open_files() -> Seats {
        let limit = getrlimit(Resource::Nofile);
        let wanted = (CONNECTIONS_MAX + FILES_KEPT_BACK) as u64;
        let enough = |files: Option<u64>| files.is_none_or(|files| files >= wanted);
        if enough(limit.current) {
            return Seats::default();
        }
        let most = if enough(limit.maximum) { Some(wanted) } else { limit.maximum };
        let raised = setrlimit(Resource::Nofile, Rlimit { current: most, ..limit });
        let files = if raised.is_ok() { most } else { limit.current };
        let seats = Seats::for_files(files.unwrap_or(wanted));
        if seats != Seats::default() {
            let Seats { connections, followers } = seats;
            tracing::warn!(connections, followers, "few files may be open, so few may connect");
        }
        seats
    }

    fn for_files(files: u64) -> Seats {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let connections = files.saturating_sub(FILES_KEPT_BACK).clamp(1, CONNECTIONS_MAX);
        // Whoever records or asks once always finds some.
        let others = (CONNECTIONS_MAX - FOLLOWERS_MAX).min(connections.div_ceil(2));
        Seats { connections, followers: connections - others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_with_few_files_has_few_seats_and_not_all_for_followers() {
        let seats = |files| {
            let Seats { connections, followers } = Seats::for_files(files);
            (connections, followers)
        };

        assert_eq!(seats(u64::MAX), (CONNECTIONS_MAX, FOLLOWERS_MAX));
        assert_eq!(seats(1024), (1024 - FILES_KEPT_BACK, (1024 - FILES_KEPT_BACK) / 2));
        assert_eq!(seats(0), (1, 0));
    }
}
