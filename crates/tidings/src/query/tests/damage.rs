use super::odd::Odd;
use super::*;
use crate::store::{Gap, GapReason};

/// Three blocks of two events each, closed; then damage is done and it is opened
/// again.
fn reopened_after(damage: impl FnOnce(&Odd)) -> Log {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    for i in 0..3 {
        let events = [2 * i, 2 * i + 1].map(|n: i32| Event::new("a", n.to_string()));
        append(&log, events.to_vec());
        options.clock.advance(SECOND);
    }
    log.close(SECOND);
    damage(&store);
    store.log(&options)
}

fn shown(log: &Log) -> String {
    let mut filter = Filter::default();
    filter.types.add("a").unwrap();
    let page = ask(log, &Query { order: Order::Ascending, filter, ..Query::default() });
    messages(&page.events).concat()
}

fn gaps(log: &Log) -> Vec<(&'static str, Option<u64>)> {
    log.coverage().gaps.iter().map(|gap| (gap.reason, gap.events)).collect()
}

fn followed(log: &Log) -> Vec<String> {
    let from = FollowCursor::new(log.origin(), Position(0));
    let mut follower = log.follow(FollowFrom::Cursor(from), Arc::default()).unwrap();
    let seen = follower.poll(1000).unwrap();
    assert!(follower.caught_up());
    let name = |followed: &Followed| match followed {
        Followed::Event(event, _) => event.event.message().chars().take(3).collect(),
        Followed::Gap { from, to, reason, .. } => format!("{reason} {}..{}", from.unwrap().0, to.0),
        dropped @ Followed::Dropped { .. } => panic!("{dropped:?}"),
    };
    seen.iter().map(name).collect()
}

#[test]
fn a_block_with_a_damaged_header_is_told_and_the_rest_is_shown() {
    let log = reopened_after(|store| store.damage(2));

    assert_eq!((shown(&log), gaps(&log)), ("0145".to_owned(), vec![("damaged", Some(2))]));
    assert_eq!(followed(&log), ["0", "1", "damaged 2..4", "4", "5", "clo"]);
    let gap = &log.coverage().gaps[0];
    assert_eq!((gap.from, gap.to), (Some(start()), Some(start().after(2 * SECOND))));
}

#[test]
fn a_block_found_damaged_while_reading_is_told_from_then_on() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    append(&log, vec![Event::new("a", "0"), Event::new("a", "1")]);
    append(&log, vec![Event::new("a", "2")]);
    log.core().cache.lock().remove(&[Position(0)]);
    store.damage(0);

    assert!(log.coverage().complete, "nobody has looked yet");
    let page = ask(&log, &Query::default());

    assert_eq!((messages(&page.events), page.total), (vec!["2"], Some(1)));
    assert_eq!(page.coverage.gaps[0].events, Some(2));
    assert!(!page.coverage.complete);
}

#[test]
fn a_damaged_frame_costs_no_more_than_its_own_events() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    append(&log, (0..600).map(|i| Event::new("a", i.to_string())).collect());
    log.core().cache.lock().remove(&[Position(0)]);
    store.damage_last_frame(0);
    let query = Query { limit: 1000, order: Order::Ascending, ..Query::default() };

    let page = ask(&log, &query);

    assert_eq!((page.events.len(), page.total), (512, Some(512)));
    assert_eq!(gaps(&log), [("damaged", Some(88))]);
    let told = followed(&log);
    assert_eq!((told.len(), told.last().unwrap().as_str()), (513, "damaged 512..600"));
}

#[test]
fn what_was_met_as_damaged_is_counted_by_nobody() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    let event = |i: u32| Event::new("a", "m").with_timestamp(start().before(SECOND * (600 - i)));
    append(&log, (0..600).map(|i| event(i).with_field("number", i)).collect());
    log.core().cache.lock().remove(&[Position(0)]);
    store.damage_last_frame(0);
    let first = Query { order: Order::Ascending, limit: 1, ..Query::default() };
    assert_eq!(ask(&log, &Query { limit: 1000, ..first.clone() }).events.len(), 512);

    let page = ask(&log, &Query { count_exactly: true, ..first });

    assert_eq!((page.matched, page.total), (Some(512), Some(512)));
}

#[test]
fn a_missing_tail_is_a_gap_for_readers_and_followers() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    append(&log, vec![Event::new("a", "0"), Event::new("a", "1")]);
    append(&log, vec![Event::new("a", "2")]);
    log.close(SECOND);
    // The block at 0 is gone without a trace, but for the word of the store.
    store.expire(&[Position(0)]).unwrap();
    store.tell(Gap { range: Position(0)..Position(2), reason: GapReason::MissingTail });

    let log = store.log(&options);

    assert_eq!(gaps(&log), [("missing_tail", Some(2))]);
    assert_eq!(followed(&log), ["missing_tail 0..2", "2", "clo"]);
}

#[test]
fn what_is_damaged_hides_nothing_from_who_need_not_read_it() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    let event = |i: i32| Event::new("a", i.to_string()).with_field("took", i);
    append(&log, (0..600).map(event).collect());
    log.core().cache.lock().remove(&[Position(0)]);
    // Its fields.
    store.damage_last_frame(0);
    let asked = |q: &str, of| {
        let filter = Filter { expr: Expr::read(q).expr, ..Filter::default() };
        let facets = log.facets(&FacetQuery { filter, of: vec![of], ..FacetQuery::default() });
        facets.unwrap().matched
    };

    assert_eq!(asked("/[0-9]/", FacetOf::Type), 600);
    assert_eq!(asked("message:599", FacetOf::Subject), 1);
    assert_eq!(asked("type:a severity:info member:*", FacetOf::Severity), 600);
    assert_eq!(gaps(&log), []);
    assert_eq!(asked("/[0-9]/", FacetOf::Field("took".to_owned())), 512);
    assert_eq!(gaps(&log), [("damaged", Some(88))]);
}
