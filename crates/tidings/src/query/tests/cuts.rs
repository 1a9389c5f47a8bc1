//! Does a follower that is cut anywhere account for every event once, over merges,
//! retention, damage and restarts, as one does that is never cut?

use super::odd::Odd;
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 10_000 } else { 60 };
const STEPS: usize = 120;
const RETENTION: Duration = HOUR;
const TYPES: [&str; 2] = ["often", "seldom"];
/// What a log says of itself when it ends.
const CLOSED: &str = "tidings.closed";

/// A log in which things happen, and what was written to it, by position.
struct World {
    store: Arc<Odd>,
    options: LogOptions,
    log: Log,
    /// Which type, and when it was received.
    written: Vec<(&'static str, Timestamp)>,
    damaged: Vec<std::ops::Range<u64>>,
    /// How often it was opened again.
    restarts: usize,
}

impl World {
    fn new() -> World {
        let (store, options) = (Odd::new(), LogOptions { retention: RETENTION, ..options() });
        let log = store.log(&options);
        World { store, options, log, written: Vec::new(), damaged: Vec::new(), restarts: 0 }
    }

    fn step(&mut self, dice: &mut fastrand::Rng) {
        match dice.u8(0..10) {
            0..4 => self.write(dice),
            4..6 => {
                let from = Position(dice.u64(0..=self.written.len() as u64));
                self.log.merge_neighbours(from, dice.usize(2..9)).unwrap();
            }
            6 => self.options.clock.advance(SECOND * dice.u32(0..1500)),
            7 => {
                self.options.clock.advance(SECOND * dice.u32(0..400));
                self.log.maintain().unwrap();
            }
            8 if dice.u8(0..4) == 0 => self.damage(dice),
            9 if dice.u8(0..4) == 0 => self.restart(),
            _ => {}
        }
    }

    fn restart(&mut self) {
        // The one before ends first, and says so.
        self.log = empty_log();
        self.log = self.store.log(&self.options);
        self.restarts += 1;
        let (next, now) = (self.log.core().index.read().next().0, self.options.clock.now());
        assert!(next <= self.written.len() as u64 + 1, "one event at most");
        while (self.written.len() as u64) < next {
            self.written.push((CLOSED, now));
        }
    }

    fn write(&mut self, dice: &mut fastrand::Rng) {
        let largest = [1, 3, 40, 600][dice.usize(0..4)];
        let (first, now) = (self.written.len(), self.options.clock.now());
        for _ in 0..dice.usize(1..=largest) {
            self.written.push((TYPES[usize::from(dice.u8(0..8) == 0)], now));
        }
        let event = |(i, (name, _)): (usize, &(&str, Timestamp))| Event::new(*name, i.to_string());
        append(&self.log, self.written.iter().enumerate().skip(first).map(event).collect());
    }

    /// Damages the last frame of some block on disk.
    fn damage(&mut self, dice: &mut fastrand::Rng) {
        let heads = self.log.core().store.heads(Position(0), 1000).unwrap();
        if heads.is_empty() {
            return;
        }
        let head = &heads[dice.usize(..heads.len())];
        let from = self.store.damage_last_frame(head.base.0);
        self.log.core().cache.lock().remove(&[head.base]);
        self.damaged.push(head.base.0 + from..head.base.0 + head.count);
    }

    fn at(&self, position: u64) -> (&'static str, Timestamp) {
        self.written[usize::try_from(position).unwrap()]
    }

    fn is_over_age(&self, position: u64) -> bool {
        self.at(position).1 < self.options.clock.now().before(RETENTION)
    }

    fn is_damaged(&self, position: u64) -> bool {
        self.damaged.iter().any(|range| range.contains(&position))
    }
}

/// A follower, and what it accounts for.
struct Reader {
    wanted: Option<&'static str>,
    follower: Follower,
    cursor: FollowCursor,
    /// All before was seen, told, or not wanted.
    next: u64,
    lag_events_max: u64,
    /// Whether it loses what came, and begins anew in the middle.
    is_cut: bool,
    restarts: usize,
}

impl Reader {
    fn new(world: &World, is_cut: bool, dice: &mut fastrand::Rng) -> Reader {
        let wanted = [None, Some("seldom")][dice.usize(0..2)];
        let cursor = FollowCursor::new(world.log.origin(), Position(0));
        let lag_events_max = [0, 100, u64::MAX][dice.usize(0..3)];
        let follower = Reader::follow(world, wanted, &cursor);
        let follower = follower.with_lag_events_max(lag_events_max);
        Reader { wanted, follower, cursor, next: 0, lag_events_max, is_cut, restarts: 0 }
    }

    fn follow(world: &World, wanted: Option<&str>, cursor: &FollowCursor) -> Follower {
        let mut filter = Filter::default();
        if let Some(name) = wanted {
            filter.types.add(name).unwrap();
        }
        let from = FollowFrom::Cursor(cursor.to_string().parse().unwrap());
        world.log.follow(from, filter.into()).unwrap()
    }

    /// Goes on from its cursor.
    fn resume(&mut self, world: &World) {
        let follower = Reader::follow(world, self.wanted, &self.cursor);
        self.follower = follower.with_lag_events_max(self.lag_events_max);
        self.restarts = world.restarts;
    }

    /// Takes some of what comes; the rest is lost on the way.
    fn look(&mut self, world: &World, dice: &mut fastrand::Rng) {
        if self.restarts < world.restarts {
            self.resume(world);
        }
        let limit = dice.usize(1..300);
        let polled = if dice.bool() {
            self.follower.poll_in_memory(limit)
        } else {
            self.follower.poll(limit).unwrap()
        };
        let is_cut = self.is_cut && dice.bool();
        let kept = if is_cut { dice.usize(0..=polled.len()) } else { polled.len() };
        for followed in &polled[..kept] {
            self.take(world, followed);
        }
        if kept == polled.len() {
            self.cursor = self.follower.cursor();
        }
        if kept < polled.len() || (self.is_cut && dice.u8(0..4) == 0) {
            self.resume(world);
        }
    }

    fn take(&mut self, world: &World, followed: &Followed) {
        match followed {
            Followed::Event(event, cursor) => {
                let at = event.position.0;
                self.pass(world, at);
                let (name, _) = world.at(at);
                assert_eq!(event.event.event_type(), name);
                assert!(name == CLOSED || event.event.message() == at.to_string());
                assert!(self.wants(world, at));
                (self.next, self.cursor) = (at + 1, cursor.clone());
            }
            Followed::Gap { from, to, reason, cursor } => {
                self.pass(world, from.unwrap().0);
                let is_gone = |at| match *reason {
                    "expired" => world.is_over_age(at),
                    "damaged" => world.is_damaged(at),
                    _ => false,
                };
                let here = (from.unwrap().0..to.0).find(|at| !is_gone(*at));
                assert_eq!(here, None, "{followed:?}");
                (self.next, self.cursor) = (to.0, cursor.clone());
            }
            Followed::Dropped { count, from, to, resume, .. } => {
                self.pass(world, from.0);
                assert!(*count > self.lag_events_max && *count <= to.0 - from.0, "{followed:?}");
                // What was left out is fetched, and then it goes on.
                self.cursor = resume.clone();
                self.follower = Reader::follow(world, self.wanted, resume);
            }
        }
    }

    /// Nothing that it wants stands before this position.
    fn pass(&mut self, world: &World, to: u64) {
        assert!(self.next <= to, "{to} comes again after {}", self.next);
        let left_out = (self.next..to).find(|at| self.wants(world, *at));
        assert_eq!(left_out, None, "neither seen nor told");
        self.next = to;
    }

    fn wants(&self, world: &World, at: u64) -> bool {
        self.wanted.is_none_or(|wanted| world.at(at).0 == wanted)
    }
}

#[test]
fn followers_that_are_cut_anywhere_account_for_every_event_once() {
    for seed in 0..SEEDS {
        println!("replay: seed {seed}");
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        let mut readers: Vec<Reader> =
            (0..4).map(|one| Reader::new(&world, one > 0, &mut dice)).collect();
        for _ in 0..STEPS {
            world.step(&mut dice);
            let reader = dice.usize(0..readers.len());
            readers[reader].look(&world, &mut dice);
        }

        for reader in &mut readers {
            reader.follower = Reader::follow(&world, reader.wanted, &reader.cursor);
            while !reader.follower.caught_up() {
                for followed in reader.follower.poll(1000).unwrap() {
                    reader.take(&world, &followed);
                }
            }
            reader.pass(&world, world.written.len() as u64);
        }
    }
}
