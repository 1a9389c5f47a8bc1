//! `/metrics`: the books of the log and of the HTTP side, for Prometheus.
//!
//! Labels are reasons, protocols, routes, methods and statuses: never a member
//! or a type, which anybody can invent.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidings::{LossReason, Refusal, State as LogState, Unshared};

use super::app::App;
use super::problem::Problem;
use super::sharing::{ClusterTold, ServerState};
use super::stats::VERSION;

/// Upper ends of the buckets of request durations, in seconds.
const BUCKETS_SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// What the HTTP side counts.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    ingested: BTreeMap<&'static str, u64>,
    unread: BTreeMap<&'static str, u64>,
    dropped: u64,
    requests: BTreeMap<Route, Durations>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    path: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Default)]
struct Durations {
    buckets: [u64; BUCKETS_SECONDS.len()],
    count: u64,
    sum: Duration,
}

impl Metrics {
    fn counted<T>(&self, count: impl FnOnce(&mut Counted) -> T) -> T {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Events that were taken.
    pub(super) fn ingested(&self, protocol: &'static str, events: u64) {
        self.counted(|counted| *counted.ingested.entry(protocol).or_default() += events);
    }

    /// Events that could not be read, so that the log was never offered them.
    pub(super) fn unread(&self, protocol: &'static str, events: u64) {
        if events > 0 {
            self.counted(|counted| *counted.unread.entry(protocol).or_default() += events);
        }
    }

    /// Events that followers were not sent, because they were too slow.
    pub(super) fn dropped(&self, events: u64) {
        self.counted(|counted| counted.dropped += events);
    }

    fn answered(&self, route: Route, took: Duration) {
        self.counted(|counted| {
            let durations = counted.requests.entry(route).or_default();
            durations.count += 1;
            durations.sum += took;
            let bucket = BUCKETS_SECONDS.iter().position(|end| took.as_secs_f64() <= *end);
            if let Some(bucket) = bucket {
                durations.buckets[bucket] += 1;
            }
        });
    }
}

/// Measures every request until its head is answered.
pub(super) async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path =
        request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let method = name_of(request.method());
    let began = app.clock.monotonic();
    let response = next.run(request).await;
    let took = app.clock.monotonic().saturating_sub(began);
    let route = Route { path, method, status: response.status().as_u16() };
    tracing::debug!(path = route.path, method, status = route.status, ?took, "request answered");
    app.metrics.answered(route, took);
    response
}

/// Clients can invent methods; labels cannot grow with them.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The books, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, description = "Prometheus text format 0.0.4", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let (ends, coverage) = app.glance()?;
    let mut page = Page::default();
    write_log(&mut page, &app);
    page.family("tidings_store_events", "gauge", "Events kept.");
    page.value("", ends.events);
    page.family("tidings_store_blocks", "gauge", "Blocks kept.");
    page.value("", ends.blocks);
    page.family("tidings_store_bytes", "gauge", "Bytes on disk.");
    page.value("", ends.bytes);
    write_settling(&mut page, &app);
    if let Some(oldest) = coverage.oldest {
        page.family(
            "tidings_oldest_event_timestamp_seconds",
            "gauge",
            "When the oldest event kept was received.",
        );
        page.value("", oldest.as_nanos() / 1_000_000_000);
    }
    page.family("tidings_follow_clients", "gauge", "Clients that follow.");
    page.value("", app.seats.followers.saturating_sub(app.followers.available_permits()));
    page.family(
        "tidings_queries_abandoned_total",
        "counter",
        "Questions whose client went away before the answer.",
    );
    page.value("", *app.abandoned.borrow());
    if let Some(commons) = &app.commons {
        write_cluster(&mut page, &commons.told());
    }
    app.metrics.counted(|counted| write_http(&mut page, counted));
    let media = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media)], page.text).into_response())
}

fn write_log(page: &mut Page, app: &App) {
    let tally = app.log.tally();
    page.family("tidings_build_info", "gauge", "Which program this is.");
    page.value(&format!("version=\"{VERSION}\""), 1);
    page.family("tidings_events_offered_total", "counter", "Events offered since the start.");
    page.value("", tally.offered);
    page.family("tidings_events_stored_total", "counter", "Of these, stored.");
    page.value("", tally.stored);
    page.family("tidings_events_refused_total", "counter", "Of these, refused.");
    for reason in Refusal::ALL {
        page.of_reason(reason.name(), tally.refused(reason));
    }
    page.family("tidings_events_lost_total", "counter", "Of these, taken and not stored.");
    for reason in LossReason::ALL {
        page.of_reason(reason.name(), tally.lost(reason));
    }
    page.family("tidings_events_pending", "gauge", "Of these, neither stored nor lost yet.");
    page.value("", tally.pending);
    page.family("tidings_paused", "gauge", "Whether the log takes no events, by reason.");
    let paused = match app.log.state() {
        LogState::Paused { reasons, .. } => reasons,
        _ => tidings::PauseSet::new(),
    };
    for reason in tidings::PauseReason::ALL {
        page.of_reason(reason.name(), u8::from(paused.contains(reason)));
    }
}

/// What the log makes of its events while nobody waits for it.
fn write_settling(page: &mut Page, app: &App) {
    let (merged, unsettled) = (app.log.merged(), app.log.unsettled());
    page.family(
        "tidings_merged_blocks_total",
        "counter",
        "Small blocks that became part of a larger one.",
    );
    page.value("", merged.blocks);
    page.family(
        "tidings_merged_events_total",
        "counter",
        "Events that were written anew for that.",
    );
    page.value("", merged.events);
    page.family("tidings_unmerged_events", "gauge", "Events that wait for merging.");
    page.value("", unsettled.unmerged_events);
    page.family("tidings_unworded_events", "gauge", "Events that wait for the index of words.");
    page.value("", unsettled.unworded_events);
}

fn write_cluster(page: &mut Page, told: &ClusterTold) {
    page.family("tidings_etcd_up", "gauge", "Whether etcd takes and brings events.");
    page.value("", u8::from(told.etcd.is_ok()));
    let sharing = &told.sharing;
    page.family("tidings_etcd_queued_total", "counter", "Events to be published.");
    page.value("", sharing.queued);
    page.family("tidings_etcd_published_total", "counter", "Of these, published.");
    page.value("", sharing.published);
    page.family("tidings_etcd_unshared_total", "counter", "Of these, given up.");
    for reason in Unshared::ALL {
        page.of_reason(reason.name(), sharing.unshared(reason));
    }
    page.family("tidings_etcd_waiting", "gauge", "Of these, neither published nor given up.");
    page.value("", sharing.waiting);
    let applied = &told.applied;
    page.family("tidings_etcd_applied_total", "counter", "Events of others that were taken in.");
    page.value("", applied.events);
    page.family("tidings_etcd_skipped_total", "counter", "What others put and was passed over.");
    let skipped =
        [("duplicate", applied.duplicates), ("over_age", applied.over_age), ("odd", applied.odd)];
    for (reason, count) in skipped {
        page.of_reason(reason, count);
    }
    page.family("tidings_etcd_holes_total", "counter", "Publications waited for in vain.");
    page.value("", applied.holes);
    page.family("tidings_etcd_watch_stale", "gauge", "Whether others' events may be missing.");
    page.value("", u8::from(told.watch.stale));
    page.family("tidings_etcd_servers", "gauge", "Servers that share the log.");
    for (state, name) in ServerState::ALL {
        let count = told.servers.iter().filter(|server| server.state == state).count();
        page.value(&format!("state=\"{name}\""), count);
    }
    if let Some(quota) = told.quota {
        page.family("tidings_etcd_estimated_bytes", "gauge", "Bytes of a whole retention.");
        page.value("", quota.bytes);
        page.family("tidings_etcd_quota_bytes", "gauge", "Bytes that etcd takes.");
        page.value("", quota.quota_bytes);
    }
}

fn write_http(page: &mut Page, counted: &Counted) {
    page.family("tidings_ingest_events_total", "counter", "Events taken over HTTP.");
    for (protocol, events) in &counted.ingested {
        page.value(&format!("protocol=\"{protocol}\""), events);
    }
    page.family(
        "tidings_ingest_unreadable_events_total",
        "counter",
        "Events that did not parse, so the log was never offered them.",
    );
    for (protocol, events) in &counted.unread {
        page.value(&format!("protocol=\"{protocol}\""), events);
    }
    page.family(
        "tidings_follow_dropped_total",
        "counter",
        "Events that clients were too slow to follow.",
    );
    page.value("", counted.dropped);
    page.family(
        "tidings_http_request_duration_seconds",
        "histogram",
        "Time until the head of an answer.",
    );
    for (route, durations) in &counted.requests {
        let labels = format!(
            "path=\"{}\",method=\"{}\",status=\"{}\"",
            route.path, route.method, route.status
        );
        let mut total = 0;
        for (end, bucket) in BUCKETS_SECONDS.iter().zip(durations.buckets) {
            total += bucket;
            page.suffixed("_bucket", &format!("{labels},le=\"{end}\""), total);
        }
        page.suffixed("_bucket", &format!("{labels},le=\"+Inf\""), durations.count);
        page.suffixed("_sum", &labels, durations.sum.as_secs_f64());
        page.suffixed("_count", &labels, durations.count);
    }
}

#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, labels: &str, value: impl std::fmt::Display) {
        self.suffixed("", labels, value);
    }

    fn of_reason(&mut self, reason: &str, value: impl std::fmt::Display) {
        self.value(&format!("reason=\"{reason}\""), value);
    }

    fn suffixed(&mut self, suffix: &str, labels: &str, value: impl std::fmt::Display) {
        let name = self.name;
        let _ = match labels {
            "" => writeln!(self.text, "{name}{suffix} {value}"),
            labels => writeln!(self.text, "{name}{suffix}{{{labels}}} {value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_the_count() {
        let metrics = Metrics::default();
        let route = Route { path: "/livez".to_owned(), method: "GET", status: 200 };
        for millis in [1, 7, 60_000] {
            metrics.answered(route.clone(), Duration::from_millis(millis));
        }

        let mut page = Page::default();
        metrics.counted(|counted| write_http(&mut page, counted));

        let labels = "path=\"/livez\",method=\"GET\",status=\"200\"";
        for (le, count) in [("0.001", 1), ("0.01", 2), ("10", 2), ("+Inf", 3)] {
            let line = format!("_bucket{{{labels},le=\"{le}\"}} {count}\n");
            assert!(page.text.contains(&line), "{line} in {}", page.text);
        }
    }
}
