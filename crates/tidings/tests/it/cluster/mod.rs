//! Do all members of a cluster come to show the same? G9.
//!
//! Three members, each a log over a store in memory that can fail, with what they
//! share in memory too. They do actions: events come, members publish and
//! apply, stores and the commons fail, processes die, clocks are off. When faults
//! end and all have come to rest, every event that was acknowledged is on its own
//! member, every member shows the same in the same order, nothing is there twice,
//! and the second books say what was not shared. A failure prints the shrunken
//! history, and proptest keeps its seed.

mod actions;
mod agreement;
mod member;
mod restored;
mod world;

use proptest::prelude::*;

use actions::{Action, LARGE_SKEW_SECONDS, SKEW_SECONDS, action};
use agreement::Ordered;
use world::World;

const HISTORIES: u32 = if cfg!(feature = "soak") { 50_000 } else { 400 };
const ACTIONS_MAX: usize = 150;

fn live(actions: &[Action], order: Ordered) {
    let mut world = World::new();
    for action in actions {
        world.act(action);
    }
    world.finish(order);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(HISTORIES))]

    #[test]
    fn all_members_come_to_show_the_same_and_nothing_acknowledged_is_lost(
        actions in prop::collection::vec(action(SKEW_SECONDS), 1..=ACTIONS_MAX),
    ) {
        live(&actions, Ordered::Alike);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(HISTORIES / 4))]

    #[test]
    fn clocks_that_are_a_day_off_change_the_order_of_lists_and_nothing_else(
        actions in prop::collection::vec(action(LARGE_SKEW_SECONDS), 1..=ACTIONS_MAX),
    ) {
        live(&actions, Ordered::Apart);
    }
}
