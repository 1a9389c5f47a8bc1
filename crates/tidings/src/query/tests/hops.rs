//! Does a follower that turns to another member see everything once, or hear of a gap?

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::block::Joiner;
use crate::id::EventId;

const CLUSTER: u64 = 7;
const MEMBERS: usize = 3;
const STEPS: usize = 150;
const SEEDS: u64 = if cfg!(feature = "soak") { 10_000 } else { 300 };

/// A log of a cluster, and how far it has come with the others.
struct Member {
    store: Arc<MemoryStore>,
    options: LogOptions,
    log: Log,
    /// Its blocks before this are published.
    published: Position,
    numbers: BTreeMap<Boot, u64>,
    /// So much of what was put is applied.
    applied: usize,
}

impl Member {
    fn new() -> Member {
        let (store, options) = (Arc::new(MemoryStore::new().unwrap()), options());
        let log = Member::open(&store, &options);
        let (published, numbers) = (Position(0), BTreeMap::new());
        Member { store, options, log, published, numbers, applied: 0 }
    }

    fn open(store: &Arc<MemoryStore>, options: &LogOptions) -> Log {
        let log = Log::over(Arc::clone(store) as Arc<dyn BlockStore>, options.clone()).unwrap();
        log.core().set_commons(CLUSTER).unwrap();
        log
    }

    /// Starts again as after a crash.
    fn restart(&mut self) {
        let log = Member::open(&self.store, &self.options);
        // The store is the same, and may not be closed for the new one.
        std::mem::forget(std::mem::replace(&mut self.log, log));
    }

    fn follow(&self, from: FollowFrom, filter: &Arc<Filter>) -> Follower {
        self.log.follow(from, Arc::clone(filter)).unwrap()
    }

    /// Its next publication, of up to this many of its own blocks.
    fn publish(&mut self, blocks_max: usize) -> Option<Block> {
        let heads = self.store.heads(self.published, 1000).unwrap();
        let own = |run: &crate::block::Run| run.origin == self.log.origin();
        let mut joiner: Option<(Boot, Joiner)> = None;
        for head in
            heads.iter().filter(|head| own(&head.header.as_ref().unwrap().runs[0])).take(blocks_max)
        {
            let block = self.store.read(head.base).unwrap().unwrap();
            let run = block.header().runs[0];
            let (boot, joiner) =
                joiner.get_or_insert_with(|| (run.boot, Joiner::new(run.origin, run.boot)));
            if *boot != run.boot {
                break;
            }
            joiner.push(&block, |_| true).unwrap();
            self.published = head.base.plus(head.count);
        }
        let (boot, mut joiner) = joiner?;
        let number = self.numbers.entry(boot).or_default();
        *number += 1;
        joiner.seal(*number, false)
    }

    /// Merges some neighbours that are published.
    fn merge(&self, dice: &mut fastrand::Rng) -> Option<crate::Merged> {
        let from = Position(dice.u64(0..=self.published.0));
        let (first, ended) = {
            let index = self.log.core().index.read();
            let slots = index.slots();
            let first = slots.partition_point(|slot| slot.end() <= from);
            (first, slots.partition_point(|slot| slot.end() <= self.published))
        };
        let blocks = dice.usize(2..20).min(ended.saturating_sub(first));
        self.log.merge_neighbours(from, blocks).unwrap()
    }

    /// Applies what comes next of what was put; says whether there was any.
    fn apply(&mut self, blocks: &[Block]) -> bool {
        let Some(block) = blocks.get(self.applied) else { return false };
        self.applied += 1;
        if block.header().runs[0].origin != self.log.origin() {
            self.log.put(block).unwrap();
        }
        true
    }
}

struct World {
    members: Vec<Member>,
    put_there: Vec<Block>,
    /// Publications whose turn has passed; they may come late or never.
    late: VecDeque<Block>,
    filter: Arc<Filter>,
    follower: Follower,
    at: usize,
    seen: BTreeSet<EventId>,
    gaps: usize,
}

impl World {
    fn new(filter: Filter) -> World {
        let filter = Arc::new(filter);
        let members: Vec<Member> = (0..MEMBERS).map(|_| Member::new()).collect();
        let follower = members[0].follow(FollowFrom::Now, &filter);
        let (put_there, late) = (Vec::new(), VecDeque::new());
        World { members, put_there, late, filter, follower, at: 0, seen: BTreeSet::new(), gaps: 0 }
    }

    fn publish(&mut self, member: usize, dice: &mut fastrand::Rng) -> bool {
        let Some(block) = self.members[member].publish(dice.usize(1..4)) else { return false };
        if dice.u8(0..10) == 0 {
            self.late.push_back(block);
        } else {
            self.put_there.push(block);
        }
        true
    }

    /// Looks at what comes, and goes on from a cursor in what was seen: here or at
    /// another member.
    fn look(&mut self, dice: &mut fastrand::Rng) {
        let polled = self.follower.poll(dice.usize(1..20)).unwrap();
        let kept = dice.usize(0..=polled.len());
        let mut cursor = None;
        for followed in &polled[..kept] {
            cursor = Some(self.take(followed));
        }
        let cursor = match cursor {
            Some(cursor) => cursor,
            None if polled.is_empty() => self.follower.cursor(),
            // Nothing of it was handled, so nothing is known of where it stands.
            None => return polled.iter().for_each(|followed| drop(self.take(followed))),
        };
        if kept < polled.len() || dice.bool() {
            self.at = dice.usize(0..MEMBERS);
            let from = FollowFrom::Cursor(cursor.to_string().parse().unwrap());
            self.follower = self.members[self.at].follow(from, &self.filter);
        }
    }

    fn take(&mut self, followed: &Followed) -> FollowCursor {
        match followed {
            Followed::Event(event, cursor) => {
                assert!(self.seen.insert(event.id), "twice: {event:?} at member {}", self.at);
                cursor.clone()
            }
            Followed::Gap { cursor, .. } => {
                self.gaps += 1;
                cursor.clone()
            }
            dropped @ Followed::Dropped { .. } => panic!("{dropped:?}"),
        }
    }

    fn settle(&mut self, dice: &mut fastrand::Rng) {
        for member in 0..MEMBERS {
            while self.publish(member, dice) {}
        }
        for member in &mut self.members {
            while member.apply(&self.put_there) {}
        }
        while !self.follower.caught_up() {
            for followed in self.follower.poll(100).unwrap() {
                self.take(&followed);
            }
        }
    }

    fn run(dice: &mut fastrand::Rng) -> World {
        let mut filter = Filter::default();
        if dice.bool() {
            filter.types.add("b").unwrap();
        }
        let mut world = World::new(filter);
        for step in 0..STEPS {
            let member = dice.usize(0..MEMBERS);
            match dice.u8(0..20) {
                0..6 => {
                    let kind = *dice.choice(&["a", "b"]).unwrap();
                    let event = |i| Event::new(kind, format!("{step}:{i}"));
                    append(&world.members[member].log, (0..dice.u8(1..5)).map(event).collect());
                }
                6..10 => drop(world.publish(member, dice)),
                10..14 => drop(world.members[member].apply(&world.put_there)),
                14 => world.put_there.extend(world.late.pop_front()),
                // A follower holds on to the log that it reads.
                15 if member != world.at => world.members[member].restart(),
                16 => drop(world.members[member].merge(dice)),
                _ => world.look(dice),
            }
        }
        world.settle(dice);
        world
    }

    /// What every member has of what is asked for.
    fn common(&self) -> BTreeSet<EventId> {
        let of = |member: &Member| {
            let filter = Filter::clone(&self.filter);
            let query = Query { limit: 10_000, filter, ..Query::default() };
            let page = ask(&member.log, &query);
            page.events.iter().map(|stored| stored.id).collect::<BTreeSet<_>>()
        };
        let all: Vec<_> = self.members.iter().map(of).collect();
        let in_all = |id: &&EventId| all.iter().all(|of_one| of_one.contains(id));
        all[0].iter().filter(in_all).copied().collect()
    }
}

#[test]
fn a_follower_that_goes_from_member_to_member_sees_every_event_once() {
    for seed in 0..SEEDS {
        let world = World::run(&mut fastrand::Rng::with_seed(seed));

        let missed: Vec<EventId> = world.common().difference(&world.seen).copied().collect();
        assert_eq!((missed, world.gaps), (vec![], 0), "replay: seed {seed}");
    }
}

/// Two members, and what a follower of the first says when it has seen `seen` events.
fn pair(seen: usize) -> (Member, Member, FollowCursor) {
    let (here, there) = (Member::new(), Member::new());
    for i in 0..4 {
        append(&there.log, vec![Event::new("a", i.to_string())]);
    }
    let from = FollowFrom::Since(Timestamp::MIN);
    let mut follower = there.follow(from, &Arc::default());
    assert_eq!(follower.poll(seen).unwrap().len(), seen);
    let cursor = follower.cursor();
    (here, there, cursor)
}

fn seen_of(follower: &mut Follower) -> Vec<String> {
    let say = |followed: &Followed| match followed {
        Followed::Event(event, _) => event.event.message().to_owned(),
        Followed::Gap { from, to, reason, .. } => format!("{reason} {from:?}..{}", to.0),
        dropped @ Followed::Dropped { .. } => panic!("{dropped:?}"),
    };
    follower.poll(100).unwrap().iter().map(say).collect()
}

#[test]
fn what_was_seen_elsewhere_is_passed_over_when_it_arrives_later() {
    let (mut here, mut there, cursor) = pair(2);
    let mut follower = here.follow(FollowFrom::Cursor(cursor), &Arc::default());
    append(&here.log, vec![Event::new("a", "own")]);
    let early = seen_of(&mut follower);

    here.apply(&[there.publish(10).unwrap()]);
    // Also by who goes on from a cursor that was given before it arrived.
    let mut resumed = here.follow(FollowFrom::Cursor(follower.cursor()), &Arc::default());

    assert_eq!(early, ["own"]);
    assert_eq!(seen_of(&mut follower), ["2", "3"]);
    assert_eq!(seen_of(&mut resumed), ["2", "3"]);
}

#[test]
fn what_a_cursor_cannot_tell_is_a_gap_and_then_comes_what_is_there() {
    let (here, _there, mut cursor) = pair(2);
    append(&here.log, vec![Event::new("a", "own")]);
    let passed = cursor.passed.as_deref().unwrap().clone();
    cursor.passed = Some(Arc::new(crate::Passed { whole: false, ..passed }));

    let mut follower = here.follow(FollowFrom::Cursor(cursor), &Arc::default());

    assert_eq!(seen_of(&mut follower), ["other_member None..0", "own"]);
}

#[test]
fn only_a_member_of_the_same_cluster_goes_on_from_a_cursor_of_another() {
    let (here, _there, cursor) = pair(2);
    let refused = |log: &Log, cursor: &FollowCursor| {
        let from = FollowFrom::Cursor(cursor.clone());
        log.follow(from, Arc::default()).unwrap_err().to_string()
    };
    let (alone, old) = (empty_log(), FollowCursor::new(cursor.origin, cursor.next));

    assert!(refused(&alone, &cursor).ends_with("has not met the cursor's cluster"));
    assert!(refused(&here.log, &old).ends_with("nothing that another log could go on from"));
    here.log.core().set_commons(CLUSTER + 1).unwrap();
    assert!(refused(&here.log, &cursor).ends_with("belongs to another cluster"));
}

#[test]
fn without_a_cluster_a_cursor_says_nothing_of_others() {
    let log = empty_log();
    append(&log, vec![Event::new("a", "m")]);

    let cursor = log.follow(FollowFrom::Now, Arc::default()).unwrap().cursor();

    assert_eq!(cursor, FollowCursor::new(log.origin(), Position(1)));
}
