//! Does the store hold what was promised, no more and no less, and does it say
//! what is missing?

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use tidings::store::BlockStore;
use tidings::{
    Boot, CLOSED_TYPE, COVERAGE_GAPS_MAX, Clock, Coverage, Event, EventId, Fate, LOSS_TYPE, Log,
    LossReason, Origin, Position, Refusal, StoredEvent,
};

use super::model::Promise;
use super::world::log_options;
use super::{Books, World};

/// What stands in a store of one boot.
#[derive(Debug, Default)]
struct Found {
    /// In order of position.
    events: Vec<StoredEvent>,
    /// Its last block is there.
    ended: bool,
}

pub(super) fn check(world: &World, clock: &Clock) {
    let mut found = everything_in(&*world.store);
    let log = Log::over(Arc::clone(&world.store) as _, log_options(clock)).unwrap();
    let coverage = log.coverage();
    for books in &world.over {
        let found = found.remove(&(books.origin, books.boot)).unwrap_or_default();
        check_boot(books, &found);
        check_coverage(books, &found, &coverage);
    }
    assert!(found.is_empty(), "boots that nobody started: {:?}", found.keys());
}

fn everything_in(store: &impl BlockStore) -> HashMap<(Origin, Boot), Found> {
    let mut found: HashMap<(Origin, Boot), Found> = HashMap::new();
    let mut next = Position(0);
    for head in store.heads(Position(0), usize::MAX).unwrap() {
        assert_eq!(head.base, next, "positions are dense");
        next = head.base.plus(head.count);
        let block = store.read(head.base).unwrap().unwrap();
        let run = &block.header().runs[0];
        let boot = found.entry((run.origin, run.boot)).or_default();
        let events = block.events(head.base).unwrap();
        // A queue that never heard what became of its last block tells that in
        // another one.
        let unheard = |stored: &StoredEvent| counts(&stored.event, "lost").contains_key("unknown");
        let may_follow = !boot.ended || events.iter().all(unheard);
        assert!(may_follow, "after the last block of a boot: {events:?}");
        boot.ended = block.header().last_of_boot;
        boot.events.extend(events);
    }
    found
}

fn check_boot(books: &Books, found: &Found) {
    let seqs: Vec<u64> = found.events.iter().map(|stored| stored.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "in order and nothing twice: {seqs:?}");
    let by_id: HashMap<EventId, &StoredEvent> =
        found.events.iter().map(|stored| (stored.id, stored)).collect();
    let unanswered: HashSet<&str> = books.unanswered.iter().map(Event::message).collect();
    for stored in found.events.iter().filter(|stored| !stored.event.is_reserved()) {
        let text = stored.event.message();
        match books.taken.get(&stored.id) {
            Some((offered, _)) => assert_same(offered, &stored.event),
            None => assert!(unanswered.contains(text), "nobody offered {text:?}"),
        }
    }
    let absent: HashSet<&str> = books.absent.iter().map(Event::message).collect();
    let risen = found.events.iter().find(|stored| absent.contains(stored.event.message()));
    assert!(risen.is_none(), "it was refused: {risen:?}");
    for (id, (event, promise)) in &books.taken {
        let is_there = by_id.contains_key(id);
        assert!(*promise != Promise::There || is_there, "acknowledged and gone: {event:?}");
    }
    check_receipts(books, &by_id);
    check_counts(books, found);
    check_records(found);
}

#[track_caller]
fn assert_same(offered: &Event, stored: &Event) {
    let parts = |event: &Event| {
        let texts = [event.event_type(), event.message()].map(str::to_owned);
        (texts, event.key().map(str::to_owned), event.severity(), event.fields().clone())
    };
    assert_eq!(parts(offered), parts(stored));
}

fn check_receipts(books: &Books, by_id: &HashMap<EventId, &StoredEvent>) {
    for (event, receipt) in &books.receipts {
        let stored = receipt.id().and_then(|id| by_id.get(&id));
        match receipt.fate() {
            Some(Fate::Stored { position }) => {
                let stored = stored.unwrap_or_else(|| panic!("said to be stored: {event:?}"));
                assert!(position.is_none_or(|position| position == stored.position));
            }
            Some(Fate::Lost(_) | Fate::Refused(_)) => {
                // A crash takes the word of the dead, not of the living.
                assert!(stored.is_none() || !books.closed, "said to be lost: {event:?}");
            }
            Some(_) => {}
            None => panic!("nobody said what became of {event:?}"),
        }
    }
}

fn check_counts(books: &Books, found: &Found) {
    let (tally, count) = (&books.tally, found.events.len() as u64);
    let most = tally.stored + tally.pending + tally.lost(LossReason::Unknown);
    assert!((tally.stored..=most).contains(&count), "{count} found: {tally}");
    let own = found.events.iter().filter(|stored| stored.event.is_reserved()).count();
    assert!(own as u64 <= tally.own, "{own} own events found: {tally}");
}

fn number(event: &Event, name: &str) -> u64 {
    event.fields().get(name).and_then(Value::as_u64).unwrap()
}

fn counts(event: &Event, name: &str) -> BTreeMap<String, u64> {
    let counts = event.fields().get(name).cloned();
    serde_json::from_value(counts.unwrap_or_default()).unwrap_or_default()
}

/// Records tile the sequence, balance, and tell as many as there are holes.
fn check_records(found: &Found) {
    let mut told_through = 0;
    let own = found.events.iter().filter(|stored| stored.event.is_reserved());
    for record in own {
        let (event, through) = (&record.event, number(&record.event, "through"));
        assert!([LOSS_TYPE, CLOSED_TYPE].contains(&event.event_type()));
        let (refused, lost) = (counts(event, "refused"), counts(event, "lost"));
        let unknown = lost.get("unknown").copied().unwrap_or_default();
        let since = number(event, "since");
        // A record that nobody knew to be stored is told over again.
        let again = unknown > 0 && since <= told_through;
        assert!(since == told_through + 1 || again, "records tile: {told_through}, {event:?}");
        told_through = through;
        let (stored, pending) = (number(event, "stored"), number(event, "pending"));
        let missing = refused.values().sum::<u64>() + lost.values().sum::<u64>();
        assert_eq!(through, stored + pending + missing, "{event:?}");
        assert_eq!(record.seq, through, "a record counts itself");
        let there = found.events.iter().filter(|stored| stored.seq <= through).count() as u64;
        let settled = found.ended && Some(record.seq) == found.events.last().map(|last| last.seq);
        let open = if settled { 1 } else { pending };
        assert!((stored..=stored + open + unknown).contains(&there), "{there} found: {event:?}");
        assert!(!settled || pending == 1, "the last record: {event:?}");
    }
}

/// Whether the last loss record of boots that are at rest tells all their losses.
pub(super) fn check_told<'a>(store: &impl BlockStore, boots: impl Iterator<Item = &'a Books>) {
    let found = everything_in(store);
    for books in boots {
        let missing: u64 = to_tell(books);
        let events = found.get(&(books.origin, books.boot)).map(|found| &found.events[..]);
        let mut records = events.unwrap_or_default().iter().rev();
        let newest = records.find(|stored| stored.event.event_type() == LOSS_TYPE);
        let told = newest.map_or(0, |record| {
            let [refused, lost] = ["refused", "lost"].map(|name| counts(&record.event, name));
            let theirs =
                |name: &str| Refusal::ALL.iter().any(|r| r.name() == name && r.is_the_senders());
            let refused = refused.iter().filter(|(name, _)| !theirs(name)).map(|(_, count)| count);
            refused.sum::<u64>() + lost.values().sum::<u64>()
        });
        assert_eq!(told, missing, "told by {newest:?}: {}", books.tally);
    }
}

fn to_tell(books: &Books) -> u64 {
    let told = Refusal::ALL.into_iter().filter(|r| r.is_the_senders() || *r == Refusal::Closed);
    books.tally.missing() - told.map(|reason| books.tally.refused(reason)).sum::<u64>()
}

/// Whether the log says what is missing of this boot, or that it does not know.
fn check_coverage(books: &Books, found: &Found, coverage: &Coverage) {
    if coverage.gaps.len() == COVERAGE_GAPS_MAX {
        return;
    }
    let gaps = coverage.gaps.iter().filter(|gap| gap.boot == Some(books.boot));
    let said: BTreeMap<String, Option<u64>> =
        gaps.map(|gap| (gap.reason.to_owned(), gap.events)).collect();
    let mut expected = BTreeMap::new();
    if !found.ended && !found.events.is_empty() {
        expected.insert("end_unknown".to_owned(), None);
    }
    let is_record = |stored: &&StoredEvent| stored.event.event_type() == LOSS_TYPE;
    if let Some(record) = found.events.iter().rfind(is_record) {
        let mut rows = counts(&record.event, "refused");
        rows.retain(|name, _| Refusal::ALL.iter().all(|r| r.name() != name || !r.is_the_senders()));
        for (name, count) in counts(&record.event, "lost") {
            *rows.entry(name).or_default() += count;
        }
        expected.extend(rows.into_iter().map(|(name, count)| (name, Some(count))));
    }
    assert_eq!(said, expected, "what the log says is missing of {:?}: {}", books.boot, books.tally);
    let theirs = found.events.iter().filter(|stored| !stored.event.is_reserved()).count() as u64;
    let holes = books.tally.offered - books.tally.own - theirs;
    let told = books.tally.missing() - to_tell(books);
    let silent = holes > told && said.is_empty() && !found.events.is_empty();
    assert!(!silent || !books.closed, "holes in silence: {}: {found:?}", books.tally);
}
