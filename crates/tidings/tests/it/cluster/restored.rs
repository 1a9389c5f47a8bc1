//! Is every event shared or named whose member goes on with an older copy?
//!
//! Histories that were found at random, and what is like them. Each time an event was
//! given up while it was published in its turn, waits again in the copy, and comes too
//! late: later ones of its boot are published.

use std::time::Duration;

use tidings::testing::Answer;

use super::actions::Action::{
    self, Answer as Answered, Append, Apply, Backup, Maintain, Publish, Put, Restart, Restore,
    Scribble, Wait,
};
use super::agreement::Ordered;
use super::live;

const APPEND: Action = Append { member: 0, events: 1, queued: false };
const PUT: Action = Put { member: 0, events: 1 };
const REFUSED: Action = Answered(0, Answer::Rejected);
const SECOND: Action = Wait(Duration::from_secs(1));
/// As long as a hole is waited for, and longer.
const LONG: Action = Wait(Duration::from_secs(11));

#[test]
fn what_was_refused_as_its_process_ended_is_named_when_it_waits_again() {
    let end = [REFUSED, Backup(0), Scribble(0), Restart(0), Publish(0), Restore(0)];

    live(&[&[APPEND][..], &end].concat(), Ordered::Alike);
}

#[test]
fn what_something_else_stood_in_the_place_of_is_named_when_it_waits_again() {
    let before = [APPEND, Publish(0), SECOND, APPEND, Backup(0), Scribble(0), Publish(0)];
    let after = [Maintain(0), SECOND, Publish(0), Restore(0)];

    live(&[&before[..], &after].concat(), Ordered::Alike);
}

#[test]
fn what_was_refused_is_named_when_later_events_took_its_number() {
    let before = [APPEND, Backup(0), REFUSED, Publish(0), SECOND, APPEND, Publish(0), SECOND];
    let after = [Publish(0), Apply(1), LONG, Apply(1), Restore(0)];

    live(&[&before[..], &after].concat(), Ordered::Alike);
}

#[test]
fn a_block_of_a_queue_is_not_put_behind_those_that_came_after_it() {
    let before = [Publish(0), SECOND, Publish(0), SECOND, PUT, Backup(0), REFUSED, Publish(0)];
    let later = [SECOND, PUT, Publish(0), SECOND, Publish(0)];
    let after = [Apply(1), SECOND, Apply(1), LONG, Apply(1), LONG, Apply(1), Restore(0)];

    live(&[&before[..], &later, &after].concat(), Ordered::Alike);
}
