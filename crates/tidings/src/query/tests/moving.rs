//! Are answers those of a log that stands still, although it moves meanwhile?

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::naive::{World, question};
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 5000 } else { 12 };
const QUESTIONS: usize = 6;
/// Pages of one answer, so that pages of one event do not take for ever.
const PAGES_MAX: usize = 12;

fn positions(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(|stored| stored.position.0).collect()
}

/// Pages of random sizes that may cost random amounts, with something between them.
fn pages(
    world: &mut World,
    dice: &mut fastrand::Rng,
    query: &Query,
    limit_min: usize,
    mut between: impl FnMut(&mut World, &mut fastrand::Rng),
) -> Vec<StoredEvent> {
    let (mut query, mut events) = (query.clone(), Vec::new());
    loop {
        query.limit = limit_min + dice.usize(1..9);
        let events_max = (dice.u8(0..3) == 0).then(|| dice.u64(200..2000));
        query.work = Work { events_max, ..Work::default() };
        let page = ask(&world.log, &query);
        assert!(page.events.len() <= query.limit);
        events.extend(page.events);
        assert!(page.next.is_none() || page.next != query.cursor, "every page leads on");
        query.cursor = page.next;
        if query.cursor.is_none() {
            return events;
        }
        between(world, dice);
    }
}

#[test]
fn pages_lead_through_everything_once_whatever_the_log_does_between_them() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::random(&mut dice);
        world.append(&mut dice, 60);
        for number in 0..QUESTIONS {
            let query = question(&mut dice, world.options.clock.now());
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            let wanted = world.answer(&query);

            let least = wanted.len() / PAGES_MAX;
            let found = pages(&mut world, &mut dice, &query, least, |world, dice| {
                world.work_behind(dice);
            });

            assert_eq!(positions(&found), positions(&wanted), "{why}");
            assert_eq!(found, wanted, "{why}");
        }
    }
}

#[test]
fn a_list_that_is_read_backwards_in_time_is_not_disturbed_by_what_arrives() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::random(&mut dice);
        let now = world.options.clock.now();
        // What comes meanwhile may be older, too; this list shows what was there.
        let query = Query { order: Order::Descending, ..question(&mut dice, now) };
        let wanted: BTreeSet<u64> = positions(&world.answer(&query)).into_iter().collect();
        let end = world.log.core().index.read().next().0;

        let least = wanted.len() / PAGES_MAX;
        let mut found = pages(&mut world, &mut dice, &query, least, |world, dice| {
            world.append(dice, 3);
            world.work_behind(dice);
        });

        let unique: BTreeSet<u64> = positions(&found).into_iter().collect();
        assert_eq!(unique.len(), found.len(), "replay: seed {seed}");
        found.retain(|stored| stored.position.0 < end);
        // None of these goes over age meanwhile: the log keeps them for hours.
        let cutoff = world.options.clock.now().before(world.options.retention);
        let gone: BTreeSet<u64> = world
            .all
            .iter()
            .filter(|stored| stored.received < cutoff)
            .map(|stored| stored.position.0)
            .collect();
        let found: BTreeSet<u64> = positions(&found).into_iter().collect();
        assert!(found.is_subset(&wanted), "replay: seed {seed}: {query:?}");
        assert!(wanted.difference(&found).all(|it| gone.contains(it)), "replay: seed {seed}");
    }
}

#[test]
fn a_block_that_is_merged_while_some_of_its_frames_are_read_is_read_to_its_end() {
    let (store, options) = (odd::Odd::new(), options());
    let log = store.log(&options);
    let at = |seconds: u32| Event::new("a", "m").with_timestamp(start().before(SECOND * seconds));
    append(&log, vec![at(300); 600]);
    // Two frames, and between their times stands another block.
    append(&log, [vec![at(100); 512], vec![at(200); 88]].concat());
    append(&log, vec![at(150)]);
    log.core().cache.lock().remove(&[Position(0), Position(600), Position(1200)]);
    let merging = log.clone();
    store.before_reading(1200, move || {
        assert!(merging.merge_neighbours(Position(0), 2).unwrap().is_some());
    });

    let page = ask(&log, &Query { limit: 2000, ..Query::default() });

    let mut found = positions(&page.events);
    found.sort_unstable();
    assert_eq!(found, (0..1201).collect::<Vec<_>>());
}

#[test]
fn questions_asked_while_the_log_works_are_answered_as_before() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::random(&mut dice);
        world.append(&mut dice, 200);
        // Some of it is over age now, and will be purged.
        world.options.clock.advance(SECOND * dice.u32(0..8000));
        let mut working = dice.fork();
        let (world, done) = (&world, &AtomicBool::new(false));
        std::thread::scope(|threads| {
            threads.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    world.work_behind(&mut working);
                }
            });
            // So that the other ends, also when this one fails.
            let _end = Ends(done);
            for number in 0..QUESTIONS {
                let query = question(&mut dice, world.options.clock.now());
                let why = format!("replay: seed {seed}, question {number}: {query:?}");
                ask_everything(world, &query, &why);
            }
        });
    }
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Each kind of question once; what each counts is what the list has.
#[track_caller]
fn ask_everything(world: &World, query: &Query, why: &str) {
    let wanted = world.answer(query);
    let whole = Query { limit: usize::MAX, ..query.clone() };
    assert_eq!(ask(&world.log, &whole).events, wanted, "{why}");
    ask_counts(&world.log, query, &wanted, why);
}

/// What is counted of these events, in each way.
#[track_caller]
fn ask_counts(log: &Log, query: &Query, events: &[StoredEvent], why: &str) {
    let Query { filter, since, until, .. } = query.clone();
    let count = events.len() as u64;
    for by in [By::Severity, By::Type, By::Member] {
        let (filter, step) = (filter.clone(), Some(HOUR));
        let asked = HistogramQuery { filter, since, until, step, by, ..HistogramQuery::default() };
        let found = log.histogram(&asked).unwrap();
        let of_series: u64 = found.series.iter().map(|series| series.total).sum();
        assert_eq!((found.matched, of_series), (count, count), "{by:?}, {why}");
    }
    let of = vec![FacetOf::Type, FacetOf::Source, FacetOf::Field("version".to_owned())];
    let asked = FacetQuery { filter: filter.clone(), since, until, of, ..FacetQuery::default() };
    let found = log.facets(&asked).unwrap();
    assert_eq!(found.matched, count, "{why}");
    for facet in &found.facets {
        let values = facet.values.iter().map(|value| value.count).sum::<u64>();
        assert_eq!(values + facet.other + facet.absent, count, "{facet:?}, {why}");
    }
    for by in [NameOf::Member, NameOf::Type] {
        let filter = filter.clone();
        let asked = NamesQuery { filter, since, until, by, ..NamesQuery::default() };
        let names = log.names(&asked).unwrap().names;
        assert_eq!(names.iter().map(|name| name.count).sum::<u64>(), count, "{by:?}, {why}");
    }
    let whole = Query { limit: usize::MAX, ..query.clone() };
    assert_eq!(log.collapsed(&whole).unwrap().matched, count, "{why}");
}

/// What a question may find when one block is not what was written: nothing else is
/// missing, and what is, is told.
#[track_caller]
fn assert_confined(page: &Page, wanted: &[StoredEvent], block: &Range<Position>, why: &str) {
    let found: BTreeSet<u64> = positions(&page.events).into_iter().collect();
    let (kept, lost): (Vec<_>, Vec<_>) =
        wanted.iter().cloned().partition(|stored| found.contains(&stored.position.0));
    assert_eq!(page.events, kept, "{why}");
    assert!(lost.iter().all(|stored| block.contains(&stored.position)), "{why}");
    let gaps = page.coverage.gaps.iter().filter(|gap| gap.reason == "damaged");
    let told: u64 = gaps.map(|gap| gap.events.unwrap()).sum();
    assert!(lost.len() as u64 <= told && told <= block.end.0 - block.start.0, "{why}");
    assert!(told == 0 || !page.coverage.complete, "{why}");
}

#[test]
fn one_flipped_bit_costs_no_more_than_its_block_and_is_named_and_counted() {
    for seed in 0..SEEDS * 4 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::random(&mut dice);
        let why = format!("replay: seed {seed}");
        let all = Query { order: Order::Ascending, limit: usize::MAX, ..Query::default() };
        let some = Query { limit: usize::MAX, ..question(&mut dice, world.options.clock.now()) };
        let wanted = [&some, &all].map(|query| world.answer(query));
        let end = world.log.core().index.read().next();

        let reopens = dice.bool();
        let block = world.flip_a_bit(&mut dice, reopens);
        for (query, wanted) in [&some, &all].into_iter().zip(&wanted) {
            let mut page = ask(&world.log, query);
            page.events.retain(|stored| stored.position < end);
            assert_confined(&page, wanted, &block, &why);
        }
        follow_over(&world, &block, &why);
        // What was met is counted by nobody.
        ask_counts(&world.log, &all, &ask(&world.log, &all).events, &why);

        world.repair();
        assert_eq!(ask(&world.log, &all).events, world.answer(&all), "{why}");
    }
}

/// From the beginning to the end, where nothing but this block is damaged.
#[track_caller]
fn follow_over(world: &World, block: &Range<Position>, why: &str) {
    let from = FollowCursor::new(world.log.origin(), Position(0));
    let mut follower = world.log.follow(FollowFrom::Cursor(from), Arc::default()).unwrap();
    let mut next = Position(0);
    while !follower.caught_up() {
        for followed in follower.poll(1000).unwrap() {
            match followed {
                Followed::Event(event, _) => {
                    assert_eq!(event.position, next, "{why}");
                    next = next.plus(1);
                }
                Followed::Gap { from: Some(from), to, reason: "damaged", .. } => {
                    assert!(from == next && block.start <= from && to <= block.end, "{why}");
                    next = to;
                }
                Followed::Gap { to, reason: "expired", .. } => next = to,
                other => panic!("{other:?}, {why}"),
            }
        }
    }
    assert_eq!(next, world.log.core().index.read().next(), "{why}");
}
