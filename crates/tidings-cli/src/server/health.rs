//! Is the server alive, and does it take events? Machines read the status,
//! people add `?verbose`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tidings::State as LogState;

use super::app::App;
use super::params::Params;
use super::problem::Problem;

const PLAIN: [(header::HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];

/// Says that the process answers.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, description = "It does")))]
pub(super) async fn livez() -> Response {
    (PLAIN, "ok\n").into_response()
}

/// Says whether events are taken.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    params(("verbose" = Option<bool>, Query, description = "One line for each check")),
    responses((status = 200, description = "They are"), (status = 503, description = "They are not"))
)]
pub(super) async fn readyz(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    report(&app, &uri)
}

/// As `/readyz`.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    params(("verbose" = Option<bool>, Query, description = "One line for each check")),
    responses((status = 200, description = "Events are taken"), (status = 503, description = "They are not"))
)]
pub(super) async fn healthz(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    report(&app, &uri)
}

fn report(app: &App, uri: &Uri) -> Result<Response, Problem> {
    let verbose = Params::read(uri.query(), &["verbose"])?.switch("verbose")?;
    let (taking, why) = match app.log.state() {
        LogState::Running => (true, "running".to_owned()),
        LogState::Paused { reasons, since } => (false, format!("paused since {since}: {reasons}")),
        _ => (false, "closed".to_owned()),
    };
    let stopping = *app.stopping.borrow();
    let ready = taking && !stopping;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if !verbose {
        return Ok((status, PLAIN, if ready { "ok\n" } else { "not ready\n" }).into_response());
    }
    let mark = |good: bool| if good { "[+]" } else { "[-]" };
    let (coverage, disk) = (app.log.coverage(), app.disk.state());
    let (mut etcd, mut sharing) = (String::new(), String::new());
    if let Some(commons) = &app.commons {
        let told = commons.told();
        etcd = format!("{} etcd: {}\n", mark(told.etcd.is_ok()), told.etcd.words());
        sharing = format!("sharing: {}\n", told.sharing);
    }
    let body = format!(
        "{} log: {why}\n{} disk: {}\n{etcd}{} server: {}\n{} coverage: {}\nbooks: {}\n{sharing}{}\n",
        mark(taking),
        mark(disk.is_ok()),
        disk.words(),
        mark(!stopping),
        if stopping { "stopping" } else { "serving" },
        mark(coverage.complete),
        if coverage.complete { "nothing missing" } else { "something is missing" },
        app.log.tally(),
        if ready { "ok" } else { "not ready" },
    );
    Ok((status, PLAIN, body).into_response())
}
