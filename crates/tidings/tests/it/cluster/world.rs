//! What happens to all members, and to what they share?

use std::sync::Arc;
use std::time::Duration;

use tidings::block::Block;
use tidings::store::Sink as _;
use tidings::store::etcd::BadValue;
use tidings::testing::{Blocks, Shelf, ShelfMember};
use tidings::{Clock, Component as _};

use super::actions::{Action, MEMBERS, Part};
use super::agreement::{self, Ordered, published};
use super::member::{Member, start};

/// All has come to rest if nothing has happened for so many rounds of a second:
/// longer than anybody rests, and than a hole is waited for.
const QUIET_ROUNDS: u32 = 16;
const ROUNDS_MAX: u32 = 1000;

pub(super) struct World {
    shelf: Shelf,
    /// The right one.
    clock: Clock,
    members: Vec<Member>,
    stranger: Blocks,
    /// Where the stranger is, the shelf is always in reach.
    elsewhere: Arc<ShelfMember>,
}

impl World {
    pub(super) fn new() -> World {
        let clock = Clock::by_hand(start());
        let shelf = Shelf::new(clock.clone());
        let members = (0..MEMBERS).map(|index| Member::new(index, &shelf)).collect();
        World { elsewhere: shelf.member(), stranger: Blocks::new(99), shelf, clock, members }
    }

    pub(super) fn act(&mut self, action: &Action) {
        match *action {
            Action::Append { member, events, queued } => {
                self.members[member].append(events, queued);
            }
            Action::AppendKeyed { member, key } => self.members[member].append_keyed(key),
            Action::Put { member, events } => self.members[member].put(events),
            Action::Publish(member) => _ = self.members[member].cluster().publish_step(),
            Action::Apply(member) => self.members[member].cluster().apply_step(Duration::ZERO),
            Action::Maintain(member) => _ = self.members[member].log().maintain(),
            Action::Wait(span) => self.wait(span),
            Action::Skew { member, seconds } => {
                let right = self.clock.now();
                let off = Duration::from_secs(seconds.unsigned_abs());
                let wall = if seconds < 0 { right.before(off) } else { right.after(off) };
                self.members[member].clock.set_wall(wall);
            }
            Action::FailOnce(member, nth, fault) => self.members[member].store.fail_at(nth, fault),
            Action::FailForEver(member, nth, fault) => {
                self.members[member].store.fail_from(nth, fault);
            }
            Action::FailRead(member, nth) => self.members[member].store.fail_read_at(nth),
            Action::Repair(member) => self.members[member].store.release(),
            Action::Answer(member, answer) => self.members[member].commons.answer([answer]),
            Action::Cut(member) => self.members[member].commons.cut(),
            Action::Heal(member) => self.members[member].commons.heal(),
            Action::Pause { member, of: Part::Log, reason } => {
                self.members[member].log().suspend(reason);
            }
            Action::Pause { member, of: Part::Cluster, reason } => {
                self.members[member].cluster().suspend(reason);
            }
            Action::Resume { member, of: Part::Log, reason } => {
                self.members[member].log().resume(reason);
            }
            Action::Resume { member, of: Part::Cluster, reason } => {
                self.members[member].cluster().resume(reason).unwrap();
            }
            Action::Compact => self.shelf.compact(),
            Action::Scribble(member) => self.scribble(member),
            Action::Stranger { events, skips } => {
                if skips {
                    self.stranger.of(1);
                }
                self.elsewhere.put(&self.stranger.of(events)).unwrap();
            }
            Action::Restart(member) => self.members[member].restart(),
            Action::Crash(member) => self.members[member].crash(),
            Action::Backup(member) => self.members[member].back_up(),
            Action::Restore(member) => self.members[member].restore(&self.shelf.blocks()),
        }
        for member in &self.members {
            let sharing = member.sharing();
            assert!(sharing.is_balanced(), "{sharing}");
        }
    }

    fn scribble(&self, member: usize) {
        let log = self.members[member].log();
        let (origin, boot) = (log.origin(), log.boot());
        let own = |block: &Block| {
            let run = block.header().runs[0];
            ((run.origin, run.boot) == (origin, boot)).then(|| block.header().number)?
        };
        let last = self.shelf.blocks().iter().filter_map(own).max().unwrap_or(0);
        let cause = BadValue::Envelope("as the test says".to_owned());
        self.shelf.scribble((origin, boot, last + 1), Err(cause));
    }

    fn wait(&mut self, span: Duration) {
        self.clock.advance(span);
        self.members.iter().for_each(|member| member.clock.advance(span));
    }

    /// Faults end, all comes to rest, and is held against what was promised; once
    /// more when all have died and the history is gone, and when the commons are
    /// others, and empty.
    pub(super) fn finish(mut self, order: Ordered) {
        self.come_to_rest();
        agreement::check(&self.members, &published(&self.members, &self.shelf), order);
        self.members.iter_mut().for_each(Member::crash);
        self.shelf.compact();
        self.come_to_rest();
        let published = published(&self.members, &self.shelf);
        agreement::check(&self.members, &published, order);
        self.shelf.wipe();
        self.come_to_rest();
        agreement::check(&self.members, &published, order);
    }

    fn come_to_rest(&mut self) {
        self.members.iter().for_each(Member::heal);
        let (mut was, mut quiet) = (Vec::new(), 0);
        for _ in 0..ROUNDS_MAX {
            self.wait(Duration::from_secs(1));
            self.members.iter().for_each(Member::step);
            let is: Vec<_> = self.members.iter().map(Member::progress).collect();
            quiet = if is == was { quiet + 1 } else { 0 };
            if quiet == QUIET_ROUNDS {
                return;
            }
            was = is;
        }
        panic!("the members never come to rest: {was:?}");
    }
}
