use super::*;
use crate::log::places::ASKED_KEPT_MAX;
use crate::store::{Batch, Sink, WordRows};
use crate::testing::{Blocks, Fault, FaultyStore};

const EVENTS: u64 = 500;

/// Blocks of [`EVENTS`] events whose messages have a word of their own, every one.
fn blocks(from: u64, count: u64) -> Vec<Block> {
    let mut builder = BlockBuilder::new(Origin::from_bytes([7; 16]), Boot::from_bytes([7; 8]));
    let made = (from..from + count).map(|number| {
        for seq in number * EVENTS..(number + 1) * EVENTS {
            let message = format!("unique{seq} of block{number}");
            builder.push(&Entry {
                event_type: "tick",
                message: &message,
                member: "db1",
                ..Entry::bare(start(), seq + 1)
            });
        }
        builder.seal(number + 1, false).unwrap()
    });
    made.collect()
}

/// A log over these blocks, which were put by somebody else.
fn log_of(store: &Arc<impl BlockStore + 'static>, blocks: &[Block]) -> Log {
    let log = log_over(store, &by_hand());
    add(&log, blocks);
    log
}

fn add(log: &Log, blocks: &[Block]) {
    log.core().store.take(&Batch { blocks, ..Batch::default() }).unwrap();
    log.core().catch_up().unwrap();
}

fn steps(log: &Log) -> usize {
    std::iter::from_fn(|| log.index_step().unwrap().then_some(())).count()
}

fn ranges(log: &Log) -> Vec<(u64, u64)> {
    let segments = log.core().words.segments();
    segments.iter().map(|it| (it.range().start.0, it.range().end.0)).collect()
}

/// The blocks in which this word may stand.
fn places(log: &Log, word: &str) -> Vec<u64> {
    let places = log.core().places(&[vec![word.to_owned()]]);
    let end = log.core().index.read().next().0;
    let meets = |at: &u64| places.meets(Position(at * EVENTS), Position((at + 1) * EVENTS));
    (0..end / EVENTS).filter(meets).collect()
}

/// Every word of a block's own is thought to stand there.
fn all_found(log: &Log, blocks: u64) -> bool {
    (0..blocks).all(|number| places(log, &format!("block{number}")).contains(&number))
}

#[test]
fn words_are_indexed_when_there_are_enough() {
    let store = memory();
    let log = log_of(&store, &blocks(0, 32));
    assert_eq!((steps(&log), places(&log, "block3").len()), (0, 32));

    add(&log, &blocks(32, 3));

    assert_eq!((steps(&log), ranges(&log)), (1, vec![(0, 35 * EVENTS)]));
    assert_eq!((places(&log, "block3"), places(&log, "UNIQUE15250")), (vec![3], vec![30]));
    assert_eq!(places(&log, "tick").len(), 35);
}

#[test]
fn four_segments_of_a_size_become_one_that_says_the_same() {
    let store = memory();
    let log = log_of(&store, &[]);
    for round in 0..4 {
        add(&log, &blocks(round * 33, 33));
        assert!(log.index_step().unwrap());
    }
    assert_eq!(ranges(&log).len(), 4);
    let found = |log: &Log| -> Vec<_> {
        (0..132).map(|number| places(log, &format!("block{number}"))).collect()
    };
    let before = found(&log);

    assert_eq!(steps(&log), 1);

    assert_eq!((ranges(&log), found(&log)), (vec![(0, 66_000)], before));
    let again = log_over(&store, &by_hand());
    assert_eq!((ranges(&again), found(&again)), (ranges(&log), found(&log)), "as it was written");
}

#[test]
fn a_quiet_log_is_indexed_to_its_end() {
    let options = by_hand();
    let log = log_over(&memory(), &options);
    add(&log, &blocks(0, 5));
    assert!(!log.index_step().unwrap());

    options.clock.advance(SECOND * 6);

    assert_eq!((steps(&log), ranges(&log)), (1, vec![(0, 5 * EVENTS)]));
}

#[test]
fn what_expires_takes_its_words_along() {
    let store = memory();
    let log = log_of(&store, &blocks(0, 4));
    log.core().index_all_words();
    add(&log, &blocks(4, 1));
    let bases: Vec<Position> = (0..4).map(|number| Position(number * EVENTS)).collect();

    store.expire(&bases).unwrap();
    log.core().index.write().remove(&bases);
    steps(&log);

    assert_eq!((ranges(&log), store.words().unwrap().len()), (vec![], 0));
    assert_eq!(places(&log, "nowhere"), [0, 1, 2, 3, 4]);
}

#[test]
fn a_part_that_is_damaged_hides_nothing_and_its_segment_is_made_anew() {
    let store = memory();
    let log = log_of(&store, &blocks(0, 6));
    log.core().index_all_words();
    let head = store.words().unwrap().remove(0);
    let parts = vec![b"damage".to_vec(); log.core().words.segments()[0].parts()];
    let range = Position(0)..Position(6 * EVENTS);
    store.keep_words(&WordRows { range, head: &head, parts: &parts }).unwrap();

    assert_eq!(places(&log, "block3").len(), 6);
    log.core().index_all_words();
    assert_eq!((places(&log, "block3"), ranges(&log)), (vec![3], vec![(0, 6 * EVENTS)]));
}

#[test]
fn words_of_events_that_are_missing_are_dropped_before_others_stand_there() {
    let (old, new) = (memory(), memory());
    let log = log_of(&old, &blocks(0, 6));
    log.core().index_all_words();
    let (head, range) = (old.words().unwrap().remove(0), Position(0)..Position(6 * EVENTS));
    new.keep_words(&WordRows { range, head: &head, parts: &[] }).unwrap();

    let log = log_of(&new, &[]);

    add(&log, &blocks(100, 5));
    assert_eq!((ranges(&log), new.words().unwrap().len()), (vec![], 0));
    assert_eq!(places(&log, "block101"), [0, 1, 2, 3, 4]);
}

#[test]
fn a_frame_that_is_damaged_may_hold_any_word() {
    let mut made = blocks(0, 8);
    let mut bytes = made[5].bytes().to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    made[5] = Block::parse(bytes).unwrap();
    let log = log_of(&memory(), &made);

    log.core().index_all_words();

    assert_eq!((places(&log, "block3"), places(&log, "block5")), (vec![3, 5], vec![5]));
}

#[test]
fn whatever_write_fails_the_index_is_whole_and_is_completed_later() {
    let faults = [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone, Fault::DiskFull];
    // The second write is that of the segment that takes the place of four.
    for (fault, nth) in faults.into_iter().flat_map(|fault| [(fault, 1), (fault, 2)]) {
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        let log = log_of(&store, &[]);
        for round in 0..3 {
            add(&log, &blocks(round, 1));
            log.core().index_all_words();
        }
        add(&log, &blocks(3, 1));
        store.fail_at(nth, fault);

        let failed = (0..2).filter(|_| log.core().index_eagerly().is_err()).count();
        assert!(failed > 0 && all_found(&log, 4), "{fault:?} at {nth}");

        store.release();
        store.probe().unwrap();
        log.core().index_all_words();
        assert_eq!(ranges(&log), [(0, 4 * EVENTS)], "{fault:?} at {nth}");
        assert_eq!(places(&log, "block3"), [3], "{fault:?} at {nth}");
    }
}

#[test]
fn a_read_that_fails_hides_nothing() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let log = log_of(&store, &blocks(0, 6));
    log.core().index_all_words();
    store.fail_read_at(1);

    let first = places(&log, "block3");

    assert_eq!((first.len(), places(&log, "block3")), (6, vec![3]));
}

#[test]
fn what_was_asked_lately_is_read_again_only_where_other_segments_stand() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let log = log_of(&store, &[]);
    for round in 0..3 {
        add(&log, &blocks(round * 2, 2));
        log.core().index_all_words();
    }
    let ask = || {
        let before = store.reads();
        (places(&log, "block3"), store.reads() - before)
    };

    let (found, reads) = ask();

    assert_eq!((found.as_slice(), reads > 0, ask()), (&[3][..], true, (vec![3], 0)));
    add(&log, &blocks(6, 1));
    log.core().index_all_words();
    assert_eq!(ranges(&log), [(0, 7 * EVENTS)]);
    assert!(ask().1 > 0, "they became one");
    (0..ASKED_KEPT_MAX).for_each(|at| drop(places(&log, &format!("other{at}"))));
    assert!(ask().1 > 0, "others were asked since");
}

#[test]
fn a_question_may_need_one_of_many_words_and_several_at_once() {
    let log = log_of(&memory(), &blocks(0, 12));
    log.core().index_all_words();
    let places = |needed: &[&[&str]]| -> Vec<u64> {
        let needed: Vec<Vec<String>> =
            needed.iter().map(|any| any.iter().map(|word| (*word).to_owned()).collect()).collect();
        let places = log.core().places(&needed);
        let meets = |at: &u64| places.meets(Position(at * EVENTS), Position((at + 1) * EVENTS));
        (0..12).filter(meets).collect()
    };

    assert_eq!(places(&[&["block3", "block9"], &["tick"]]), [3, 9]);
    assert_eq!(places(&[&["of block3", "unique2700"]]), [3, 5]);
    assert_eq!(places(&[&["block3"], &["block9"]]), [0; 0]);
    assert_eq!((places(&[&["--", "block3"]]).len(), places(&[]).len()), (12, 12));
}

#[test]
fn it_is_told_how_many_events_wait_for_their_words() {
    let log = log_of(&memory(), &blocks(0, 40));
    let unworded = |log: &Log| log.unsettled().unworded_events;
    assert_eq!(unworded(&log), 40 * EVENTS, "nobody has looked yet");

    assert_eq!((steps(&log), unworded(&log)), (1, 0));
    add(&log, &blocks(40, 3));
    assert_eq!(unworded(&log), 3 * EVENTS, "these were not looked at");

    assert_eq!((steps(&log), unworded(&log)), (0, 0), "too few to get any");
    add(&log, &blocks(43, 3));
    assert_eq!((steps(&log), unworded(&log)), (0, 6 * EVENTS), "as soon as it is quiet");
}

#[test]
fn small_blocks_at_the_end_wait_until_they_are_merged() {
    let store = memory();
    let mut small = Blocks::new(9);
    let log = log_of(&store, &blocks(0, 40));

    add(&log, &(0..30).map(|_| small.of(2)).collect::<Vec<_>>());

    assert_eq!((steps(&log), ranges(&log)), (1, vec![(0, 40 * EVENTS)]));
}
