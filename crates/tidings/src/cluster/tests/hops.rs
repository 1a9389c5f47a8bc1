//! Can a follower go from member to member?

use super::*;
use crate::query::Filter;
use crate::query::{FollowFrom, Followed, QueryError};

/// Publishes and applies until everybody has everything.
fn share(members: [&Member; 2]) {
    for member in members {
        member.publish_all();
    }
    for _ in 0..10 {
        for member in members {
            member.cluster.apply_step(Duration::ZERO);
        }
    }
}

fn follow(member: &Member, from: FollowFrom) -> Result<crate::Follower, QueryError> {
    member.log.follow(from, Arc::new(Filter { types: only("deploy"), ..Filter::default() }))
}

fn only(name: &str) -> crate::Patterns {
    let mut patterns = crate::Patterns::default();
    patterns.add(name).unwrap();
    patterns
}

fn seen(follower: &mut crate::Follower) -> Vec<String> {
    let say = |followed: &Followed| match followed {
        Followed::Event(event, _) => event.event.message().to_owned(),
        other => panic!("{other:?}"),
    };
    follower.poll(100).unwrap().iter().map(say).collect()
}

#[test]
fn a_follower_goes_on_at_another_member_and_sees_the_rest_once() {
    let here = Member::new();
    let there = here.beside();
    share([&here, &there]);
    let mut follower = follow(&here, FollowFrom::Now).unwrap();
    here.append("published");
    share([&here, &there]);
    here.append("not published yet");
    assert_eq!(seen(&mut follower), ["published", "not published yet"]);
    there.append("unseen");

    let cursor = follower.cursor().to_string().parse().unwrap();
    let mut follower = follow(&there, FollowFrom::Cursor(cursor)).unwrap();
    let early = seen(&mut follower);
    here.append("after");
    share([&here, &there]);

    assert_eq!(early, ["unseen"]);
    assert_eq!(seen(&mut follower), ["after"]);
}

#[test]
fn a_member_that_starts_without_etcd_goes_on_from_others_cursors_too() {
    let here = Member::new();
    let there = here.beside();
    share([&here, &there]);
    here.append("before");
    share([&here, &there]);
    let cursor = follow(&here, FollowFrom::Now).unwrap().cursor();
    there.append("unseen");

    let there = there.killed();
    there.door.cut();
    there.cluster.apply_step(Duration::ZERO);
    let mut follower = follow(&there, FollowFrom::Cursor(cursor)).unwrap();

    assert_eq!(seen(&mut follower), ["unseen"]);
}
