//! Do all members tell the same, and is it the truth?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::patience::wait_until;
use crate::trio::{Machine, Trio};

/// An origin that is none of the members.
pub(crate) const STRANGER: &str = "0123456789abcdef0123456789abcdef";

/// Waits until all three show the same, and holds it against what was
/// acknowledged: each once, in the order in which it was recorded, with books
/// that balance and a coverage that misses nothing.
#[track_caller]
pub(crate) fn assert_one_truth(trio: &Trio, acknowledged: &[Vec<String>]) {
    assert_one_truth_of(trio, &[0, 1, 2], acknowledged);
    for (machine, acknowledged) in trio.machines.iter().zip(acknowledged) {
        assert_in_order_of_recording(machine, acknowledged);
    }
}

/// As [`assert_one_truth`] for some of the machines.
#[track_caller]
pub(crate) fn assert_one_truth_of(trio: &Trio, which: &[usize], acknowledged: &[Vec<String>]) {
    let machines: Vec<&Machine> = which.iter().map(|&i| &trio.machines[i]).collect();
    let agree = || all_agree(&machines, acknowledged, ids);
    wait_until(agree, || how_they_differ(&machines, acknowledged));
    for machine in machines {
        assert_each_once_and_in_order(machine);
        machine.wait_until_plain_ok();
        let settled = || unsettled(machine).is_empty();
        wait_until(settled, || format!("{}: {}", machine.name(), unsettled(machine).join("; ")));
    }
}

/// As [`assert_one_truth`], but for the order of lists: clocks decide it.
#[track_caller]
pub(crate) fn assert_same_events(trio: &Trio, acknowledged: &[Vec<String>]) {
    let machines: Vec<&Machine> = trio.machines.iter().collect();
    let set = |events: &[Value]| {
        let mut ids = ids(events);
        ids.sort_unstable();
        ids
    };
    let agree = || all_agree(&machines, acknowledged, set);
    wait_until(agree, || how_they_differ(&machines, acknowledged));
    machines.into_iter().for_each(assert_each_once_and_in_order);
}

#[track_caller]
fn assert_each_once_and_in_order(machine: &Machine) {
    let events = machine.events();
    assert_each_once(machine, &events);
    assert_in_order_of_each_boot(machine, &events);
}

/// Whether the same events are on all, by what is compared of a list, and among
/// them is all that was acknowledged by any.
fn all_agree(
    machines: &[&Machine],
    acknowledged: &[Vec<String>],
    compared: impl Fn(&[Value]) -> Vec<String>,
) -> bool {
    let lists: Vec<Vec<Value>> = machines.iter().map(|machine| machine.events()).collect();
    let found: BTreeSet<&str> = lists[0].iter().map(message).collect();
    lists.iter().all(|list| compared(list) == compared(&lists[0]))
        && acknowledged.iter().flatten().all(|message| found.contains(message.as_str()))
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn message(event: &Value) -> &str {
    event["message"].as_str().unwrap()
}

/// Who shows how many, and what is missing where.
fn how_they_differ(machines: &[&Machine], acknowledged: &[Vec<String>]) -> String {
    let lists: Vec<Vec<Value>> = machines.iter().map(|machine| machine.events()).collect();
    let all: BTreeSet<&str> = lists.iter().flatten().map(message).collect();
    let wanted = acknowledged.iter().flatten().map(String::as_str);
    let all: BTreeSet<&str> = all.into_iter().chain(wanted).collect();
    let of = |(machine, list): (&&Machine, &Vec<Value>)| {
        let here: BTreeSet<&str> = list.iter().map(message).collect();
        let missing: Vec<&&str> = all.difference(&here).collect();
        let some = &missing[..missing.len().min(5)];
        let stats = machine.stats();
        format!(
            "{} has {}, misses {}: {some:?}\n{stats}",
            machine.name(),
            list.len(),
            missing.len()
        )
    };
    machines.iter().zip(&lists).map(of).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_each_once(machine: &Machine, events: &[Value]) {
    let mut seen = BTreeSet::new();
    let again: Vec<&str> = events.iter().map(message).filter(|m| !seen.insert(*m)).collect();
    assert!(again.is_empty(), "{} shows twice: {again:?}", machine.name());
}

/// In the order of arrival, the sequence numbers of each boot only grow.
#[track_caller]
fn assert_in_order_of_each_boot(machine: &Machine, events: &[Value]) {
    let mut arrived: Vec<&Value> = events.iter().collect();
    arrived.sort_by_key(|event| event["position"].as_u64().unwrap());
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for event in arrived {
        let (boot, seq) = (event["boot"].as_str().unwrap(), event["seq"].as_u64().unwrap());
        let before = last.insert(boot, seq).unwrap_or(0);
        assert!(before < seq, "{}: {seq} came after {before}: {event}", machine.name());
    }
}

/// What one producer recorded one after the other was taken in this order.
#[track_caller]
fn assert_in_order_of_recording(machine: &Machine, acknowledged: &[String]) {
    let events = machine.events();
    let position = |event: &Value| (message(event).to_owned(), event["position"].as_u64().unwrap());
    let positions: BTreeMap<String, u64> = events.iter().map(position).collect();
    let in_order = acknowledged.is_sorted_by_key(|message| positions[message]);
    assert!(in_order, "{}: taken in another order than it was recorded", machine.name());
}

/// What of its books and its coverage is not as it is when all is well.
fn unsettled(machine: &Machine) -> Vec<String> {
    let stats = machine.stats();
    let mut found = Vec::new();
    let tally = &stats["tally"];
    let sum = |of: &Value| match of {
        Value::Object(reasons) => reasons.values().map(number).sum(),
        of => number(of),
    };
    let told = ["stored", "refused", "lost", "pending"].map(|name| sum(&tally[name]));
    if number(&tally["offered"]) != told.iter().sum::<u64>() {
        found.push(format!("the books do not balance: {tally}"));
    }
    let sharing = &stats["cluster"]["sharing"];
    let told = ["published", "unshared", "waiting"].map(|name| sum(&sharing[name]));
    if number(&sharing["queued"]) != told.iter().sum::<u64>() || told[1] + told[2] > 0 {
        found.push(format!("not everything is shared: {sharing}"));
    }
    // A server that was killed did not say goodbye, and what a stranger put there is
    // no publication: all are told so.
    let told = |gap: &&Value| gap["reason"] != "end_unknown" && gap["origin"] != STRANGER;
    let gaps: Vec<&Value> =
        stats["coverage"]["gaps"].as_array().unwrap().iter().filter(told).collect();
    if !gaps.is_empty() {
        found.push(format!("something is missing: {gaps:?}"));
    }
    found
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
