//! G11: what if the clocks of the machines are an hour and a day apart? Nothing
//! is missing, nothing is lost early, and it is told.

use std::path::PathBuf;

use crate::hosts::say;
use crate::patience::wait_until;
use crate::trio::{Machine, Setup, Trio};
use crate::truth::assert_same_events;
use crate::writers::Writers;

/// How far the clock of each machine is ahead, in hours.
const AHEAD_HOURS: [i64; 3] = [0, 1, -25];

/// The library that moves a program's clock.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    files.chain([PathBuf::from("/usr/lib/faketime/libfaketime.so.1")]).find(|file| file.is_file())
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// How far this machine says that the clock of that one is ahead of its own.
fn skew_hours(of: &Machine, seen_by: &Machine) -> Option<f64> {
    let members = seen_by.get("/api/v1/members").json();
    let servers = members["servers"].as_array()?;
    let server = servers.iter().find(|server| server["member"] == of.name())?;
    Some(server["skew_seconds"].as_f64()? / 3600.0)
}

#[test]
fn machines_whose_clocks_are_a_day_apart_show_the_same_events() {
    let test = "machines_whose_clocks_are_a_day_apart_show_the_same_events";
    let Some(library) = faketime() else {
        assert!(!in_ci(), "CI must have libfaketime");
        say(&format!("skipped: {test} needs libfaketime; ./x test installs it\n"));
        return;
    };
    let Some(mut trio) = Trio::without_servers(test, Setup::default()) else { return };
    for (machine, hours) in trio.machines.iter_mut().zip(AHEAD_HOURS) {
        let variables = [
            ("LD_PRELOAD", library.to_str().unwrap().to_owned()),
            ("FAKETIME", format!("{hours:+}h")),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        machine.env = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        machine.start_server();
    }

    let writers = Writers::start(&trio, "a");
    writers.go_on(&[0, 1, 2], 40);

    assert_same_events(&trio, &writers.end());
    for (i, seen_by) in trio.machines.iter().enumerate() {
        for (j, of) in trio.machines.iter().enumerate().filter(|(j, _)| *j != i) {
            #[expect(clippy::cast_precision_loss, reason = "some hours")]
            let ahead = (AHEAD_HOURS[j] - AHEAD_HOURS[i]) as f64;
            let told = || skew_hours(of, seen_by).is_some_and(|told| (told - ahead).abs() < 0.1);
            let stands = || {
                format!(
                    "{} of {}: {}",
                    seen_by.name(),
                    of.name(),
                    seen_by.get("/api/v1/members").text()
                )
            };
            wait_until(told, stands);
        }
    }
}
