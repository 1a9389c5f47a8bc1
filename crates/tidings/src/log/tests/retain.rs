use super::scripted::Scripted;
use super::*;
use crate::clock::CLOCK_STEADY_MIN;

fn kept(log: &Log) -> u64 {
    log.ends().unwrap().events
}

#[test]
fn events_are_hidden_at_the_end_of_their_time_and_purged_after_it() {
    let options = by_hand();
    let log = log_over(&memory(), &options);
    let id = id_of(&append(&log, Event::new("a", "old")));
    options.clock.advance(HOUR);
    append(&log, Event::new("a", "young"));

    options.clock.advance(23 * HOUR);
    assert_eq!(messages(&log), ["old", "young"], "kept to the last instant");
    options.clock.advance(Duration::from_nanos(1));
    assert_eq!(messages(&log), ["young"]);
    assert!(matches!(log.find(id).unwrap(), Found::Expired));

    log.maintain().unwrap();
    assert_eq!(kept(&log), 1);
    assert!(matches!(log.find(id).unwrap(), Found::Expired), "and known to have been there");
}

#[test]
fn events_of_a_block_that_has_partly_expired_are_hidden_one_by_one() {
    use crate::store::Sink;
    let options = by_hand();
    let log = log_over(&memory(), &options);
    let mut builder = BlockBuilder::new(Origin::from_bytes([9; 16]), Boot::from_bytes([1; 8]));
    let events: Vec<Event> = (0..4).map(|i| Event::new("a", i.to_string())).collect();
    for (i, event) in events.iter().enumerate() {
        let at = start().after(HOUR * u32::try_from(i).unwrap());
        builder.push(&Entry {
            event_type: event.event_type(),
            message: event.message(),
            member: "host",
            severity: event.severity(),
            ..Entry::bare(at, i as u64 + 1)
        });
    }
    log.put(&builder.seal(1, false).unwrap()).unwrap();

    options.clock.advance(25 * HOUR + SECOND);
    log.maintain().unwrap();

    assert_eq!(messages(&log), ["2", "3"]);
    assert_eq!(log.query(&Query::default()).unwrap().total, Some(2));
    assert_eq!(kept(&log), 4, "blocks go as a whole");
}

#[test]
fn a_clock_that_jumps_purges_nothing_at_once() {
    let decade = 10 * 365 * 24 * HOUR;
    for (wall, shown) in
        [(start().after(25 * HOUR), 0), (start().before(25 * HOUR), 1), (start().after(decade), 0)]
    {
        let options = by_hand();
        let log = log_over(&memory(), &options);
        append(&log, Event::new("a", "m"));
        options.clock.advance(CLOCK_STEADY_MIN);
        log.maintain().unwrap();

        options.clock.set_wall(wall);
        for _ in 0..3 {
            log.maintain().unwrap();
            options.clock.advance(CLOCK_STEADY_MIN / 4);
        }

        assert_eq!((kept(&log), messages(&log).len()), (1, shown), "{wall}");
        options.clock.set_wall(start().after(CLOCK_STEADY_MIN * 2));
        log.maintain().unwrap();
        assert_eq!(messages(&log).len(), 1, "set right again, it is as if nothing was: {wall}");
    }
}

#[test]
fn nothing_is_purged_right_after_opening_for_the_clock_may_be_wrong() {
    let (store, options) = (Scripted::new(), by_hand());
    let log = log_over(&store, &options);
    append(&log, Event::new("a", "m"));
    log.close(SECOND);

    options.clock.set_wall(start().after(25 * HOUR));
    let log = log_over(&store, &options);
    log.maintain().unwrap();
    assert_eq!((kept(&log), messages(&log).len()), (2, 0));

    options.clock.advance(CLOCK_STEADY_MIN);
    log.maintain().unwrap();
    assert_eq!(kept(&log), 0, "a clock that stays is believed");
}

#[test]
fn events_stamped_by_a_clock_far_ahead_go_with_their_neighbours() {
    let options = by_hand();
    let log = log_over(&memory(), &options);
    options.clock.set_wall(start().after(10 * 365 * 24 * HOUR));
    append(&log, Event::new("a", "from the future"));
    options.clock.set_wall(start());
    append(&log, Event::new("a", "sane"));

    options.clock.advance(24 * HOUR);
    log.maintain().unwrap();
    assert_eq!(kept(&log), 2);
    options.clock.advance(HOUR);
    log.maintain().unwrap();
    assert_eq!(kept(&log), 0);
}

#[test]
fn the_size_limit_forces_the_oldest_out_and_coverage_says_so() {
    let options = LogOptions { retention_bytes: 3000, ..by_hand() };
    let log = log_over(&memory(), &options);
    for i in 0..40 {
        append(&log, Event::new("a", format!("{i:02}")));
    }
    let before = log.coverage();

    log.maintain().unwrap();

    let left = messages(&log);
    assert!(left.len() < 40 && left.last().unwrap() == "39", "{left:?}");
    assert_eq!(left[0], format!("{:02}", 40 - left.len()), "oldest first");
    assert_eq!((before.cut_by, log.coverage().cut_by), (None, Some("size")));
    assert!(log.core().index.read().bytes() <= 3000);
}

#[test]
fn the_newest_block_stays_however_small_the_limit() {
    let log = log_over(&memory(), &LogOptions { retention_bytes: 1, ..by_hand() });
    append(&log, Event::new("a", "1"));
    append(&log, Event::new("a", "2"));

    log.maintain().unwrap();

    assert_eq!(messages(&log), ["2"]);
}

#[test]
fn coverage_reaches_from_the_oldest_to_the_newest_that_is_shown() {
    let options = by_hand();
    let log = log_over(&memory(), &options);
    assert_eq!((log.coverage().oldest, log.coverage().newest), (None, None));

    append(&log, Event::new("a", "1"));
    options.clock.advance(HOUR);
    append(&log, Event::new("a", "2"));

    let coverage = log.coverage();
    let ends = (coverage.oldest, coverage.newest);
    assert_eq!(ends, (Some(start()), Some(start().after(HOUR))));
    assert_eq!((coverage.retention_seconds, coverage.complete), (86_400, true));
}
