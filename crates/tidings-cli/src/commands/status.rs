//! `tidings status`: how is the server, and how far back does its log reach?

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::json;
use tidings::Timestamp;

use super::Context;
use crate::args::{StatusArgs, StatusFormat};
use crate::client::answers::{Books, Cluster, Etcd, Stats, StatsBody};
use crate::exit::{Exit, Failure};
use crate::times::{format_span, signed_between};
use crate::view::escape::escaped;
use crate::view::out::Out;
use crate::view::summary::{self, Wall, Window, counted, grouped, size};

/// Clocks that differ by less are said to agree.
const SKEW_TOLD_MIN: Duration = Duration::from_millis(100);

/// Prints what the server says of itself. A server that takes no events is a
/// failure.
///
/// # Errors
///
/// The server is not reached or refuses, or the output cannot be written.
pub(super) fn run(args: &StatusArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (asked, asked_at) = (context.clock.monotonic(), context.clock.now());
    let stats = client.stats()?;
    let took = context.clock.monotonic().saturating_sub(asked);
    // The server looked at its clock halfway, as far as anybody can tell.
    let here = asked_at.after(took / 2);
    let found = Found { server: client.base(), took, here, stats };
    let words = match args.output {
        StatusFormat::Text => found.text(&context.settings.zone(None, false)?),
        StatusFormat::Json => found.json(),
    };
    let mut out = Out::plain();
    out.write_all(words.as_bytes())
        .and_then(|()| out.finish())
        .map_err(|error| Failure::output(&error))?;
    Ok(if found.stats.said.state == "running" { Exit::Ok } else { Exit::Failed })
}

struct Found<'a> {
    server: &'a str,
    took: Duration,
    /// Our time of day when the server looked at its own.
    here: Timestamp,
    stats: Stats,
}

impl Found<'_> {
    /// How far our clock is before the server's; negative when it is behind.
    fn skew_seconds(&self) -> f64 {
        signed_between(self.stats.said.now, self.here).as_secs_f64()
    }

    fn json(&self) -> String {
        let found = json!({
            "server": self.server,
            "took_seconds": self.took.as_secs_f64(),
            "clock_skew_seconds": self.skew_seconds(),
            "stats": self.stats.raw,
        });
        format!("{found}\n")
    }

    fn text(&self, zone: &TimeZone) -> String {
        let said = &self.stats.said;
        let wall = Wall { now: self.here, zone: zone.clone() };
        let took = self.took.as_secs_f64() * 1000.0;
        let server =
            format!("{}, tidings {}, answers in {took:.1} ms", self.server, escaped(&said.version));
        let member = format!(
            "{}, log {}, start {}",
            escaped(&said.member),
            escaped(&said.origin),
            escaped(&said.boot)
        );
        let store = &said.store;
        let store = format!(
            "{} in {}, {}",
            counted(store.events, "event"),
            counted(store.blocks, "block"),
            size(store.bytes)
        );
        let mut rows = vec![
            ("server", server),
            ("member", member),
            ("state", state(said, &wall)),
            ("disk", disk(said, &wall)),
            ("reach", summary::reach(&said.coverage, Window::default(), &wall)),
            ("books", books(&said.tally)),
            ("store", store),
            ("clock", self.clock()),
        ];
        if let Some(cluster) = &said.cluster {
            // Behind what they go with: the later one first, as rows move.
            rows.insert(6, ("shared", shared(cluster, &wall)));
            rows.insert(4, ("etcd", etcd(cluster, said.now, &wall)));
        }
        let mut text = String::new();
        for (name, words) in rows {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<8}{words}");
        }
        text
    }

    fn clock(&self) -> String {
        let skew = self.skew_seconds();
        let span = Duration::from_secs_f64(skew.abs());
        if span < SKEW_TOLD_MIN.max(self.took / 2) {
            return "as here".to_owned();
        }
        let side = if skew > 0.0 { "behind" } else { "ahead of" };
        format!("the server is {} {side} this machine", format_span(span))
    }
}

fn state(said: &StatsBody, wall: &Wall) -> String {
    let mut words = escaped(&said.state).into_owned();
    if !said.reasons.is_empty() {
        let reasons = said.reasons.join(", ").replace('_', " ");
        let _ = write!(words, ": {}", escaped(&reasons));
    }
    if let Some(since) = said.since {
        let _ = write!(words, ", since {}", wall.clock(since));
    }
    words
}

/// `does not answer, since 09:30`
fn disk(said: &StatsBody, wall: &Wall) -> String {
    let Some(disk) = &said.disk else { return "not told".to_owned() };
    let since = disk.since.map_or_else(|| "?".to_owned(), |since| wall.clock(since));
    match (disk.state.as_str(), disk.answers) {
        ("ok", _) => "answers".to_owned(),
        ("failing", Some(false)) => format!("does not answer, since {since}"),
        ("failing", _) => {
            let reason = disk.reason.as_deref().unwrap_or("?").replace('_', " ");
            format!("fails ({}), since {since}", escaped(&reason))
        }
        ("recovering", _) => {
            let left = disk.trusted_from.map_or(Duration::ZERO, |from| from.since(said.now));
            format!("answers again since {since}, trusted in {}", format_span(left))
        }
        (other, _) => escaped(other).into_owned(),
    }
}

/// `http://10.0.0.1:2379 (prefix tidings) is down, since 09:30: no answer`
fn etcd(cluster: &Cluster, now: Timestamp, wall: &Wall) -> String {
    let Etcd { state, words, since, cause, trusted_from } = &cluster.etcd;
    let name = escaped(cluster.commons.strip_prefix("etcd ").unwrap_or(&cluster.commons));
    let since = since.map(|since| format!(", since {}", wall.clock(since))).unwrap_or_default();
    match state.as_str() {
        "ok" => format!("{name} answers"),
        "recovering" => {
            let left = trusted_from.map_or(Duration::ZERO, |from| from.since(now));
            format!("{name} answers again{since}, trusted in {}", format_span(left))
        }
        _ => {
            let cause = cause.as_ref().map(|cause| format!(": {}", escaped(cause)));
            format!("{name} {}{since}{}", escaped(words), cause.unwrap_or_default())
        }
    }
}

/// `queued 7 = published 5 + unshared 0 + waiting 2, the oldest since 09:30`
fn shared(Cluster { sharing, oldest_waiting, .. }: &Cluster, wall: &Wall) -> String {
    let mut words =
        format!("queued {} = published {}", grouped(sharing.queued), grouped(sharing.published));
    write_reasons(&mut words, "unshared", &sharing.unshared);
    let _ = write!(words, " + waiting {}", grouped(sharing.waiting));
    if let Some(oldest) = oldest_waiting.filter(|_| sharing.waiting > 0) {
        let _ = write!(words, ", the oldest since {}", wall.clock(oldest));
    }
    words
}

/// `offered 7 = stored 5 + refused 2 (buffer_full 2) + lost 0 + pending 0`
fn books(books: &Books) -> String {
    let mut words =
        format!("offered {} = stored {}", grouped(books.offered), grouped(books.stored));
    for (name, reasons) in [("refused", &books.refused), ("lost", &books.lost)] {
        write_reasons(&mut words, name, reasons);
    }
    let _ = write!(words, " + pending {}", grouped(books.pending));
    words
}

/// ` + refused 2 (buffer_full 2)`
fn write_reasons(words: &mut String, name: &str, reasons: &BTreeMap<String, u64>) {
    let total = grouped(reasons.values().sum());
    let _ = write!(words, " + {name} {total}");
    let told: Vec<String> =
        reasons.iter().map(|(name, count)| format!("{} {count}", escaped(name))).collect();
    if !told.is_empty() {
        let _ = write!(words, " ({})", told.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(said_state: &str) -> Found<'static> {
        found_with(said_state, r#"{"state":"ok"}"#)
    }

    fn found_with(said_state: &str, said_disk: &str) -> Found<'static> {
        let answer = format!(
            r#"{{"version":"0.1.0","member":"db1","origin":"00ff","boot":"0a",{said_state},
            "disk":{said_disk},
            "tally":{{"offered":1007,"stored":1005,"refused":{{"paused":2}},"lost":{{}},"pending":0,"own":0}},
            "store":{{"events":1005,"blocks":38,"bytes":1258291,"first":1,"next":1006}},
            "coverage":{{"oldest":"2026-11-22T08:00:00Z","newest":null,"retention":86400,"complete":true,"gaps":[]}},
            "now":"2026-11-22T10:00:00Z"}}"#
        );
        let raw: Box<serde_json::value::RawValue> = serde_json::from_str(&answer).unwrap();
        let said = serde_json::from_str(raw.get()).unwrap();
        let here = "2026-11-22T10:00:03.5Z".parse().unwrap();
        Found {
            server: "http://h:1",
            took: Duration::from_micros(2_500),
            here,
            stats: Stats { raw, said },
        }
    }

    #[test]
    fn a_status_is_a_line_for_each_question() {
        let text = found(r#""state":"running""#).text(&TimeZone::UTC);

        assert_eq!(
            text,
            "\
server  http://h:1, tidings 0.1.0, answers in 2.5 ms
member  db1, log 00ff, start 0a
state   running
disk    answers
reach   the log reaches back 2h (retention 24h), nothing missing
books   offered 1,007 = stored 1,005 + refused 2 (paused 2) + lost 0 + pending 0
store   1,005 events in 38 blocks, 1.1 MiB
clock   the server is 3s behind this machine
"
        );
    }

    #[test]
    fn a_paused_server_says_why_and_since_when() {
        let paused = r#""state":"paused","reasons":["disk_full"],"since":"2026-11-22T09:30:00Z""#;

        let text = found(paused).text(&TimeZone::UTC);

        assert!(text.contains("state   paused: disk full, since 09:30\n"), "{text}");
    }

    #[test]
    fn a_disk_that_fails_is_told_with_what_it_does_and_since_when() {
        let paused = r#""state":"paused","reasons":["store_down"],"since":"2026-11-22T09:30:00Z""#;
        let since = r#""reason":"store_down","since":"2026-11-22T09:31:00Z""#;
        for (disk, words) in [
            (
                format!(r#"{{"state":"failing","answers":false,{since}}}"#),
                "does not answer, since 09:31",
            ),
            (
                format!(r#"{{"state":"failing","answers":true,{since}}}"#),
                "fails (store down), since 09:31",
            ),
            (
                format!(
                    r#"{{"state":"recovering",{since},"trusted_from":"2026-11-22T10:00:08Z"}}"#
                ),
                "answers again since 09:31, trusted in 8s",
            ),
            ("null".to_owned(), "not told"),
        ] {
            let text = found_with(paused, &disk).text(&TimeZone::UTC);

            assert!(text.contains(&format!("disk    {words}\n")), "{text}");
        }
    }

    #[test]
    fn a_server_that_shares_its_log_tells_of_etcd_and_of_the_second_books() {
        let told = |etcd: &str| {
            let cluster = format!(
                r#""state":"running","cluster":{{"commons":"etcd http://e:2379","etcd":{etcd},
                "sharing":{{"queued":1009,"published":1000,"unshared":{{"shed":4}},"waiting":5}},
                "oldest_waiting":"2026-11-22T09:20:00Z"}}"#
            );
            found(&cluster).text(&TimeZone::UTC)
        };

        let text = told(r#"{"state":"ok","words":"answers"}"#);
        assert!(text.contains("disk    answers\netcd    http://e:2379 answers\n"), "{text}");
        let books = "shared  queued 1,009 = published 1,000 + unshared 4 (shed 4) + waiting 5, \
                     the oldest since 09:20\nstore ";
        assert!(text.contains(books), "{text}");
        let text = told(
            r#"{"state":"failing","words":"refuses the credentials",
                "since":"2026-11-22T09:30:00Z","cause":"invalid\u001b user"}"#,
        );
        let words =
            "etcd    http://e:2379 refuses the credentials, since 09:30: invalid\\x1b user\n";
        assert!(text.contains(words), "{text}");
        let text = told(
            r#"{"state":"recovering","words":"answers again","since":"2026-11-22T09:59:58Z",
                "trusted_from":"2026-11-22T10:00:08Z"}"#,
        );
        assert!(text.contains("answers again, since 09:59, trusted in 8s\n"), "{text}");
    }

    #[test]
    fn programs_get_the_servers_own_numbers() {
        let json: serde_json::Value =
            serde_json::from_str(&found(r#""state":"running""#).json()).unwrap();

        assert_eq!(json["stats"]["store"]["bytes"], 1_258_291);
        assert_eq!(json["clock_skew_seconds"], 3.5);
    }
}
