//! Does a store keep what sharing a log needs of it: blocks of others, notes, and
//! what waits?

use super::super::blocks::{Blocks, START};
use super::{HOUR, MINUTE, Must, append, append_waiting, assert_rejected, key, waiting};
use crate::block::Block;
use crate::id::{Boot, Position};
use crate::store::{
    Batch, BlockStore, NOTE_BYTES_MAX, NOTE_NAME_BYTES_MAX, Note, Placed, StoreError,
    WAITING_BYTES_MAX, WaitingTotals,
};

fn new_at(base: u64) -> Placed {
    Placed { base: Some(Position(base)), duplicate: false }
}

fn there_at(base: u64) -> Placed {
    Placed { base: Some(Position(base)), duplicate: true }
}

const GONE: Placed = Placed { base: None, duplicate: true };

fn taken(store: &dyn BlockStore, blocks: &[Block]) -> Vec<Placed> {
    store.take(&Batch { blocks, ..Batch::default() }).must()
}

pub(super) fn take<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let (one, two, three) = (blocks.of(2), blocks.of(3), blocks.of(1));
    let other = Blocks::new(2).of(4);
    append(store, &[one.clone(), three.clone()]);
    store.expire(&[Position(0)]).must();

    let batch = [one, two.clone(), three, other.clone(), other.clone()];
    assert_eq!(taken(store, &batch), [GONE, new_at(3), there_at(2), new_at(6), there_at(6)]);
    let again = [two.clone(), other];
    assert_eq!(taken(store, &again), [there_at(3), there_at(6)]);
    assert_eq!(taken(store, &[]), []);
    let read = store.read(Position(3)).must();
    assert_eq!(read.as_ref().map(Block::bytes), Some(two.bytes()));
    let ends = store.ends().must();
    assert_eq!((ends.next, ends.events, ends.blocks), (Position(10), 8, 3));
}

pub(super) fn take_conflict<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    append(store, &[blocks.of(2)]);
    let row = key("a", MINUTE, 1);
    let (fresh, twin) = (Blocks::new(2).of(1), Blocks::new(2).of(2));
    for batch in [[fresh.clone(), Blocks::new(1).of(5)], [fresh, twin]] {
        let done = store.take(&Batch {
            blocks: &batch,
            keys: std::slice::from_ref(&row),
            outbox: true,
            notes: &[Note { name: "n", value: b"v" }],
        });
        assert!(matches!(done, Err(StoreError::Conflict { .. })), "{done:?}");
    }
    assert_eq!(store.ends().must().events, 2);
    assert_eq!(store.find_key(b"a", START.after(MINUTE), HOUR).must(), None);
    assert_eq!((store.recall("n").must(), waiting(store, 0, 9)), (None, vec![]));
}

pub(super) fn take_waiting<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let (one, two) = (blocks.of(2), blocks.of(3));
    append(store, std::slice::from_ref(&one));
    let batch = [one, two];
    store.take(&Batch { blocks: &batch, outbox: true, ..Batch::default() }).must();
    assert_eq!(waiting(store, 0, 9), [2], "only what is new begins to wait");
    store.published(&[Position(2)], &[]).must();
    store.take(&Batch { blocks: &batch, outbox: true, ..Batch::default() }).must();
    assert_eq!(waiting(store, 0, 9), [0; 0]);
}

pub(super) fn taken_keys<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let mut took = |row| {
        let (blocks, keys) = ([blocks.of(1)], [row]);
        store.take(&Batch { blocks: &blocks, keys: &keys, ..Batch::default() }).must();
        store.find_key(b"a", START.after(HOUR), 24 * HOUR).must()
    };
    let (first, same_hour) = (key("a", 61 * MINUTE, 1), key("a", 62 * MINUTE, 2));
    let (earlier, later) = (key("a", MINUTE, 3), key("a", 121 * MINUTE, 4));
    assert_eq!(took(first.clone()), Some(first.clone()));
    assert_eq!(took(same_hour), Some(first.clone()), "what is there stays");
    assert_eq!(took(earlier), Some(first));
    assert_eq!(took(later.clone()), Some(later), "the later hour counts");
}

pub(super) fn notes<S: BlockStore>(store: &S) {
    let recall = |name: &str| store.recall(name).must();
    assert_eq!((recall("a"), recall("")), (None, None));
    let (blocks, value) = ([Blocks::new(1).of(2)], [0, 255, 7]);
    let write = |notes: &[Note<'_>]| {
        store.take(&Batch { blocks: &blocks, notes, ..Batch::default() }).must();
    };
    write(&[Note { name: "a", value: &value }, Note { name: "b", value: b"" }]);
    assert_eq!((recall("a"), recall("b")), (Some(value.to_vec()), Some(Vec::new())));
    write(&[Note { name: "a", value: b"later" }]);
    assert_eq!(recall("a").as_deref(), Some(&b"later"[..]), "though all blocks were there");
    let notes = [Note { name: "a", value: b"appended" }];
    store.append(&Batch { blocks: &blocks, notes: &notes, ..Batch::default() }).must();
    assert_eq!(recall("a").as_deref(), Some(&b"appended"[..]));
    store.published(&[], &[Note { name: "a", value: b"published" }]).must();
    store.take(&Batch { notes: &[Note { name: "c", value: b"3" }], ..Batch::default() }).must();
    assert_eq!(recall("a").as_deref(), Some(&b"published"[..]));
    assert_eq!((recall("b"), recall("c")), (Some(Vec::new()), Some(b"3".to_vec())));
    assert_eq!(store.ends().must().events, 2);
}

pub(super) fn large_notes<S: BlockStore>(store: &S) {
    append_waiting(store, &[Blocks::new(1).of(2)]);
    let (fits, too_large) = (vec![7; NOTE_BYTES_MAX], vec![7; NOTE_BYTES_MAX + 1]);
    let (name, long) = ("n".repeat(NOTE_NAME_BYTES_MAX), "n".repeat(NOTE_NAME_BYTES_MAX + 1));
    let block = [Blocks::new(2).of(1)];
    let refused = [
        Note { name: "a", value: &too_large },
        Note { name: &long, value: b"" },
        Note { name: "", value: b"" },
        Note { name: "é", value: b"" },
    ];
    for note in refused {
        let notes = [Note { name: "good", value: b"" }, note];
        let batch = Batch { blocks: &block, notes: &notes, ..Batch::default() };
        assert_rejected(&store.take(&batch));
        assert_rejected(&store.append(&batch));
        assert_rejected(&store.published(&[Position(0)], &notes));
    }
    assert_eq!((store.ends().must().events, waiting(store, 0, 9)), (2, vec![0]));
    assert_eq!(store.recall("good").must(), None);
    store.published(&[], &[Note { name: &name, value: &fits }]).must();
    assert_eq!(store.recall(&name).must(), Some(fits));
}

/// The bases and counts that wait.
fn told<S: BlockStore>(store: &S, from: u64, events_max: u64) -> Vec<(u64, u64)> {
    let waiting = store.waiting(Position(from), events_max).must();
    waiting.iter().map(|it| (it.base.0, it.count)).collect()
}

pub(super) fn what_waits<S: BlockStore>(store: &S) {
    assert_eq!((told(store, 0, 100), store.backlog().must()), (vec![], WaitingTotals::default()));
    let mut blocks = Blocks::new(1);
    let sent = [blocks.of(2), blocks.of(3), blocks.of(1)];
    append_waiting(store, &sent); // at 0, 2, 5
    append(store, &[blocks.of(4)]);
    append_waiting(store, &[blocks.of(5)]); // at 10
    assert_eq!(told(store, 0, 100), [(0, 2), (2, 3), (5, 1), (10, 5)]);
    for (waiting, sent) in store.waiting(Position(0), 6).must().iter().zip(&sent) {
        assert_eq!(waiting.block.as_ref().ok(), Some(sent));
    }
    assert_eq!(told(store, 0, 2), [(0, 2)]);
    assert_eq!(told(store, 0, 3), [(0, 2), (2, 3)], "with the block that reaches it");
    assert_eq!(told(store, 3, 100), [(5, 1), (10, 5)]);
    assert_eq!((told(store, 0, 0), told(store, u64::MAX, 9)), (vec![], vec![]));
    assert_eq!(store.backlog().must(), WaitingTotals { blocks: 4, events: 11 });
    store.published(&[Position(2)], &[]).must();
    store.expire(&[Position(0)]).must();
    assert_eq!(told(store, 0, 100), [(5, 1), (10, 5)]);
    assert_eq!(store.backlog().must(), WaitingTotals { blocks: 2, events: 6 });
}

pub(super) fn waiting_in_parts<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let sent: Vec<Block> = (0..40).map(|_| blocks.with_text(16, 60_000)).collect();
    append_waiting(store, &sent);
    let (mut from, mut reads, mut read) = (Position(0), 0, 0);
    loop {
        let part = store.waiting(from, u64::MAX).must();
        let Some(last) = part.last() else { break };
        from = last.base.plus(last.count);
        let bytes = |it: &crate::store::Waiting| it.block.as_ref().map_or(0, |b| b.bytes().len());
        let before_last: usize = part.iter().rev().skip(1).map(bytes).sum();
        assert!((before_last as u64) < WAITING_BYTES_MAX, "{before_last} bytes at once");
        (reads, read) = (reads + 1, read + part.len());
    }
    assert!(reads > 1, "{reads} reads never met the limit");
    assert_eq!(read, sent.len());
}

pub(super) fn share_all<S: BlockStore>(store: &S) {
    let own = |boot| Blocks::of_boot(store.origin(), Boot::from_bytes([boot; 8]));
    let (mut first, mut second, mut others) = (own(1), own(2), Blocks::new(1));
    append(store, &[first.of(2), others.of(10), second.of(3)]); // at 0, 2, 12
    append_waiting(store, &[second.of(4), others.of(1)]); // at 15, 19
    append(store, &[first.of(5)]); // at 20
    store.expire(&[Position(0)]).must();
    assert_eq!(store.share_all().must(), 8);
    assert_eq!(told(store, 0, 100), [(12, 3), (15, 4), (19, 1), (20, 5)]);
    assert_eq!(store.share_all().must(), 0);
    store.published(&[Position(12), Position(15), Position(19)], &[]).must();
    assert_eq!(store.share_all().must(), 7, "also what was published to others before");
    assert_eq!(told(store, 0, 100), [(12, 3), (15, 4), (20, 5)]);
}
