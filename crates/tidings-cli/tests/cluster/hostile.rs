//! What if somebody who means no good may write where the members do? It is
//! passed over and counted; nothing of it is shown, and nothing is taken away.

use serde_json::Value;
use tidings::testing::etcd::sealed_value;

use crate::etcd::Etcd;
use crate::patience::wait_until;
use crate::trio::{Machine, Trio};
use crate::truth::{STRANGER, assert_one_truth};
use crate::writers::Writers;

/// Nobody's start.
const BOOT: &str = "0123456789abcdef";
/// Bytes that the bomb becomes when it is opened.
const BOMB_BYTES: usize = 1 << 30;
/// Memory that a server takes at most, bomb or not.
const MEMORY_KIB_MAX: u64 = 256 * 1024;

/// The key of a stranger's block.
fn key(number: u64) -> String {
    format!("tidings/event/{STRANGER}/{BOOT}/{number:020}")
}

/// An envelope without its checksum, which fits the stranger's first key.
fn envelope(more: &str) -> String {
    let at = "2026-01-01T00:00:00Z";
    format!(
        "{{\"format\":1,\"member\":\"x\",\"origin\":\"{STRANGER}\",\"boot\":\"{BOOT}\",\"block\":1,\
         \"first_seq\":1,\"count\":1,\"received\":\"{at}\",\"published\":\"{at}\"{more}"
    )
}

/// A small value that says it is a large one, and is a huge one.
fn bomb() -> Vec<u8> {
    let zeros = std::io::Read::take(std::io::repeat(b' '), BOMB_BYTES as u64);
    let packed = zstd::stream::encode_all(zeros, 1).unwrap();
    let head = envelope(",\"encoding\":\"zstd\",\"bytes\":100,\"crc\":\"00000000\"}\n");
    [head.as_bytes(), &packed].concat()
}

/// The keys of what this machine has published.
fn published_by(machine: &Machine) -> Vec<String> {
    let origin = machine.stats()["origin"].as_str().unwrap().to_owned();
    let keys =
        machine.etcd.ctl(&["get", "--prefix", "--keys-only", &format!("tidings/event/{origin}/")]);
    keys.split_whitespace().map(str::to_owned).collect()
}

fn put(etcd: &Etcd, key: &str, value: &[u8]) {
    etcd.try_put(key, value).unwrap();
}

/// Publications that this machine has passed over.
fn odd(machine: &Machine) -> u64 {
    machine.stats()["cluster"]["applied"]["odd"].as_u64().unwrap()
}

/// The most memory that its server ever had.
fn peak_kib(machine: &Machine) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", machine.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_hostile_writer_changes_nothing_and_is_counted() {
    let Some(trio) = Trio::start("a_hostile_writer_changes_nothing_and_is_counted") else {
        return;
    };
    let etcd = &trio.machines[0].etcd;
    let writers = Writers::start(&trio, "a");
    writers.go_on(&[0, 1, 2], 20);
    let line = "{\"type\":\"a\",\"message\":\"planted\",\"timestamp\":\"2026-01-01T00:00:00Z\"}\n";

    put(etcd, &key(1), b"garbage");
    put(etcd, &key(2), &bomb());
    let wrong_key =
        sealed_value(envelope(&format!(",\"bytes\":{}", line.len())).as_bytes(), line.as_bytes());
    put(etcd, &key(3), &wrong_key);
    put(etcd, &key(u64::MAX), b"garbage");
    put(etcd, "tidings/event/no/such/key", b"garbage");
    put(etcd, &format!("tidings/member/{STRANGER}"), &vec![0xff; 70_000]);
    let theirs = published_by(&trio.machines[1]);
    put(etcd, &theirs[0], b"garbage");
    for machine in &trio.machines {
        let passed_over = || odd(machine) >= 4;
        wait_until(passed_over, || machine.stats()["cluster"].to_string());
    }
    etcd.ctl(&["del", "--prefix", "tidings/event/"]);
    etcd.ctl(&["del", "--prefix", "tidings/claim/"]);
    etcd.ctl(&["del", "--prefix", "tidings/member/"]);
    writers.go_on(&[0, 1, 2], 20);

    assert_one_truth(&trio, &writers.end());
    for machine in &trio.machines {
        let planted = |event: &Value| event["message"] == "planted";
        assert!(!machine.events().iter().any(planted), "{}", machine.name());
        assert!(peak_kib(machine) < MEMORY_KIB_MAX, "{} KiB", peak_kib(machine));
    }
}
