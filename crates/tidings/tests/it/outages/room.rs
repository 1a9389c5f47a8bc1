//! Does a full disk become usable by itself? A real one: a small file system in
//! memory, on which nobody but the log makes room.

use std::sync::Arc;
use std::time::Duration;

use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::{AppendError, Health, LogOptions, PauseReason};

use super::host::{Host, Over};
use super::{RECOVERY_SECONDS, by_hand};
use crate::tmpfs::Tmpfs;

/// How long events are kept here.
const RETENTION: Duration = Duration::from_hours(1);
/// The clock is believed by then, and everything is over age.
const OVER_AGE: Duration = Duration::from_hours(2);

/// Appends until the log refuses; answers with what was acknowledged.
fn fill(host: &Host) -> Vec<String> {
    let (mut kept, mut dice) = (Vec::new(), fastrand::Rng::with_seed(1));
    loop {
        let noise: String = std::iter::repeat_with(|| dice.alphanumeric()).take(20_000).collect();
        let text = format!("{} {noise}", kept.len());
        match host.append(&text) {
            Ok(_) => kept.push(text),
            Err(AppendError::Store(error)) => {
                assert_eq!(error.pause(), Some(PauseReason::DiskFull), "{error}");
                return kept;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(kept.len() < 1000, "8 MiB are never full");
    }
}

#[test]
fn a_full_disk_is_purged_through_the_ballast_and_all_goes_on_by_itself() {
    let Some(dir) = Tmpfs::mount("a_full_disk_is_purged_…", "8m") else { return };
    let store = SqliteOptions { ballast_bytes: 1024 * 1024, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open(&dir.path().join("data"), store).unwrap());
    let host = Host::over(&store, LogOptions { retention: RETENTION, ..by_hand() }, Over::Log);

    let kept = fill(&host);
    host.record("held");
    host.seconds(5);
    let both = (vec![PauseReason::DiskFull], vec![PauseReason::DiskFull]);
    assert_eq!(host.reasons(), both);
    assert!(matches!(host.overwatch.health(), Health::Failing { answers: true, .. }));
    assert_eq!(host.messages("a"), kept, "reads go on");

    host.clock.advance(OVER_AGE);
    host.seconds(RECOVERY_SECONDS + 1);

    host.assert_all_is_well();
    host.append("after").unwrap();
    assert_eq!(
        (host.messages("q"), host.messages("a")),
        (vec!["held".to_owned()], vec!["after".to_owned()])
    );
    assert_eq!(host.messages("tidings.lost").len(), 1, "what was refused is told");
    assert!(dir.path().join("data/ballast").exists(), "kept aside again for the next time");
}
