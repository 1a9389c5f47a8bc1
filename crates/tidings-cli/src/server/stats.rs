//! `GET /api/v1/stats`: how is the log? What `tidings status` reads.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde_json::{Value, json};

use super::app::App;
use super::params::Params;
use super::problem::Problem;

/// The version of this program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The state, the books, the store and the coverage.
#[utoipa::path(
    get,
    path = "/api/v1/stats",
    tag = "ask",
    responses((status = 200, description = "`{version, member, origin, boot, state, tally, store, coverage, now}`", body = serde_json::Value))
)]
pub(super) async fn stats(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Problem> {
    Params::read(uri.query(), &[])?;
    let (ends, coverage) = app.read(|log| log.ends().map(|ends| (ends, log.coverage()))).await?;
    let log = &app.log;
    let mut stats = json!({
        "version": VERSION,
        "member": log.member(),
        "origin": log.origin(),
        "boot": log.boot(),
    });
    // The state brings `state`, and `reasons` and `since` while paused.
    if let (Value::Object(all), Value::Object(state)) = (&mut stats, json!(log.state())) {
        all.extend(state);
        all.insert("tally".to_owned(), json!(log.tally()));
        let store = json!({
            "events": ends.events,
            "blocks": ends.blocks,
            "bytes": ends.bytes,
            "first": ends.first,
            "next": ends.next,
        });
        all.insert("store".to_owned(), store);
        all.insert("coverage".to_owned(), json!(coverage));
        all.insert("now".to_owned(), json!(app.clock.now()));
    }
    Ok(Json(stats))
}
