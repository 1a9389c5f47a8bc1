//! `GET /api/v1/stats`: how is the log? What `tidings status` reads.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use tidings::{Boot, Coverage, Origin, Position, State as LogState, Tally, Timestamp};

use super::app::App;
use super::disk::DiskState;
use super::params::Params;
use super::problem::Problem;
use super::sharing::ClusterTold;

/// The version of this program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The state, the books, the store, the part in a cluster, and the coverage.
#[utoipa::path(
    get,
    path = "/api/v1/stats",
    tag = "ask",
    responses((status = 200, description = "`{version, member, origin, boot, state, disk, tally, store, cluster, coverage, now}`; `cluster` only with `--etcd`", body = serde_json::Value))
)]
pub(super) async fn stats(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Stats>, Problem> {
    Params::read(uri.query(), &[])?;
    let (ends, coverage) = app.glance()?;
    let log = &app.log;
    Ok(Json(Stats {
        version: VERSION,
        member: log.member().to_owned(),
        origin: log.origin(),
        boot: log.boot(),
        state: log.state(),
        disk: app.disk.state(),
        tally: log.tally(),
        store: Store {
            events: ends.events,
            blocks: ends.blocks,
            bytes: ends.bytes,
            first: ends.first,
            next: ends.next,
        },
        cluster: app.commons.as_ref().map(|commons| commons.told()),
        coverage,
        now: app.clock.now(),
    }))
}

/// The answer, in the order in which people read it.
#[derive(Serialize)]
pub(super) struct Stats {
    version: &'static str,
    member: String,
    origin: Origin,
    boot: Boot,
    /// Brings `state`, and `reasons` and `since` while paused.
    #[serde(flatten)]
    state: LogState,
    /// How the store under the log is, as far as probes say.
    disk: DiskState,
    tally: Tally,
    store: Store,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterTold>,
    coverage: Coverage,
    now: Timestamp,
}

#[derive(Serialize)]
struct Store {
    events: u64,
    blocks: u64,
    bytes: u64,
    first: Position,
    next: Position,
}
