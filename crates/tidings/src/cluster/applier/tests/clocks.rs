//! What if somebody's clock is wrong?

use super::*;

#[test]
fn what_is_over_age_is_passed_over_and_counted() {
    let desk = Desk::new();
    desk.publish_at(1, &[1, 2], START.before(DAY + SECOND));
    desk.publish_at(2, &[3], START.before(23 * HOUR));
    desk.step();
    assert!(desk.theirs().is_empty(), "their clock may be behind");
    desk.watch_for(16);

    assert_eq!(desk.theirs(), [3]);
    assert_eq!(desk.status().applied.over_age, 2);
}

#[test]
fn a_member_whose_clock_is_far_off_is_corrected_once_it_was_heard() {
    for theirs in [START.after(25 * HOUR), START.before(25 * HOUR), START.before(3650 * DAY)] {
        let desk = Desk::new();
        desk.publish_at(1, &[1], theirs.before(HOUR));
        for beat in 0..3 {
            desk.say(&presence(THEM, theirs.after(PRESENCE_BEAT * beat)));
            desk.step();
            desk.watch_for(5);
        }
        desk.publish_at(2, &[2], theirs.before(HOUR));
        desk.step();

        assert_eq!(desk.theirs(), [1, 2], "{theirs}");
        let second = desk.events()[1].received;
        assert_eq!(second, START.before(HOUR), "{theirs}");
        assert!(desk.events()[0].received <= START.after(20 * SECOND + HOUR / 12), "{theirs}");
        let peer = desk.status().peers.remove(0);
        assert_eq!(peer.state, PeerState::Heard);
        assert!(peer.skew_seconds.unwrap().abs() > 86_400.0);
    }
}

#[test]
fn our_own_clock_ten_years_behind_loses_nothing() {
    let desk = Desk::new();
    desk.clock.set_wall(START.before(3650 * DAY));
    for beat in 0..3 {
        desk.say(&presence(THEM, START.after(PRESENCE_BEAT * beat)));
        desk.step();
        desk.watch_for(5);
    }
    desk.publish_at(1, &[1], START.after(15 * SECOND));
    desk.step();

    assert_eq!(desk.events()[0].received, desk.clock.now());
}
