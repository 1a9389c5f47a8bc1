//! What do operators' events look like? Always the same ones, from a fixed seed.
//!
//! 30 types, 12 members, messages from templates with numbers and names in them,
//! times to the nanosecond some milliseconds apart, subjects on two thirds, fields
//! on half.

use std::time::Duration;

use tidings::{Event, Severity, Timestamp};

const SEED: u64 = 20_261_122;
/// 2026-11-22T10:45:57Z.
const START_NANOS: i64 = 1_795_344_357_000_000_000;
const STEP_NANOS_MEAN: u64 = 4_000_000;

const MEMBERS: [&str; 12] = [
    "db1", "db2", "db3", "web1.fra", "web2.fra", "web3.ams", "web4.ams", "queue1", "queue2",
    "build-7", "edge-a", "edge-b",
];
const SERVICES: [&str; 8] =
    ["api", "billing", "checkout", "search", "mailer", "auth", "inventory", "gateway"];

/// Type, severity, message, subject.
pub(crate) type Template = (&'static str, Severity, &'static str, &'static str);

/// Type, severity, template of the message, subject. In templates `%n` is a number
/// up to a hundred, `%m` up to a million, `%x` eight hexadecimal digits, `%s` a
/// service, `%h` a member; `-` is no subject.
const TEMPLATES: [Template; 30] = [
    (
        "disk.high",
        Severity::WARN,
        "disk /var/lib/data is %n% full, %m MB left, growing by %n MB an hour",
        "%h",
    ),
    (
        "disk.failed",
        Severity::ERROR,
        "I/O error on device sd%n at sector %m, remounting read-only",
        "%h",
    ),
    (
        "deploy.started",
        Severity::INFO,
        "rolling out %s version 1.%n.%n to %n instances, commit %x",
        "%s",
    ),
    (
        "deploy.finished",
        Severity::INFO,
        "%s version 1.%n.%n is live on %n instances after %n s",
        "%s",
    ),
    (
        "deploy.failed",
        Severity::ERROR,
        "%s version 1.%n.%n failed its readiness check on %h, rolled back",
        "%s",
    ),
    (
        "check.failed",
        Severity::ERROR,
        "health check of %s on %h:8%n answered 503 after %m ms, attempt %n of 3",
        "%s",
    ),
    (
        "check.recovered",
        Severity::INFO,
        "health check of %s on %h:8%n is passing again after %m ms",
        "%s",
    ),
    (
        "node.joined",
        Severity::INFO,
        "member %h joined the cluster at revision %m, %n peers are known",
        "%h",
    ),
    ("node.left", Severity::WARN, "member %h has not been heard for %n s, marked as gone", "%h"),
    ("leader.elected", Severity::INFO, "raft term %m: %h was elected leader by %n votes", "%h"),
    (
        "certificate.expiring",
        Severity::WARN,
        "certificate %x of %s expires in %n days, renewal is due",
        "%s",
    ),
    (
        "certificate.renewed",
        Severity::INFO,
        "certificate %x of %s was renewed, valid for 90 days",
        "%s",
    ),
    (
        "login",
        Severity::INFO,
        "session opened for user operator%n from 10.%n.%n.%n by sshd[%m]",
        "-",
    ),
    (
        "login.failed",
        Severity::WARN,
        "authentication failure for user admin%n from 10.%n.%n.%n, attempt %n",
        "-",
    ),
    ("backup.started", Severity::DEBUG, "backup of %s began, snapshot %x, %m files to copy", "%s"),
    (
        "backup.finished",
        Severity::INFO,
        "backup of %s took %n min, %m MB in %m files, snapshot %x",
        "%s",
    ),
    (
        "cron.job",
        Severity::INFO,
        "job cleanup-%n finished with status 0 in %m ms, removed %m rows",
        "-",
    ),
    ("scale.up", Severity::INFO, "%s scaled from %n to %n instances: queue length %m", "%s"),
    ("scale.down", Severity::INFO, "%s scaled from %n to %n instances: idle for %n min", "%s"),
    ("queue.lag", Severity::WARN, "consumer group %s is %m messages behind on partition %n", "%s"),
    (
        "alert",
        Severity::ERROR,
        "error rate of %s is %n.%n% over the last 5 min, threshold 2%",
        "%s",
    ),
    (
        "restart",
        Severity::WARN,
        "container %x of %s was killed: out of memory at %m kB, restart %n",
        "%s",
    ),
    (
        "config.changed",
        Severity::INFO,
        "configuration of %s reloaded, revision %m, %n keys changed",
        "%s",
    ),
    ("firewall", Severity::DEBUG, "dropped packet from 172.16.%n.%n port %m, rule %n", "-"),
    ("dns", Severity::DEBUG, "zone internal serial %m transferred in %n ms, %n records", "-"),
    (
        "slow.query",
        Severity::WARN,
        "statement %x on %h took %m ms, read %m rows, returned %n",
        "%h",
    ),
    ("failover", Severity::FATAL, "primary %h is gone, promoting replica with lag of %n ms", "%h"),
    ("build", Severity::INFO, "build %m of %s succeeded in %n s, artifact %x", "%s"),
    ("ticket", Severity::INFO, "ticket OPS-%m was taken by operator%n, priority %n", "OPS-%m"),
    ("audit", Severity::INFO, "operator%n changed role of operator%n from reader to writer", "-"),
];

/// Never ends; always begins the same.
#[derive(Debug)]
pub(crate) struct Events {
    random: u64,
    now_nanos: i64,
    step_nanos_mean: u64,
}

impl Events {
    pub(crate) fn new() -> Events {
        let start = Timestamp::from_nanos(START_NANOS);
        Events::from(start, Duration::from_nanos(STEP_NANOS_MEAN))
    }

    /// The same events at other times: from `start` on, so far apart on average.
    pub(crate) fn from(start: Timestamp, step_mean: Duration) -> Events {
        let step_nanos_mean = u64::try_from(step_mean.as_nanos()).unwrap_or(u64::MAX / 2);
        Events { random: SEED, now_nanos: start.as_nanos(), step_nanos_mean }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let place = self.below(all.len() as u64);
        all[usize::try_from(place).unwrap_or(0)]
    }

    fn filled(&mut self, template: &str) -> String {
        let mut text = String::with_capacity(template.len() + 16);
        let mut parts = template.split('%');
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (value, rest) = match part.as_bytes().first() {
                Some(b'n') => (self.below(100).to_string(), &part[1..]),
                Some(b'm') => (self.below(1_000_000).to_string(), &part[1..]),
                Some(b'x') => (format!("{:08x}", self.below(1 << 32)), &part[1..]),
                Some(b's') => (self.of(&SERVICES).to_owned(), &part[1..]),
                Some(b'h') => (self.of(&MEMBERS).to_owned(), &part[1..]),
                _ => ("%".to_owned(), part),
            };
            text.push_str(&value);
            text.push_str(rest);
        }
        text
    }

    /// Some types are much more frequent than others.
    fn template(&mut self) -> Template {
        let (one, other) = (self.below(30), self.below(30));
        TEMPLATES[usize::try_from(one.min(other)).unwrap_or(0)]
    }

    /// The next event, of another template than its own if there is one, and with
    /// this behind its message. The events after it stay what they are if the other
    /// template asks for as many values.
    pub(crate) fn event(&mut self, instead: Option<Template>, behind: &str) -> Event {
        let step = self.below(2 * self.step_nanos_mean);
        self.now_nanos += i64::try_from(step).unwrap_or(0);
        let own = self.template();
        let (event_type, severity, message, subject) = instead.unwrap_or(own);
        let mut event = Event::new(event_type, self.filled(message) + behind)
            .with_severity(severity)
            .with_member(self.of(&MEMBERS))
            .with_timestamp(Timestamp::from_nanos(self.now_nanos));
        if subject != "-" {
            event = event.with_subject(self.filled(subject));
        }
        if self.below(2) == 0 {
            event = event
                .with_field("duration_ms", self.below(5000))
                .with_field("region", self.of(&["eu-central", "eu-west", "us-east"]))
                .with_field("attempt", self.below(4));
        }
        event
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        Some(self.event(None, ""))
    }
}

/// The events as text, one a line.
pub(crate) fn ndjson(events: &[Event]) -> Vec<u8> {
    let mut text = Vec::new();
    for event in events {
        serde_json::to_writer(&mut text, event).expect("events are JSON");
        text.push(b'\n');
    }
    text
}
