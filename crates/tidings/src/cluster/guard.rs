//! Does what members share still fit into etcd?
//!
//! etcd refuses every write once its quota is used up, those of its other users
//! too. So the guard warns when a whole retention at the present rate will not fit,
//! and leaves out the least important events before the quota is reached. What is
//! left out stays in the log here, is counted, and is told to the others.

use std::collections::VecDeque;
use std::time::Duration;

use super::status::QuotaEstimate;
use crate::event::{Event, Fields, QUOTA_TYPE};
use crate::severity::Severity;
use crate::store::etcd::EtcdStatus;

/// How often etcd is asked how full it is.
pub const QUOTA_BEAT: Duration = Duration::from_secs(10);
/// When the estimate reaches so many hundredths of the quota, that is told.
pub const QUOTA_WARN_PERCENT: u64 = 70;
/// When so many hundredths are in use, events below info are not published.
pub const QUOTA_SHED_DEBUG_PERCENT: u64 = 85;
/// When so many hundredths are in use, events below warn are not published.
pub const QUOTA_SHED_INFO_PERCENT: u64 = 95;
/// How many hundredths it has to be less before that ends.
const RELIEF_PERCENT: u64 = 5;
/// How far two samples of the growth lie apart.
const SAMPLE_SPACING: Duration = Duration::from_mins(1);
/// Samples of the growth that are kept: those of an hour.
pub(super) const QUOTA_SAMPLES_MAX: usize = 60;
/// Growth is believed once it was seen for so long.
const GROWTH_SEEN_MIN: Duration = Duration::from_mins(5);

/// Watches how full etcd is.
#[derive(Debug)]
pub(super) struct Guard {
    quota_bytes: u64,
    retention: Duration,
    /// On the clock that only goes forward.
    due: Duration,
    /// When, and how many bytes were in use.
    samples: VecDeque<(Duration, u64)>,
    least: Severity,
    warned: bool,
}

impl Guard {
    pub(super) fn new(quota_bytes: u64, retention: Duration) -> Guard {
        Guard {
            quota_bytes,
            retention,
            due: Duration::ZERO,
            samples: VecDeque::new(),
            least: Severity::TRACE,
            warned: false,
        }
    }

    /// What is less severe is not published.
    pub(super) fn least(&self) -> Severity {
        self.least
    }

    /// Whether etcd is to be asked now; if so, it is not to be asked again for a
    /// while.
    pub(super) fn takes_turn(&mut self, now: Duration) -> bool {
        let is_due = now >= self.due;
        if is_due {
            self.due = now + QUOTA_BEAT;
        }
        is_due
    }

    /// Takes in what etcd says. `age` is how long ago the oldest event was received
    /// that is kept. Answers with the estimate, and with an event if there is
    /// something to tell.
    pub(super) fn look(
        &mut self,
        now: Duration,
        status: &EtcdStatus,
        age: Duration,
    ) -> (QuotaEstimate, Option<Event>) {
        let in_use = status.bytes_in_use;
        let bytes = in_use.saturating_add(self.growth(now, in_use, age));
        let (was_warned, least_before) = (self.warned, self.least);
        self.warned = self.reaches(bytes, QUOTA_WARN_PERCENT, was_warned);
        let sheds_info = least_before > Severity::INFO;
        let sheds_debug = least_before > Severity::TRACE;
        self.least = if self.reaches(in_use, QUOTA_SHED_INFO_PERCENT, sheds_info) {
            Severity::WARN
        } else if self.reaches(in_use, QUOTA_SHED_DEBUG_PERCENT, sheds_debug) {
            Severity::INFO
        } else {
            Severity::TRACE
        };
        let has_news = (self.warned && !was_warned) || self.least != least_before;
        let published_from = self.least.number();
        let estimate = QuotaEstimate { bytes, quota_bytes: self.quota_bytes, published_from };
        (estimate, has_news.then(|| self.event(in_use, &estimate)))
    }

    /// Bytes that are to come before the oldest ones go.
    fn growth(&mut self, now: Duration, in_use: u64, age: Duration) -> u64 {
        let is_due = |(at, _): &(Duration, u64)| now >= *at + SAMPLE_SPACING;
        if self.samples.back().is_none_or(is_due) {
            if self.samples.len() == QUOTA_SAMPLES_MAX {
                self.samples.pop_front();
            }
            self.samples.push_back((now, in_use));
        }
        let Some((since, before)) = self.samples.front() else { return 0 };
        let seen = now.saturating_sub(*since);
        if seen < GROWTH_SEEN_MIN {
            return 0;
        }
        let grown = u128::from(in_use.saturating_sub(*before));
        let left = self.retention.saturating_sub(age);
        u64::try_from(grown * left.as_millis() / seen.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether these are so many hundredths of the quota; what is so already must
    /// be some less to be so no more.
    fn reaches(&self, bytes: u64, percent: u64, is_so: bool) -> bool {
        let percent = if is_so { percent - RELIEF_PERCENT } else { percent };
        u128::from(bytes) * 100 >= u128::from(self.quota_bytes) * u128::from(percent)
    }

    fn event(&self, in_use: u64, estimate: &QuotaEstimate) -> Event {
        let percent = |bytes: u64| u128::from(bytes) * 100 / u128::from(self.quota_bytes.max(1));
        let (used, expected) = (percent(in_use), percent(estimate.bytes));
        let message = if self.least > Severity::TRACE {
            let least = self.least.name();
            format!("{used} % of etcd's quota are in use: events below {least} are not shared")
        } else if self.warned {
            format!("{used} % of etcd's quota are in use, and at this rate it will be {expected} %")
        } else {
            format!("{used} % of etcd's quota are in use: events of all severities are shared")
        };
        tracing::warn!(used, expected, quota_bytes = self.quota_bytes, "{message}");
        let mut fields = Fields::new();
        fields.insert("bytes_in_use", in_use);
        fields.insert("bytes_expected", estimate.bytes);
        fields.insert("quota_bytes", estimate.quota_bytes);
        fields.insert("published_from", u64::from(estimate.published_from));
        Event::new(QUOTA_TYPE, message)
            .with_severity(Severity::WARN)
            .with_source(crate::loss::OWN_SOURCE)
            .with_fields(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: u64 = 1000;
    const HOUR: Duration = Duration::from_hours(1);

    fn status(bytes_in_use: u64) -> EtcdStatus {
        EtcdStatus {
            cluster: 1,
            revision: 1,
            bytes: bytes_in_use,
            bytes_in_use,
            has_leader: true,
            members: 1,
            version: "3.4.23".to_owned(),
            alarms: Vec::new(),
        }
    }

    fn guard() -> Guard {
        Guard::new(QUOTA, 24 * HOUR)
    }

    /// Shows the guard this much in a log as old as the retention, and says what is
    /// published and whether that was told.
    fn seen(guard: &mut Guard, bytes_in_use: u64) -> (Severity, bool) {
        let (_, event) = guard.look(Duration::ZERO, &status(bytes_in_use), 24 * HOUR);
        (guard.least(), event.is_some())
    }

    #[test]
    fn events_are_shed_by_severity_and_warnings_never() {
        let mut guard = guard();

        assert_eq!(seen(&mut guard, 699), (Severity::TRACE, false));
        assert_eq!(seen(&mut guard, 700), (Severity::TRACE, true));
        assert_eq!(seen(&mut guard, 849), (Severity::TRACE, false));
        assert_eq!(seen(&mut guard, 850), (Severity::INFO, true));
        assert_eq!(seen(&mut guard, 950), (Severity::WARN, true));
        assert_eq!(seen(&mut guard, 5000), (Severity::WARN, false));
    }

    #[test]
    fn shedding_ends_when_there_is_some_more_room_than_when_it_began() {
        let mut guard = guard();
        seen(&mut guard, 960);

        assert_eq!(seen(&mut guard, 901), (Severity::WARN, false));
        assert_eq!(seen(&mut guard, 899), (Severity::INFO, true));
        assert_eq!(seen(&mut guard, 801), (Severity::INFO, false));
        assert_eq!(seen(&mut guard, 799), (Severity::TRACE, true));
        // It was told that it fills up, and is told again only after it was better.
        assert_eq!(seen(&mut guard, 700), (Severity::TRACE, false));
        assert_eq!(seen(&mut guard, 600), (Severity::TRACE, false));
        assert_eq!(seen(&mut guard, 700), (Severity::TRACE, true));
    }

    #[test]
    fn growth_is_expected_to_go_on_until_the_oldest_events_go() {
        let mut guard = guard();
        let mut estimate = |minutes: u32, age| {
            let at = minutes * Duration::from_mins(1);
            guard.look(at, &status(u64::from(minutes)), age).0.bytes
        };

        assert_eq!(estimate(0, Duration::ZERO), 0);
        assert_eq!(estimate(4, Duration::ZERO), 4);
        assert_eq!(estimate(10, 4 * HOUR), 10 + 20 * 60);
        assert_eq!(estimate(60, 23 * HOUR), 60 + 60);
        assert_eq!(estimate(61, 25 * HOUR), 61);
    }

    #[test]
    fn a_member_that_fills_etcd_in_a_day_warns_within_minutes() {
        let mut guard = guard();
        let told = (0..60).find(|minute: &u32| {
            let at = *minute * Duration::from_mins(1);
            guard.look(at, &status(u64::from(*minute)), at).1.is_some()
        });

        assert_eq!(told, Some(5));
        assert_eq!(guard.least(), Severity::TRACE);
    }

    #[test]
    fn the_event_says_how_much_there_is_and_how_much_there_will_be() {
        let mut guard = guard();
        let event = guard.look(Duration::ZERO, &status(870), HOUR).1.unwrap();

        assert_eq!((event.event_type(), event.severity()), (QUOTA_TYPE, Severity::WARN));
        assert_eq!(
            event.message(),
            "87 % of etcd's quota are in use: events below info are not shared"
        );
        assert_eq!(
            serde_json::to_string(event.fields()).unwrap(),
            r#"{"bytes_in_use":870,"bytes_expected":870,"quota_bytes":1000,"published_from":9}"#
        );
    }
}
