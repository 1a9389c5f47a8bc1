//! Does a store keep the index of words as it was told?

use std::ops::Range;

use super::{Blocks, Must, append, assert_rejected};
use crate::id::Position;
use crate::store::{BlockStore, StoreError, WORD_PARTS_MAX, WordRows};

fn range(range: Range<u64>) -> Range<Position> {
    Position(range.start)..Position(range.end)
}

fn keep(store: &dyn BlockStore, positions: Range<u64>, head: &[u8], parts: &[&[u8]]) {
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
    store.keep_words(&WordRows { range: range(positions), head, parts: &parts }).must();
}

#[track_caller]
fn assert_heads(store: &dyn BlockStore, wanted: &[&[u8]]) {
    assert_eq!(store.words().must(), wanted);
}

pub(super) fn kept<S: BlockStore>(store: &S) {
    assert_heads(store, &[]);
    assert_eq!(store.word_part(Position(0), 0).must(), None);
    store.drop_words(range(0..9)).must();

    keep(store, 9..20, b"second", &[b"2"]);
    keep(store, 0..9, b"first", &[b"0", b"1"]);

    assert_heads(store, &[b"first", b"second"]);
    let part = |first, number| store.word_part(Position(first), number).must();
    assert_eq!([part(0, 1), part(9, 0)], [Some(b"1".to_vec()), Some(b"2".to_vec())]);
    assert_eq!([part(0, 2), part(5, 0), part(0, WORD_PARTS_MAX)], [None, None, None]);
    assert!(store.ends().must().bytes > 0);
}

pub(super) fn replaced<S: BlockStore>(store: &S) {
    for (first, head) in [(0, b"a"), (10, b"b"), (20, b"c"), (30, b"d")] {
        keep(store, first..first + 10, head, &[b"x", b"y"]);
    }

    keep(store, 15..25, b"e", &[b"z"]);
    assert_heads(store, &[b"a", b"e", b"d"]);
    let part = |first, number| store.word_part(Position(first), number).must();
    assert_eq!([part(15, 0), part(15, 1)], [Some(b"z".to_vec()), None]);
    assert_eq!([part(10, 0), part(20, 1), part(30, 1)], [None, None, Some(b"y".to_vec())]);

    store.drop_words(range(9..16)).must();
    assert_heads(store, &[b"d"]);
}

pub(super) fn expired<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    append(store, &[blocks.of(10), blocks.of(10), blocks.of(10)]);
    keep(store, 0..10, b"a", &[b"x"]);
    keep(store, 10..30, b"b", &[b"y"]);

    store.expire(&[Position(0), Position(10)]).must();

    assert_heads(store, &[b"b"]);
    assert_eq!(store.word_part(Position(0), 0).must(), None);
    assert_eq!(store.word_part(Position(10), 0).must(), Some(b"y".to_vec()));
}

pub(super) fn unfit<S: BlockStore>(store: &S) {
    let kept = |range, parts: &[Vec<u8>]| store.keep_words(&WordRows { range, head: b"h", parts });

    assert_rejected(&kept(range(5..5), &[]));
    assert_rejected(&kept(range(0..5), &vec![Vec::new(); WORD_PARTS_MAX + 1]));
    kept(range(0..5), &vec![Vec::new(); WORD_PARTS_MAX]).must();
    store.close().must();
    assert!(matches!(store.words(), Err(StoreError::Closed { .. })));
    assert!(matches!(kept(range(0..5), &[]), Err(StoreError::Closed { .. })));
}
