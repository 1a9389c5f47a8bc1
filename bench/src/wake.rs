//! How soon does what one store puts into etcd reach the watch of another? Beside a
//! bare put and a bare watch of the same value, in turns.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use etcd_client::{Client, WatchOptions, WatchStream};
use tidings::Clock;
use tidings::store::Sink;
use tidings::store::etcd::{EtcdWatch, Seen};
use tidings::testing::Blocks;
use tidings::testing::etcd::{EtcdMember, value_of};

use crate::measure::{middle, seconds, short, table};

/// Events of each, one after the other, after some that do not count.
const EVENTS: usize = 300;
const WARM_UP: usize = 20;
const LONG: Duration = Duration::from_secs(10);

/// Milliseconds from the beginning of a put.
#[derive(Default)]
struct Took {
    put: Vec<f64>,
    seen: Vec<f64>,
}

impl Took {
    fn add(&mut self, round: usize, (began, done, seen): (Duration, Duration, Duration)) {
        if round >= WARM_UP {
            self.put.push(millis(began, done));
            self.seen.push(millis(began, seen));
        }
    }

    fn row(mut self, name: &str) -> Vec<String> {
        self.seen.sort_by(f64::total_cmp);
        let late = self.seen.get(self.seen.len() * 99 / 100).copied().unwrap_or(f64::NAN);
        let cells = [middle(self.put), middle(self.seen), late].map(short);
        std::iter::once(name.to_owned()).chain(cells).collect()
    }
}

pub(crate) fn report() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the bare client");
    let member = EtcdMember::start();
    let (writer, reader) = (member.store(), member.store());
    let clock = Clock::system();
    let arrivals = arrivals(reader.watch(None));
    let (mut client, mut stream) = runtime.block_on(bare(&member)).expect("etcd answers");
    let (mut blocks, mut ours, mut bares) = (Blocks::new(1), Took::default(), Took::default());
    for round in 0..EVENTS + WARM_UP {
        let block = blocks.of(1);
        let began = clock.monotonic();
        writer.put(&block).expect("etcd takes it");
        let done = clock.monotonic();
        let seen = arrivals.recv_timeout(LONG).expect("it is seen");
        ours.add(round, (began, done, seen));

        let value = value_of(&block, clock.now()).expect("a whole block");
        let both = async {
            let began = clock.monotonic();
            let put = async {
                let done = client.put(format!("bare/{round:020}"), value, None).await;
                done.map(|_| clock.monotonic())
            };
            let seen = async { stream.message().await.map(|_| clock.monotonic()) };
            let (done, seen) = tokio::try_join!(put, seen)?;
            Ok::<_, etcd_client::Error>((began, done, seen))
        };
        bares.add(round, runtime.block_on(both).expect("etcd takes it"));
    }
    let head = ["ms, median of one event after the other", "put", "seen", "99 % seen"];
    let rows = [ours.row("store to store"), bares.row("bare put to bare watch")];
    format!(
        "{EVENTS} events, one after the other, through one member of etcd on this machine; both counted from the beginning of the put, which ends with a sync.\n\n{}",
        table(&head, &rows)
    )
}

/// When blocks arrive.
fn arrivals(mut watch: EtcdWatch) -> Receiver<Duration> {
    while !matches!(watch.next(LONG), Some(Seen::Listed { .. })) {}
    let (tell, arrivals) = sync_channel(1);
    let clock = Clock::system();
    thread::spawn(move || {
        loop {
            let seen = watch.next(LONG);
            let at = clock.monotonic();
            if matches!(seen, Some(Seen::Block { .. })) && tell.send(at).is_err() {
                return;
            }
        }
    });
    arrivals
}

async fn bare(member: &EtcdMember) -> Result<(Client, WatchStream), etcd_client::Error> {
    let mut client = Client::connect([member.url()], None).await?;
    let options = WatchOptions::new().with_prefix();
    let mut stream = client.watch("bare/", Some(options)).await?;
    // That it is open.
    stream.message().await?;
    Ok((client, stream))
}

fn millis(from: Duration, to: Duration) -> f64 {
    seconds(to.saturating_sub(from)) * 1e3
}
