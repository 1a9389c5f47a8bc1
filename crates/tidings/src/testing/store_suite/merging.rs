//! Does one block take the place of many without a trace of it in what is read?

use std::ops::ControlFlow;

use super::{Must, append, append_waiting, assert_rejected, expired};
use crate::block::Block;
use crate::id::Position;
use crate::store::{BlockStore, Placed, REPLACED_BLOCKS_MAX, Stored};
use crate::testing::blocks::{self, Blocks};

/// Blocks of one event each, of this many boots that take turns.
fn tiny(boots: u64, count: usize) -> Vec<Block> {
    let mut made: Vec<Blocks> = (1..=boots).map(Blocks::new).collect();
    let boots = made.len();
    (0..count).map(|i| made[i % boots].of(1)).collect()
}

fn merged(blocks: &[Block]) -> Block {
    match blocks::merged(blocks) {
        Some(block) => block,
        None => panic!("blocks that fit must be merged"),
    }
}

pub(super) fn many<S: BlockStore>(store: &S) {
    let parts = tiny(3, REPLACED_BLOCKS_MAX);
    let mut later = Blocks::new(9);
    append(store, &parts);
    append(store, &[later.of(2)]);
    let whole = merged(&parts);
    let end = Position(parts.len() as u64);

    assert_rejected(
        &store.replace(Position(0)..end.plus(2), &merged(&[&parts[..], &[later.of(2)]].concat())),
    );
    store.replace(Position(0)..end, &whole).must();

    let ends = store.ends().must();
    assert_eq!((ends.first, ends.next), (Position(0), end.plus(2)));
    assert_eq!((ends.blocks, ends.events), (2, end.0 + 2));
    let read = store.read(Position(0)).must();
    assert_eq!(read.as_ref().map(Block::bytes), Some(whole.bytes()));
    for part in [&parts[0], &parts[1], &parts[parts.len() - 1]] {
        assert_eq!(store.put(part).must(), Placed { base: None, duplicate: true });
    }
    assert_eq!(store.heads(Position(17), 9).must()[0].base, Position(0));
    assert_eq!(expired(store, &[0]), (end.0, 0));
    assert!(store.put(&parts[5]).must().duplicate, "names stay taken when it is gone");
}

pub(super) fn again<S: BlockStore>(store: &S) {
    let parts = tiny(2, 30);
    append(store, &parts);
    let (first, second) = (merged(&parts[..10]), merged(&parts[10..20]));
    store.replace(Position(10)..Position(20), &second).must();
    store.replace(Position(0)..Position(10), &first).must();

    store.replace(Position(0)..Position(20), &merged(&[first, second])).must();

    let heads = store.heads(Position(0), 100).must();
    let bases: Vec<u64> = heads.iter().map(|head| head.base.0).collect();
    assert_eq!(bases, [&[0], &(20..30).collect::<Vec<u64>>()[..]].concat());
    assert!(parts.iter().all(|part| store.put(part).must().duplicate));
    assert_eq!(store.ends().must().events, 30);
}

pub(super) fn in_order<S: BlockStore>(store: &S) {
    let mut made = Blocks::new(1);
    let all = [made.of(2), made.of(3), made.of(1), made.of(4)];
    append(store, &all[..2]);
    append_waiting(store, &all[2..]);
    let read = |from, to, limit| -> Vec<(u64, Block)> {
        let stored = store.blocks(Position(from)..Position(to), limit).must();
        stored
            .into_iter()
            .map(|it| (it.base.0, it.block.unwrap_or_else(|e| panic!("{e}"))))
            .collect()
    };

    let visited = |from, to, limit| -> Vec<u64> {
        let mut bases = Vec::new();
        let visit = &mut |stored: Stored| {
            bases.push(stored.base.0);
            if bases.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.visit_blocks(Position(from)..Position(to), visit).must();
        bases
    };

    assert_eq!((visited(0, 10, 9), visited(1, 6, 9)), (vec![0, 2, 5, 6], vec![2, 5]));
    assert_eq!((visited(0, 10, 2), visited(5, 5, 9)), (vec![0, 2], vec![]));
    let [one, two, three, four] = all;
    assert_eq!(read(0, 10, 9), [(0, one.clone()), (2, two.clone()), (5, three.clone()), (6, four)]);
    assert_eq!(read(1, 6, 9), [(2, two), (5, three)]);
    assert_eq!(read(0, 10, 1), [(0, one)]);
    assert_eq!((read(0, 10, 0), read(5, 5, 9), read(10, 99, 9)), (vec![], vec![], vec![]));
}

pub(super) fn in_excerpts<S: BlockStore>(store: &S) {
    let parts = tiny(3, 1500);
    append(store, &parts);
    let whole = merged(&parts);
    let small = store.outline(Position(0)).must().unwrap_or_else(|| panic!("it is there"));
    store.replace(Position(0)..Position(1500), &whole).must();

    let outline = store.outline(Position(0)).must();

    assert_eq!((outline.as_ref(), whole.frames() > 2), (Some(whole.outline()), true));
    for frames in [0..1, 1..whole.frames(), 0..whole.frames()] {
        let excerpt = store.excerpt(Position(0), whole.outline(), frames.clone()).must();
        let excerpt = excerpt.unwrap_or_else(|| panic!("the block has not moved"));
        for frame in frames {
            let read = excerpt.frame_to_keep(frame).unwrap_or_else(|e| panic!("{e}"));
            let expected = whole.frame(frame).unwrap_or_else(|e| panic!("{e}"));
            let last = read.len() - 1;
            assert_eq!(read.event(last, Position(0)), expected.event(last, Position(0)));
        }
    }
    assert!(store.excerpt(Position(0), &small, 0..1).must().is_none(), "it was merged");
    assert!(store.excerpt(Position(1), &small, 0..1).must().is_none());
    assert!(store.outline(Position(1)).must().is_none());
}
