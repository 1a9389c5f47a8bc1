use super::naive::{World, question, words_of};
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 10_000 } else { 40 };
const QUESTIONS: usize = 20;
/// Pages of one answer, so that pages of one event do not take for ever.
const PAGES_MAX: usize = 12;

/// Reads on until the end, page by page.
#[track_caller]
fn all_pages(log: &Log, query: &Query) -> Vec<StoredEvent> {
    let mut query = query.clone();
    let mut events = Vec::new();
    loop {
        let page = ask(log, &query);
        assert!(page.events.len() <= query.limit);
        events.extend(page.events);
        assert!(page.next.is_none() || page.next != query.cursor, "every page leads on");
        match page.next {
            Some(_) => query.cursor = page.next,
            None => return events,
        }
    }
}

#[track_caller]
fn assert_same(found: &[StoredEvent], wanted: &[StoredEvent], why: &str) {
    let positions = |events: &[StoredEvent]| -> Vec<u64> {
        events.iter().map(|stored| stored.position.0).collect()
    };
    assert_eq!(positions(found), positions(wanted), "{why}");
    assert_eq!(found, wanted, "{why}");
}

#[test]
fn every_question_is_answered_as_a_plain_list_would_whatever_the_page_size() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::any(&mut dice);
        for number in 0..QUESTIONS {
            let mut query = question(&mut dice, world.options.clock.now());
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            let wanted = world.answer(&query);
            query.limit = query.limit.max(wanted.len() / PAGES_MAX);

            assert_same(&all_pages(&world.log, &query), &wanted, &why);
            world.go_on(&mut dice);
        }
    }
}

#[test]
fn a_decoded_event_matches_what_its_row_matches_and_holds_every_needed_word() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        for number in 0..QUESTIONS / 4 {
            let query = question(&mut dice, world.options.clock.now());
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            let plan = filter::Plan::new(&query.filter);
            let needed = plan.needed_words();
            let whole = Query { since: None, until: None, ..query };
            let wanted: Vec<Position> = world.answer(&whole).iter().map(|e| e.position).collect();

            for stored in world.window(&Query::default()) {
                let matches = plan.matches(&stored).unwrap();
                assert_eq!(matches, wanted.contains(&stored.position), "{stored:?}, {why}");
                if !matches || needed.is_empty() {
                    continue;
                }
                let words = words_of(&stored.event);
                let held =
                    |any: &Vec<String>| any.iter().any(|w| words.contains(&w.to_lowercase()));
                assert!(needed.iter().all(held), "{needed:?} {stored:?}, {why}");
            }
        }
    }
}

#[test]
fn counts_are_exact_whenever_they_are_given() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::any(&mut dice);
        for number in 0..QUESTIONS {
            let query = question(&mut dice, world.options.clock.now());
            let why = format!("replay: seed {seed}, question {number}: {query:?}");
            let (wanted, window) = (world.answer(&query), world.window(&query));

            let page = ask(&world.log, &query);

            assert_eq!(page.total, Some(window.len() as u64), "{why}");
            assert!(page.matched.is_none_or(|matched| matched == wanted.len() as u64), "{why}");
            let known = query.count_exactly || wanted.len() <= query.limit;
            assert!(!known || page.matched.is_some(), "{why}");
            world.go_on(&mut dice);
        }
    }
}

#[test]
fn going_back_leads_through_the_same_pages() {
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::any(&mut dice);
        let query = Query { limit: dice.usize(1..20), ..question(&mut dice, start()) };
        let first = ask(&world.log, &query);
        assert_eq!(first.prev, None, "replay: seed {seed}");
        let Some(next) = first.next else { continue };
        let second = ask(&world.log, &Query { cursor: Some(next), ..query.clone() });

        let back = ask(&world.log, &Query { cursor: second.prev, ..query.clone() });

        assert_same(&back.events, &first.events, &format!("replay: seed {seed}"));
        assert_eq!((back.prev, back.next), (None, first.next), "replay: seed {seed}");
    }
}

#[test]
fn every_id_is_found_and_no_other() {
    for seed in 0..20 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        let cutoff = world.options.clock.now().before(world.options.retention);
        for stored in &world.all {
            match world.log.find(stored.id).unwrap() {
                Found::Event(found) => assert_eq!(*found, *stored, "replay: seed {seed}"),
                Found::Expired => assert!(stored.received < cutoff, "replay: seed {seed}"),
                Found::Nothing => panic!("replay: seed {seed}: {stored:?}"),
            }
        }
        let strange = EventId::new(start(), Boot::from_bytes([77; 8]), 1);
        assert!(matches!(world.log.find(strange).unwrap(), Found::Nothing));
    }
}

#[test]
fn the_context_of_an_event_is_what_stands_around_it() {
    for seed in 0..20 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        let list = world.answer(&Query { order: Order::Ascending, ..Query::default() });
        let at = dice.usize(..list.len());

        let (before, after) = world.log.around(&list[at], 5).unwrap();

        let why = format!("replay: seed {seed}");
        assert_same(&before, &list[at.saturating_sub(5)..at], &why);
        assert_same(&after, &list[at + 1..list.len().min(at + 6)], &why);
    }
}
