//! How much may one client ask of the server? Every bound of the HTTP side.

use std::time::Duration;

/// Bytes of a request body, as sent and after decoding, at most.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a body that is parsed among the other work of its thread, at most; for
/// a longer one that is handed over first.
pub const BODY_BYTES_AT_ONCE_MAX: usize = 32 * 1024;
/// Events of one request, at most.
pub const BATCH_EVENTS_MAX: usize = 10_000;
/// Bytes that all request bodies in memory may take together, decoded ones
/// included. Beyond it new ones are answered with 503.
pub const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Headers of one request, at most; hyper answers 431 to more.
pub const HEADERS_MAX: usize = 100;
/// A request head must be complete within this time, and a connection that is
/// kept alive must begin its next request within it.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A body must bring [`BODY_PROGRESS_BYTES_MIN`] within this time, or end.
pub const BODY_STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// What counts as progress of a body.
pub const BODY_PROGRESS_BYTES_MIN: usize = 1024;
/// A client that takes nothing of its answer for this long is cut off.
pub const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What is read of a body that was refused, so that the answer arrives.
pub const REFUSED_BODY_DRAIN: Duration = Duration::from_secs(5);
/// Connections at a time; one more is answered with 503 and closed. Fewer where the
/// system does not allow so many open files.
pub const CONNECTIONS_MAX: usize = 4608;
/// Of these, connections that follow.
pub const FOLLOWERS_MAX: usize = 4096;
/// Open files that are not for connections: those of the store, with every thread
/// that reads it, and what leads to etcd.
pub const FILES_KEPT_BACK: usize = 256;
/// Questions that may read the log at the same time; the others wait their turn.
pub const QUERIES_MAX: usize = 16;
/// Events that a list looks at before it is given a thread of its own, at most.
pub const GLANCE_EVENTS_MAX: u64 = 2048;
/// Events that one question looks at unless the operator says otherwise, at most: about
/// three seconds on two cores.
pub const QUERY_EVENTS_MAX: u64 = 50_000_000;
/// A question that has waited so long for its turn is answered with 503.
pub const QUERY_TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Threads for work that blocks (commits, queries), at most.
pub const BLOCKING_THREADS_MAX: usize = 128;
/// Problems of one `q` that an answer tells, at most: the first of them.
pub const READ_PROBLEMS_MAX: usize = 10;
/// Bytes of what a header says of how `q` was read, at most: clients take some 8 KiB
/// of headers.
pub const READ_AS_HEADER_BYTES_MAX: usize = 2048;
/// Events of a list when `limit` does not say.
pub const LIST_EVENTS_DEFAULT: usize = 100;
/// Events of a list in one JSON document, at most.
pub const LIST_EVENTS_MAX: usize = 10_000;
/// Events that a streamed answer reads at a time.
pub const STREAM_PAGE_EVENTS: usize = 500;
/// Facets that one question asks for, at most.
pub const FACETS_MAX: usize = 8;
/// Values of a facet that are told, at most.
pub const FACET_TOP_MAX: usize = 1000;
/// Events before and after one that is shown, at most.
pub const CONTEXT_EVENTS_MAX: usize = 1000;
/// Events that a follower is sent at a time.
pub const FOLLOW_EVENTS_MAX: usize = 64;
/// A silent stream says that it lives this often.
pub const FOLLOW_COMMENT_EVERY: Duration = Duration::from_secs(15);
/// What a follower is told to wait before it connects again, in milliseconds.
pub const FOLLOW_RETRY_MILLIS: u64 = 2000;
/// So long `?ack=shared` waits until the events are published.
pub const SHARED_WAIT: Duration = Duration::from_secs(5);
/// After the first signal, requests in flight have this long to finish.
pub const STOP_DRAIN: Duration = Duration::from_secs(10);
/// After that, the log has this long to settle what it has taken.
pub const STOP_CLOSE: Duration = Duration::from_secs(10);
/// The same after a second signal.
pub const STOP_CLOSE_AT_ONCE: Duration = Duration::from_secs(1);
/// Before the log is closed, what waits for etcd is published for so long at most.
pub const STOP_LEAVE: Duration = Duration::from_secs(3);
/// What a clean stop may take beyond its deadlines: one write to the disk.
pub const STOP_GRACE: Duration = Duration::from_secs(5);
