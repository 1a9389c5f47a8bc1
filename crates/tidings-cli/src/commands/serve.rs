//! `tidings serve`: stores events, answers over HTTP, shows the page.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tidings::store::BlockStore;
use tidings::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use tidings::{Log, LogOptions, Tally};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::{Exit, Failure};
use crate::server::limits::{BLOCKING_THREADS_MAX, STOP_CLOSE, STOP_CLOSE_AT_ONCE, STOP_GRACE};
use crate::server::{self, App, Disk, Hosts, Served};
use crate::settings::ServeSettings;

/// Serves until a signal says stop; then drains and prints the books.
///
/// # Errors
///
/// The data directory or the port cannot be used; or a second signal cut
/// requests off, or the disk did not answer in time.
pub fn run(settings: &ServeSettings) -> Result<(), Failure> {
    start_logging();
    if settings.etcd.is_some() {
        let message = "this version knows the settings of etcd, and does not share events yet";
        return Err(Failure::new(Exit::Usage, message));
    }
    // The port first: a server that cannot listen must not touch the data.
    let listeners = listen(&settings.listen)?;
    let (log, disk) = open(settings)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(serve(settings, listeners, &log, disk));
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
    log: &Log,
    disk: Arc<Disk>,
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
    let watched = Arc::clone(&disk);
    let app = App::new(log.clone(), watched, hosts, stopping.clone(), server::openapi_document());
    let router = server::router(Arc::new(app));
    greet(settings, &listeners);
    let serving = tokio::spawn(server::serve(listeners, router, stopping, hurry.clone()));
    signals.next().await;
    tracing::info!("stopping: no more connections, finishing what is in flight");
    stop.send_replace(true);
    let end = async {
        let served = serving.await.unwrap_or(Served::CutOff(0));
        // What the log has taken gets its chance, whatever a probe would say now.
        disk.let_go();
        close(log, served, hurry, STOP_CLOSE + STOP_GRACE).await
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

/// Settles what the log has taken, and says how it went. A disk that hangs is
/// waited for as long as `patience` lasts, and after a second signal no longer
/// than [`STOP_CLOSE_AT_ONCE`].
async fn close(
    log: &Log,
    served: Served,
    mut hurry: watch::Receiver<bool>,
    patience: Duration,
) -> Result<(), Failure> {
    let deadline = if *hurry.borrow() { STOP_CLOSE_AT_ONCE } else { STOP_CLOSE };
    let closing = log.clone();
    let closing = tokio::task::spawn_blocking(move || closing.close(deadline));
    let out_of_patience = async {
        tokio::select! {
            () = tokio::time::sleep(patience) => {}
            Ok(_) = hurry.wait_for(|hurry| *hurry) => {
                tokio::time::sleep(STOP_CLOSE_AT_ONCE).await;
            }
        }
    };
    tokio::select! {
        Ok(books) = closing => {
            say(&format!("books: {books}"));
            farewell(served, &books)
        }
        () = out_of_patience => {
            let books = log.tally();
            say(&format!("books: {books}"));
            let message = format!(
                "stopped, but the disk does not answer: nobody knows what became of {} events",
                books.pending
            );
            Err(Failure::new(Exit::Failed, message))
        }
    }
}

fn farewell(served: Served, books: &Tally) -> Result<(), Failure> {
    match served {
        Served::Drained => say("stopped; every request was answered"),
        Served::CutOff(connections) => {
            let message = format!(
                "stopped; {connections} connections were cut off before their requests ended"
            );
            return Err(Failure::new(Exit::Failed, message));
        }
    }
    if books.lost_total() > 0 {
        let message = format!("{} events were taken and are not stored", books.lost_total());
        return Err(Failure::new(Exit::Failed, message));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use tidings::store::memory::MemoryStore;
    use tidings::testing::{Fault, FaultyStore};
    use tidings::{Ack, Event};

    use super::*;

    /// A log with one event that its store will never take.
    fn log_over_a_hung_store() -> (Arc<FaultyStore<MemoryStore>>, Log) {
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        store.fail_from(1, Fault::Hang);
        let log = Log::over(store.clone(), LogOptions::default()).unwrap();
        log.append(vec![Event::new("a", "x")], Ack::Queued, false).unwrap();
        store.wait_until_hanging(1);
        (store, log)
    }

    #[tokio::test]
    async fn a_hung_disk_is_not_waited_for_and_its_events_are_counted() {
        let (store, log) = log_over_a_hung_store();
        let (_hurry_up, hurry) = watch::channel(false);

        let patience = Duration::from_millis(10);
        let failure = close(&log, Served::Drained, hurry, patience).await.unwrap_err();

        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message.contains("became of 1 events"), "{}", failure.message);
        store.release();
    }

    #[tokio::test]
    async fn a_second_signal_ends_the_waiting_for_a_hung_disk() {
        let (store, log) = log_over_a_hung_store();
        let (hurry_up, hurry) = watch::channel(false);
        hurry_up.send_replace(true);

        let failure = close(&log, Served::Drained, hurry, Duration::MAX).await.unwrap_err();

        assert_eq!(failure.exit, Exit::Failed);
        store.release();
    }

    #[test]
    fn connections_that_were_cut_off_are_admitted() {
        let failure = farewell(Served::CutOff(3), &Tally::default()).unwrap_err();

        assert!(failure.message.contains("3 connections"), "{}", failure.message);
    }
}
