//! What comes out of an order, whatever goes in?

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;

use super::*;
use crate::cluster::UNHEARD_AFTER;
use crate::cluster::applied;
use crate::cluster::line::{Age, HOLE_PATIENCE};
use crate::cluster::tests::others::{START, publication};
use crate::store::etcd::WatchFrom;

const ROUNDS: u64 = if cfg!(feature = "soak") { 5_000 } else { 300 };
const LONG: Duration = Duration::from_mins(1);

/// A log that knows what it was told, and has an opinion of each `received`.
#[derive(Default)]
struct Log {
    last_seqs: RefCell<BTreeMap<BootName, u64>>,
    over_age_before: Option<Timestamp>,
    unsure_before: Option<Timestamp>,
}

impl Here for Log {
    fn now(&self) -> Timestamp {
        START
    }

    fn last_seq(&self, boot: BootName) -> Option<u64> {
        self.last_seqs.borrow().get(&boot).copied()
    }

    fn date(&self, block: &Block) -> Dated {
        let received = block.header().received;
        let before = |limit: Option<Timestamp>| limit.is_some_and(|limit| received.1 < limit);
        let age = if before(self.unsure_before) {
            Age::Unsure
        } else if before(self.over_age_before) {
            Age::Over
        } else {
            Age::Fresh
        };
        Dated { age, received }
    }
}

fn name(boot: u8) -> BootName {
    BootName { origin: Origin::from_bytes([boot; 16]), boot: Boot::from_bytes([boot; 8]) }
}

fn named(boot: u8, number: u64) -> Named {
    Named { boot: name(boot), number }
}

/// Publication `number` of a boot, whose events have these sequence numbers.
fn block(boot: u8, number: u64, seqs: &[u64]) -> Block {
    publication(name(boot).origin, name(boot).boot, number, seqs, START)
}

/// An order of one boot with one event a publication, whose sequence number is the
/// publication's.
struct Desk {
    order: Order,
    log: Log,
    live: Duration,
    revision: i64,
}

impl Desk {
    fn new() -> Desk {
        Desk {
            order: Order::resumed(BTreeMap::new(), 0),
            log: Log::default(),
            live: Duration::ZERO,
            revision: 0,
        }
    }

    fn put(&mut self, number: u64) {
        self.put_block(number, Some(block(1, number, &[number])));
    }

    fn put_block(&mut self, number: u64, block: Option<Block>) {
        self.revision += 1;
        self.order.put(named(1, number), block, self.revision, self.live, &self.log);
    }

    fn pop_all(&mut self) -> Vec<Due> {
        let (order, log, live) = (&mut self.order, &self.log, self.live);
        std::iter::from_fn(|| order.pop(live, log).map(|popped| popped.due)).collect()
    }

    /// Sequence numbers that are let go.
    fn seqs(&mut self) -> Vec<u64> {
        self.pop_all().iter().flat_map(seqs_of).collect()
    }
}

fn seqs_of(due: &Due) -> Vec<u64> {
    let Due::Take { block, seqs } = due else { return Vec::new() };
    let events = block.events(crate::id::Position(0)).unwrap();
    events.iter().map(|event| event.seq).filter(|seq| seqs.contains(*seq)).collect()
}

#[test]
fn publications_come_out_in_the_order_of_their_numbers() {
    let mut desk = Desk::new();
    for number in [3, 2, 1, 2, 5] {
        desk.put(number);
    }
    assert_eq!(desk.seqs(), [1, 2, 3]);
    assert_eq!(desk.order.revision(), 4, "held back by number 5");
    desk.put(4);
    assert_eq!(desk.seqs(), [4, 5]);
    assert_eq!(desk.order.revision(), 6);
}

#[test]
fn one_that_stays_away_is_a_hole_after_some_patience_and_is_taken_when_it_comes() {
    let mut desk = Desk::new();
    for number in [1, 5] {
        desk.put(number);
    }
    assert_eq!(desk.seqs(), [1]);
    desk.live = HOLE_PATIENCE;
    assert_eq!(desk.pop_all()[0], Due::Hole { numbers: (2, 4) });
    desk.put(3);

    assert_eq!(desk.seqs(), [3]);

    let holes: Vec<_> = desk.order.holes().map(|(_, hole)| hole.numbers).collect();
    assert_eq!(holes, [(2, 2), (4, 4)]);
    desk.put(3);
    assert!(desk.pop_all().is_empty(), "it is here");
}

#[test]
fn a_value_that_is_no_block_is_a_hole_at_once() {
    let mut desk = Desk::new();
    desk.put(1);
    desk.put_block(2, None);
    desk.put(3);

    assert_eq!(desk.seqs(), [1, 3]);
    assert_eq!(desk.order.holes().map(|(_, hole)| hole.numbers).collect::<Vec<_>>(), [(2, 2)]);
}

#[test]
fn what_a_member_says_it_has_published_and_nobody_saw_is_a_hole() {
    let mut desk = Desk::new();
    desk.put(1);
    desk.seqs();

    desk.order.said(name(1), 3, desk.live);
    assert!(desk.pop_all().is_empty(), "there is some patience");
    assert!(!desk.order.is_through(name(1), 3));
    desk.live = HOLE_PATIENCE;

    assert_eq!(desk.pop_all(), [Due::Hole { numbers: (2, 3) }]);
    assert!(desk.order.is_through(name(1), 3));
}

#[test]
fn the_first_of_an_unknown_boot_in_a_listing_is_its_beginning_and_when_live_it_is_not() {
    let mut desk = Desk::new();
    desk.order.listing(START);
    desk.put(7);
    assert_eq!(desk.seqs(), [7]);
    assert_eq!(desk.order.revision(), 0, "a listing comes in the order of keys");
    desk.order.listed(20);
    assert_eq!(desk.order.revision(), 20);

    let mut desk = Desk::new();
    desk.put(7);
    assert!(desk.seqs().is_empty());
}

#[test]
fn in_a_listing_a_boot_that_was_silent_for_a_retention_begins_anew() {
    let mut desk = Desk::new();
    desk.put(1);
    desk.seqs();

    desk.order.listing(START.after(LONG));
    desk.put(7);

    assert_eq!(desk.seqs(), [7]);
    assert_eq!(desk.order.holes().count(), 0);
}

#[test]
fn what_the_log_has_of_a_boot_it_did_not_hear_of_here_is_passed_over() {
    let mut desk = Desk::new();
    desk.log.last_seqs.borrow_mut().insert(name(1), 5);

    desk.put_block(9, Some(block(1, 9, &[4, 5])));
    desk.put_block(10, Some(block(1, 10, &[5, 6])));
    assert_eq!(desk.pop_all()[0], Due::Known { events: 2 });
    desk.log.last_seqs.borrow_mut().insert(name(1), 7);
    desk.put_block(11, Some(block(1, 11, &[7, 8])));

    assert_eq!(desk.seqs(), [8]);
}

#[test]
fn what_is_over_age_is_counted_and_what_is_strangely_old_waits_for_news_of_its_clock() {
    let mut desk = Desk::new();
    desk.log.over_age_before = Some(START.after(LONG));
    desk.put(1);
    assert_eq!(desk.pop_all(), [Due::OverAge { events: 1 }]);

    desk.log.unsure_before = Some(START.after(LONG));
    desk.put(2);
    desk.put(3);
    assert!(desk.pop_all().is_empty());
    desk.log.unsure_before = None;
    desk.log.over_age_before = None;
    assert_eq!(desk.seqs(), [2, 3], "its clock is known to be behind");

    desk.log.unsure_before = Some(START.after(LONG));
    desk.put(4);
    desk.live += UNHEARD_AFTER;
    assert_eq!(desk.pop_all(), [Due::OverAge { events: 1 }], "nobody speaks for it");
}

#[test]
fn too_much_that_is_held_is_let_go_with_its_holes_told() {
    let mut desk = Desk::new();
    desk.order.held_bytes_max = 64 * 1024;
    let mut taken = 0;
    for number in 2..200 {
        desk.put(number);
        assert!(desk.order.held_bytes() < 70 * 1024);
        taken += desk.seqs().len();
    }
    assert_eq!(taken, 198);
    assert_eq!(desk.order.holes().next().unwrap().1.numbers, (1, 1));
}

#[test]
fn boots_and_holes_without_end_are_known_only_up_to_their_bounds() {
    let mut order = Order::resumed(BTreeMap::new(), 0);
    let log = Log::default();
    for boot in 0..u64::from(u16::MAX) / 64 {
        let name = BootName {
            origin: Origin::from_bytes([3; 16]),
            boot: Boot::from_bytes(boot.to_be_bytes()),
        };
        for number in [2, 4, 6] {
            let block = publication(name.origin, name.boot, number, &[number], START);
            order.put(Named { boot: name, number }, Some(block), 1, Duration::ZERO, &log);
        }
        while order.pop(LONG, &log).is_some() {}
    }
    assert_eq!(order.lines.len(), BOOTS_KNOWN_MAX);
    assert!(order.holes().count() <= HOLES_KNOWN_MAX);
    let at = Some(WatchFrom { cluster: u64::MAX, revision: i64::MAX });
    assert!(applied::write(at, &order.lines).len() < 64 * 1024);
}

/// What a stranger writes where no block ever was has no neighbours. It was known
/// for ever once, and so was told for ever.
#[test]
fn a_hole_ends_with_the_retention_whatever_stands_around_it() {
    let mut desk = Desk::new();
    desk.order.listing(START);
    desk.put_block(7, None);
    desk.pop_all();
    desk.put(9);
    desk.live = HOLE_PATIENCE;
    desk.pop_all();
    desk.put_block(10, None);
    desk.pop_all();
    let holes = |desk: &Desk| {
        let holes = desk.order.holes();
        holes.map(|(_, hole)| hole.numbers).collect::<Vec<_>>()
    };
    desk.order.forget_before(START);
    assert_eq!(holes(&desk), [(7, 8), (10, 10)]);

    desk.order.forget_before(START.after(LONG));

    assert!(holes(&desk).is_empty());
}

#[test]
fn a_boot_without_a_block_is_forgotten_with_its_holes() {
    let mut desk = Desk::new();
    desk.put_block(1, None);
    desk.pop_all();
    desk.order.forget_before(START);
    assert_eq!(desk.order.lines.len(), 1);

    desk.order.forget_before(START.after(LONG));

    assert!(desk.order.lines.is_empty());
}

/// What was put under a number, at which revision, in the order of revisions.
type History = Vec<(Named, Option<Block>)>;

/// An order under test, and what came out of it.
struct Trial {
    order: Order,
    log: Log,
    live: Duration,
    history: History,
    taken: BTreeSet<(BootName, u64)>,
    numbers: BTreeMap<BootName, BTreeSet<u64>>,
    story: String,
}

impl Trial {
    fn new(seed: u64) -> Trial {
        Trial {
            order: Order::resumed(BTreeMap::new(), 0),
            log: Log::default(),
            live: Duration::ZERO,
            history: Vec::new(),
            taken: BTreeSet::new(),
            numbers: BTreeMap::new(),
            story: format!("seed {seed}"),
        }
    }

    fn feed(&mut self, at: usize) {
        let (named, block) = self.history[at].clone();
        let revision = i64::try_from(at).unwrap() + 1;
        self.order.put(named, block, revision, self.live, &self.log);
    }

    fn put(&mut self, named: Named, block: Option<Block>) {
        self.history.push((named, block));
        self.feed(self.history.len() - 1);
    }

    fn pop_all(&mut self) {
        loop {
            let before = self.order.lines.clone();
            let Some(popped) = self.order.pop(self.live, &self.log) else { return };
            let (name, due) = (popped.boot, popped.due);
            for seq in seqs_of(&due) {
                assert!(self.taken.insert((name, seq)), "{}: {seq} came twice", self.story);
            }
            if let Due::Take { block, .. } = due {
                let number = block.header().number.unwrap();
                let line = &before[&name];
                let in_hole = line.holes.iter().any(|hole| {
                    (hole.numbers.0..=hole.numbers.1).contains(&number) && !hole.closed
                });
                assert!(number >= line.next || in_hole, "{}: {number} is out of order", self.story);
                self.numbers.entry(name).or_default().insert(number);
            }
        }
    }

    /// Everything in memory is gone; the note and the log are there.
    fn restart(&mut self) {
        let at = WatchFrom { cluster: 7, revision: self.order.revision() };
        let note = applied::read(&applied::write(Some(at), &self.order.lines)).unwrap();
        self.live = Duration::ZERO;
        self.order = Order::resumed(note.lines, at.revision);
        for at in usize::try_from(at.revision).unwrap()..self.history.len() {
            self.feed(at);
        }
    }

    /// etcd has compacted: all that is kept comes once more.
    fn list(&mut self) {
        self.order.listing(START);
        let mut all: Vec<usize> = (0..self.history.len()).collect();
        all.sort_by_key(|at| (self.history[*at].0.boot, self.history[*at].0.number));
        for at in all {
            self.feed(at);
            self.pop_all();
        }
        self.order.listed(i64::try_from(self.history.len()).unwrap());
    }

    fn stir(&mut self, dice: &mut Rng) {
        match dice.u32(0..12) {
            0 => self.restart(),
            1 if self.order.lines.values().all(|line| !line.is_busy()) => self.list(),
            2..5 => self.live += Duration::from_secs(dice.u64(0..12)),
            _ => {}
        }
        self.pop_all();
    }
}

/// Publications of three boots with one to three events each, shuffled but not by
/// far, some twice, some missing.
fn shuffled(dice: &mut Rng) -> (History, BTreeMap<BootName, BTreeSet<u64>>) {
    let (mut all, mut missing) = (Vec::new(), BTreeMap::<_, BTreeSet<u64>>::new());
    for boot in 1..=3 {
        let (mut seq, last) = (0, dice.u64(1..40));
        for number in 1..=last {
            let seqs: Vec<u64> = (0..dice.u64(1..4)).map(|i| seq + 1 + i).collect();
            seq += seqs.len() as u64 + dice.u64(0..3);
            if number < last && dice.u32(0..8) == 0 {
                missing.entry(name(boot)).or_default().insert(number);
                continue;
            }
            for _ in 0..=dice.u32(0..2) {
                let place = number * 10 + dice.u64(0..60);
                all.push((place, (named(boot, number), Some(block(boot, number, &seqs)))));
            }
        }
    }
    all.sort_by_key(|(place, _)| *place);
    (all.into_iter().map(|(_, put)| put).collect(), missing)
}

#[test]
fn whatever_the_order_and_whenever_it_restarts_everything_comes_once_and_holes_are_what_is_missing()
{
    for seed in 0..ROUNDS {
        let (mut dice, mut trial) = (Rng::with_seed(seed), Trial::new(seed));
        let (puts, missing) = shuffled(&mut dice);
        let wanted: BTreeSet<(BootName, u64)> = puts
            .iter()
            .flat_map(|(named, block)| {
                let events = block.as_ref().unwrap().events(crate::id::Position(0)).unwrap();
                events.into_iter().map(|event| (named.boot, event.seq))
            })
            .collect();
        for (named, block) in puts {
            trial.put(named, block);
            trial.stir(&mut dice);
        }
        trial.live += LONG;
        trial.pop_all();

        assert_eq!(trial.taken, wanted, "{}", trial.story);
        let mut holes = BTreeMap::<_, BTreeSet<u64>>::new();
        for (name, hole) in trial.order.holes() {
            holes.entry(name).or_default().extend(hole.numbers.0..=hole.numbers.1);
        }
        assert_eq!(holes, missing, "{}", trial.story);
        assert_eq!(trial.order.held_bytes(), 0, "{}", trial.story);
        assert_eq!(trial.order.revision(), i64::try_from(trial.history.len()).unwrap());
    }
}

#[test]
fn a_hostile_writer_gets_nothing_in_twice_and_nothing_held_without_bound() {
    for seed in 0..ROUNDS {
        let (mut dice, mut trial) = (Rng::with_seed(seed), Trial::new(seed));
        for _ in 0..120 {
            let boot = dice.u8(1..4);
            let number = [dice.u64(1..12), dice.u64(1..u64::MAX)][usize::from(dice.u8(0..8) == 0)];
            let mut seqs: Vec<u64> = (0..dice.u32(1..4)).map(|_| dice.u64(0..40)).collect();
            seqs.sort_unstable();
            seqs.dedup();
            let block = (dice.u32(0..6) > 0).then(|| block(boot, number, &seqs));
            trial.put(named(boot, number), block);
            trial.order.said(name(boot), dice.u64(..), trial.live);
            trial.stir(&mut dice);
        }
        trial.live += LONG;
        trial.pop_all();
        assert_eq!(trial.order.held_bytes(), 0, "{}", trial.story);
        let note = applied::write(None, &trial.order.lines);
        assert_eq!(applied::read(&note).unwrap().lines, trial.order.lines, "{}", trial.story);
    }
}

#[test]
fn a_note_that_somebody_changed_is_refused_or_says_something_possible() {
    let mut desk = Desk::new();
    for number in [1, 3, 9] {
        desk.put(number);
    }
    desk.live = HOLE_PATIENCE;
    desk.pop_all();
    let good = applied::write(Some(WatchFrom { cluster: 1, revision: 2 }), &desk.order.lines);
    let mut dice = Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut bad = good.clone();
        let at = dice.usize(..bad.len());
        bad[at] ^= dice.u8(1..);
        bad.truncate(bad.len() - dice.usize(..3));
        if let Ok(note) = applied::read(&bad) {
            assert!(note.lines.values().all(|line| line.next > 0));
        }
    }
    assert_eq!(applied::read(&[]), Err(applied::BadNote::CutShort));
    assert_eq!(applied::read(&[9]), Err(applied::BadNote::Format { found: 9 }));
    assert_eq!(applied::read(&[good, vec![0]].concat()), Err(applied::BadNote::TooLong));
}
