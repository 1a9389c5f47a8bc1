//! A server whose log is in a state that no client can bring about.

mod slow;

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tidings::store::memory::MemoryStore;
use tidings::testing::FaultyStore;
use tidings::{Ack, Event, Filter, Log, LogOptions, PauseReason, Query};
use tokio::sync::watch;

use super::{App, Disk, Hosts, pieces, router, serve};

fn log_with(inflight_bytes_max: usize) -> Log {
    let options = LogOptions { inflight_bytes_max, background: false, ..LogOptions::default() };
    Log::over(Arc::new(MemoryStore::new().unwrap()), options).unwrap()
}

/// What a server has that nobody stops.
fn app_over(log: &Log) -> App {
    let (stop, stopping) = watch::channel(false);
    std::mem::forget(stop);
    let disk = Arc::new(Disk::new(Arc::new(log.clone()), log));
    App::new(log.clone(), disk, None, Hosts::default(), stopping, String::new())
}

async fn answer(log: &Log, method: &str, path: &str, body: &'static str) -> Response {
    let app = Arc::new(app_over(log));
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let service = TowerToHyperService::new(router(app));
    service.call(request.body(Body::from(body)).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_log_refuses_with_its_reason_and_still_answers_questions() {
    let log = log_with(1 << 20);
    assert_eq!(answer(&log, "POST", "/e/a", "x").await.status(), StatusCode::CREATED);
    log.suspend(PauseReason::DiskFull);

    let refused = answer(&log, "POST", "/e/a", "x").await;

    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(text(refused).await.contains("the disk is full"));
    assert_eq!(answer(&log, "GET", "/api/v1/events", "").await.status(), StatusCode::OK);
    assert_eq!(answer(&log, "GET", "/livez", "").await.status(), StatusCode::OK);
    for path in ["/readyz", "/healthz"] {
        let status = answer(&log, "GET", path, "").await.status();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    let metrics = text(answer(&log, "GET", "/metrics", "").await).await;
    assert!(metrics.contains("tidings_paused{reason=\"disk_full\"} 1"), "{metrics}");
    assert!(metrics.contains("tidings_events_refused_total{reason=\"paused\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_what_waits_for_merging_and_for_the_index_of_words() {
    let log = log_with(1 << 20);
    assert_eq!(answer(&log, "POST", "/e/a", "x").await.status(), StatusCode::CREATED);
    let before = text(answer(&log, "GET", "/metrics", "").await).await;

    while log.merge_step().unwrap().is_some() || log.index_step().unwrap() {}
    let settled = text(answer(&log, "GET", "/metrics", "").await).await;

    for gauge in ["tidings_unmerged_events", "tidings_unworded_events"] {
        assert!(before.contains(&format!("\n{gauge} 1\n")), "{before}");
        assert!(settled.contains(&format!("\n{gauge} 0\n")), "{settled}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_9volt_says_why_and_comes_back() {
    let log = log_with(1 << 20);
    log.suspend(PauseReason::StoreDown);

    let down = answer(&log, "GET", "/status/check", "").await;
    log.resume(PauseReason::StoreDown);
    let up = answer(&log, "GET", "/status/check", "").await;

    assert_eq!(down.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let message = format!("MemberID {}", log.member());
    let expected = format!("{{\"message\":\"{message}\",\"status\":\"the store is down\"}}");
    assert_eq!(text(down).await, expected);
    assert_eq!(up.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_says_when_to_come_back_and_counts_it() {
    let log = log_with(10);

    let refused = answer(&log, "POST", "/e/a", "longer than ten bytes").await;

    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(log.tally().refused_total(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_ends_its_streams() {
    let log = log_with(1 << 20);
    let stream = answer(&log, "GET", "/api/v1/events/stream?format=ndjson", "").await;
    assert_eq!(stream.status(), StatusCode::OK);

    let closing = log.clone();
    let closed = tokio::task::spawn_blocking(move || closing.close(Duration::from_secs(1)));
    let told = text(stream).await;
    closed.await.unwrap();

    assert!(told.lines().all(|line| line.contains("tidings.")), "{told}");
    let late = answer(&log, "POST", "/e/a", "x").await;
    assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn while_the_reads_of_a_question_hang_others_are_answered() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let options = LogOptions { background: false, aside: super::ASIDE, ..LogOptions::default() };
    let log = Log::over(store.clone(), options).unwrap();
    for _ in 0..BLOCKS {
        log.append(vec![Event::new("a", "x")], Ack::Disk, false).unwrap();
    }
    let ask = |path: &'static str| {
        let (log, (sender, answers)) = (log.clone(), mpsc::sync_channel(1));
        tokio::spawn(async move { sender.send(answer(&log, "GET", path, "").await.status()) });
        answers
    };

    store.hang_reads_from(1);
    let question = ask("/api/v1/events?order=asc&limit=1");
    store.wait_until_hanging(1);
    let meanwhile = ask("/livez").recv_timeout(Duration::from_secs(30));
    store.release();

    assert_eq!(meanwhile, Ok(StatusCode::OK));
    assert_eq!(question.recv(), Ok(StatusCode::OK));
}

/// More than are kept in memory, so that the first are read from the store.
const BLOCKS: u64 = 200;
/// So many that a glance does not look at all of them.
const EVENTS_A_BLOCK: usize = 20;
/// Beyond the glance, which takes two reads for each of 103 blocks.
const HANGING_READ: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_client_that_goes_away_ends_its_question() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let options = LogOptions { background: false, ..LogOptions::default() };
    let log = Log::over(store.clone(), options).unwrap();
    for _ in 0..BLOCKS {
        log.append(vec![Event::new("a", "x"); EVENTS_A_BLOCK], Ack::Disk, false).unwrap();
    }
    let (_stop, stopping) = watch::channel(false);
    let disk = Arc::new(Disk::new(Arc::new(log.clone()), &log));
    let app = App::new(log, disk, None, Hosts::default(), stopping.clone(), String::new());
    let (mut abandoned, app) = (app.abandoned.subscribe(), Arc::new(app));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(vec![listener], router(app.clone()), 16, stopping.clone(), stopping));

    store.hang_reads_from(HANGING_READ);
    let mut client = TcpStream::connect(address).unwrap();
    let head = "GET /api/v1/events?order=asc&grep=nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(head.as_bytes()).unwrap();
    tokio::task::block_in_place(|| store.wait_until_hanging(1));
    drop(client);
    abandoned.wait_for(|count| *count == 1).await.unwrap();
    store.release();
    app.no_question_is_asked().await;

    assert!(store.reads() < HANGING_READ + BLOCKS / 4, "it read on: {} times", store.reads());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_a_glance_began_is_the_same_as_one_that_was_read_at_once() {
    let log = log_with(LogOptions::default().inflight_bytes_max);
    for block in 0..8 {
        let event = |i| Event::new(if i % 450 == block { "rare" } else { "a" }, "x");
        log.append((0..900).map(event).collect(), Ack::Disk, false).unwrap();
    }
    let app = app_over(&log);
    let mut filter = Filter::default();
    filter.types.add("rare").unwrap();
    let first = Query { filter, limit: 7, ..Query::default() };
    let (mut cursor, mut places) = (None, Vec::new());
    for leads_back in [false, false, false, true, true] {
        let query = Query { cursor, ..first.clone() };

        let piece = pieces::read(&app, &query, false).await.unwrap();

        let page = log.query(&query).unwrap();
        let wanted: Vec<_> = page.events.iter().map(|event| event.position).collect();
        let found: Vec<_> = piece.entries.iter().map(|entry| entry.event.position).collect();
        assert_eq!(found, wanted);
        assert_eq!((piece.next, piece.prev), (page.next, page.prev));
        assert!(piece.coverage.complete);
        places.extend(wanted);
        cursor = if leads_back || page.next.is_none() { page.prev } else { page.next };
    }
    assert_eq!(places.len(), 7 + 7 + 2 + 7 + 7);
}
