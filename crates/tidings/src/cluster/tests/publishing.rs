//! Do own events reach the others, in order and no more often than they may?

use super::*;
use crate::cluster::progress::{PROGRESS_NOTE, Progress};
use crate::component::Component;
use crate::pause::PauseReason;
use crate::sharing::Unshared;
use crate::store::Sink;
use crate::store::etcd::BadValue;
use crate::testing::{Answer, Blocks};

fn progress_of(member: &Member) -> Progress {
    Progress::decode(&member.store.recall(PROGRESS_NOTE).unwrap().unwrap()).unwrap()
}

#[test]
fn an_idle_member_publishes_at_once_and_writes_nothing_before_the_put() {
    let member = Member::new();
    member.publish_all();
    member.append("first");
    member.store.fail_at(u64::MAX, Fault::NotStored);
    member.door.cut();
    member.cluster.publish_step();
    assert_eq!(member.store.writes(), 0);
    member.door.heal();
    member.cluster.resume(PauseReason::StoreDown).unwrap();

    let rest = member.cluster.publish_step();

    assert_eq!((rest, member.shared_messages()), (Duration::ZERO, vec!["first".to_owned()]));
    assert_eq!(member.store.writes(), 1);
    assert_eq!((member.sharing().published, member.sharing().waiting), (1, 0));
    assert_eq!(progress_of(&member).last.unwrap().1, 1);
}

#[test]
fn under_load_events_gather_for_the_linger_and_go_out_in_order_as_one() {
    let member = Member::new();
    member.append("0");
    member.publish_all();
    for i in 1..=20 {
        member.append(&i.to_string());
        member.cluster.publish_step();
        member.clock.advance(SECOND / 40);
    }
    assert_eq!(member.publications(), 1);

    member.clock.advance(SECOND / 2);
    member.cluster.publish_step();

    assert_eq!(member.publications(), 2);
    let expected: Vec<String> = (0..=20).map(|i| i.to_string()).collect();
    assert_eq!(member.shared_messages(), expected);
    assert_dense(&member.shelf.blocks());
}

#[test]
fn full_publications_do_not_wait_for_the_linger() {
    let member = Member::new();
    let many: Vec<String> = (0..10_000).map(|i| i.to_string()).collect();
    for thousand in many.chunks(1000) {
        member.append_all(&thousand.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let start = member.clock.monotonic();

    while member.sharing().waiting >= 4096 {
        let rest = member.cluster.publish_step();
        member.clock.advance(rest);
    }

    assert!(
        member.clock.monotonic().saturating_sub(start) <= SECOND / 10,
        "{:?}",
        member.sharing()
    );
    member.publish_all();
    assert!(member.shared_messages() == many);
    assert_eq!(member.publications(), 3);
}

#[test]
fn what_failed_is_tried_again_and_told_and_nothing_is_lost_or_there_twice() {
    let failures = [Answer::UnknownButStored, Answer::UnknownNotStored, Answer::DiskFull];
    for failure in failures {
        let member = Member::new();
        member.append("a");
        member.append("b");
        member.door.answer([failure, failure]);

        member.cluster.publish_step();
        let told = member.cluster.status().publishing;
        assert!(told.cause.is_some() && told.oldest_waiting.is_some(), "{failure:?} {told:?}");
        assert_eq!(told.reasons.iter().count(), 1, "{failure:?}");
        member.append("c");
        member.publish_all();

        assert_eq!(member.shared_messages(), ["a", "b", "c"], "{failure:?}");
        assert_dense(&member.shelf.blocks());
        assert_eq!(member.cluster.status().publishing.reasons.iter().count(), 0);
    }
}

#[test]
fn while_suspended_nothing_is_put_and_a_resume_tries_at_once() {
    let member = Member::new();
    member.publish_all();
    member.door.cut();
    member.append("a");
    for _ in 0..20 {
        let rest = member.cluster.publish_step();
        member.clock.advance(rest);
    }
    member.cluster.suspend(PauseReason::StoreDown);
    member.door.heal();

    member.cluster.publish_step();
    assert_eq!(member.publications(), 0);
    member.cluster.resume(PauseReason::StoreDown).unwrap();
    member.cluster.publish_step();

    assert_eq!(member.shared_messages(), ["a"]);
}

#[test]
fn what_the_commons_refuse_for_good_is_counted_and_holds_nothing_up() {
    let member = Member::new();
    member.append("a");
    member.publish_all();
    member.append_all(&["b", "c"]);
    member.door.answer([Answer::Rejected]);
    member.publish_all();
    member.append("d");
    member.publish_all();

    assert_eq!(member.shared_messages(), ["a", "d"]);
    let sharing = member.sharing();
    assert_eq!((sharing.published, sharing.unshared(Unshared::Rejected)), (2, 2), "{sharing}");
}

#[test]
fn what_somebody_else_wrote_under_our_next_number_costs_the_number_and_no_event() {
    let member = Member::new();
    let (origin, boot) = (member.log.origin(), member.log.boot());
    for number in [1, 2, 5] {
        let odd = Err(BadValue::Envelope("as the test says".to_owned()));
        member.shelf.scribble((origin, boot, number), odd);
    }
    for message in ["a", "b", "c"] {
        member.append(message);
        member.clock.advance(SECOND);
        member.publish_all();
    }

    assert_eq!(member.shared_messages(), ["a", "b", "c"]);
    assert_eq!(member.sharing().unshared_total(), 0);
    let numbers = member.shelf.blocks();
    let numbers: Vec<_> = numbers.iter().filter_map(|block| block.header().number).collect();
    assert_eq!(numbers, [3, 4, 6]);
}

#[test]
fn a_block_of_a_queue_whose_name_is_taken_is_counted_and_holds_nothing_up() {
    let (member, mut blocks) = (Member::new(), Blocks::new(4));
    let theirs = blocks.of(3);
    let run = theirs.header().runs[0];
    let odd = Err(BadValue::Envelope("as the test says".to_owned()));
    member.shelf.scribble((run.origin, run.boot, 1), odd);
    member.log.put(&theirs).unwrap();
    member.append("a");

    member.publish_all();

    assert_eq!(member.shared_messages(), ["a"]);
    assert_eq!(member.sharing().unshared(Unshared::Conflict), 3);
}

#[test]
fn blocks_of_a_queue_in_this_process_go_out_as_they_are() {
    let (member, mut blocks) = (Member::new(), Blocks::new(4));
    let theirs = [blocks.of(3), blocks.of(2)];
    member.append("a");
    member.log.put(&theirs[0]).unwrap();
    member.log.put(&theirs[1]).unwrap();
    member.append("b");

    member.publish_all();

    let there = member.shelf.blocks();
    assert!(theirs.iter().all(|block| there.contains(block)));
    assert_eq!(events_of(&there).len(), 7);
    assert_dense(&there);
}

#[test]
fn a_log_that_begins_to_be_shared_shares_its_history() {
    let member = Member::new();
    let clock = member.clock.clone();
    let options = LogOptions { background: false, clock, ..LogOptions::default() };
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let log = Log::over(Arc::clone(&store) as Arc<dyn BlockStore>, options).unwrap();
    log.append(vec![Event::new("deploy", "old")], Ack::Disk, false).unwrap();
    assert!(Cluster::join(&log, Arc::clone(&member.door) as _, member.options.clone()).is_err());
    log.close(SECOND);
    store.inner().reopen();

    let (log, cluster) = started(&store, &member.door, &member.clock, &member.options);
    let joined = Member { store, log, cluster, ..member };
    joined.publish_all();

    assert_eq!(joined.shared_messages(), ["old"]);
}

#[test]
fn a_presence_says_how_far_others_can_count_on_us() {
    let linger = 10 * SECOND;
    let member = Member::with(ClusterOptions { linger, background: false, ..Default::default() });
    let (origin, start) = (member.store.origin(), member.clock.now());
    member.append("a");
    member.publish_all();
    let shown = member.shelf.presence(origin).unwrap();
    assert_eq!((shown.published, shown.waiting, shown.through, shown.left), (1, 0, start, false));

    member.clock.advance(3 * SECOND);
    member.append("b");
    member.clock.advance(2 * SECOND);
    member.cluster.publish_step();

    let shown = member.shelf.presence(origin).unwrap();
    assert_eq!((shown.published, shown.waiting, shown.at), (1, 1, start.after(5 * SECOND)));
    assert_eq!(shown.through, start.after(3 * SECOND));
    member.clock.advance(5 * SECOND);
    member.publish_all();
    let shown = member.shelf.presence(origin).unwrap();
    assert_eq!((shown.published, shown.through), (2, start.after(10 * SECOND)));
}

#[test]
fn who_leaves_publishes_what_waits_with_the_end_of_its_boot_and_says_goodbye() {
    let member = Member::new();
    member.append("a");
    member.publish_all();
    member.append("b");
    member.clock.advance(SECOND);
    member.log.end(SECOND);

    let sharing = member.cluster.leave(SECOND);

    assert_eq!((sharing.waiting, sharing.unshared_total()), (0, 0), "{sharing}");
    let last = member.shelf.blocks().pop().unwrap();
    assert!(last.header().last_of_boot);
    let shown = member.shelf.presence(member.store.origin()).unwrap();
    assert!(shown.left && shown.waiting == 0, "{shown:?}");
    member.log.close(SECOND);
}

#[test]
fn who_leaves_while_the_commons_are_away_does_not_wait_for_them() {
    let member = Member::new();
    member.append("a");
    member.door.cut();
    member.cluster.publish_step();
    member.log.end(SECOND);

    let sharing = member.cluster.leave(Duration::from_mins(10));

    assert_eq!((sharing.published, sharing.waiting), (0, 2), "{sharing}");
}

#[test]
fn who_has_nothing_to_publish_is_woken_by_the_next_event() {
    let member = Member::new();
    let arrivals = &member.log.core().arrivals;
    assert_eq!(arrivals.waiting(), 0);

    let rest = member.cluster.publish_step();
    assert!(!rest.is_zero());
    assert_eq!(arrivals.waiting(), 1);
    member.append("a");

    assert_eq!(arrivals.waiting(), 0);
    member.cluster.publish_step();
    assert_eq!(member.shared_messages(), ["a"]);
}

#[test]
fn its_own_threads_publish_what_comes_and_say_goodbye() {
    let member = Member::with(ClusterOptions { linger: Duration::ZERO, ..Default::default() });
    for i in 1..=10 {
        member.append(&i.to_string());
        crate::sync::block_on(member.cluster.shared_through(Position(i)));
        assert_eq!(member.shared_messages().len() as u64, i);
        // As far apart as two publications must be.
        member.clock.advance(SECOND);
    }
    member.log.end(SECOND);

    let sharing = member.cluster.leave(Duration::from_mins(1));

    assert_eq!((sharing.published, sharing.waiting), (11, 0), "{sharing}");
    assert!(member.shelf.presence(member.store.origin()).unwrap().left);
}
