//! G14: one writer per data directory, however many start at once.

use std::path::Path;
use std::time::Duration;

use tidings::store::sqlite::{OpenError, SqliteOptions, SqliteStore};

use crate::children::Running;

const ROUNDS: u64 = if cfg!(feature = "soak") { 5000 } else { 50 };
const RACERS: usize = 4;
/// No racer takes longer to win or lose.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The child: opens the directory when told to, says how that went, and keeps it
/// until its input ends.
pub(crate) fn race(dir: &Path) {
    let mut line = String::new();
    println!("ready");
    std::io::stdin().read_line(&mut line).unwrap();
    let options = SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() };
    let opened = SqliteStore::open(dir, options);
    match &opened {
        Ok(_) => println!("won {}", std::process::id()),
        Err(OpenError::InUse { pid, .. }) => println!("lost {pid}"),
        Err(error) => println!("failed {error}"),
    }
    std::io::stdin().read_line(&mut line).unwrap();
}

pub(crate) fn exactly_one_of_racing_openers_wins() {
    let dirs = tempfile::tempdir().unwrap();
    let mut before = None;
    for round in 0..ROUNDS {
        // A directory that is new to all of them, and again one that they know.
        let dir = dirs.path().join((round / 2).to_string());
        let start = || Running::start(&["race", dir.to_str().unwrap()]);
        let mut racers: Vec<Running> = (0..RACERS).map(|_| start()).collect();
        for racer in &racers {
            assert_eq!(racer.lines().recv_timeout(ANSWER_MAX).unwrap(), "ready");
        }
        for racer in &mut racers {
            racer.tell("go");
        }
        let said: Vec<String> =
            racers.iter().map(|it| it.lines().recv_timeout(ANSWER_MAX).unwrap()).collect();

        let winners: Vec<usize> = (0..RACERS).filter(|i| said[*i].starts_with("won")).collect();
        assert_eq!(winners.len(), 1, "round {round}: {said:?}");
        // The winner may have been caught between taking the lock and signing it:
        // then there is no name yet, or that of the last one, who was killed.
        let winner = racers[winners[0]].id().to_string();
        let names = [Some(winner.clone()), before.replace(winner), Some("?".to_owned())];
        let known = |line: &String| {
            let pid = line.strip_prefix("lost ");
            names.iter().flatten().any(|name| pid == Some(name))
        };
        let lost = said.iter().filter(|line| known(line)).count();
        assert_eq!(lost, RACERS - 1, "round {round}: {said:?}");
    }
}
