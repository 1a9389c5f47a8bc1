//! Do all members show the same, and all that was promised?

use std::collections::{BTreeSet, HashMap, HashSet};

use tidings::testing::Shelf;
use tidings::{Boot, EventId, Origin, Position, StoredEvent};

use super::member::{Member, text};

/// Whether lists have one order everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ordered {
    /// They have.
    Alike,
    /// Clocks were so wrong that each member corrected times by what it knew.
    Apart,
}

/// What an event is called for ever.
pub(super) type Name = (Origin, Boot, u64);

fn name(stored: &StoredEvent) -> Name {
    (stored.origin, stored.boot, stored.seq)
}

fn is_keyed(stored: &StoredEvent) -> bool {
    stored.event.key().is_some()
}

/// Holds what the members show against each other and against what was promised.
#[track_caller]
pub(super) fn check(members: &[Member], published: &HashSet<Name>, order: Ordered) {
    let shown: Vec<Vec<StoredEvent>> = members.iter().map(Member::shows).collect();
    for (member, shown) in members.iter().zip(&shown) {
        check_books(member);
        check_promises(member, shown);
        check_once(shown);
        check_shared(member, shown, published);
        check_order_of_boots(shown);
    }
    check_the_same(members, &shown, published, order);
    check_keys(members, &shown, published);
}

/// What is published: nothing twice, and each boot in its order, but by those who
/// cannot know what they have published.
#[track_caller]
pub(super) fn published(members: &[Member], shelf: &Shelf) -> HashSet<Name> {
    let restored = members.iter().filter(|member| member.is_restored);
    let restored: Vec<Origin> = restored.map(|member| member.log().origin()).collect();
    let (mut last, mut published) = (HashMap::new(), HashSet::new());
    for block in shelf.blocks() {
        for stored in block.events(Position(0)).unwrap() {
            let before = last.insert((stored.origin, stored.boot), stored.seq).unwrap_or(0);
            let in_order = before < stored.seq || restored.contains(&stored.origin);
            assert!(in_order, "{stored:?} was published after {before}");
            published.insert(name(&stored));
        }
    }
    published
}

/// Every event is published by its member, or counted by it as not shared.
#[track_caller]
fn check_shared(member: &Member, shown: &[StoredEvent], published: &HashSet<Name>) {
    let own = [member.log().origin(), member.queue_origin];
    let own = shown.iter().filter(|stored| own.contains(&stored.origin));
    let kept: Vec<&StoredEvent> = own.filter(|it| !published.contains(&name(it))).collect();
    let (unshared, rejected) = member.unshared();
    // Who is refused after an unknown outcome does not know whether it arrived.
    let kept_back = kept.len() as u64;
    // What it gave up since the copy is forgotten, and tried again.
    let most = if member.is_restored { u64::MAX } else { kept_back + rejected };
    let counted = kept_back.saturating_sub(member.uncounted)..=most;
    assert!(counted.contains(&unshared), "{unshared} unshared, {kept:#?}");
}

#[track_caller]
fn check_books(member: &Member) {
    let sharing = member.sharing();
    assert!(sharing.is_balanced() && sharing.waiting == 0, "{sharing}");
    assert_eq!(member.waiting_in_store(), 0, "{sharing}");
}

#[track_caller]
fn check_promises(member: &Member, shown: &[StoredEvent]) {
    let there: HashSet<EventId> = shown.iter().map(|stored| stored.id).collect();
    for id in &member.acknowledged {
        assert!(there.contains(id), "{id} was acknowledged, and is not shown");
    }
}

#[track_caller]
fn check_once(shown: &[StoredEvent]) {
    let names: HashSet<Name> = shown.iter().map(name).collect();
    assert_eq!(names.len(), shown.len(), "an event is shown twice");
    let said = shown.iter().filter(|it| it.event.event_type() == "said" || is_keyed(it));
    let mut texts = HashSet::new();
    for stored in said {
        assert!(texts.insert(text(stored)), "{stored:?} says what another says");
    }
}

/// In order of arrival, each boot's events come in order.
#[track_caller]
fn check_order_of_boots(shown: &[StoredEvent]) {
    let mut arrived: Vec<&StoredEvent> = shown.iter().collect();
    arrived.sort_by_key(|stored| stored.position);
    let mut last = HashMap::new();
    for stored in arrived {
        let before = last.insert((stored.origin, stored.boot), stored.seq).unwrap_or(0);
        assert!(before < stored.seq, "{stored:?} came after {before}");
    }
}

/// Everybody shows what is published, in the same order. Of what was not shared
/// nobody else shows anything; nor of what came under a key that is here already.
#[track_caller]
fn check_the_same(
    members: &[Member],
    shown: &[Vec<StoredEvent>],
    published: &HashSet<Name>,
    order: Ordered,
) {
    let names: Vec<HashSet<Name>> =
        shown.iter().map(|shown| shown.iter().map(name).collect()).collect();
    let is_everywhere = |stored: &StoredEvent| names.iter().all(|it| it.contains(&name(stored)));
    let list = |shown: &[StoredEvent]| -> Vec<Name> {
        let mut list: Vec<Name> =
            shown.iter().filter(|stored| is_everywhere(stored)).map(name).collect();
        if order == Ordered::Apart {
            list.sort_unstable();
        }
        list
    };
    let first = list(&shown[0]);
    for (member, shown) in members.iter().zip(shown) {
        assert!(list(shown) == first, "the members show the same in another order");
        let own = [member.log().origin(), member.queue_origin];
        for stored in shown.iter().filter(|stored| !is_everywhere(stored) && !is_keyed(stored)) {
            let is_alone = own.contains(&stored.origin) && !published.contains(&name(stored));
            assert!(is_alone, "{stored:?} did not reach everybody");
        }
    }
}

/// Of each key that was published every member shows one event, whosever.
#[track_caller]
fn check_keys(members: &[Member], shown: &[Vec<StoredEvent>], published: &HashSet<Name>) {
    let keyed = shown.iter().flatten().filter(|it| is_keyed(it) && published.contains(&name(it)));
    let keys: BTreeSet<String> = keyed.map(text).collect();
    for (member, shown) in members.iter().zip(shown) {
        let there: BTreeSet<String> = shown.iter().filter(|it| is_keyed(it)).map(text).collect();
        let missing: Vec<&String> = keys.difference(&there).collect();
        assert!(missing.is_empty(), "{} shows nothing of {missing:?}", member.log().member());
        let promised: Vec<&String> = member.keys.difference(&there).collect();
        assert!(promised.is_empty(), "{} lost {promised:?}", member.log().member());
    }
}
