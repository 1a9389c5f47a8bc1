//! Does a store keep its contract? Claims that any implementation can be held
//! against.
//!
//! ```
//! use tidings::store::memory::MemoryStore;
//! use tidings::testing::store_suite;
//!
//! store_suite::assert_block_store(|| MemoryStore::new().expect("random bytes"));
//! ```

mod merging;
mod sharing;
mod words;

use std::time::Duration;

use super::blocks::{Blocks, START};
use crate::block::Block;
use crate::id::{EventId, Position};
use crate::store::{Batch, BlockStore, KeyRow, Placed, Sink, StoreError};

type Claim<S> = (&'static str, fn(&S));

/// Holds fresh sinks against every claim of [`Sink`]'s contract.
///
/// # Panics
///
/// Naming the claim that is broken.
pub fn assert_sink<S: Sink>(fresh: impl Fn() -> S) {
    let claims: [Claim<S>; 4] = [
        ("the same bytes again are a duplicate", same_bytes_again),
        ("other bytes under the same name are a conflict", other_bytes),
        ("blocks of a boot may come in any order", any_order),
        ("a sink that works passes its probe and says what it is", works),
    ];
    hold(fresh, &claims);
}

/// Holds fresh, empty stores against every claim of the contracts of [`Sink`] and
/// [`BlockStore`].
///
/// # Panics
///
/// Naming the claim that is broken.
pub fn assert_block_store<S: BlockStore>(fresh: impl Fn() -> S) {
    assert_sink(&fresh);
    let claims: [Claim<S>; 33] = [
        ("an empty store begins and ends at 0", empty),
        ("positions are dense, over puts and appends", dense),
        ("a block is read back byte for byte", read_back),
        ("a batch is stored whole or not at all", all_or_nothing),
        ("an append repeated whole is settled, not stored twice", settled),
        ("a batch that is there in part is rejected", torn),
        ("heads begin with the block that holds the position", heads),
        ("expired blocks are gone, positions are not used again", expire),
        ("a late retry of an expired block brings nothing back", late_retry),
        ("a merged block takes the place of its parts, whose names stay taken", replace),
        ("what does not fit is not replaced", unfit),
        ("thousands of blocks of many boots are replaced at once", merging::many),
        ("a merged block is replaced by a larger one", merging::again),
        ("blocks are read in order, as many as are asked for", merging::in_order),
        ("of a block the frames are read that are asked for", merging::in_excerpts),
        ("blocks wait in the outbox until they are published, oldest first", outbox),
        ("a batch appended again leaves the outbox as it was", outbox_settled),
        ("blocks are taken whether they are there or not, each with its fate", sharing::take),
        ("one conflict and nothing of what is taken is stored", sharing::take_conflict),
        ("of what is taken only new blocks wait", sharing::take_waiting),
        ("keys that are taken do not replace newer ones", sharing::taken_keys),
        ("notes are recalled as they were written last", sharing::notes),
        ("a note that is too large takes nothing in", sharing::large_notes),
        ("what waits is read in order, up to a number of events", sharing::what_waits),
        ("what waits is read in parts of bounded size", sharing::waiting_in_parts),
        ("a history that is shared waits, others' blocks do not", sharing::share_all),
        ("keys are found within the window, exactly", keys),
        ("keys are forgotten by whole hours, and replaced by newer ones", forgotten_keys),
        ("a segment of words is kept and given back part by part", words::kept),
        ("a segment of words takes the place of those that it meets", words::replaced),
        ("words go with the last of the blocks that they are in", words::expired),
        ("words of nothing and in too many parts are rejected", words::unfit),
        ("a closed store refuses everything", closed),
    ];
    hold(fresh, &claims);
}

fn hold<S>(fresh: impl Fn() -> S, claims: &[Claim<S>]) {
    for (claim, check) in claims {
        let store = fresh();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&store)));
        assert!(checked.is_ok(), "the store breaks its contract: {claim}");
    }
}

/// The word for "this must work" in all claims.
trait Must<T> {
    fn must(self) -> T;
}

impl<T> Must<T> for Result<T, StoreError> {
    #[track_caller]
    fn must(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("must work, and failed: {error}"),
        }
    }
}

#[track_caller]
fn assert_rejected<T: std::fmt::Debug>(done: &Result<T, StoreError>) {
    assert!(matches!(done, Err(StoreError::Rejected { .. })), "{done:?} instead of Rejected");
}

#[track_caller]
fn append(store: &dyn BlockStore, blocks: &[Block]) -> Position {
    store.append(&Batch { blocks, keys: &[], outbox: false, notes: &[] }).must()
}

fn append_waiting(store: &dyn BlockStore, blocks: &[Block]) -> Position {
    store.append(&Batch { blocks, keys: &[], outbox: true, notes: &[] }).must()
}

fn same_bytes_again<S: Sink>(store: &S) {
    let block = Blocks::new(1).of(3);
    let first = store.put(&block).must();
    assert!(!first.duplicate, "a new block is no duplicate");
    let again = store.put(&block).must();
    assert_eq!(again, Placed { duplicate: true, ..first });
}

fn other_bytes<S: Sink>(store: &S) {
    store.put(&Blocks::new(1).of(3)).must();
    let done = store.put(&Blocks::new(1).of(4));
    assert!(matches!(done, Err(StoreError::Conflict { number: 1, .. })), "{done:?}");
}

fn any_order<S: Sink>(store: &S) {
    let mut blocks = Blocks::new(1);
    let (one, two, three) = (blocks.of(1), blocks.of(1), blocks.of(1));
    for block in [&three, &one, &two, &Blocks::new(2).of(1)] {
        assert!(!store.put(block).must().duplicate);
    }
    for block in [&one, &two, &three] {
        assert!(store.put(block).must().duplicate);
    }
}

fn works<S: Sink>(store: &S) {
    store.probe().must();
    assert!(!store.describe().is_empty());
}

fn empty<S: BlockStore>(store: &S) {
    let ends = store.ends().must();
    assert_eq!((ends.first, ends.next), (Position(0), Position(0)));
    assert_eq!((ends.events, ends.blocks), (0, 0));
    assert!(store.heads(Position(0), 10).must().is_empty());
    assert!(store.read(Position(0)).must().is_none());
    assert_eq!(append(store, &[]), Position(0));
    assert_eq!(store.gaps().must(), []);
}

fn dense<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    assert_eq!(store.put(&blocks.of(3)).must().base, Some(Position(0)));
    assert_eq!(append(store, &[blocks.of(2), blocks.of(5)]), Position(3));
    assert_eq!(store.put(&blocks.of(1)).must().base, Some(Position(10)));
    let ends = store.ends().must();
    assert_eq!((ends.first, ends.next), (Position(0), Position(11)));
    assert_eq!((ends.events, ends.blocks), (11, 4));
    assert!(ends.bytes > 0);
}

fn read_back<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let sent = [blocks.of(1), blocks.with_text(600, 300), blocks.of(2)];
    append(store, &sent);
    for (base, block) in [0, 1, 601].into_iter().zip(&sent) {
        let read = store.read(Position(base)).must();
        assert_eq!(read.as_ref().map(Block::bytes), Some(block.bytes()));
    }
    assert!(store.read(Position(2)).must().is_none(), "no block begins there");
    assert!(store.read(Position(u64::MAX)).must().is_none());
}

fn all_or_nothing<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let one = blocks.of(1);
    store.put(&one).must();
    let other = [blocks.of(1), Blocks::new(1).of(9)];
    let done = store.append(&Batch { blocks: &other, keys: &[], outbox: false, notes: &[] });
    assert!(matches!(done, Err(StoreError::Conflict { .. })), "{done:?}");
    assert_eq!(store.ends().must().events, 1);
    assert!(!store.put(&other[0]).must().duplicate, "it must not be there");
}

fn settled<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    append(store, &[blocks.of(7)]);
    let batch = [blocks.of(2), blocks.of(3)];
    assert_eq!(append(store, &batch), Position(7));
    assert_eq!(append(store, &batch), Position(7));
    assert_eq!(store.ends().must().events, 12);
}

fn torn<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let (one, two) = (blocks.of(1), blocks.of(1));
    store.put(&one).must();
    let batch = [one, two.clone()];
    assert_rejected(&store.append(&Batch { blocks: &batch, keys: &[], outbox: false, notes: &[] }));
    let twice = [two.clone(), two];
    assert_rejected(&store.append(&Batch { blocks: &twice, keys: &[], outbox: false, notes: &[] }));
    assert_eq!(store.ends().must().events, 1);
}

fn heads<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let sent: Vec<Block> = (1..=5).map(|events| blocks.of(events)).collect();
    append(store, &sent); // at 0, 1, 3, 6, 10
    let bases = |from, limit| -> Vec<u64> {
        store.heads(Position(from), limit).must().iter().map(|head| head.base.0).collect()
    };
    assert_eq!(bases(0, 10), [0, 1, 3, 6, 10]);
    assert_eq!(bases(2, 10), [1, 3, 6, 10], "position 2 is in the block at 1");
    assert_eq!(bases(3, 2), [3, 6]);
    assert_eq!(bases(14, 10), [10]);
    assert_eq!((bases(15, 10), bases(u64::MAX, 10), bases(0, 0)), (vec![], vec![], vec![]));
    for (head, block) in store.heads(Position(0), 10).must().iter().zip(&sent) {
        assert_eq!(head.count, u64::from(block.header().count));
        assert_eq!(head.bytes, block.bytes().len() as u64);
        assert_eq!(head.header.as_ref().ok(), Some(block.header()));
    }
}

fn expire<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    append(store, &[blocks.of(1), blocks.of(2), blocks.of(3)]);
    assert_eq!(expired(store, &[0, 1, 77]), (3, 0));
    assert!(store.read(Position(1)).must().is_none());
    assert_eq!(store.ends().must().first, Position(3));
    assert_eq!(expired(store, &[0, 3]), (3, 0));
    let ends = store.ends().must();
    assert_eq!((ends.first, ends.next), (Position(6), Position(6)));
    assert_eq!((ends.events, ends.blocks), (0, 0));
    assert_eq!(append(store, &[blocks.of(1)]), Position(6));
    assert_eq!(store.gaps().must(), [], "what expired is not missing");
}

fn expired<S: BlockStore>(store: &S, bases: &[u64]) -> (u64, u64) {
    let bases: Vec<Position> = bases.iter().copied().map(Position).collect();
    let expired = store.expire(&bases).must();
    (expired.events, expired.waiting)
}

fn late_retry<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let (one, two, three) = (blocks.of(1), blocks.of(1), blocks.of(1));
    append(store, &[one.clone(), three]);
    store.expire(&[Position(0)]).must();
    assert_eq!(store.put(&one).must(), Placed { base: None, duplicate: true });
    assert!(!store.put(&two).must().duplicate, "number 2 was never stored");
}

fn replace<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let parts = [blocks.of(2), blocks.of(3)];
    append(store, &parts);
    append(store, &[blocks.of(1)]);
    let merged = Blocks::new(9).of(5);
    store.replace(Position(0)..Position(5), &merged).must();
    let read = store.read(Position(0)).must();
    assert_eq!(read.as_ref().map(Block::bytes), Some(merged.bytes()));
    assert!(store.read(Position(2)).must().is_none());
    let ends = store.ends().must();
    assert_eq!((ends.first, ends.next, ends.events), (Position(0), Position(6), 6));
    assert_eq!(ends.blocks, 2);
    assert!(store.put(&parts[1]).must().duplicate);
    assert_eq!(expired(store, &[0]), (5, 0));
}

fn unfit<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    append(store, &[blocks.of(2), blocks.of(3), blocks.of(1)]);
    append_waiting(store, &[blocks.of(2)]);
    let replace =
        |from, to, events| store.replace(Position(from)..Position(to), &Blocks::new(9).of(events));
    assert_rejected(&replace(0, 4, 4)); // half a block
    assert_rejected(&replace(0, 5, 4)); // too few events
    assert_rejected(&replace(1, 5, 4)); // begins within a block
    assert_rejected(&replace(5, 8, 3)); // waits to be published
    store.expire(&[Position(2)]).must();
    assert_rejected(&replace(0, 6, 6)); // a hole
    assert_eq!(store.ends().must().events, 5);
}

/// The bases that wait, from a position on.
fn waiting<S: BlockStore>(store: &S, from: u64, limit: usize) -> Vec<u64> {
    store.outbox(Position(from), limit).must().into_iter().map(|base| base.0).collect()
}

fn outbox<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let sent = [blocks.of(2), blocks.of(3), blocks.of(1)];
    append_waiting(store, &sent); // at 0, 2, 5
    append(store, &[blocks.of(4)]);
    append_waiting(store, &[blocks.of(5), blocks.of(1)]); // at 10, 15
    store.put(&blocks.of(1)).must();
    assert_eq!(waiting(store, 0, 10), [0, 2, 5, 10, 15]);
    assert_eq!((waiting(store, 1, 2), waiting(store, 0, 0)), (vec![2, 5], vec![]));
    assert_eq!((waiting(store, 16, 10), waiting(store, u64::MAX, 10)), (vec![], vec![]));
    let read = store.read(Position(2)).must();
    assert_eq!(read.as_ref().map(Block::bytes), Some(sent[1].bytes()));
    store.published(&[Position(2), Position(6), Position(77), Position(10)], &[]).must();
    store.published(&[Position(2)], &[]).must();
    store.published(&[], &[]).must();
    assert_eq!(waiting(store, 0, 10), [0, 5, 15]);
    assert!(store.read(Position(2)).must().is_some(), "published blocks are kept");
    assert_eq!(expired(store, &[0, 2, 15]), (6, 3), "what waits goes with the rest");
    assert_eq!(waiting(store, 0, 10), [5]);
    store.published(&[Position(5)], &[]).must();
    assert_eq!(waiting(store, 0, 10), [0; 0]);
    assert_eq!(store.ends().must().events, 11);
}

fn outbox_settled<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let (first, second) = ([blocks.of(2), blocks.of(3)], [blocks.of(1)]);
    append_waiting(store, &first);
    append(store, &second);
    store.published(&[Position(0)], &[]).must();
    assert_eq!(append_waiting(store, &first), Position(0));
    assert_eq!(append_waiting(store, &second), Position(5));
    assert!(store.put(&first[1]).must().duplicate);
    assert_eq!(waiting(store, 0, 10), [2]);
    let torn = [blocks.of(1), second[0].clone()];
    assert_rejected(&store.append(&Batch { blocks: &torn, keys: &[], outbox: true, notes: &[] }));
    assert_eq!(waiting(store, 0, 10), [2], "nothing of a batch that fails waits");
}

fn key(name: &str, after: Duration, event: u64) -> KeyRow {
    let boot = crate::id::Boot::from_bytes([1; 8]);
    KeyRow {
        name: name.as_bytes().into(),
        body: [event.to_le_bytes()[0]; 16],
        id: EventId::new(START, boot, event),
        received: START.after(after),
    }
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn keys<S: BlockStore>(store: &S) {
    let (a, b) = (key("a", MINUTE, 1), key("b", 61 * MINUTE, 2));
    let blocks = [Blocks::new(1).of(2)];
    store
        .append(&Batch {
            blocks: &blocks,
            keys: &[a.clone(), b.clone()],
            outbox: false,
            notes: &[],
        })
        .must();
    let find = |name: &str, after, window| {
        store.find_key(name.as_bytes(), START.after(after), window).must()
    };
    assert_eq!(find("a", 2 * MINUTE, HOUR), Some(a.clone()));
    assert_eq!(find("a", 60 * MINUTE, HOUR), Some(a));
    assert_eq!(find("a", 61 * MINUTE, HOUR), None, "it is an hour old");
    assert_eq!(find("b", 62 * MINUTE, HOUR), Some(b.clone()));
    assert_eq!(find("b", MINUTE, HOUR), Some(b), "the clock stepped back");
    assert_eq!(find("c", MINUTE, HOUR), None);
}

fn forgotten_keys<S: BlockStore>(store: &S) {
    let mut blocks = Blocks::new(1);
    let rows = [key("old", MINUTE, 1), key("new", 61 * MINUTE, 2), key("old", 62 * MINUTE, 3)];
    for row in &rows {
        let block = [blocks.of(1)];
        let keys = std::slice::from_ref(row);
        store.append(&Batch { blocks: &block, keys, outbox: false, notes: &[] }).must();
    }
    let find =
        |name: &str| store.find_key(name.as_bytes(), START.after(70 * MINUTE), 24 * HOUR).must();
    assert_eq!(find("old"), Some(rows[2].clone()), "the newest counts");
    store.forget_keys(START.after(90 * MINUTE)).must();
    assert_eq!(find("new"), Some(rows[1].clone()), "the hour of `before` stays");
    store.forget_keys(START.after(120 * MINUTE)).must();
    assert_eq!((find("new"), find("old")), (None, None));
}

fn closed<S: BlockStore>(store: &S) {
    let block = Blocks::new(1).of(1);
    store.put(&block).must();
    store.close().must();
    let closed = |done: Option<StoreError>| matches!(done, Some(StoreError::Closed { .. }));
    assert!(closed(store.put(&block).err()));
    assert!(closed(store.probe().err()));
    assert!(closed(store.heads(Position(0), 1).err()));
    assert!(closed(store.read(Position(0)).err()));
    assert!(closed(store.ends().err()));
    assert!(closed(store.expire(&[Position(0)]).err()));
    assert!(closed(store.outbox(Position(0), 1).err()));
    assert!(closed(store.published(&[Position(0)], &[]).err()));
    assert!(closed(store.find_key(b"a", START, HOUR).err()));
    assert!(closed(store.take(&Batch::default()).err()));
    assert!(closed(store.recall("a").err()));
    assert!(closed(store.waiting(Position(0), 1).err()));
    assert!(closed(store.backlog().err()));
    assert!(closed(store.share_all().err()));
    store.close().must();
}
