use super::*;

const START: i64 = 1_795_341_600_000_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(START + seconds * 1_000_000_000)
}

/// A log of blocks, each of so many events, received at such a second.
fn index_of(blocks: &[(u32, i64)]) -> Index {
    let mut index = Index::default();
    for (count, second) in blocks {
        let when = (at(*second), at(*second));
        index.insert(Slot::made(index.next(), *count, when));
    }
    index
}

/// Merges all there is to merge; how often each event was written anew, and what
/// blocks there are then.
fn settle(index: &mut Index, now: Timestamp) -> (Vec<u32>, Vec<u32>) {
    let mut planner = Planner::default();
    let mut written = vec![0; usize::try_from(index.next().0).unwrap()];
    while let Some(group) = planner.next(index, index.next(), now) {
        let slots = &index.slots()[group];
        let range = slots[0].base..slots[slots.len() - 1].end();
        let (first, last) = (slots[0].received, slots[slots.len() - 1].received);
        let count: u32 = slots.iter().map(|slot| slot.count).sum();
        assert!(slots.len() > 1 && slots.len() <= REPLACED_BLOCKS_MAX);
        assert!(count as usize <= MERGED_EVENTS_MAX);
        let events = usize::try_from(range.start.0).unwrap()..usize::try_from(range.end.0).unwrap();
        written[events].iter_mut().for_each(|times| *times += 1);
        index.replace(range.clone(), Slot::made(range.start, count, (first.0, last.1)));
    }
    (written, index.slots().iter().map(|slot| slot.count).collect())
}

#[test]
fn an_event_is_written_anew_at_most_three_times_and_few_blocks_are_left() {
    for seed in 0..60 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let largest = *dice.choice(&[1, 3, 40, 600, 4096]).unwrap();
        let total = dice.u32(1..100_000);
        let (mut blocks, mut events) = (Vec::new(), 0);
        while events < total && blocks.len() < 30_000 {
            let count = dice.u32(1..=largest);
            events += count;
            blocks.push((count, 0));
        }
        let mut index = index_of(&blocks);

        let (written, left) = settle(&mut index, at(7200));

        let why = format!("replay: seed {seed}, {} blocks of up to {largest}", blocks.len());
        assert!(written.iter().all(|times| *times <= 3), "{why}: {:?}", written.iter().max());
        assert!(left.len() <= 3 + 2 * events as usize / (MERGED_EVENTS_MAX / 2), "{why}: {left:?}");
        assert_eq!(left.iter().sum::<u32>(), events, "{why}");
    }
}

#[test]
fn an_event_is_written_anew_at_most_three_times_while_the_log_grows() {
    let mut planner = Planner::default();
    let (mut index, mut written) = (Index::default(), Vec::new());
    for second in 0..5000 {
        index.insert(Slot::made(index.next(), 9, (at(second), at(second))));
        written.resize(usize::try_from(index.next().0).unwrap(), 0);
        while let Some(group) = planner.next(&index, index.next(), at(second)) {
            let slots = &index.slots()[group];
            let range = slots[0].base..slots[slots.len() - 1].end();
            let count: u32 = slots.iter().map(|slot| slot.count).sum();
            let times = (slots[0].received.0, slots[slots.len() - 1].received.1);
            let events =
                usize::try_from(range.start.0).unwrap()..usize::try_from(range.end.0).unwrap();
            written[events].iter_mut().for_each(|times| *times += 1);
            index.replace(range.clone(), Slot::made(range.start, count, times));
        }
    }

    assert!(written.iter().all(|times| *times <= 3), "{:?}", written.iter().max());
    assert!(index.slots().len() < 1100, "{}", index.slots().len());
}

#[test]
fn a_block_that_was_received_across_an_hour_is_left_alone() {
    let mut index = index_of(&[(5, 0); 10]);
    let edge = (at(3599), at(3601));
    index.insert(Slot::made(index.next(), 5, edge));
    for _ in 0..10 {
        index.insert(Slot::made(index.next(), 5, (at(3602), at(3602))));
    }

    assert_eq!(settle(&mut index, at(8000)).1, [50, 5, 50]);
}

#[test]
fn blocks_are_not_merged_over_a_hole() {
    let mut index = index_of(&[(5, 0); 30]);
    index.remove(&[Position(50)]);

    assert_eq!(settle(&mut index, at(8000)).1, [50, 95]);
}

#[test]
fn of_a_long_history_of_tiny_blocks_the_newest_are_merged_first() {
    let many = REPLACED_BLOCKS_MAX;
    let history = [vec![(1, 0); 20_000], vec![(1, 3600); many + 2000]].concat();
    let (mut index, mut planner) = (index_of(&history), Planner::default());

    let mut groups = Vec::new();
    for _ in 0..3 {
        let group = planner.next(&index, index.next(), at(7200)).unwrap();
        let slots = &index.slots()[group.clone()];
        let (from, to, received) = (slots[0].base, slots[slots.len() - 1].end(), slots[0].received);
        let count = u32::try_from(slots.len()).unwrap();
        index.replace(from..to, Slot::made(from, count, received));
        groups.push(group);
    }

    assert_eq!(groups, [22_000..22_000 + many, 20_000..22_000, 20_000 - many..20_000]);
}

#[test]
fn nothing_is_merged_across_a_barrier() {
    let mut planner = Planner::default();
    let index = index_of(&[(5, 0); 30]);
    planner.bar(Position(100));

    let first = planner.next(&index, index.next(), at(8000)).unwrap();
    planner.settle(Position(100));
    let second = planner.next(&index, index.next(), at(8000)).unwrap();

    assert_eq!((first, second), (0..20, 20..30));
}
