use super::*;
use crate::sharing::Unshared;
use crate::testing::Blocks;

const FAR: Origin = Origin::from_bytes([7; 16]);
const BOOT: Boot = Boot::from_bytes([1; 8]);
const NEXT_BOOT: Boot = Boot::from_bytes([2; 8]);

fn peer(boot: Boot, state: PeerState) -> PeerSeen {
    let seen = SeenThrough { member: "far".to_owned(), origin: FAR, through: start(), state };
    PeerSeen { seen, boot }
}

fn told(log: &Log, seen: PeersSeen) {
    log.core().set_peers(Some(Arc::new(move || seen.clone())));
}

fn reasons(log: &Log) -> Vec<&'static str> {
    let coverage = log.coverage();
    assert_eq!(coverage.complete, coverage.gaps.is_empty());
    coverage.gaps.into_iter().map(|gap| gap.reason).collect()
}

#[test]
fn a_machine_alone_answers_as_if_there_were_no_clusters() {
    let log = log_over(&memory(), &by_hand());

    assert_eq!(
        serde_json::to_string(&log.coverage()).unwrap(),
        r#"{"oldest":null,"newest":null,"retention":86400,"complete":true,"gaps":[]}"#
    );
}

#[test]
fn coverage_says_how_far_each_member_was_heard() {
    let log = log_over(&memory(), &shared());
    let peers = vec![peer(BOOT, PeerState::Heard)];
    told(&log, PeersSeen { peers, ..PeersSeen::default() });

    let coverage = log.coverage();

    assert!(coverage.complete);
    assert_eq!(
        serde_json::to_string(&coverage.seen_through).unwrap(),
        format!(
            r#"[{{"member":"far","origin":"{FAR}","through":"2026-11-22T10:00:00Z","state":"heard"}}]"#
        )
    );
    log.core().set_peers(None);
    assert!(log.coverage().seen_through.is_empty());
}

#[test]
fn a_member_that_is_unheard_may_have_what_is_missing_here() {
    let log = log_over(&memory(), &shared());
    for (state, complete) in [(PeerState::Unheard, false), (PeerState::Left, true)] {
        let peers = vec![peer(BOOT, state)];
        told(&log, PeersSeen { peers, ..PeersSeen::default() });

        let coverage = log.coverage();

        assert_eq!(coverage.complete, complete, "{state:?}");
        if let Some(gap) = coverage.gaps.first() {
            assert_eq!((gap.reason, gap.events), ("unheard", None));
            assert_eq!((gap.origin, gap.from, gap.to), (Some(FAR), Some(start()), None));
        }
    }
}

#[test]
fn a_stale_watch_and_holes_make_an_answer_incomplete() {
    let options = shared();
    let log = log_over(&memory(), &options);
    let later = start().after(HOUR);
    let hole = Hole { origin: FAR, boot: BOOT, from: Some(start()), to: Some(later) };
    told(&log, PeersSeen { peers: vec![], holes: vec![hole], stale_since: Some(later) });

    assert_eq!(reasons(&log), ["hole", "watch_stale"]);
    let gap = &log.coverage().gaps[0];
    assert_eq!((gap.boot, gap.from, gap.to), (Some(BOOT), Some(start()), Some(later)));
    assert_eq!(gap.events, None, "nobody knows how many");
    options.clock.advance(26 * HOUR);
    assert_eq!(reasons(&log), ["watch_stale"], "what is over age is nobody's question");
}

#[test]
fn a_boot_is_over_when_its_origin_has_begun_another() {
    let options = shared();
    options.clock.advance(HOUR);
    let log = log_over(&memory(), &options);
    let block = |boot, seconds| {
        let mut blocks = Blocks::of_boot(FAR, boot);
        (1..seconds).for_each(|_| drop(blocks.of(1)));
        blocks.of(1)
    };
    log.core().apply(vec![block(BOOT, 5)], &[]).unwrap();
    assert!(log.coverage().complete, "it wrote a moment ago");

    log.core().apply(vec![block(NEXT_BOOT, 9)], &[]).unwrap();

    let coverage = log.coverage();
    assert_eq!(coverage.gaps.len(), 1, "{coverage:?}");
    assert_eq!((coverage.gaps[0].boot, coverage.gaps[0].reason), (Some(BOOT), "end_unknown"));
    log.core().apply(vec![block(BOOT, 3)], &[]).unwrap();
    assert_eq!(reasons(&log), ["end_unknown"], "also when something of it comes late");
}

#[test]
fn a_member_speaks_for_its_boots() {
    let store = super::scripted::Scripted::new();
    let log = log_over(&store, &shared());
    log.core().apply(vec![Blocks::of_boot(FAR, BOOT).of(1)], &[]).unwrap();
    log.close(SECOND);
    let log = log_over(&store, &shared());
    assert_eq!(reasons(&log), ["end_unknown"], "nobody speaks for it");

    for (boot, state, expected) in [
        (BOOT, PeerState::Heard, vec![]),
        (BOOT, PeerState::Unheard, vec!["unheard"]),
        (BOOT, PeerState::Left, vec!["end_unknown"]),
        (NEXT_BOOT, PeerState::Heard, vec!["end_unknown"]),
    ] {
        told(&log, PeersSeen { peers: vec![peer(boot, state)], ..PeersSeen::default() });
        assert_eq!(reasons(&log), expected, "{boot} {state:?}");
    }
}

#[test]
fn what_another_machine_did_not_share_is_missing_here_and_not_there() {
    let (store, options) = (super::scripted::Scripted::new(), shared());
    let (there, here) = (log_over(&memory(), &options), log_over(&store, &options));
    for position in 0..3 {
        append(&there, Event::new("a", "kept back"));
        options.clock.advance(SECOND);
        let shed = [(Unshared::Shed, 1)];
        there.core().shared_out(&[Position(position)], &shed, &[]).unwrap();
    }
    there.end(SECOND);

    here.core().apply(published(&there), &[]).unwrap();

    assert!(there.coverage().complete, "there they can be read");
    for here in [here.clone(), log_over(&store, &options)] {
        let gaps = here.coverage().gaps;
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!((gaps[0].reason, gaps[0].events), ("unshared", Some(3)));
        let span = (Some(start()), Some(start().after(2 * SECOND)));
        assert_eq!(((gaps[0].from, gaps[0].to), gaps[0].boot), (span, Some(there.boot())));
    }
    options.clock.advance(25 * HOUR);
    assert!(here.coverage().complete);
}

#[test]
fn what_came_of_age_there_is_missing_only_where_events_are_kept_for_longer() {
    let options = shared();
    let there = log_over(&memory(), &options);
    let longer = LogOptions { retention: 48 * HOUR, ..options.clone() };
    let [same, longer] = [options.clone(), longer].map(|options| log_over(&memory(), &options));
    append(&there, Event::new("a", "waits in vain"));
    options.clock.advance(25 * HOUR);
    there.maintain().unwrap();
    there.maintain().unwrap();

    let blocks = published(&there);
    same.core().apply(blocks.clone(), &[]).unwrap();
    longer.core().apply(blocks, &[]).unwrap();

    assert!(same.coverage().complete, "{:?}", same.coverage());
    assert_eq!(reasons(&longer), ["unshared"]);
}
