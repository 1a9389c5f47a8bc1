//! What if etcd no longer lets the members in? Each takes and answers, says why
//! nothing is shared, and goes on when it is let in again.

use std::fs;

use crate::etcd::Etcd;
use crate::patience::wait_until;
use crate::trio::{Setup, Trio};
use crate::truth::assert_one_truth;
use crate::writers::Writers;

/// Tokens live for seconds, so that they expire under the members.
const SETUP: Setup = Setup { etcd_flags: &["--auth-token-ttl=2"], flags: &[] };

/// Users: root, and writer with the password `first` and one role.
fn add_users(etcd: &Etcd) {
    etcd.ctl(&["user", "add", "root:root"]);
    etcd.ctl(&["user", "grant-role", "root", "root"]);
    etcd.ctl(&["role", "add", "tidings"]);
    etcd.ctl(&["role", "grant-permission", "tidings", "readwrite", "--prefix=true", "tidings/"]);
    etcd.ctl(&["user", "add", "writer:first"]);
    etcd.ctl(&["user", "grant-role", "writer", "tidings"]);
    etcd.ctl(&["auth", "enable"]);
}

fn as_root(etcd: &Etcd, args: &[&str]) {
    etcd.ctl(&[&["--user", "root:root"], args].concat());
}

fn write_passwords(trio: &Trio, password: &str) {
    for machine in &trio.machines {
        fs::write(machine.password_file(), format!("{password}\n")).unwrap();
    }
}

/// Waits until each server says so.
#[track_caller]
fn wait_until_kept_out(trio: &Trio) {
    let kept_out = (500, "etcd refuses the credentials".to_owned());
    for machine in &trio.machines {
        wait_until(|| machine.check() == kept_out, || format!("{:?}", machine.check()));
    }
}

#[test]
fn members_that_are_kept_out_go_on_and_share_all_when_they_are_let_in() {
    let test = "members_that_are_kept_out_go_on_and_share_all_when_they_are_let_in";
    let Some(mut trio) = Trio::without_servers(test, SETUP) else { return };
    add_users(&trio.machines[0].etcd);
    write_passwords(&trio, "first");
    for machine in &mut trio.machines {
        let file = machine.password_file().to_str().unwrap().to_owned();
        machine.env = vec![
            ("TIDINGS_ETCD_USER".to_owned(), "writer".to_owned()),
            ("TIDINGS_ETCD_PASSWORD_FILE".to_owned(), file),
        ];
        machine.start_server();
    }
    let writers = Writers::start(&trio, "a");
    writers.go_on(&[0, 1, 2], 20);
    let etcd = &trio.machines[0].etcd;

    as_root(etcd, &["user", "revoke-role", "writer", "tidings"]);
    wait_until_kept_out(&trio);
    writers.go_on(&[0, 1, 2], 20);
    as_root(etcd, &["user", "grant-role", "writer", "tidings"]);
    for machine in &trio.machines {
        machine.wait_until_plain_ok();
    }

    as_root(etcd, &["user", "delete", "writer"]);
    as_root(etcd, &["user", "add", "writer:second"]);
    as_root(etcd, &["user", "grant-role", "writer", "tidings"]);
    wait_until_kept_out(&trio);
    writers.go_on(&[0, 1, 2], 20);
    write_passwords(&trio, "second");

    assert_one_truth(&trio, &writers.end());
}
