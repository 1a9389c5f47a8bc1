//! Groups of random logs against a reference that looks at every event.

use std::collections::{BTreeMap, BTreeSet};

use super::naive::{World, question};
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 10_000 } else { 24 };
const QUESTIONS: usize = 6;

/// What is masked in a message.
const NUMBERS: &str = r"\b([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8,})\b|[0-9]+";

/// All groups, in the query's order.
fn groups_of(world: &World, query: &Query) -> Vec<Group> {
    let numbers = regex::Regex::new(NUMBERS).unwrap();
    let mut groups: BTreeMap<(String, String), Vec<StoredEvent>> = BTreeMap::new();
    for stored in world.answer(&Query { order: Order::Ascending, ..query.clone() }) {
        let kind = stored.event.event_type().to_owned();
        let masked = numbers.replace_all(stored.event.message(), "<number>").into_owned();
        groups.entry((kind, masked)).or_default().push(stored);
    }
    let group = |events: Vec<StoredEvent>| Group {
        event: events.last().unwrap().clone(),
        count: events.len() as u64,
        first: key_of(&events[0]).time,
        last: key_of(events.last().unwrap()).time,
        members: events.iter().map(StoredEvent::member).collect::<BTreeSet<_>>().len() as u64,
    };
    let mut groups: Vec<Group> = groups.into_values().map(group).collect();
    groups.sort_by_key(|group| key_of(&group.event));
    if query.order == Order::Descending {
        groups.reverse();
    }
    groups
}

#[test]
fn groups_are_the_same_whatever_the_page_size() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world =
            if seed % 2 == 0 { World::random(&mut dice) } else { World::damaged(&mut dice) };
        for number in 0..QUESTIONS {
            let mut query = question(&mut dice, world.options.clock.now());
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            let wanted = groups_of(&world, &query);
            query.limit = query.limit.max(wanted.len() / 5);
            let mut found = Vec::new();
            loop {
                let page = world.log.collapsed(&query).unwrap();
                assert_eq!(page.groups_total, wanted.len() as u64, "{why}");
                assert_eq!(
                    page.matched,
                    wanted.iter().map(|group| group.count).sum::<u64>(),
                    "{why}"
                );
                assert_eq!(page.total, Some(world.window(&query).len() as u64), "{why}");
                assert!(page.groups.len() <= query.limit && !page.truncated, "{why}");
                found.extend(page.groups);
                query.cursor = page.next;
                if page.next.is_none() {
                    break;
                }
            }
            assert_eq!(found, wanted, "{why}");
            world.go_on(&mut dice);
        }
    }
}

#[test]
fn going_back_leads_through_the_same_groups() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        let query = Query { limit: dice.usize(1..6), ..question(&mut dice, start()) };
        let first = world.log.collapsed(&query).unwrap();
        let Some(next) = first.next else { continue };
        let second = Query { cursor: Some(next), ..query.clone() };
        let second = world.log.collapsed(&second).unwrap();

        let back = Query { cursor: second.prev, ..query.clone() };
        let back = world.log.collapsed(&back).unwrap();

        assert_eq!(back.groups, first.groups, "replay: seed {seed}");
        assert_eq!((back.prev, back.next), (None, first.next), "replay: seed {seed}");
    }
}

/// A text without digits, another for each number, that is not taken for an id.
fn words(mut number: usize) -> String {
    let mut text = String::from("z");
    while number > 0 {
        text.push(char::from(b'g' + u8::try_from(number % 16).unwrap()));
        number /= 16;
    }
    text
}

/// A group that is left out on the way, because others are newer, stands again when
/// its own newest event comes: its events from before must be counted too.
#[test]
fn beyond_the_bound_the_newest_groups_are_kept_and_counted_whole() {
    let (options, all) = (options(), 2 * COLLAPSE_GROUPS_MAX + 10);
    let log = log_with(&options);
    append(&log, vec![Event::new("a", "again")]);
    options.clock.advance(SECOND);
    for from in (0..all).step_by(1000) {
        let events = (from..all.min(from + 1000)).map(|number| Event::new("a", words(number)));
        append(&log, events.collect());
        options.clock.advance(SECOND);
    }
    append(&log, vec![Event::new("a", "again")]);

    let page = log.collapsed(&Query { limit: 2, ..Query::default() }).unwrap();

    assert!(page.truncated);
    assert_eq!((page.matched, page.groups_total), (all as u64 + 2, COLLAPSE_GROUPS_MAX as u64));
    let counts: Vec<_> =
        page.groups.iter().map(|group| (group.event.event.message(), group.count)).collect();
    assert_eq!(counts, [("again", 2), (words(all - 1).as_str(), 1)]);
    assert_eq!(page.groups[0].first, start());
    let oldest = Query { limit: 1, order: Order::Ascending, ..Query::default() };
    let oldest = log.collapsed(&oldest).unwrap();
    let kept = words(all - (COLLAPSE_GROUPS_MAX - 1));
    assert_eq!(oldest.groups[0].event.event.message(), kept);
}

#[test]
fn a_group_stands_at_its_newest_event() {
    let options = options();
    let log = log_with(&options);
    for message in ["took 1 ms", "other", "took 25 ms", "took 3 s", "took 400 ms"] {
        append(&log, vec![Event::new("a", message).with_member(message)]);
        options.clock.advance(SECOND);
    }

    let page = log.collapsed(&Query::default()).unwrap();

    let seen: Vec<_> = page
        .groups
        .iter()
        .map(|group| (group.event.event.message(), group.count, group.members))
        .collect();
    assert_eq!(seen, [("took 400 ms", 3, 3), ("took 3 s", 1, 1), ("other", 1, 1)]);
    assert_eq!(page.groups[0].first, start());
    assert_eq!(page.groups[0].last, start().after(4 * SECOND));
    assert_eq!((page.matched, page.total, page.groups_total), (5, Some(5), 3));
}

#[test]
fn members_beyond_the_bound_are_not_told_apart() {
    let log = empty_log();
    let of = |count: usize| {
        let member = |number: usize| Event::new("a", "m").with_member(number.to_string());
        append(&log, (0..count).map(member).collect());
        let page = log.collapsed(&Query::default()).unwrap();
        (page.groups[0].count, page.groups[0].members)
    };

    let max = GROUP_MEMBERS_MAX as u64;
    assert_eq!(of(GROUP_MEMBERS_MAX), (max, max));
    assert_eq!(of(GROUP_MEMBERS_MAX + 1), (2 * max + 1, max));
}
