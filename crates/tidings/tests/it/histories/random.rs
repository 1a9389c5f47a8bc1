//! G3: random histories. A failure prints the shrunken history and keeps its seed
//! in `proptest-regressions/`, from where it is run first ever after.

use proptest::prelude::*;

use super::actions::{action, shape};
use super::{Action, Shape, World};

/// Of a queue alone; of a log, with and without a queue over it, twice as many.
const HISTORIES: u32 = if cfg!(feature = "soak") { 333_334 } else { 3_334 };
const ACTIONS_MAX: usize = 200;

fn actions() -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(action(), 1..=ACTIONS_MAX)
}

fn live(shape: Shape, actions: &[Action]) {
    let mut world = World::new(shape);
    for action in actions {
        world.act(action);
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * HISTORIES))]

    #[test]
    fn the_books_of_a_log_balance_over_long_histories(
        queue in any::<bool>(),
        shape in shape(),
        actions in actions(),
    ) {
        live(Shape { log: true, queue, ..shape }, &actions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(HISTORIES))]

    #[test]
    fn the_books_of_a_queue_balance_over_long_histories(shape in shape(), actions in actions()) {
        live(Shape { log: false, queue: true, ..shape }, &actions);
    }
}
