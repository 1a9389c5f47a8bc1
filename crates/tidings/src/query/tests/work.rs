use super::naive::{World, question};
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 5000 } else { 20 };
const QUESTIONS: usize = 10;

fn at_most(events: u64) -> Work {
    Work { events_max: Some(events), ..Work::default() }
}

fn positions(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(|stored| stored.position.0).collect()
}

#[test]
fn pages_that_a_bound_cuts_lead_through_everything_exactly_once() {
    let mut cuts = 0;
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        for number in 0..QUESTIONS {
            let mut query = question(&mut dice, world.options.clock.now());
            query.limit = query.limit.max(20);
            query.work = at_most(dice.u64(0..2000));
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            let wanted = world.answer(&query);

            let mut found = Vec::new();
            loop {
                let page = ask(&world.log, &query);
                let is_cut = page.coverage.gaps.iter().any(|gap| gap.reason == "work_limit");
                assert!(!is_cut || !page.coverage.complete, "{why}");
                assert!(page.matched.is_none_or(|m| m == wanted.len() as u64), "{why}");
                cuts += usize::from(is_cut);
                found.extend(page.events);
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }

            assert_eq!(positions(&found), positions(&wanted), "{why}");
        }
    }
    assert!(cuts > 20, "the bound was met {cuts} times only");
}

#[test]
fn a_question_that_others_help_with_is_answered_as_by_one() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        for number in 0..QUESTIONS {
            let query = question(&mut dice, world.options.clock.now());
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            let helped = ask(&world.log, &query);
            let helpers = &world.log.core().helpers;
            let seats: Vec<_> = std::iter::from_fn(|| helpers.try_take()).collect();

            let alone = ask(&world.log, &query);

            drop(seats);
            assert_eq!(helped.events, alone.events, "{why}");
            assert_eq!((helped.next, helped.matched), (alone.next, alone.matched), "{why}");
        }
    }
}

#[test]
fn a_question_that_was_abandoned_ends() {
    let log = empty_log();
    append(&log, vec![Event::new("a", "0")]);
    let work = Work::default();
    work.stop.set();

    let list = log.query(&Query { work: work.clone(), ..Query::default() });
    let counts = log.facets(&FacetQuery {
        filter: Filter { grep: Some(Regex::new("0").unwrap()), ..Filter::default() },
        work,
        ..FacetQuery::default()
    });

    assert!(matches!(list, Err(QueryError::Abandoned)));
    assert!(matches!(counts, Err(QueryError::Abandoned)));
}

#[test]
fn counts_that_a_bound_cuts_say_what_they_left_out() {
    let log = empty_log();
    for _ in 0..3 {
        append(&log, (0..5).map(|i| Event::new("a", i.to_string())).collect());
    }
    let filter = Filter { grep: Some(Regex::new("[0-4]").unwrap()), ..Filter::default() };
    let query = FacetQuery { filter, work: at_most(6), ..FacetQuery::default() };

    let facets = log.facets(&query).unwrap();

    let gap = &facets.coverage.gaps[0];
    assert_eq!((facets.matched, facets.coverage.complete), (10, false));
    assert_eq!((gap.reason, gap.events), ("work_limit", Some(5)));
}
