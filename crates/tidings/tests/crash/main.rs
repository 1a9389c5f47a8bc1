//! What if the process dies, or the power? G4, G5 and G14, with real processes.
//!
//! This binary has no test harness: it runs its tests, or, called with a role as
//! its first argument, is the child that they start and kill. With another
//! argument it runs the tests whose names contain it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "parent and child talk so")]

mod calls;
mod children;
#[path = "../it/outages/host.rs"]
mod host;
mod killed;
mod merging;
mod power;
mod races;
mod spooled;
mod syncs;
mod watched;

use std::path::Path;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["append", dir, round] => killed::append(Path::new(dir), round.parse().unwrap()),
        ["keep", dir] => calls::keep(Path::new(dir)),
        ["lose-power", dir] => power::lose_power(Path::new(dir)),
        ["merge", dir, round] => merging::merge(Path::new(dir), round.parse().unwrap()),
        ["race", dir] => races::race(Path::new(dir)),
        ["retry", dir] => syncs::retry(Path::new(dir)),
        ["spool", dir, round] => spooled::record(Path::new(dir), round.parse().unwrap()),
        ["take", dir, round] => killed::take(Path::new(dir), round.parse().unwrap()),
        ["watch", dir, over] => watched::watch(Path::new(dir), over),
        ["--list", ..] => {}
        ref rest => run(rest.iter().find(|arg| !arg.starts_with('-')).copied().unwrap_or("")),
    }
}

fn run(filter: &str) {
    let tests: [(&str, fn()); 10] = [
        ("what_was_acknowledged_survives_kill_9", killed::what_was_acknowledged_survives_kill_9),
        (
            "a_note_and_the_blocks_taken_with_it_survive_kill_9_together",
            killed::a_note_and_the_blocks_taken_with_it_survive_kill_9_together,
        ),
        (
            "what_was_acknowledged_survives_power_loss",
            power::what_was_acknowledged_survives_power_loss,
        ),
        (
            "a_failed_sync_is_settled_by_writing_again",
            syncs::a_failed_sync_is_settled_by_writing_again,
        ),
        (
            "the_names_of_a_new_log_are_synced_before_it_is_used",
            syncs::the_names_of_a_new_log_are_synced_before_it_is_used,
        ),
        (
            "whichever_call_fails_nothing_acknowledged_is_lost",
            calls::whichever_call_fails_nothing_acknowledged_is_lost,
        ),
        (
            "a_watched_program_rests_while_its_disk_fails",
            watched::a_watched_program_rests_while_its_disk_fails,
        ),
        (
            "what_was_spooled_before_a_kill_is_stored_once_and_in_order",
            spooled::what_was_spooled_before_a_kill_is_stored_once_and_in_order,
        ),
        (
            "a_kill_while_blocks_are_merged_moves_and_loses_nothing",
            merging::a_kill_while_blocks_are_merged_moves_and_loses_nothing,
        ),
        ("exactly_one_of_racing_openers_wins", races::exactly_one_of_racing_openers_wins),
    ];
    for (name, test) in tests {
        if name.contains(filter) {
            test();
            println!("test {name} ... ok");
        }
    }
}
