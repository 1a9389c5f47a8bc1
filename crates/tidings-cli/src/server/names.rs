//! `GET /api/v1/members` and `/api/v1/types`: who spoke, of what, and who has
//! fallen silent?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use tidings::query::{NameOf, NameSeen, Names, NamesQuery};
use tidings::{Coverage, Timestamp};

use super::app::App;
use super::parameters::{Span, Which, with_which_and_span};
use super::params::Params;
use super::problem::Problem;
use super::question::About;
use super::reading::ReadAs;
use super::sharing::Server;

/// Members that spoke, with counts and for how long they have been silent; and the
/// servers that share the log.
#[utoipa::path(
    get,
    path = "/api/v1/members",
    tag = "ask",
    params(Which, Span),
    responses(
        (status = 200, description = "`{members: [{name, count, first, last, silent_for}], servers: [{member, origin, boot, version, state, silent_for, through, skew_seconds, waiting, unshared}], now, coverage, read_as}`, by name; `silent_for` in seconds; `servers` only with `--etcd`", body = serde_json::Value),
        (status = 400, description = "An unknown parameter, or a `q` that does not parse in strict mode"),
        (status = 422, description = "A value breaks a rule; its parameter is named")
    )
)]
pub(super) async fn members(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<MembersBody>, Problem> {
    let (members, context) = ask(&app, &uri, NameOf::Member).await?;
    let servers = app.commons.as_ref().map(|commons| commons.told().servers);
    Ok(Json(MembersBody { members, servers, context }))
}

/// Types that occurred, with counts and for how long none has come.
#[utoipa::path(
    get,
    path = "/api/v1/types",
    tag = "ask",
    params(Which, Span),
    responses(
        (status = 200, description = "`{types: [{name, count, first, last, silent_for}], now, coverage, read_as}`, by name; `silent_for` in seconds", body = serde_json::Value),
        (status = 400, description = "An unknown parameter, or a `q` that does not parse in strict mode"),
        (status = 422, description = "A value breaks a rule; its parameter is named")
    )
)]
pub(super) async fn types(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<TypesBody>, Problem> {
    let (types, context) = ask(&app, &uri, NameOf::Type).await?;
    Ok(Json(TypesBody { types, context }))
}

async fn ask(app: &App, uri: &Uri, by: NameOf) -> Result<(Vec<Seen>, Context), Problem> {
    let params = Params::read(uri.query(), &with_which_and_span(&[]))?;
    let About { filter, since, until, read_as } = About::read(&params, app.clock.now())?;
    let asked = app.read(move |log, work| {
        log.names(&NamesQuery { filter, since, until, by, work: work.clone() })
    });
    let Names { names, truncated, coverage } = asked.await?;
    // Read after the log was, so that nobody was last heard of in the future.
    let now = app.clock.now();
    let seen = names.into_iter().map(|name| Seen::at(now, name)).collect();
    Ok((seen, Context { now, truncated, coverage, read_as }))
}

#[derive(Serialize)]
pub(super) struct MembersBody {
    members: Vec<Seen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<Vec<Server>>,
    #[serde(flatten)]
    context: Context,
}

#[derive(Serialize)]
pub(super) struct TypesBody {
    types: Vec<Seen>,
    #[serde(flatten)]
    context: Context,
}

#[derive(Serialize)]
struct Context {
    now: Timestamp,
    /// There are more names than can be told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    coverage: Coverage,
    #[serde(flatten)]
    read_as: ReadAs,
}

#[derive(Serialize)]
struct Seen {
    name: String,
    count: u64,
    first: Timestamp,
    last: Timestamp,
    /// Whole seconds from `last` to now; 0 when an event says it lies ahead.
    silent_for: u64,
}

impl Seen {
    fn at(now: Timestamp, NameSeen { name, count, first, last }: NameSeen) -> Seen {
        Seen { name, count, first, last, silent_for: now.since(last).as_secs() }
    }
}
