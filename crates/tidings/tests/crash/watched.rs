//! What if the disk under a watched program fails for a while? With real system
//! calls that fail, and recover.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tidings::store::BlockStore;
use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::{Clock, Health, LogOptions, PauseReason, Position, Timestamp};

use super::host::{Host, Over};

/// Seconds that the child lives through: it fails, is quiet, and goes on in them.
const SECONDS: u64 = 100;
/// The calls that fail, from one to another: an outage of some seconds.
const FAILS: [&str; 2] =
    ["fsync,fdatasync:error=EIO:when=40..69", "pwrite64:error=EIO:when=200..229"];

/// The child: records, and says how its parts are told to rest and to go on.
pub(crate) fn watch(dir: &Path, over: &str) {
    let over = if over == "store" { Over::Store } else { Over::Log };
    let clock = Clock::by_hand(Timestamp::from_nanos(1_795_341_600_000_000_000));
    // The ballast is filled with writes of its own: one is enough.
    let store = SqliteOptions { ballast_bytes: 4096, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open(dir, store).unwrap());
    let options = LogOptions { background: false, clock, ..LogOptions::default() };
    let host = Host::over(&store, options, over);
    let (mut recorded, mut appended) = (0, Vec::new());
    for second in 0..SECONDS {
        recorded += u64::from(host.record("m"));
        let text = second.to_string();
        if over == Over::Log && host.append(&text).is_ok() {
            appended.push(text);
        }
        host.seconds(1);
        host.take_told().iter().for_each(|told| println!("told {told}"));
        if let Health::Failing { reason, answers, .. } = host.overwatch.health() {
            assert!(answers && reason == PauseReason::StoreDown, "{:?}", host.overwatch);
        }
    }
    assert_eq!(host.reasons(), (vec![], vec![]));
    host.assert_all_is_well();
    let found: u64 = match over {
        Over::Log => host.messages("q").len() as u64,
        Over::Store => {
            let heads = store.heads(Position(0), usize::MAX).unwrap();
            let blocks = heads.iter().map(|head| store.read(head.base).unwrap().unwrap());
            blocks
                .flat_map(|block| block.events(Position(0)).unwrap())
                .filter(|stored| stored.event.event_type() == "q")
                .count() as u64
        }
    };
    assert_eq!(found, recorded, "what was held is there once");
    let listed = host.messages("a");
    assert!(appended.iter().all(|text| listed.contains(text)), "{appended:?} in {listed:?}");
    assert!(host.log.close(Duration::from_secs(1)).is_balanced());
    println!("well");
}

pub(crate) fn a_watched_program_rests_while_its_disk_fails() {
    for (inject, over) in FAILS.into_iter().flat_map(|it| [(it, "log"), (it, "store")]) {
        let dir = tempfile::tempdir().unwrap();
        let calls = inject.split(':').next().unwrap();
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        traced.args(["-e", &format!("inject={inject}")]);
        traced.arg(std::env::current_exe().unwrap()).arg("watch").arg(dir.path()).arg(over);
        let output = match traced.output() {
            Ok(output) if !output.stdout.is_empty() => output,
            Ok(output) if output.stderr.windows(8).any(|it| it == b"panicked") => {
                panic!("{inject}: {}", String::from_utf8_lossy(&output.stderr))
            }
            _ => {
                return eprintln!(
                    "skipped: a_watched_program_… needs strace and the right to trace"
                );
            }
        };
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let told: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("told ")).collect();
        let rests = ["part rests: store_down", "queue rests: store_down", "log rests: store_down"];
        let goes_on = ["log goes on", "queue goes on", "part goes on"];
        assert_eq!(told, [rests, goes_on].concat(), "{inject} over {over}: {errors}");
        assert!(said.ends_with("well\n"), "{inject} over {over}: {said} {errors}");
    }
}
