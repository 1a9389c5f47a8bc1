//! What do producers do while things go wrong? One on each host records without
//! a pause, and notes what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::patience::{pause, wait_until};
use crate::trio::{Trio, record_here};

/// What it rests after each request: the faults are tested, not the processors.
const REST: Duration = Duration::from_millis(15);

/// Three that record, each on its own host.
pub(crate) struct Writers {
    over: Arc<AtomicBool>,
    acknowledged: Arc<[AtomicUsize; 3]>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Writers {
    /// Their messages begin with this word.
    pub(crate) fn start(trio: &Trio, word: &str) -> Writers {
        let over = Arc::new(AtomicBool::new(false));
        let acknowledged: Arc<[AtomicUsize; 3]> = Arc::default();
        let threads = trio.machines.iter().enumerate().map(|(i, machine)| {
            let (over, acknowledged) = (Arc::clone(&over), Arc::clone(&acknowledged));
            let (host, name) = (machine.host.clone(), format!("{word}.{}", machine.name()));
            std::thread::spawn(move || {
                host.enter();
                record_until(&over, &name, &acknowledged[i])
            })
        });
        let threads = threads.collect();
        Writers { over, acknowledged, threads }
    }

    /// Waits until each of these hosts has acknowledged so many more.
    #[track_caller]
    pub(crate) fn go_on(&self, hosts: &[usize], events: usize) {
        let count = |i: usize| self.acknowledged[i].load(Ordering::SeqCst);
        let enough: Vec<(usize, usize)> = hosts.iter().map(|&i| (i, count(i) + events)).collect();
        wait_until(
            || enough.iter().all(|&(i, enough)| count(i) >= enough),
            || format!("acknowledged: {:?}, wanted {enough:?}", self.acknowledged),
        );
    }

    /// They stop; returns what was acknowledged on each host, in order.
    pub(crate) fn end(self) -> Vec<Vec<String>> {
        self.over.store(true, Ordering::SeqCst);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

/// Records batches of one to four. A server that is not there is tried again;
/// one that is there must take them, whatever is the matter with etcd.
fn record_until(over: &AtomicBool, name: &str, acknowledged: &AtomicUsize) -> Vec<String> {
    let mut stored = Vec::new();
    for n in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let batch: Vec<String> = (0..=n % 4).map(|i| format!("{name}.{n}.{i}")).collect();
        let lines: String =
            batch.iter().map(|m| format!("{{\"type\":\"a\",\"message\":\"{m}\"}}\n")).collect();
        // No answer says nothing about these events, and they are not sent again.
        if let Ok(answer) = record_here(&lines) {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            acknowledged.fetch_add(batch.len(), Ordering::SeqCst);
            stored.extend(batch);
        }
        pause(REST);
    }
    stored
}
