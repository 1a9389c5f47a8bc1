//! What if somebody copies a data directory and starts a server on the copy? One
//! of the two publishes at a time; what both took is found, each event once.

use crate::patience::wait_until;
use crate::trio::{Machine, Setup, Trio};
use crate::truth::assert_one_truth_of;
use crate::writers::Writers;

/// A copy of a directory of plain files.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Whether it is told that another process publishes for its origin.
fn is_kept_out(machine: &Machine) -> bool {
    machine.check() == (500, "etcd takes no events of this server".to_owned())
}

#[test]
fn a_copied_data_directory_publishes_after_the_original_and_nothing_comes_twice() {
    let test = "a_copied_data_directory_publishes_after_the_original_and_nothing_comes_twice";
    let Some(mut trio) = Trio::without_servers(test, Setup::default()) else { return };
    let [original, copied] = [0, 1];
    trio.machines[original].start_server();
    assert_eq!(trio.machines[original].record("common").status, 201);
    trio.machines[original].wait_until_plain_ok();
    assert_eq!(trio.machines[original].stop_server().code, Some(0));
    copy(&trio.machines[original].data(), &trio.machines[copied].data());
    for i in [original, 2] {
        trio.machines[i].start_server();
    }
    trio.machines[original].wait_until_plain_ok();

    trio.machines[copied].start_server();
    let writers = Writers::start(&trio, "both");
    writers.go_on(&[0, 1, 2], 20);
    let clone = &trio.machines[copied];
    wait_until(|| is_kept_out(clone), || clone.stats()["cluster"].to_string());
    writers.go_on(&[0, 1, 2], 20);
    let mut acknowledged = writers.end();
    acknowledged[original].push("common".to_owned());
    // What it has waits there, and goes out when the original is away.
    trio.machines[original].stop_server();

    assert_one_truth_of(&trio, &[copied, 2], &acknowledged);
}
