//! What is asked, if somebody asks it who means no good?

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidings::query::{Expr, Patterns, QUERY_BYTES_MAX, Regex};
use tidings::store::memory::MemoryStore;
use tidings::{Ack, Clock, Event, Filter, Log, LogOptions, Order, Page, Query, Severity};
use tidings_cli::server::door;

use super::NOW;

/// A query string, asked of a small log.
pub(crate) fn question(data: &[u8]) -> bool {
    let Ok(query) = std::str::from_utf8(data) else { return false };
    match door::question(query, NOW) {
        Ok(query) => {
            assert_answers(&query);
            true
        }
        Err(problem) => {
            assert!(problem.kind().status().is_client_error(), "{problem:?}");
            false
        }
    }
}

/// Three lines: words as typed into the search field, patterns of types, a
/// regular expression over messages.
pub(crate) fn search(data: &[u8]) -> bool {
    let Ok(data) = std::str::from_utf8(data) else { return false };
    let mut lines = data.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let expr = understood(line());
    let mut types = Patterns::default();
    let taken = types.add(line());
    assert_eq!(types.is_empty(), taken.is_err(), "all of a list is added, or nothing");
    let grep = Regex::new(line()).ok();
    let whole = taken.is_ok() && grep.is_some();
    assert_answers(&Query {
        filter: Filter { types, expr, grep, ..Filter::default() },
        ..Query::default()
    });
    whole
}

/// What `q` asks for: printed it reads as the same, and strict reading agrees with
/// forgiving reading about what is right.
fn understood(q: &str) -> Expr {
    let read = Expr::read(q);
    let printed = read.expr.to_string();
    assert_eq!(read.expr.is_empty(), printed.is_empty(), "{printed:?}");
    if printed.len() <= QUERY_BYTES_MAX {
        assert_eq!(Expr::parse(&printed).as_ref(), Ok(&read.expr), "{printed:?}");
    }
    match Expr::parse(q) {
        Ok(expr) => assert!(expr == read.expr && read.problems.is_empty()),
        Err(error) => assert_eq!(Some(&error), read.problems.first()),
    }
    let columns = 1..=q.chars().count() + 1;
    assert!(read.problems.iter().all(|problem| columns.contains(&problem.column)));
    read.expr
}

/// The answer is in order, within its limit and its window, and no event of it is
/// missing when all is asked for; the next page goes on where it ended.
fn assert_answers(query: &Query) {
    let log = log();
    let page = ask(log, query);
    assert!(page.events.len() <= query.limit);
    let every = Query { limit: EVENTS + 1, ..Query::default() };
    let all: Vec<_> = ask(log, &every).events.iter().map(|event| event.id).collect();
    assert!(page.events.iter().all(|event| all.contains(&event.id)));
    let times: Vec<_> = page.events.iter().map(|event| event.timestamp).collect();
    let order = query.cursor.map_or(query.order, |cursor| cursor.order);
    assert!(match order {
        Order::Ascending => times.is_sorted(),
        Order::Descending => times.is_sorted_by(|one, next| one >= next),
    });
    for at in times {
        assert!(query.since.is_none_or(|since| since <= at));
        assert!(query.until.is_none_or(|until| at < until));
    }
    if let Some(next) = page.next {
        assert_eq!(next.to_string().parse(), Ok(next));
        let rest = ask(log, &Query { cursor: Some(next), ..query.clone() });
        assert!(rest.events.iter().all(|event| page.events.iter().all(|e| e.id != event.id)));
    }
}

fn ask(log: &Log, query: &Query) -> Page {
    log.query(query).expect("the store is in memory")
}

/// Events of the log that is asked.
const EVENTS: usize = 24;

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let clock = Clock::by_hand(NOW.before(Duration::from_hours(2)));
        let store = Arc::new(MemoryStore::new().expect("random bytes"));
        let options =
            LogOptions { background: false, clock: clock.clone(), ..LogOptions::default() };
        let log = Log::over(store, options).expect("the store is in memory");
        for number in 0..EVENTS {
            log.append(vec![asked_event(number)], Ack::Disk, true).expect("the store is in memory");
            clock.advance(Duration::from_mins(5));
        }
        log
    })
}

fn asked_event(number: usize) -> Event {
    let types = ["deploy", "disk.high", "error", "user/login"];
    let levels = [Severity::INFO, Severity::WARN, Severity::ERROR, Severity::DEBUG];
    let message = ["api 2.0 rolled out", "disk full: 91 %", "naïve café ÅB", "a\nb\t\u{202e}c"];
    Event::new(types[number % 4], format!("{} {number}", message[number / 4 % 4]))
        .with_severity(levels[number / 2 % 4])
        .with_member(if number.is_multiple_of(3) { "db1" } else { "web-2" })
        .with_source("kernel")
        .with_subject("api")
        .with_field("version", number)
        .with_field("nested", serde_json::json!({"deep": {"x": [1, "two", null]}}))
}
