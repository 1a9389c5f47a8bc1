//! What does the server answer? The routes, declared once; the OpenAPI document
//! is made from the same declarations.

mod app;
mod body;
#[cfg(feature = "etcd")]
mod commons;
#[cfg(not(feature = "etcd"))]
#[path = "alone.rs"]
mod commons;
mod disk;
#[doc(hidden)]
pub mod door;
mod events;
mod facets;
mod follow;
mod guard;
mod health;
mod histogram;
mod ingest;
pub mod limits;
mod listen;
mod media;
mod metrics;
mod names;
mod ninevolt;
mod page;
mod pages;
mod parameters;
mod params;
mod pieces;
mod problem;
mod question;
mod reach;
mod reading;
mod seats;
mod shared;
#[cfg_attr(not(feature = "etcd"), expect(dead_code, reason = "nobody has anything to tell"))]
mod sharing;
mod spoken;
mod stalled;
mod stats;
mod take;
#[cfg(test)]
mod tests;
mod unfold;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use app::{ASIDE, App};
pub use commons::Commons;
pub use disk::Disk;
pub use guard::Hosts;
pub use listen::{Served, serve};
pub use problem::{Kind, Problem};
pub use seats::Seats;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "tidings",
        description = "What happened in your cluster in the last 24 hours, and which member said so. Errors are application/problem+json (RFC 9457).",
        license(name = "MIT")
    ),
    tags(
        (name = "record", description = "Events in"),
        (name = "ask", description = "Events out"),
        (name = "9volt", description = "What 9volt answered"),
        (name = "health", description = "For machines that watch")
    )
)]
struct Document;

fn declared() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(events::list, ingest::post_events))
        .routes(routes!(follow::stream))
        .routes(routes!(events::show))
        .routes(routes!(spoken::post_text))
        .routes(routes!(histogram::histogram))
        .routes(routes!(facets::facets))
        .routes(routes!(names::members))
        .routes(routes!(names::types))
        .routes(routes!(stats::stats))
        .routes(routes!(ninevolt::events))
        .routes(routes!(ninevolt::status_check))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::healthz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi))
}

/// The OpenAPI document of everything that is routed, as JSON.
pub fn openapi_document() -> String {
    let (_, document) = declared().split_for_parts();
    document.to_pretty_json().unwrap_or_default()
}

/// All routes, with the checks that every request passes.
pub fn router(app: Arc<App>) -> Router {
    let (routes, _) = declared().split_for_parts();
    routes
        .merge(page::routes())
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_with_this_method)
        .layer(from_fn_with_state(app.clone(), guard::check))
        .layer(from_fn_with_state(app.clone(), metrics::measure))
        .with_state(app)
}

async fn nothing_here(uri: Uri) -> Problem {
    let detail =
        format!("there is nothing at {:?}; /openapi.json lists what is", params::cut(uri.path()));
    Problem::new(Kind::NotFound, detail)
}

async fn not_with_this_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "not with this method; the header Allow lists which")
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
async fn openapi(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}
