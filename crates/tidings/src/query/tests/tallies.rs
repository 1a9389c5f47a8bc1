//! Counts of random logs against a reference that looks at every event.

use std::collections::BTreeMap;

use super::naive::{World, question};
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 10_000 } else { 40 };
const QUESTIONS: usize = 12;
/// Usual steps, in seconds.
const USUAL: [u64; 14] = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800];

/// Random worlds, every second with damage, every fourth shortened, and questions to ask of each.
fn for_each_question(mut check: impl FnMut(&World, &mut fastrand::Rng, &Query, &str)) {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = match seed % 4 {
            0 => World::random(&mut dice),
            2 => World::shortened(&mut dice),
            _ => World::damaged(&mut dice),
        };
        for number in 0..QUESTIONS {
            let query = question(&mut dice, world.options.clock.now());
            check(&world, &mut dice, &query, &format!("replay: seed {seed}, question {number}"));
            world.go_on(&mut dice);
        }
    }
}

fn listed(stored: &StoredEvent) -> i128 {
    key_of(stored).time.as_nanos().into()
}

/// The first and last instant asked for.
fn span(world: &World, query: &Query) -> Option<(i128, i128)> {
    let shown: Vec<i128> = world.window(query).iter().map(listed).collect();
    let asked = |at: Option<Timestamp>| at.map(|at| i128::from(at.as_nanos()));
    let span = match (asked(query.since), asked(query.until)) {
        (Some(since), Some(until)) => (since, until - 1),
        _ if shown.is_empty() => return None,
        (since, until) => (
            since.unwrap_or_else(|| *shown.iter().min().unwrap()),
            until.map_or_else(|| *shown.iter().max().unwrap(), |until| until - 1),
        ),
    };
    Some(span).filter(|(since, last)| since <= last)
}

fn name_of(by: By, stored: &StoredEvent) -> String {
    match by {
        By::Severity => stored.event.severity().name().to_owned(),
        By::Type => stored.event.event_type().to_owned(),
        By::Member => stored.member().to_owned(),
    }
}

/// What each name counts, bin by bin.
fn bins_of(events: &[StoredEvent], by: By, since: i128, step: i128, bins: usize) -> Vec<Series> {
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for stored in events {
        let bin = listed(stored).div_euclid(step) - since.div_euclid(step);
        let series = counts.entry(name_of(by, stored)).or_insert_with(|| vec![0; bins]);
        series[usize::try_from(bin).unwrap()] += 1;
    }
    let series = |(name, counts): (String, Vec<u64>)| Series {
        name,
        other: false,
        total: counts.iter().sum(),
        counts,
    };
    let mut all: Vec<Series> = counts.into_iter().map(series).collect();
    let order = ["trace", "debug", "info", "warn", "error", "fatal"];
    match by {
        By::Severity => all.sort_by_key(|s| order.iter().position(|name| *name == s.name)),
        _ => all.sort_by_key(|series| std::cmp::Reverse(series.total)),
    }
    all
}

#[test]
fn a_histogram_counts_what_a_plain_list_would() {
    for_each_question(|world, dice, query, why| {
        let steps = [Some(250), Some(1000), Some(7000), Some(60_000), Some(90_000), None];
        let step = steps[dice.usize(..6)].map(Duration::from_millis);
        let by = [By::Severity, By::Type, By::Member][dice.usize(..3)];
        let Query { filter, since, until, .. } = query.clone();
        let asked = HistogramQuery { filter, since, until, step, by, ..HistogramQuery::default() };
        let why = format!("{why}: {asked:?}");

        let found = world.log.histogram(&asked);

        let Some((since, last)) = span(world, query) else {
            let found = found.unwrap();
            assert_eq!((found.since, found.matched, found.series), (found.until, 0, vec![]));
            return;
        };
        let bins_at = |step: i128| last.div_euclid(step) - since.div_euclid(step) + 1;
        let nanos = |step: Duration| i128::try_from(step.as_nanos()).unwrap();
        if let Err(QueryError::TooManySteps { steps, cure, .. }) = found {
            assert_eq!(i128::from(steps), bins_at(nanos(step.unwrap())), "{why}");
            assert!(steps > 2000 && bins_at(nanos(cure)) <= 2000, "{why}");
            return;
        }
        let found = found.unwrap();
        let (step, events) = (nanos(found.step), world.answer(query));
        let bins = usize::try_from(bins_at(step)).unwrap();
        if asked.step.is_none() {
            let finer = USUAL.iter().map(|s| i128::from(*s) * 1_000_000_000);
            assert!(bins <= 100, "{why}");
            assert!(finer.filter(|s| *s < step).all(|s| bins_at(s) > 100), "{why}");
        }
        assert_eq!(found.series, bins_of(&events, by, since, step, bins), "{why}");
        assert_eq!(found.matched, events.len() as u64, "{why}");
        let edge = |at: i128| i64::try_from(at * step).unwrap();
        let edges = (edge(since.div_euclid(step)), edge(last.div_euclid(step) + 1));
        assert_eq!((found.since.as_nanos(), found.until.as_nanos()), edges, "{why}");
    });
}

/// The value of an event that a facet counts.
fn value_of(of: &FacetOf, stored: &StoredEvent) -> Option<String> {
    let event = &stored.event;
    match of {
        FacetOf::Type => Some(event.event_type().to_owned()),
        FacetOf::Member => Some(stored.member().to_owned()),
        FacetOf::Severity => Some(event.severity().name().to_owned()),
        FacetOf::Source => event.source().map(str::to_owned),
        FacetOf::Subject => event.subject().map(str::to_owned),
        FacetOf::Field(name) => event.fields().get(name).map(|value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
    }
}

fn facet_of(of: &FacetOf, top: usize, events: &[StoredEvent]) -> Facet {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let values: Vec<String> = events.iter().filter_map(|stored| value_of(of, stored)).collect();
    for value in &values {
        *counts.entry(value.clone()).or_default() += 1;
    }
    let distinct = counts.len() as u64;
    let mut all: Vec<FacetValue> =
        counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    all.sort_by_key(|value| std::cmp::Reverse(value.count));
    let other = all.split_off(top.min(all.len())).iter().map(|value| value.count).sum();
    let absent = (events.len() - values.len()) as u64;
    Facet { of: of.clone(), values: all, other, distinct, absent, truncated: false }
}

#[test]
fn facets_count_what_a_plain_list_would() {
    for_each_question(|world, dice, query, why| {
        let field = |name: &str| FacetOf::Field(name.to_owned());
        let mut of = vec![FacetOf::Type, FacetOf::Member, FacetOf::Severity, FacetOf::Source];
        of.extend([FacetOf::Subject, field("version"), field("note"), field("nothing")]);
        dice.shuffle(&mut of);
        // Most often only what headers know.
        of.truncate(dice.usize(..of.len()));
        let Query { filter, since, until, .. } = query.clone();
        let asked =
            FacetQuery { filter, since, until, of, top: dice.usize(..6), ..FacetQuery::default() };

        let found = world.log.facets(&asked).unwrap();

        let events = world.answer(query);
        let wanted: Vec<Facet> =
            asked.of.iter().map(|of| facet_of(of, asked.top, &events)).collect();
        assert_eq!(found.facets, wanted, "{why}: {asked:?}");
        assert_eq!(found.matched, events.len() as u64, "{why}: {asked:?}");
    });
}

#[test]
fn names_are_told_with_their_first_and_last_event() {
    for_each_question(|world, dice, query, why| {
        let by = if dice.bool() { NameOf::Member } else { NameOf::Type };
        let Query { filter, since, until, .. } = query.clone();
        let asked = NamesQuery { filter, since, until, by, ..NamesQuery::default() };

        let found = world.log.names(&asked).unwrap();

        let mut wanted: BTreeMap<String, NameSeen> = BTreeMap::new();
        for stored in world.answer(query) {
            let (at, by) = (key_of(&stored).time, [By::Member, By::Type][by as usize]);
            let name = name_of(by, &stored);
            let none = NameSeen { name: name.clone(), count: 0, first: at, last: at };
            let seen = wanted.entry(name).or_insert(none);
            seen.count += 1;
            (seen.first, seen.last) = (seen.first.min(at), seen.last.max(at));
        }
        assert_eq!(found.names, wanted.into_values().collect::<Vec<_>>(), "{why}: {asked:?}");
        assert!(!found.truncated);
    });
}

#[test]
fn the_last_match_before_an_instant_is_the_newest_of_all_before_it() {
    for_each_question(|world, dice, query, why| {
        let before = world.options.clock.now().before(SECOND * dice.u32(..10_000));

        let found = world.log.last_match_before(&query.filter, before, &Work::default()).unwrap();

        let filter = query.filter.clone();
        let all = Query { filter, until: Some(before), ..Query::default() };
        let wanted = world.answer(&all).first().cloned();
        let wanted = wanted.map_or(LastMatch::Nothing, |event| LastMatch::Event(Box::new(event)));
        assert_eq!(found, wanted, "{why}: {before} {all:?}");
    });
}
