//! Is every event shared once, wherever the process dies?

use super::*;
use crate::cluster::progress::PROGRESS_NOTE;
use crate::sharing::Unshared;
use crate::store::{Batch, Note};
use crate::testing::Answer;
use crate::testing::blocks::splitmix;

/// A short life: events that come one by one and several at once, blocks that are
/// published alone and together.
fn live(member: &Member) {
    for i in 0..6 {
        member.append_some(i);
        if i % 3 != 0 {
            member.clock.advance(SECOND);
            for _ in 0..3 {
                member.cluster.publish_step();
            }
        }
    }
}

impl Member {
    /// Appends although the store may fail.
    fn append_some(&self, i: u64) {
        let events = (0..=i % 2).map(|j| Event::new("deploy", format!("{i}.{j}"))).collect();
        let _ = self.log.append(events, Ack::Disk, false);
    }

    /// What the log has, in order of arrival: what was acknowledged, and perhaps
    /// more.
    fn kept_messages(&self) -> Vec<String> {
        let query = crate::query::Query {
            order: crate::query::Order::Ascending,
            limit: 10_000,
            ..crate::query::Query::default()
        };
        let found = self.log.query(&query).unwrap().events;
        let ours = found.into_iter().filter(|event| event.event.event_type() == "deploy");
        ours.map(|event| event.event.message().to_owned()).collect()
    }

    #[track_caller]
    fn assert_all_shared(&self, context: &str) {
        self.publish_all();
        let mut shared = self.shared_messages();
        shared.sort();
        let mut kept = self.kept_messages();
        kept.sort();
        assert_eq!(shared, kept, "{context}");
        assert_dense(&self.shelf.blocks());
        assert_eq!(self.sharing().unshared_total(), 0, "{context}");
    }
}

#[test]
fn a_kill_at_every_write_of_the_store_loses_nothing_and_shares_nothing_twice() {
    for nth in 1.. {
        let member = Member::new();
        member.store.fail_from(nth, Fault::NotStored);
        live(&member);
        let writes = member.store.writes();
        let member = member.killed();
        member.append("after");

        member.assert_all_shared(&format!("killed at write {nth}"));

        assert!(member.shared_messages().contains(&"after".to_owned()));
        if writes < nth {
            return;
        }
    }
}

#[test]
fn a_kill_after_every_answer_of_the_commons_loses_nothing_and_shares_nothing_twice() {
    let answers =
        [Answer::UnknownButStored, Answer::UnknownNotStored, Answer::DiskFull, Answer::Stored];
    for answer in answers {
        for nth in 0..6 {
            let member = Member::new();
            let before = vec![Answer::Stored; nth];
            member.door.answer(before.into_iter().chain(vec![answer; 50]));
            live(&member);
            let member = member.killed();
            member.append("after");

            member.assert_all_shared(&format!("{answer:?} from put {nth} on"));
        }
    }
}

#[test]
fn many_kills_in_a_row_lose_nothing_and_share_nothing_twice() {
    for seed in 0..60_u64 {
        let (mut member, mut random) = (Member::new(), seed);
        for life in 0..6 {
            let roll = |random: &mut u64, of: u64| splitmix(random) % of;
            if roll(&mut random, 3) == 0 {
                member.door.cut();
            }
            let answer = match roll(&mut random, 4) {
                0 => Answer::UnknownButStored,
                1 => Answer::UnknownNotStored,
                _ => Answer::Stored,
            };
            let nth = usize::try_from(roll(&mut random, 4)).unwrap();
            member.door.answer(vec![Answer::Stored; nth].into_iter().chain([answer]));
            member.store.fail_from(1 + roll(&mut random, 14), Fault::NotStored);
            (0..life).for_each(|i| member.append_some(i));
            live(&member);
            member = member.killed();
        }
        member.append("after");

        member.assert_all_shared(&format!("seed {seed}"));
    }
}

#[test]
fn what_retention_took_of_a_publication_that_had_arrived_is_not_shared_twice() {
    let member = Member::new();
    member.append("first");
    member.clock.advance(SECOND);
    member.publish_all();
    (0..3).for_each(|i| member.append(&format!("early {i}")));
    member.clock.advance(SECOND);
    let early = member.log.core().first_waiting().unwrap();
    // It arrives, and the process dies before it knows.
    member.door.answer(vec![Answer::UnknownButStored; 9]);
    member.cluster.publish_step();
    member.cluster.publish_step();
    let member = member.killed();
    member.store.expire(&[early]).unwrap();
    let member = member.killed();
    member.append("late");

    member.publish_all();

    assert_eq!(member.shared_messages().len(), 5);
    assert_eq!(member.sharing().unshared_total(), 0);
    assert_dense(&member.shelf.blocks());
}

#[test]
fn a_block_that_went_after_it_had_arrived_does_not_take_the_number_of_the_next() {
    let member = Member::new();
    member.append("goes");
    let first = member.log.core().first_waiting().unwrap();
    member.door.answer(vec![Answer::UnknownButStored; 9]);
    member.cluster.publish_step();
    member.append("stays");
    let member = member.killed();
    member.store.expire(&[first]).unwrap();
    let member = member.killed();

    member.publish_all();

    assert_eq!(member.shared_messages(), ["goes", "stays"]);
    assert_eq!(member.sharing().unshared(Unshared::Conflict), 0);
}

#[test]
fn a_number_that_is_not_known_any_more_is_found_again() {
    let member = Member::new();
    for i in 0..9 {
        member.append(&i.to_string());
        member.clock.advance(SECOND);
        member.publish_all();
    }
    member.append("waits");
    for garbage in [&b"garbage"[..], b""] {
        let notes = &[Note { name: PROGRESS_NOTE, value: garbage }];
        member.store.take(&Batch { notes, ..Batch::default() }).unwrap();
    }
    let member = member.killed();

    member.publish_all();

    let shared = member.shared_messages();
    assert_eq!((shared.len(), shared.last().unwrap().as_str()), (10, "waits"));
    assert_eq!(member.sharing().unshared_total(), 0);
}
