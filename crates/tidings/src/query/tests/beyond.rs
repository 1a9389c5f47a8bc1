//! Windows without events, steps without end, names without number.

use super::odd::Odd;
use super::*;

const ENDS: [Option<Timestamp>; 3] = [None, Some(Timestamp::MIN), Some(Timestamp::MAX)];

fn histogram(
    log: &Log,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    step: Option<Duration>,
) -> Result<Histogram, QueryError> {
    log.histogram(&HistogramQuery { since, until, step, ..HistogramQuery::default() })
}

#[test]
fn a_log_without_events_has_no_steps() {
    let log = empty_log();

    let found = histogram(&log, None, None, None).unwrap();

    assert_eq!((found.since, found.until), (start(), start()));
    assert_eq!((found.series, found.matched), (vec![], 0));
    let facets = log.facets(&FacetQuery::default()).unwrap();
    assert!(facets.facets.iter().all(|facet| facet.values.is_empty()));
    assert_eq!(facets.facets.len(), 3);
    assert!(log.names(&NamesQuery::default()).unwrap().names.is_empty());
    assert!(log.collapsed(&Query::default()).unwrap().groups.is_empty());
    let last = log.last_match_before(&Filter::default(), Timestamp::MAX, &Work::default()).unwrap();
    assert_eq!(last, LastMatch::Nothing);
}

#[test]
fn a_window_outside_of_all_events_has_steps_and_no_series() {
    let log = empty_log();
    append(&log, vec![Event::new("a", "m")]);
    let (since, until) = (start().before(2 * HOUR), start().before(HOUR));

    let found = histogram(&log, Some(since), Some(until), Some(HOUR)).unwrap();

    assert_eq!((found.since, found.until), (since, until));
    assert_eq!((found.series, found.matched), (vec![], 0));
    let turned = histogram(&log, Some(until), Some(since), Some(SECOND)).unwrap();
    assert_eq!((turned.since, turned.until, turned.matched), (until, until, 0));
    let ahead = histogram(&log, Some(start().after(HOUR)), None, None).unwrap();
    assert_eq!((ahead.since, ahead.until, ahead.matched), (ahead.until, ahead.since, 0));
}

#[test]
fn events_outside_of_the_window_do_not_count_in_the_steps_at_its_ends() {
    let (log, kind) = (empty_log(), |name| Event::new(name, "m"));
    let at = |minutes: u32| start().after(SECOND * 60 * minutes);
    append(&log, vec![kind("a").with_timestamp(at(1)), kind("b").with_timestamp(at(2)), kind("c")]);

    let found = histogram(&log, Some(at(1)), Some(at(2)), Some(10 * 60 * SECOND)).unwrap();

    assert_eq!((found.since, found.until), (start(), at(10)));
    assert_eq!((found.matched, found.series.len()), (1, 1));
    assert_eq!((found.series[0].name.as_str(), &found.series[0].counts), ("info", &vec![1]));
}

#[test]
fn too_many_steps_are_refused_with_one_that_works() {
    let log = empty_log();
    let (since, until) = (Some(start()), Some(start().after(24 * HOUR)));

    let error = histogram(&log, since, until, Some(SECOND)).unwrap_err();

    let QueryError::TooManySteps { cure, .. } = &error else { panic!("{error:?}") };
    let text = error.to_string();
    assert!(text.contains("1s") && text.contains("86400") && text.contains("60s"), "{text}");
    assert!(histogram(&log, since, until, Some(*cure)).is_ok());
    let limit = Some(start().after(Duration::from_secs(HISTOGRAM_STEPS_MAX as u64)));
    assert!(histogram(&log, since, limit, Some(SECOND)).is_ok());
    let beyond = limit.map(|limit| limit.after(SECOND));
    assert!(histogram(&log, since, beyond, Some(SECOND)).is_err());
    assert!(histogram(&log, since, until, Some(Duration::ZERO)).is_err());
}

#[test]
fn the_ends_of_time_are_instants_like_others() {
    let log = empty_log();
    append(&log, vec![Event::new("a", "m").with_member("db1")]);
    for (since, until) in ENDS.into_iter().flat_map(|a| ENDS.map(|b| (a, b))) {
        let all = since != Some(Timestamp::MAX) && until != Some(Timestamp::MIN);
        for step in [None, Some(Duration::from_hours(24 * 365)), Some(Duration::MAX)] {
            let found = histogram(&log, since, until, step).unwrap();
            assert_eq!(found.matched, u64::from(all), "{since:?} {until:?} {step:?}");
        }
        let facets = FacetQuery { since, until, ..FacetQuery::default() };
        assert_eq!(log.facets(&facets).unwrap().matched, u64::from(all));
        let names = NamesQuery { since, until, ..NamesQuery::default() };
        assert_eq!(log.names(&names).unwrap().names.len(), usize::from(all));
        let query = Query { since, until, ..Query::default() };
        assert_eq!(log.collapsed(&query).unwrap().matched, u64::from(all));
        assert_eq!(ask(&log, &query).events.len(), usize::from(all));
    }
    let last =
        |before| log.last_match_before(&Filter::default(), before, &Work::default()).unwrap();
    assert_eq!(last(Timestamp::MIN), LastMatch::Nothing);
    assert!(matches!(last(Timestamp::MAX), LastMatch::Event(_)));
    assert_eq!(last(start()), LastMatch::Nothing);
}

/// Types `t0` with one event, `t1` with two and so on, and as many members.
fn many_names(count: usize) -> Log {
    let options = options();
    let log = log_with(&options);
    for number in 0..count {
        let event = Event::new(format!("t{number}"), "m").with_member(format!("m{number}"));
        append(&log, vec![event; number + 1]);
        options.clock.advance(SECOND);
    }
    log
}

#[track_caller]
fn assert_largest(log: &Log, by: By, names: usize) {
    let query = HistogramQuery { by, step: Some(10 * SECOND), ..HistogramQuery::default() };
    let found = log.histogram(&query).unwrap();

    let (largest, other) = found.series.split_at(HISTOGRAM_SERIES_MAX);
    let totals: Vec<u64> = largest.iter().map(|series| series.total).collect();
    let wanted: Vec<u64> = (0..HISTOGRAM_SERIES_MAX as u64).map(|i| names as u64 - i).collect();
    assert_eq!(totals, wanted);
    let letter = if by == By::Type { 't' } else { 'm' };
    assert_eq!(largest[0].name, format!("{letter}{}", names - 1));
    let [other] = other else { panic!("{other:?}") };
    assert!(other.other && largest.iter().all(|series| !series.other));
    assert_eq!(other.counts.iter().sum::<u64>(), other.total);
    let all = (1..=names as u64).sum::<u64>();
    assert_eq!((found.matched, other.total), (all, all - wanted.iter().sum::<u64>()));
    assert_eq!(other.counts[0], 55, "ten seconds, of one event to ten");
}

#[test]
fn names_beyond_the_largest_are_added_up_in_one_series() {
    for names in [HISTOGRAM_SERIES_MAX + 10, histogram::HISTOGRAM_NAMES_MAX + 10] {
        let log = many_names(names);
        assert_largest(&log, By::Type, names);
        assert_largest(&log, By::Member, names);
    }
}

/// 20 blocks, one each ten minutes, of two types and severities of one member, over
/// a store that counts what is read.
fn ten_minute_blocks() -> (Arc<Odd>, Log) {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    for _ in 0..20 {
        let two = [Event::new("a", "m"), Event::new("b", "m").with_severity(Severity::ERROR)];
        append(&log, two.to_vec());
        options.clock.advance(10 * 60 * SECOND);
    }
    (store, log)
}

#[test]
fn blocks_that_lie_in_the_window_are_counted_unopened() {
    let (store, log) = ten_minute_blocks();
    let bases: Vec<Position> = (0..40).map(Position).collect();
    let opened = |ask: &dyn Fn() -> u64| {
        log.core().cache.lock().remove(&bases);
        let before = store.reads();
        let matched = ask();
        (matched, store.reads() - before)
    };
    let by = |by, types: &str| {
        let mut query = HistogramQuery { by, ..HistogramQuery::default() };
        query.filter.types.add(types).unwrap();
        opened(&|| log.histogram(&query).unwrap().matched)
    };

    assert_eq!(by(By::Severity, "*"), (40, 0));
    assert_eq!(by(By::Type, "*"), (40, 0));
    assert_eq!(by(By::Member, "*"), (40, 0));
    assert_eq!(by(By::Severity, "b"), (20, 0));
    assert_eq!(by(By::Member, "b"), (20, 0));
    assert_eq!(opened(&|| log.facets(&FacetQuery::default()).unwrap().matched), (40, 0));
    let subject = FacetQuery { of: vec![FacetOf::Subject], ..FacetQuery::default() };
    assert_eq!(opened(&|| log.facets(&subject).unwrap().matched), (40, 20));
}

#[test]
fn only_blocks_in_the_minutes_at_the_ends_of_the_window_are_opened() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    for _ in 0..20 {
        let late = options.clock.now().before(SECOND);
        append(&log, vec![Event::new("a", "m").with_timestamp(late), Event::new("b", "m")]);
        options.clock.advance(10 * 60 * SECOND);
    }
    log.core().cache.lock().remove(&(0..40).map(Position).collect::<Vec<_>>());
    let at = |seconds| Some(start().after(SECOND * seconds));

    let found = histogram(&log, at(3000), at(6000), Some(600 * SECOND)).unwrap();

    // `b` of the block at the beginning, and `a` of the one at the end.
    assert_eq!((found.matched, store.reads()), (10, 0), "whole minutes");
    let found = histogram(&log, at(2990), at(6001), Some(600 * SECOND)).unwrap();
    assert_eq!((found.matched, store.reads()), (12, 2), "minutes that are cut");
}

#[test]
fn names_open_no_more_than_the_blocks_at_both_ends() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    for _ in 0..20 {
        let late = options.clock.now().before(SECOND);
        append(&log, vec![Event::new("a", "m").with_timestamp(late), Event::new("b", "m")]);
        options.clock.advance(HOUR);
    }
    let opened = |by| {
        log.core().cache.lock().remove(&(0..40).map(Position).collect::<Vec<_>>());
        let before = store.reads();
        let found = log.names(&NamesQuery { by, ..NamesQuery::default() }).unwrap().names;
        (found, store.reads() - before)
    };

    let (types, reads) = opened(NameOf::Type);
    let end = start().after(19 * HOUR);
    let seen = |name: &str, first, last| NameSeen { name: name.to_owned(), count: 20, first, last };
    let a = seen("a", start().before(SECOND), end.before(SECOND));
    assert_eq!((types, reads), (vec![a, seen("b", start(), end)], 2));
    let (members, reads) = opened(NameOf::Member);
    assert_eq!((members.len(), members[0].count, reads), (1, 40, 0));
}

#[test]
fn damage_that_was_met_is_not_counted_by_headers() {
    let (store, log) = ten_minute_blocks();
    log.core().cache.lock().remove(&(0..40).map(Position).collect::<Vec<_>>());
    store.damage(4);
    store.damage_last_frame(6);
    let count = || log.histogram(&HistogramQuery::default()).unwrap();

    assert_eq!(ask(&log, &Query::default()).events.len(), 36);
    let found = count();

    assert_eq!((found.matched, found.coverage.gaps.len()), (36, 2));
}
