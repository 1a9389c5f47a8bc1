use super::*;

fn numbered(log: &Log, options: &LogOptions, count: usize) {
    for i in 0..count {
        append(log, vec![Event::new("a", i.to_string())]);
        options.clock.advance(SECOND);
    }
}

#[test]
fn a_page_in_the_middle_has_neighbours_on_both_sides() {
    let options = options();
    let log = log_with(&options);
    numbered(&log, &options, 9);
    let query = Query { limit: 3, ..Query::default() };

    let first = ask(&log, &query);
    let second = ask(&log, &Query { cursor: first.next, ..query.clone() });
    let third = ask(&log, &Query { cursor: second.next, ..query.clone() });

    assert_eq!(messages(&first.events), ["8", "7", "6"]);
    assert_eq!(messages(&second.events), ["5", "4", "3"]);
    assert_eq!(messages(&third.events), ["2", "1", "0"]);
    assert_eq!((first.prev, third.next), (None, None));
    assert!(second.prev.is_some() && third.prev.is_some());
}

#[test]
fn events_that_arrive_between_pages_move_nothing() {
    let options = options();
    let log = log_with(&options);
    numbered(&log, &options, 4);
    let query = Query { limit: 2, ..Query::default() };
    let first = ask(&log, &query);

    numbered(&log, &options, 2);
    let second = ask(&log, &Query { cursor: first.next, ..query });

    assert_eq!(messages(&second.events), ["1", "0"]);
}

#[test]
fn the_window_begins_at_since_and_ends_before_until() {
    let options = options();
    let log = log_with(&options);
    numbered(&log, &options, 4);

    let page = ask(
        &log,
        &Query {
            since: Some(start().after(SECOND)),
            until: Some(start().after(3 * SECOND)),
            ..Query::default()
        },
    );

    assert_eq!(messages(&page.events), ["2", "1"]);
    assert_eq!((page.total, page.matched), (Some(2), Some(2)));
}

#[test]
fn a_date_far_ahead_does_not_top_the_list_for_ever() {
    let options = options();
    let log = log_with(&options);
    let far = start().after(HOUR * 24 * 365);
    append(&log, vec![Event::new("a", "2099").with_timestamp(far)]);
    options.clock.advance(HOUR);
    append(&log, vec![Event::new("a", "now")]);

    let page = ask(&log, &Query::default());

    assert_eq!(messages(&page.events), ["now", "2099"]);
    assert_eq!(page.events[1].timestamp, far, "what the producer said is kept");
}

#[test]
fn an_import_with_old_timestamps_is_found_when_asked_for() {
    let log = empty_log();
    let old = start().before(HOUR * 24 * 400);
    append(&log, vec![Event::new("commit", "old").with_timestamp(old), Event::new("a", "new")]);

    let year_ago = Query { until: Some(start().before(HOUR * 24)), ..Query::default() };

    assert_eq!(messages(&ask(&log, &year_ago).events), ["old"]);
    assert_eq!(messages(&ask(&log, &Query::default()).events), ["new", "old"]);
}

#[test]
fn a_total_that_would_open_too_many_blocks_is_left_open() {
    let log = empty_log();
    let old = start().before(HOUR);
    for _ in 0..=TOTAL_BLOCKS_OPENED_MAX {
        append(&log, vec![Event::new("a", "o").with_timestamp(old), Event::new("a", "n")]);
    }
    let since = Some(start().before(SECOND));
    let query = Query { since, limit: 10, count_exactly: true, ..Query::default() };

    let page = ask(&log, &query);

    let count = TOTAL_BLOCKS_OPENED_MAX as u64 + 1;
    assert_eq!((page.total, page.matched), (None, Some(count)));
    assert_eq!(ask(&log, &Query::default()).total, Some(2 * count));
}

#[test]
fn headers_decide_which_blocks_are_opened() {
    let (store, options) = (odd::Odd::new(), options());
    let log = store.log(&options);
    for i in 0..200 {
        let kind = if i == 20 { "rare" } else { "often" };
        append(&log, vec![Event::new(kind, i.to_string())]);
        options.clock.advance(SECOND);
    }
    // Whoever helps may read one more than is needed.
    let helpers = &log.core().helpers;
    let _seats: Vec<_> = std::iter::from_fn(|| helpers.try_take()).collect();
    let opened = |query: &Query| {
        log.core().cache.lock().remove(&(0..200).map(Position).collect::<Vec<_>>());
        let before = store.reads();
        ask(&log, query);
        store.reads() - before
    };

    assert_eq!(opened(&Query { limit: 10, ..Query::default() }), 11);
    let mut filter = Filter::default();
    filter.types.add("rare").unwrap();
    assert_eq!(opened(&Query { filter, ..Query::default() }), 1);
    let until = Some(start().after(5 * SECOND));
    assert_eq!(opened(&Query { until, ..Query::default() }), 5);
}
