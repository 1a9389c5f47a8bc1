use super::*;
use crate::store::memory::MemoryStore;
use crate::sync::{Arc, spawn};
use crate::testing::Blocks;

fn faulty() -> FaultyStore<MemoryStore> {
    FaultyStore::new(MemoryStore::new().unwrap())
}

#[test]
fn the_nth_write_fails_and_the_others_do_not() {
    let (store, mut blocks) = (faulty(), Blocks::new(1));
    store.fail_at(2, Fault::NotStored);

    assert!(store.put(&blocks.of(1)).is_ok());
    assert_eq!(store.put(&blocks.of(1)).unwrap_err().outcome(), Outcome::NotStored);
    assert!(store.put(&blocks.of(1)).is_ok());
    assert_eq!(store.ends().unwrap().blocks, 2);
}

#[test]
fn the_nth_read_fails_and_the_others_do_not() {
    let (store, block) = (faulty(), Blocks::new(1).of(1));
    store.put(&block).unwrap();
    store.fail_read_at(2);

    assert!(store.ends().is_ok());
    assert!(store.read(Position(0)).is_err());
    assert_eq!(store.heads(Position(0), 9).unwrap().len(), 1);
}

#[test]
fn an_unknown_outcome_latches_until_probed_and_is_settled_by_the_same_bytes() {
    for (fault, done) in [(Fault::UnknownButDone, true), (Fault::UnknownNotDone, false)] {
        let (store, block) = (faulty(), Blocks::new(1).of(3));
        store.fail_at(1, fault);
        assert_eq!(store.put(&block).unwrap_err().outcome(), Outcome::Unknown);
        assert!(matches!(store.put(&block), Err(StoreError::Latched { .. })));

        store.probe().unwrap();

        assert_eq!(store.put(&block).unwrap().duplicate, done);
        assert_eq!(store.ends().unwrap().events, 3);
    }
}

#[test]
fn a_failed_publishing_leaves_what_was_not_done_waiting() {
    for (fault, left) in [(Fault::NotStored, 1), (Fault::UnknownButDone, 0)] {
        let (store, blocks) = (faulty(), [Blocks::new(1).of(2)]);
        store.append(&Batch { blocks: &blocks, keys: &[], outbox: true, notes: &[] }).unwrap();
        store.fail_at(1, fault);

        assert!(store.published(&[Position(0)], &[]).is_err());
        store.probe().unwrap();

        assert_eq!(store.outbox(Position(0), 9).unwrap().len(), left, "{fault:?}");
    }
}

#[test]
fn what_is_taken_with_an_unknown_outcome_is_settled_by_taking_it_again() {
    for (fault, done) in [(Fault::UnknownButDone, true), (Fault::UnknownNotDone, false)] {
        let (store, blocks) = (faulty(), [Blocks::new(1).of(2)]);
        let notes = [Note { name: "applied", value: b"7" }];
        let batch = Batch { blocks: &blocks, notes: &notes, ..Batch::default() };
        store.fail_at(1, fault);

        assert_eq!(store.take(&batch).unwrap_err().outcome(), Outcome::Unknown);
        assert_eq!(store.recall("applied").unwrap().is_some(), done, "{fault:?}");
        store.probe().unwrap();

        assert_eq!(store.take(&batch).unwrap()[0].duplicate, done, "{fault:?}");
        assert_eq!(store.recall("applied").unwrap().unwrap(), b"7");
        assert_eq!(store.ends().unwrap().events, 2);
    }
}

#[test]
fn a_hanging_write_goes_on_when_released() {
    let store = Arc::new(faulty());
    store.fail_at(1, Fault::Hang);
    let (other, block) = (Arc::clone(&store), Blocks::new(1).of(1));
    let writer = spawn("writer", move || assert!(other.put(&block).is_ok())).unwrap();

    store.wait_until_hanging(1);
    assert_eq!(store.ends().unwrap().blocks, 0);
    store.release();

    writer.join().unwrap();
    assert_eq!(store.ends().unwrap().blocks, 1);
}

#[test]
fn a_full_disk_lets_expiring_and_publishing_through_until_there_is_room() {
    let (store, mut blocks) = (faulty(), Blocks::new(1));
    store.put(&blocks.of(5)).unwrap();
    store.fail_at(1, Fault::DiskFull);
    let block = blocks.of(1);

    assert!(matches!(store.put(&block), Err(StoreError::DiskFull { .. })));
    assert!(matches!(store.probe(), Err(StoreError::DiskFull { .. })));
    store.published(&[Position(0)], &[]).unwrap();
    assert_eq!(store.expire(&[Position(0)]).unwrap().events, 5);
    store.release();
    assert!(store.probe().is_ok() && store.put(&block).is_ok());
}
