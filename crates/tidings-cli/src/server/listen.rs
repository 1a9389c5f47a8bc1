//! Who may connect, and when does it end? Accepts connections within a bound,
//! gives each its timers, and drains them when told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::limits::{HEAD_TIMEOUT, HEADERS_MAX, STOP_DRAIN};
use super::stalled::Stalled;

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Every request that had come was answered.
    Drained,
    /// So many connections were cut off.
    CutOff(usize),
}

/// After an error of `accept` (no file descriptor left, mostly), so long passes
/// before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves so many connections at a time until `stopping` becomes true; then takes no more connections, lets
/// requests in flight finish within [`STOP_DRAIN`], and cuts off the rest, at
/// once if `hurry` becomes true.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    connections_max: usize,
    stopping: watch::Receiver<bool>,
    mut hurry: watch::Receiver<bool>,
) -> Served {
    let connections = Connections {
        router,
        slots: Arc::new(Semaphore::new(connections_max)),
        limit: connections_max,
        graceful: Arc::new(GracefulShutdown::new()),
    };
    let connections = Arc::new(connections);
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, connections.clone(), stopping.clone()));
    }
    while accepting.join_next().await.is_some() {}
    // Every task that accepted has ended, so this is the last owner but for the
    // connections' slots.
    let slots = connections.slots.clone();
    let open = || connections_max.saturating_sub(slots.available_permits());
    let Some(connections) = Arc::into_inner(connections) else { return Served::CutOff(0) };
    let Some(graceful) = Arc::into_inner(connections.graceful) else { return Served::CutOff(0) };
    tokio::select! {
        () = graceful.shutdown() => Served::Drained,
        () = tokio::time::sleep(STOP_DRAIN) => Served::CutOff(open()),
        _ = hurry.wait_for(|hurry| *hurry) => Served::CutOff(open()),
    }
}

struct Connections {
    router: Router,
    slots: Arc<Semaphore>,
    limit: usize,
    graceful: Arc<GracefulShutdown>,
}

async fn accept(
    listener: TcpListener,
    connections: Arc<Connections>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => connections.take(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted, will retry");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Connections {
    /// Serves a connection on a task of its own, which ends with it; the bound on
    /// connections bounds the tasks.
    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            tracing::warn!(%peer, limit = self.limit, "a connection too many was turned away");
            tokio::spawn(tokio::time::timeout(ACCEPT_PAUSE, turn_away(stream)));
            return;
        };
        // Answers are small and wanted now; without it Nagle adds 40 ms to some.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Stalled::new(stream)), service);
        let connection = self.graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(slot);
        });
    }
}

async fn turn_away(mut stream: TcpStream) {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
                   Content-Length: 0\r\n\r\n";
    // Whoever is turned away may be gone already.
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}
