//! Are counts told without asking the store, and only while they are exact?

use super::odd::Odd;
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// 130 blocks, one a minute, each of two types of two members.
fn minutes_of_events(options: &LogOptions) -> (Arc<Odd>, Log) {
    let store = Odd::new();
    let log = store.log(options);
    for _ in 0..130 {
        let db1 = Event::new("a", "m").with_member("db1");
        let db2 = Event::new("b", "m").with_member("db2").with_severity(Severity::ERROR);
        append(&log, vec![db1.clone(), db2, db1]);
        options.clock.advance(MINUTE);
    }
    (store, log)
}

/// What counts of these events say, and how often the store was asked.
fn counted(store: &Odd, log: &Log, query: &HistogramQuery) -> (Vec<(String, u64)>, u32) {
    let before = store.reads() + store.heads_reads();
    let found = log.histogram(query).unwrap();
    let series = found.series.into_iter().map(|series| (series.name, series.total));
    (series.collect(), store.reads() + store.heads_reads() - before)
}

fn over_whole_hours(by: By) -> HistogramQuery {
    let (since, until) = (Some(start().after(HOUR)), Some(start().after(2 * HOUR)));
    HistogramQuery { by, since, until, step: Some(MINUTE), ..HistogramQuery::default() }
}

fn names(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn counts_of_whole_minutes_ask_the_store_nothing() {
    let (store, log) = minutes_of_events(&options());
    let count = |by| counted(&store, &log, &over_whole_hours(by));

    assert_eq!(count(By::Type), (names(&[("a", 120), ("b", 60)]), 0));
    assert_eq!(count(By::Severity), (names(&[("info", 120), ("error", 60)]), 0));
    assert_eq!(count(By::Member), (names(&[("db1", 120), ("db2", 60)]), 0));
    let mut of_b = over_whole_hours(By::Severity);
    of_b.filter.types.add("b").unwrap();
    assert_eq!(counted(&store, &log, &of_b), (names(&[("error", 60)]), 0));
    let mut of_db1 = over_whole_hours(By::Member);
    of_db1.filter.members.add("db1").unwrap();
    assert_eq!(counted(&store, &log, &of_db1), (names(&[("db1", 120)]), 0));
}

#[test]
fn facets_and_names_of_everything_ask_the_store_next_to_nothing() {
    let (store, log) = minutes_of_events(&options());
    let before = store.reads() + store.heads_reads();

    let facets = log.facets(&FacetQuery::default()).unwrap();

    assert_eq!((facets.matched, store.reads() + store.heads_reads() - before), (390, 0));
    log.core().cache.lock().remove(&(0..390).map(Position).collect::<Vec<_>>());
    let types = log.names(&NamesQuery { by: NameOf::Type, ..NamesQuery::default() }).unwrap();
    assert_eq!((types.names[1].count, types.names[1].last), (130, start().after(MINUTE * 129)));
    assert_eq!(store.reads() + store.heads_reads() - before, 2, "the first and the last minute");
}

#[test]
fn a_filter_over_types_and_members_opens_the_blocks() {
    let (store, log) = minutes_of_events(&options());
    log.core().cache.lock().remove(&(0..390).map(Position).collect::<Vec<_>>());
    let mut query = over_whole_hours(By::Severity);
    query.filter.types.add("a").unwrap();
    query.filter.members.add("db2").unwrap();

    let (series, asked) = counted(&store, &log, &query);

    assert!(series.is_empty() && asked >= 60, "{series:?}, {asked}");
}

#[test]
fn counts_are_the_same_after_a_restart() {
    let options = options();
    let (store, log) = minutes_of_events(&options);
    let before = counted(&store, &log, &over_whole_hours(By::Type));
    drop(log);

    let log = store.log(&options);

    assert_eq!(counted(&store, &log, &over_whole_hours(By::Type)), before);
}

#[test]
fn blocks_that_expire_are_no_longer_counted() {
    let options = LogOptions { retention: 2 * HOUR, ..options() };
    let (store, log) = minutes_of_events(&options);
    // Within the second hour, and not yet expired.
    options.clock.advance(MINUTE * 60);
    let shown = || counted(&store, &log, &over_whole_hours(By::Type)).0;
    assert_eq!(shown(), names(&[("a", 100), ("b", 50)]));

    log.maintain().unwrap();

    assert_eq!(shown(), names(&[("a", 100), ("b", 50)]));
}

#[test]
fn an_expiry_that_fails_half_way_leaves_no_counts_of_what_is_gone() {
    let (store, log) = minutes_of_events(&options());
    let bases: Vec<Position> = (60..70).map(|minute| Position(minute * 3)).collect();
    // The store expires them and says that it did not.
    store.expire(&bases).unwrap();
    log.core().index.write().uncount(&bases);
    log.core().cache.lock().remove(&bases);

    let (series, asked) = counted(&store, &log, &over_whole_hours(By::Type));

    assert_eq!(series, names(&[("a", 100), ("b", 50)]));
    assert!(asked > 0);
}

#[test]
fn damage_that_is_met_later_is_no_longer_counted() {
    let (store, log) = minutes_of_events(&options());
    log.core().cache.lock().remove(&(0..390).map(Position).collect::<Vec<_>>());
    // A whole block in the one hour, a frame of one in the next.
    store.damage(80 * 3);
    store.damage_last_frame(125 * 3);
    let count = |query: &HistogramQuery| counted(&store, &log, query);
    let later = HistogramQuery {
        since: Some(start().after(2 * HOUR)),
        until: Some(start().after(3 * HOUR)),
        ..over_whole_hours(By::Type)
    };
    assert_eq!(count(&over_whole_hours(By::Type)).1 + count(&later).1, 0, "nobody has met it");

    assert_eq!(ask(&log, &Query { limit: 1000, ..Query::default() }).events.len(), 384);

    let (series, asked) = count(&over_whole_hours(By::Type));
    assert_eq!(series, names(&[("a", 118), ("b", 59)]));
    assert!(asked > 0, "headers tell the others of that hour");
    assert_eq!(count(&later).0, names(&[("a", 18), ("b", 9)]));
}

#[test]
fn a_question_keeps_the_counts_that_it_began_with() {
    let (_, log) = minutes_of_events(&options());
    let before = log.core().index.read().rollups().last().cloned().unwrap();

    append(&log, vec![Event::new("c", "m")]);

    let now = log.core().index.read().rollups().last().cloned().unwrap();
    assert_eq!((before.types.names().len(), now.types.names().len()), (2, 3));
    assert_eq!((before.end, now.end), (Position(390), Position(391)));
}

/// 20 blocks, one each three minutes, each of two members in two minutes.
fn blocks_of_two_minutes(options: &LogOptions) -> (Arc<Odd>, Log) {
    let store = Odd::new();
    let log = store.log(options);
    for _ in 0..20 {
        let earlier = options.clock.now().before(MINUTE);
        let db1 = Event::new("a", "m").with_member("db1").with_timestamp(earlier);
        let db2 = Event::new("a", "m").with_member("db2").with_severity(Severity::ERROR);
        append(&log, vec![db1, db2]);
        options.clock.advance(3 * MINUTE);
    }
    log.core().cache.lock().remove(&(0..40).map(Position).collect::<Vec<_>>());
    (store, log)
}

#[test]
fn what_headers_do_not_tell_of_members_is_read_once() {
    let options = options();
    let (store, log) = blocks_of_two_minutes(&options);
    let all = HistogramQuery { by: By::Member, step: Some(MINUTE), ..HistogramQuery::default() };
    let mut errors_of_db2 = HistogramQuery { step: Some(MINUTE), ..HistogramQuery::default() };
    errors_of_db2.filter.members.add("db2").unwrap();

    let first = counted(&store, &log, &all);

    assert_eq!(first.0, names(&[("db1", 20), ("db2", 20)]));
    assert!(first.1 >= 20, "the blocks were read");
    assert_eq!(counted(&store, &log, &all), (first.0, 0));
    assert_eq!(counted(&store, &log, &errors_of_db2), (names(&[("error", 20)]), 0));
    options.clock.advance(MINUTE);
    append(&log, vec![Event::new("a", "m").with_member("db3")]);
    assert_eq!(counted(&store, &log, &all).0.len(), 3, "what comes later counts as well");
}

#[test]
fn nothing_is_learned_from_blocks_with_damage() {
    let (store, log) = blocks_of_two_minutes(&options());
    store.damage(0);
    let all = HistogramQuery { by: By::Member, step: Some(MINUTE), ..HistogramQuery::default() };

    let found = counted(&store, &log, &all).0;

    assert_eq!(found, names(&[("db1", 19), ("db2", 19)]));
    assert_eq!(counted(&store, &log, &all).0, found);
    assert_eq!(log.coverage().gaps.len(), 1);
}

#[test]
fn a_merge_across_the_end_of_a_roll_up_changes_no_count() {
    let (options, store) = (options(), Odd::new());
    let log = store.log(&options);
    let block = || {
        append(&log, vec![Event::new("a", "m"), Event::new("b", "m").with_member("db1")]);
        options.clock.advance(MINUTE);
    };
    (0..10).for_each(|_| block());
    // From here on the first ten stand in no roll-up.
    log.core().index.write().uncount(&[Position(4)]);
    (0..10).for_each(|_| block());
    let count = |since: Option<Timestamp>| {
        let query = HistogramQuery { by: By::Type, since, ..HistogramQuery::default() };
        log.histogram(&query).unwrap().series
    };
    let windows = [None, Some(start().after(MINUTE * 9)), Some(start().after(SECOND * 570))];
    let before = windows.map(count);

    let merged = log.merge_neighbours(Position(16), 4).unwrap();

    assert_eq!(merged.map(|merged| merged.events), Some(8), "positions 16 to 24");
    assert_eq!(log.core().index.read().rollups()[0].from, Position(20));
    assert_eq!(windows.map(count), before);
}

#[test]
fn the_search_for_the_last_match_passes_over_hours_that_cannot_hold_it() {
    use crate::log::mask_of;
    let (store, log) = minutes_of_events(&options());
    let mask = |name: &str| mask_of(std::iter::once(name));
    let alike = |name: &String| mask(name) == mask("a");
    let absent = (0..10_000).map(|n| format!("t{n}")).find(alike).unwrap();
    let last = |q: &str| {
        let (filter, before) =
            (Filter { expr: Expr::read(q).expr, ..Filter::default() }, store.reads());
        let now = Timestamp::MAX;
        let found = log.last_match_before(&filter, now, &Work::default()).unwrap();
        (matches!(found, LastMatch::Event(_)), store.reads() - before)
    };

    assert_eq!(last(&format!("type:{absent} /m/")), (false, 0));
    assert_eq!(last("type:a severity:error"), (false, 0));
    assert_eq!(last("member:db*9"), (false, 0));
    assert!(last("type:b severity:error").0 && last("member:db2 /m/").0);
}
