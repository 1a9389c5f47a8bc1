//! May we in? Users, roles, tokens, certificates.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tidings::Clock;
use tidings::PauseReason;
use tidings::store::etcd::{EtcdOptions, EtcdStore, EtcdTls, EtcdUser, LOGIN_REST, WATCH_SILENCE};
use tidings::store::{Outcome, Sink, StoreError};
use tidings::testing::{Blocks, blocks::START};

use tidings::testing::etcd::{self, EtcdMember, patiently};

use crate::next_block;

/// A member with users: root, and writer with the password `secret` and one role.
fn with_users(flags: &[&str]) -> EtcdMember {
    let member = EtcdMember::with(flags);
    member.ctl(&["user", "add", "root:root"]);
    member.ctl(&["user", "grant-role", "root", "root"]);
    member.ctl(&["role", "add", "tidings"]);
    member.ctl(&["role", "grant-permission", "tidings", "readwrite", "--prefix=true", "tidings/"]);
    member.ctl(&["user", "add", "writer:secret"]);
    member.ctl(&["user", "grant-role", "writer", "tidings"]);
    member.ctl(&["auth", "enable"]);
    member
}

fn as_writer(member: &EtcdMember, password: &str) -> EtcdOptions {
    let password_file = member.path("password");
    fs::write(&password_file, format!("{password}\n")).unwrap();
    let user = Some(EtcdUser { name: "writer".to_owned(), password_file });
    EtcdOptions { user, clock: Clock::by_hand(START), ..member.options() }
}

#[track_caller]
fn assert_denied(error: &StoreError, words: &str) {
    assert_eq!((error.outcome(), error.pause()), (Outcome::NotStored, Some(PauseReason::Auth)));
    assert!(error.to_string().contains(words), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "no password in {error:?}");
}

#[test]
fn a_wrong_password_pauses_is_not_hammered_and_a_new_file_is_taken() {
    if !etcd::is_here("a_wrong_password_pauses_is_not_hammered_and_a_new_file_is_taken") {
        return;
    }
    let member = with_users(&[]);
    let options = as_writer(&member, "wrong secret");
    let store = EtcdStore::connect(options.clone()).unwrap();
    let block = Blocks::new(1).of(1);
    assert_denied(&store.put(&block).unwrap_err(), "invalid user ID or password");

    // Nobody asks again before the rest is over, whatever the file says now.
    fs::write(member.path("password"), "secret").unwrap();
    assert_denied(&store.probe().unwrap_err(), "invalid user ID or password");
    options.clock.advance(LOGIN_REST);

    store.probe().unwrap();
    assert!(!store.put(&block).unwrap().duplicate);
}

#[test]
fn nobody_is_told_what_is_missing_where_a_user_is_asked_for() {
    if !etcd::is_here("nobody_is_told_what_is_missing_where_a_user_is_asked_for") {
        return;
    }
    let member = with_users(&[]);

    assert_denied(&member.store().put(&Blocks::new(1).of(1)).unwrap_err(), "user name is empty");
}

#[test]
fn a_token_that_etcd_has_forgotten_is_renewed_by_the_call_that_finds_out() {
    if !etcd::is_here("a_token_that_etcd_has_forgotten_is_renewed_by_the_call_that_finds_out") {
        return;
    }
    let mut member = with_users(&[]);
    let store = EtcdStore::connect(as_writer(&member, "secret")).unwrap();
    let mut blocks = Blocks::new(1);
    store.put(&blocks.of(1)).unwrap();
    // Simple tokens live in the memory of the member that gave them.
    member.kill();
    member.run();

    let block = blocks.of(1);
    patiently(|| store.put(&block)).unwrap();
    // A change of a user makes every token of an older revision stale.
    member.ctl_as_root(&["user", "add", "other:x"]);
    store.put(&blocks.of(1)).unwrap();

    assert_eq!(store.blocks().unwrap().blocks.len(), 3);
    assert_eq!(store.status().unwrap().members, 1, "no more rights are needed for that");
}

#[test]
fn a_token_that_runs_out_is_renewed() {
    if !etcd::is_here("a_token_that_runs_out_is_renewed") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "openssl genrsa -out key 2048; openssl rsa -in key -pubout -out pub";
    shell(dir.path(), script);
    let (public, private) = (dir.path().join("pub"), dir.path().join("key"));
    let (public, private) = (public.display(), private.display());
    let token = format!("jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=1s");
    let member = with_users(&["--auth-token", &token]);
    let options = EtcdOptions { clock: Clock::system(), ..as_writer(&member, "secret") };
    let store = EtcdStore::connect(options).unwrap();
    let (clock, mut blocks) = (Clock::system(), Blocks::new(1));
    let mut watch = store.watch(None);
    let began = clock.monotonic();

    // Each in one go: nobody is told of a token.
    while clock.monotonic().saturating_sub(began) < Duration::from_secs(4) {
        let block = blocks.of(1);
        patiently(|| store.put(&block)).unwrap();
        assert_eq!(next_block(&mut watch), block);
    }
    assert!(blocks.made() > 4);
}

#[test]
fn a_changed_password_pauses_until_the_file_says_the_new_one() {
    if !etcd::is_here("a_changed_password_pauses_until_the_file_says_the_new_one") {
        return;
    }
    let member = with_users(&[]);
    let options = as_writer(&member, "secret");
    let store = EtcdStore::connect(options.clone()).unwrap();
    let mut blocks = Blocks::new(1);
    store.put(&blocks.of(1)).unwrap();
    // `user passwd` would ask on a terminal.
    member.ctl_as_root(&["user", "delete", "writer"]);
    member.ctl_as_root(&["user", "add", "writer:new"]);
    member.ctl_as_root(&["user", "grant-role", "writer", "tidings"]);
    let block = blocks.of(1);

    assert_denied(&store.put(&block).unwrap_err(), "invalid user ID or password");
    fs::write(member.path("password"), "new").unwrap();
    options.clock.advance(LOGIN_REST);

    store.probe().unwrap();
    assert!(!store.put(&block).unwrap().duplicate);
}

#[test]
fn a_watch_whose_role_is_taken_goes_on_when_it_is_given_back() {
    if !etcd::is_here("a_watch_whose_role_is_taken_goes_on_when_it_is_given_back") {
        return;
    }
    let mut member = with_users(&[]);
    let options = EtcdOptions { clock: Clock::system(), ..as_writer(&member, "secret") };
    let store = EtcdStore::connect(options).unwrap();
    let mut blocks = Blocks::new(1);
    let mut watch = store.watch(None);
    let (one, two) = (blocks.of(1), blocks.of(1));
    store.put(&one).unwrap();
    assert_eq!(next_block(&mut watch), one);
    member.ctl_as_root(&["user", "revoke-role", "writer", "tidings"]);
    // A watch is asked for its rights when it is opened.
    member.kill();
    member.run();
    while watch.silent_for().unwrap() < 2 * WATCH_SILENCE {
        assert!(watch.next(Duration::from_millis(100)).is_none());
    }

    member.ctl_as_root(&["user", "grant-role", "writer", "tidings"]);
    patiently(|| store.put(&two)).unwrap();

    assert_eq!(next_block(&mut watch), two);
}

#[test]
fn a_role_that_is_taken_pauses_and_heals_when_it_is_given_back() {
    if !etcd::is_here("a_role_that_is_taken_pauses_and_heals_when_it_is_given_back") {
        return;
    }
    let member = with_users(&[]);
    let store = EtcdStore::connect(as_writer(&member, "secret")).unwrap();
    let mut blocks = Blocks::new(1);
    store.put(&blocks.of(1)).unwrap();
    member.ctl_as_root(&["user", "revoke-role", "writer", "tidings"]);
    let block = blocks.of(1);

    assert_denied(&store.put(&block).unwrap_err(), "permission denied");
    assert_denied(&store.probe().unwrap_err(), "permission denied");
    member.ctl_as_root(&["user", "grant-role", "writer", "tidings"]);

    store.probe().unwrap();
    assert!(!store.put(&block).unwrap().duplicate);
}

/// A certificate authority, and a certificate for etcd and one for its clients.
fn make_certificates(dir: &Path) {
    let script = r#"
        set -e
        key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        openssl req -x509 $key -subj /CN=test-ca -keyout ca.key -out ca.pem
        openssl req -x509 $key -subj /CN=other-ca -keyout other.key -out other.pem
        for name in server client; do
          openssl req $key -subj /CN=$name -keyout $name.key -out $name.csr
          printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' > ext
          openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile ext -out $name.pem
        done"#;
    shell(dir, script);
}

#[track_caller]
fn shell(dir: &Path, script: &str) {
    let out = Command::new("bash").args(["-c", script]).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn certificates_let_us_in_and_their_lack_keeps_us_out() {
    if !etcd::is_here("certificates_let_us_in_and_their_lack_keeps_us_out") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path());
    let file = |name: &str| dir.path().join(name);
    let flags = [("--cert-file", "server.pem"), ("--key-file", "server.key")];
    let flags = flags.into_iter().chain([("--trusted-ca-file", "ca.pem")]);
    let mut flags: Vec<String> =
        flags.map(|(flag, name)| format!("{flag}={}", file(name).display())).collect();
    flags.push("--client-cert-auth".to_owned());
    let member = EtcdMember::with(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let identity = Some((file("client.pem"), file("client.key")));
    let put = |ca: &str, identity_files| {
        let tls = EtcdTls { ca_file: Some(file(ca)), identity_files };
        let store = EtcdStore::connect(EtcdOptions { tls, ..member.options() }).unwrap();
        store.put(&Blocks::new(1).of(1))
    };

    assert!(!put("ca.pem", identity.clone()).unwrap().duplicate);
    let error = put("ca.pem", None).unwrap_err();
    assert_eq!(error.pause(), Some(PauseReason::StoreDown), "{error}");
    let error = put("other.pem", identity).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}
