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
fn a_bound_does_not_cut_away_what_comes_sooner_than_the_rest_of_a_block() {
    for order in [Order::Descending, Order::Ascending] {
        let log = empty_log();
        // In the list's order; a frame has 512 of them.
        let at = |place: u32| match order {
            Order::Descending => start().before(SECOND * place),
            Order::Ascending => start().before(SECOND * (2000 - place)),
        };
        let event =
            |name: &str, place: u32| Event::new(name, place.to_string()).with_timestamp(at(place));
        let wide = (0..1100).map(|i| event(if i < 1090 { "often" } else { "rare" }, i));
        append(&log, wide.collect());
        append(&log, vec![event("rare", 300)]);
        let mut filter = Filter::default();
        filter.types.add("rare").unwrap();
        let mut query = Query { filter, order, limit: 1, work: at_most(400), ..Query::default() };

        // The first look at one block used the bound up.
        assert_eq!(log.query(&query).unwrap().coverage.gaps[0].events, Some(1101), "{order:?}");
        let mut found = Vec::new();
        while found.is_empty() || query.cursor.is_some() {
            let page = ask(&log, &query);
            found.extend(page.events.iter().map(|stored| stored.event.message().to_owned()));
            query.cursor = page.next;
            assert!(!found.is_empty() || query.cursor.is_some(), "{order:?}");
        }

        assert_eq!((found[0].as_str(), found.len()), ("300", 11), "{order:?}");
    }
}

/// Random questions, each answered with help and then by one thread alone.
fn with_help_and_alone<T>(answer: impl Fn(&Log, &Query) -> T, same: impl Fn(T, T, &str)) {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        for number in 0..QUESTIONS {
            let query = question(&mut dice, world.options.clock.now());
            let helped = answer(&world.log, &query);
            let helpers = &world.log.core().helpers;
            let _seats: Vec<_> = std::iter::from_fn(|| helpers.try_take()).collect();
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            same(helped, answer(&world.log, &query), &why);
        }
    }
}

#[test]
fn a_question_that_others_help_with_is_answered_as_by_one() {
    with_help_and_alone(ask, |helped, alone, why| {
        assert_eq!(helped.events, alone.events, "{why}");
        assert_eq!((helped.next, helped.matched), (alone.next, alone.matched), "{why}");
    });
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

#[test]
fn the_search_for_the_last_match_ends_early_and_says_how_far_it_came() {
    let options = options();
    let log = log_with(&options);
    for i in 0..4 {
        append(&log, (0..5).map(|_| Event::new("a", i.to_string())).collect());
        options.clock.advance(SECOND);
    }
    let last = |regex: &str, events_max| {
        let filter = Filter { grep: Some(Regex::new(regex).unwrap()), ..Filter::default() };
        log.last_match_before(&filter, Timestamp::MAX, &at_most(events_max)).unwrap()
    };

    assert_eq!(last("x", 20), LastMatch::Nothing);
    assert_eq!(last("0", 11), LastMatch::NoneSince(start().after(NANOSECOND)));
    assert!(matches!(last("0", 16), LastMatch::Event(event) if event.event.message() == "0"));
    assert_eq!(last("0", 6), LastMatch::NoneSince(start().after(SECOND + NANOSECOND)));
    assert!(matches!(last("2", 6), LastMatch::Event(event) if event.event.message() == "2"));
}

#[test]
fn counts_and_groups_that_others_help_with_are_those_of_one() {
    with_help_and_alone(gathered, |helped, alone, why| assert_eq!(helped, alone, "{why}"));
}

/// All that is gathered without an order, of the events that a list is asked for.
fn gathered(log: &Log, query: &Query) -> (Facets, Names, Histogram, Vec<Group>) {
    let Query { filter, since, until, work, .. } = query.clone();
    let of = vec![FacetOf::Subject, FacetOf::Field("took".to_owned()), FacetOf::Type];
    let facets =
        FacetQuery { filter: filter.clone(), since, until, of, top: 3, work: work.clone() };
    let (by, work) = (NameOf::Type, work.clone());
    let names = NamesQuery { filter: filter.clone(), since, until, by, work: work.clone() };
    let by = By::Member;
    let histogram = HistogramQuery { filter, since, until, step: None, by, work };
    (
        log.facets(&facets).unwrap(),
        log.names(&names).unwrap(),
        log.histogram(&histogram).unwrap(),
        log.collapsed(query).unwrap().groups,
    )
}
