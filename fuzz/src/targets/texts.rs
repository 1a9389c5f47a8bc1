//! What does a short text mean? A cursor, an id, a time, a span, a setting, a
//! frame of a stream, a message on a terminal.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use tidings::query::{FollowCursor, ListKey, PageCursor};
use tidings::{
    Boot, EventId, Order, Origin, PASSED_STRETCHES_MAX, Passed, Position, Severity, Stretch,
    Timestamp,
};
use tidings_cli::client::stream::Stream;
use tidings_cli::exit::Exit;
use tidings_cli::settings::{Environment, ServeFlags, Settings};
use tidings_cli::times::{format_span, parse_span, parse_time};
use tidings_cli::view::escape::escaped;

use super::NOW;

/// Cursors and ids: as text, and made of the bytes.
pub(crate) fn names(data: &[u8]) -> bool {
    made(data);
    let text = String::from_utf8_lossy(data);
    let page = text.parse::<PageCursor>().map(|cursor| assert_eq!(cursor.to_string(), text));
    let follow = text.parse::<FollowCursor>().map(|cursor| assert_eq!(cursor.to_string(), text));
    assert!(page.is_err() || follow.is_err(), "a cursor of both kinds: {text}");
    let lower = text.to_ascii_lowercase();
    let id = text.parse::<EventId>().map(|id| {
        assert_eq!(id.to_string(), lower);
        assert!(id.added().0 <= id.added().1, "{id}");
    });
    let origin = text.parse::<Origin>().map(|origin| assert_eq!(origin.to_string(), lower));
    let boot = text.parse::<Boot>().map(|boot| assert_eq!(boot.to_string(), lower));
    page.is_ok() || follow.is_ok() || id.is_ok() || origin.is_ok() || boot.is_ok()
}

fn made(data: &[u8]) {
    let Some((numbers, _)) = data.split_first_chunk::<41>() else { return };
    let word = |at: usize| u64::from_be_bytes(*numbers[at..].first_chunk().expect("41 bytes"));
    let origin = Origin::from_bytes(*numbers.first_chunk().expect("41 bytes"));
    let key = ListKey {
        time: Timestamp::from_nanos(word(16).cast_signed()),
        origin,
        boot: Boot::from_bytes(word(24).to_be_bytes()),
        seq: word(32),
    };
    let order = if numbers[40].is_multiple_of(2) { Order::Ascending } else { Order::Descending };
    let page = PageCursor { key, order };
    assert_eq!(page.to_string().parse(), Ok(page));
    let follow = FollowCursor::new(origin, Position(word(32)));
    let horizon = Timestamp::from_nanos((word(0) >> 2).cast_signed());
    let received = horizon.after(Duration::from_secs(word(8) >> 32));
    let stretch = Stretch { boot: key.boot, from: word(8), to: word(32), received };
    let stretches = vec![stretch; usize::from(numbers[40]) % (PASSED_STRETCHES_MAX + 1)];
    let passed = Passed { cluster: word(24), horizon, whole: numbers[40] > 127, stretches };
    let in_a_cluster = FollowCursor { passed: Some(passed.into()), ..follow.clone() };
    for cursor in [follow, in_a_cluster] {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    let id = EventId::new(key.time, key.boot, key.seq);
    assert_eq!(id.to_string().parse(), Ok(id));
    let (from, until) = id.added();
    let at = key.time.max(Timestamp::from_nanos(0));
    assert!(from <= at && (at < until || until.as_nanos() == i64::MAX), "{from} {at} {until}");
}

/// The first byte says what the text is.
pub(crate) fn words(data: &[u8]) -> bool {
    let Some((what, data)) = data.split_first() else { return false };
    let text = String::from_utf8_lossy(data);
    match what % 6 {
        0 => time(&text),
        1 => span(&text),
        2 => config(&text),
        3 => stream(data),
        4 => terminal(&text),
        _ => severity(&text),
    }
}

fn time(text: &str) -> bool {
    let zones = [TimeZone::UTC, TimeZone::fixed(jiff::tz::offset(-7))];
    let mut read = false;
    for zone in zones {
        if let Ok(at) = parse_time(text, NOW, &zone) {
            assert_eq!(parse_time(&at.to_string(), NOW, &zone), Ok(at), "{text}");
            read = true;
        }
    }
    read
}

fn span(text: &str) -> bool {
    let Ok(span) = parse_span(text) else { return false };
    let written = format_span(span);
    let again = parse_span(&written).expect("what we print can be typed");
    assert!(again <= span, "{text} is printed as {written}");
    assert_eq!(format_span(again), written);
    true
}

fn config(text: &str) -> bool {
    let environment: Environment = [("HOME", "/home/op")].into_iter().collect();
    let settings = Settings::of_text(Path::new("config.toml"), text, environment);
    let served = settings.and_then(|settings| {
        settings.zone(None, false)?;
        settings.color(None)?;
        settings.serve(&ServeFlags::default())
    });
    match served {
        Ok(served) => !served.listen.is_empty(),
        Err(failure) => {
            assert_eq!(failure.exit, Exit::Usage);
            assert!(!failure.message.is_empty());
            false
        }
    }
}

fn stream(data: &[u8]) -> bool {
    let mut stream = Stream::new(Cursor::new(data.to_vec()));
    let mut frames = 0;
    while let Ok(Some(frame)) = stream.next_frame() {
        assert!(frame.data.len() <= data.len());
        frames += 1;
    }
    frames > 0
}

fn terminal(text: &str) -> bool {
    let shown = escaped(text);
    let obeyed =
        |c: &char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert_eq!(shown.chars().find(obeyed), None, "{shown:?}");
    assert!(shown.len() <= 10 * text.len());
    assert_eq!(escaped(&shown), shown, "what is escaped needs it no more");
    shown == text
}

fn severity(text: &str) -> bool {
    let Ok(severity) = text.parse::<Severity>() else { return false };
    assert_eq!(severity.to_string().parse(), Ok(severity.level()));
    true
}
