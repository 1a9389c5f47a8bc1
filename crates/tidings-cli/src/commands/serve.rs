//! `tidings serve`: stores events, answers over HTTP, shows the page.

mod closing;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tidings::store::BlockStore;
use tidings::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use tidings::{Log, LogOptions};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::{Exit, Failure};
use crate::server::limits::{BLOCKING_THREADS_MAX, STOP_CLOSE, STOP_GRACE, STOP_LEAVE};
use crate::server::{self, App, Commons, Disk, Hosts, Seats, Served};
use crate::settings::ServeSettings;
use closing::Parts;

/// Serves until a signal says stop; then drains and prints the books.
///
/// # Errors
///
/// The data directory or the port cannot be used; or a second signal cut
/// requests off, or the disk did not answer in time.
pub fn run(settings: &ServeSettings) -> Result<(), Failure> {
    start_logging();
    // The port first: a server that cannot listen must not touch the data.
    let listeners = listen(&settings.listen)?;
    let (log, disk) = open(settings)?;
    let commons = settings.etcd.as_ref().map(|etcd| Commons::join(etcd, &log)).transpose()?;
    let parts = Parts { log, disk, commons: commons.map(Arc::new) };
    parts.tell_what_waits();
    let runtime = runtime()?;
    let ended = runtime.block_on(serve(settings, listeners, &parts));
    // What still blocks is a write that hangs; waiting for it would hang too.
    runtime.shutdown_background();
    ended
}

/// Our own words go to stderr, and nowhere if that is closed.
fn start_logging() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false);
    // In a test another server of the same process may have been first.
    let _ = subscriber.try_init();
}

fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failure> {
    if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback()) {
        let message = format!(
            "cannot listen on {open}: this version has neither tokens nor TLS yet, so it serves \
             its own machine only"
        );
        return Err(Failure::new(Exit::Usage, message)
            .hint("listen on 127.0.0.1:8434, and reach it from elsewhere through ssh -L"));
    }
    let bind = |address: &SocketAddr| {
        TcpListener::bind(address).and_then(|l| l.set_nonblocking(true).map(|()| l)).map_err(
            |error| {
                let message = format!("cannot listen on {address}: {error}");
                let hint = "another server may run there: tidings status, or --listen 127.0.0.1:0";
                Failure::new(Exit::CannotServe, message).hint(hint)
            },
        )
    };
    addresses.iter().map(bind).collect()
}

/// The log, and the watch over the store under it, which has begun.
fn open(settings: &ServeSettings) -> Result<(Log, Arc<Disk>), Failure> {
    let options = LogOptions {
        member: settings.member.clone(),
        retention: settings.retention,
        retention_bytes: settings.retention_bytes,
        shared: settings.etcd.is_some(),
        aside: server::ASIDE,
        ..LogOptions::default()
    };
    let open = || {
        let store = Arc::new(SqliteStore::open(&settings.data, SqliteOptions::default())?);
        Ok((Log::over(Arc::clone(&store) as Arc<dyn BlockStore>, options)?, store))
    };
    let (log, store) = open().map_err(|error: OpenError| {
        Failure::new(Exit::CannotServe, format!("cannot use the data directory: {error}"))
    })?;
    let disk = Disk::new(store, &log);
    disk.watch().map_err(|error| cannot_serve(&error))?;
    Ok((log, Arc::new(disk)))
}

fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tidings-http")
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(|error| {
            Failure::new(Exit::CannotServe, format!("cannot start the server's threads: {error}"))
        })
}

fn cannot_serve(error: &std::io::Error) -> Failure {
    Failure::new(Exit::CannotServe, format!("cannot serve: {error}"))
}

async fn serve(
    settings: &ServeSettings,
    listeners: Vec<TcpListener>,
    parts: &Parts,
) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| cannot_serve(&error))?;
    let listeners: Vec<tokio::net::TcpListener> = listeners
        .into_iter()
        .map(tokio::net::TcpListener::from_std)
        .collect::<Result<_, _>>()
        .map_err(|error| cannot_serve(&error))?;
    let (stop, stopping) = watch::channel(false);
    let (hurry_up, hurry) = watch::channel(false);
    let hosts = Hosts::new(&settings.allowed_hosts);
    let Parts { log, disk, commons } = parts.clone();
    let document = server::openapi_document();
    let app = App::new(log, Arc::clone(&disk), commons, hosts, stopping.clone(), document);
    let seats = Seats::by_open_files();
    let app = app.with_query_events_max(settings.query_events_max).with_seats(seats);
    let router = server::router(Arc::new(app));
    greet(settings, &listeners);
    let serving =
        tokio::spawn(server::serve(listeners, router, seats.connections, stopping, hurry.clone()));
    signals.next().await;
    tracing::info!("stopping: no more connections, finishing what is in flight");
    stop.send_replace(true);
    let end = async {
        let served = serving.await.unwrap_or(Served::CutOff(0));
        // What the log has taken gets its chance, whatever a probe would say now.
        disk.let_go();
        closing::close(parts, served, hurry, STOP_CLOSE + STOP_LEAVE + STOP_GRACE).await
    };
    let second = async {
        signals.next().await;
        tracing::info!("stopping at once: cutting off what is in flight");
        hurry_up.send_replace(true);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = end => ended,
        () = second => Ok(()),
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The address of the page, where the data is, and what to type next.
fn greet(settings: &ServeSettings, listeners: &[tokio::net::TcpListener]) {
    let addresses: Vec<SocketAddr> =
        listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    for address in &addresses {
        say(&format!("tidings {} listens on http://{address}/", env!("CARGO_PKG_VERSION")));
    }
    say(&format!("data is kept in {} for {}", settings.data.display(), hours(settings.retention)));
    if let Some(etcd) = &settings.etcd {
        let (members, prefix) = (etcd.endpoints.join(", "), &etcd.prefix);
        say(&format!("the log is shared through etcd at {members}, under the prefix {prefix}"));
    }
    if let Some(address) = addresses.first() {
        say("open that address in a browser for the page, or record an event from another shell:");
        say(&format!("  curl -d 'it works' 'http://{address}/e/hello'"));
    }
}

fn hours(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds > 0 && seconds.is_multiple_of(3600) {
        return format!("{}h", seconds / 3600);
    }
    format!("{seconds}s")
}

/// A line on stderr; nobody is left to tell when that is closed.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
