//! How fast do a queue's events get into etcd? Beside the bare client, which puts
//! the same values with as many puts in flight, in turns.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Client, GetOptions};
use tidings::testing::etcd::EtcdMember;
use tidings::{Clock, Event, Queue, Reason};

use crate::events::Events;
use crate::measure::{middle, seconds, short, table};

/// Events of one round.
const EVENTS: usize = 400_000;
/// Events that the default pace is measured with.
const PACED_EVENTS: usize = 200_000;
const ROUNDS: usize = 5;
/// Puts in flight without a pace.
const WORKERS: usize = 4;
const BUFFER_EVENTS: usize = 16 * 1024;
const LONG: Duration = Duration::from_mins(2);
/// What etcd's values are read back with.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// What one run of a queue did.
struct Run {
    seconds: f64,
    /// What stands in etcd afterwards.
    values: Vec<Vec<u8>>,
    bytes_in_use: f64,
    leases: usize,
}

pub(crate) fn report() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the bare client");
    let events: Vec<Event> = Events::new().take(EVENTS).collect();
    let (mut queues, mut bares, mut last) = (Vec::new(), Vec::new(), None);
    // The first round of each does not count.
    for round in 0..=ROUNDS {
        let run = queue_run(&events, 0, &runtime);
        let bare = runtime.block_on(bare_run(&run.values)).expect("etcd takes what it had");
        if round > 0 {
            queues.push(run.seconds);
            bares.push(bare);
        }
        last = Some(run);
    }
    let Some(last) = last else { return String::new() };
    let rate = |seconds: f64| EVENTS as f64 / seconds;
    let (queue, bare) = (rate(middle(queues)), rate(middle(bares)));
    let paced = queue_run(&events[..PACED_EVENTS], 500, &runtime);
    let paced_rate = PACED_EVENTS as f64 / paced.seconds;
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let rows = [
        row("through the queue, no pace, events/s", short(queue)),
        row("bare client, same values, same puts in flight, events/s", short(bare)),
        row("queue ÷ bare", short(queue / bare)),
        row("events a put", short(EVENTS as f64 / last.values.len() as f64)),
        row("bytes of etcd's database in use, an event", short(last.bytes_in_use / EVENTS as f64)),
        row("leases of that run, one of them the claim's", last.leases.to_string()),
        row("default pace, events/s", short(paced_rate)),
        row("default pace, puts/s", short(paced.values.len() as f64 / paced.seconds)),
    ];
    format!(
        "{EVENTS} events into one member of etcd on this machine, {WORKERS} puts in flight; the bare client puts the values that the queue made.\n\n{}",
        table(&["what", "measured"], &rows)
    )
}

/// Offers all events as fast as they are taken, and waits until all are stored.
fn queue_run(events: &[Event], pace_millis: u64, runtime: &tokio::runtime::Runtime) -> Run {
    let member = EtcdMember::with(&["--quota-backend-bytes=8589934592"]);
    let mut builder = Queue::builder();
    if pace_millis == 0 {
        builder = builder
            .workers(WORKERS)
            .worker_sleep(Duration::ZERO)
            .buffer_events_max(BUFFER_EVENTS)
            .buffer_bytes_max(64 * 1024 * 1024);
    }
    let queue = builder.build("bench", member.store()).expect("a queue over etcd");
    queue.start().expect("threads");
    let client = queue.client();
    let clock = Clock::system();
    let start = clock.monotonic();
    for event in events {
        let mut event = event.clone();
        while let Err(refused) = client.record(event) {
            assert!(matches!(refused.reason, Reason::BufferFull | Reason::BytesFull));
            event = *refused.event;
            std::thread::yield_now();
        }
    }
    let report = queue.flush(LONG);
    let taken = clock.monotonic().saturating_sub(start);
    assert_eq!(report.tally.pending, 0, "{}", report.tally);
    assert_eq!(report.tally.lost_total(), 0, "{}", report.tally);
    let values = runtime.block_on(values_of(&member.url())).expect("etcd gives back what it took");
    let status = member.ctl(&["endpoint", "status", "-w", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("etcdctl prints JSON");
    let bytes_in_use = status[0]["Status"]["dbSizeInUse"].as_f64().unwrap_or(f64::NAN);
    let leases = member.ctl(&["lease", "list"]).lines().count().saturating_sub(1);
    Run { seconds: seconds(taken), values, bytes_in_use, leases }
}

async fn values_of(url: &str) -> Result<Vec<Vec<u8>>, etcd_client::Error> {
    let client = Client::connect([url], None).await?;
    let mut keys = client.kv_client().max_decoding_message_size(ANSWER_BYTES);
    let options = GetOptions::new().with_prefix();
    let got = keys.get("tidings/event/", Some(options)).await?;
    Ok(got.kvs().iter().map(|pair| pair.value().to_vec()).collect())
}

/// Puts the values into a fresh member and says how many seconds that took.
async fn bare_run(values: &[Vec<u8>]) -> Result<f64, io::Error> {
    let member = EtcdMember::with(&["--quota-backend-bytes=8589934592"]);
    let failed = |error: etcd_client::Error| io::Error::other(error.to_string());
    let client = Client::connect([member.url()], None).await.map_err(failed)?;
    let (next, values) = (Arc::new(AtomicUsize::new(0)), Arc::new(values.to_vec()));
    let clock = Clock::system();
    let start = clock.monotonic();
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| tokio::spawn(put_next(client.clone(), next.clone(), values.clone())))
        .collect();
    for worker in workers {
        worker.await?.map_err(failed)?;
    }
    Ok(seconds(clock.monotonic().saturating_sub(start)))
}

async fn put_next(
    mut client: Client,
    next: Arc<AtomicUsize>,
    values: Arc<Vec<Vec<u8>>>,
) -> Result<(), etcd_client::Error> {
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(value) = values.get(at) else { return Ok(()) };
        client.put(format!("bare/{at:020}"), value.clone(), None).await?;
    }
}
