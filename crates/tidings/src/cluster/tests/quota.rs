//! Is etcd kept from filling up, and what is left out told?

use super::*;
use crate::event::{QUOTA_TYPE, UNSHARED_TYPE};
use crate::severity::Severity;
use crate::sharing::Unshared;
use crate::store::Sink;
use crate::testing::Blocks;

const PRESSED: &str = "pressed";

/// A member whose etcd is nearly full: so many hundredths are in use.
fn member_at(percent: u64) -> Member {
    let member = Member::new();
    member.append("ours");
    member.log.put(&Blocks::new(1).with_text(1000, 100)).unwrap();
    member.publish_all();
    let Member { clock, store, shelf, door, log, cluster, .. } = member;
    let bytes: u64 = shelf.blocks().iter().map(|block| block.bytes().len() as u64).sum();
    log.end(SECOND);
    drop(cluster);
    log.close(SECOND);
    store.inner().reopen();
    let quota_bytes = bytes * 100 / percent;
    let options = ClusterOptions { quota_bytes, background: false, ..ClusterOptions::default() };
    let (log, cluster) = started(&store, &door, &clock, &options);
    let member = Member { clock, store, shelf, door, options, log, cluster };
    member.publish_all();
    member.cluster.publish_step();
    member.clock.advance(SECOND);
    member
}

/// Which severities get through, of one event each.
fn through(member: &Member) -> Vec<&'static str> {
    let levels = [Severity::TRACE, Severity::DEBUG, Severity::INFO, Severity::WARN];
    let events = levels.map(|level| Event::new(PRESSED, "m").with_severity(level));
    member.log.append(events.into(), Ack::Disk, false).unwrap();
    member.publish_all();
    let events = events_of(&member.shelf.blocks()).into_iter().map(|event| event.event);
    events.filter(|e| e.event_type() == PRESSED).map(|e| e.severity().name()).collect()
}

fn types(member: &Member) -> BTreeSet<String> {
    let events = events_of(&member.shelf.blocks());
    events.iter().map(|event| event.event.event_type().to_owned()).collect()
}

#[test]
fn the_fuller_etcd_is_the_less_is_shared_and_all_is_shared_while_there_is_room() {
    for (percent, expected) in [
        (60, &["trace", "debug", "info", "warn"][..]),
        (80, &["trace", "debug", "info", "warn"]),
        (90, &["info", "warn"]),
        (99, &["warn"]),
    ] {
        let member = member_at(percent);

        assert_eq!(through(&member), expected, "{percent}");

        let sharing = member.sharing();
        assert_eq!(sharing.unshared(Unshared::Shed), 4 - expected.len() as u64, "{sharing}");
        assert_eq!(types(&member).contains(QUOTA_TYPE), percent > 70, "{percent}");
        assert_dense(&member.shelf.blocks());
    }
}

#[test]
fn what_was_shed_is_still_here_and_its_number_is_told_to_everybody() {
    let member = member_at(99);
    through(&member);
    member.log.maintain().unwrap();
    member.clock.advance(SECOND);
    member.publish_all();

    let told = events_of(&member.shelf.blocks());
    let told = told.iter().rfind(|event| event.event.event_type() == UNSHARED_TYPE).unwrap();
    assert_eq!(told.event.fields().get("unshared").unwrap()["shed"], 3);
    let query = crate::query::Query { limit: 100, ..crate::query::Query::default() };
    let found = member.log.query(&query).unwrap().events;
    assert_eq!(found.iter().filter(|event| event.event.event_type() == PRESSED).count(), 4);
    let status = member.cluster.status().quota.unwrap();
    assert_eq!(status.published_from, Severity::WARN.number());
}
