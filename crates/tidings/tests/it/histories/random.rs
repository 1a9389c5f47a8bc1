//! G3: random histories. A failure prints the shrunken history and keeps its seed
//! in `proptest-regressions/`, from where it is run first ever after.

use proptest::prelude::*;

use super::World;
use super::actions::{action, shape};

const HISTORIES: u32 = if cfg!(feature = "soak") { 1_000_000 } else { 2_000 };
const ACTIONS_MAX: usize = 200;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(HISTORIES))]

    #[test]
    fn the_books_balance_over_long_histories(
        shape in shape(),
        actions in prop::collection::vec(action(), 1..=ACTIONS_MAX),
    ) {
        let mut world = World::new(shape);
        for action in &actions {
            world.act(action);
        }
        world.finish();
    }
}
