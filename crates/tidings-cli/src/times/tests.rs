use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:45:57.5Z".parse().unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

#[track_caller]
fn assert_time(text: &str, utc: &str) {
    let read = parse_time(text, now(), &berlin()).unwrap();
    assert_eq!(read.to_string(), utc, "{text}");
}

#[test]
fn times_with_a_zone_are_read_as_they_stand() {
    assert_time("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z");
    assert_time("2026-11-22T10:00:00.123456789+01:00", "2026-11-22T09:00:00.123456789Z");
}

#[test]
fn times_without_a_zone_are_local() {
    assert_time("2026-11-21 18:00", "2026-11-21T17:00:00Z");
    assert_time("2026-11-21 18:00:05.25", "2026-11-21T17:00:05.25Z");
    assert_time("2026-07-21T18:00", "2026-07-21T16:00:00Z");
    assert_time("2026-11-21", "2026-11-20T23:00:00Z");
    assert_time("18:00", "2026-11-22T17:00:00Z");
    assert_time("08:30:15", "2026-11-22T07:30:15Z");
}

#[test]
fn words_count_in_local_days() {
    assert_time("now", "2026-11-22T10:45:57.5Z");
    assert_time("today", "2026-11-21T23:00:00Z");
    assert_time("yesterday", "2026-11-20T23:00:00Z");
    assert_time("tomorrow", "2026-11-22T23:00:00Z");
}

#[test]
fn spans_lie_before_now() {
    for text in ["10m", "-10m", "10m ago", "10min ago", " 10m ", "10 minutes ago", "10 min"] {
        assert_time(text, "2026-11-22T10:35:57.5Z");
    }
    assert_time("2d3h", "2026-11-20T07:45:57.5Z");
    assert_time("500ms", "2026-11-22T10:45:57Z");
}

#[test]
fn unix_times_are_told_apart_by_their_size() {
    let utc = "2026-11-22T10:45:57";
    assert_time("1795344357", &format!("{utc}Z"));
    assert_time("1795344357.25", &format!("{utc}.25Z"));
    assert_time("1795344357123", &format!("{utc}.123Z"));
    assert_time("1795344357123456", &format!("{utc}.123456Z"));
    assert_time("1795344357123456789", &format!("{utc}.123456789Z"));
    assert_time("0", "1970-01-01T00:00:00Z");
}

#[test]
fn a_time_that_the_clocks_skipped_lies_after_the_jump() {
    // 2026-03-29 02:00 CET became 03:00 CEST.
    assert_time("2026-03-29 02:30", "2026-03-29T01:30:00Z");
    assert_time("2026-03-29 01:59", "2026-03-29T00:59:00Z");
    assert_time("2026-03-29 03:00", "2026-03-29T01:00:00Z");
}

#[test]
fn a_time_that_happens_twice_is_the_first_of_the_two() {
    // 2026-10-25 03:00 CEST became 02:00 CET.
    assert_time("2026-10-25 02:30", "2026-10-25T00:30:00Z");
    assert_time("2026-10-25 03:00", "2026-10-25T02:00:00Z");
}

#[test]
fn what_is_no_time_is_named_and_the_forms_are_told() {
    let texts = [
        "",
        "10",
        "12345678",
        "1.5",
        "1795344357.",
        "25:00",
        "2026-13-01",
        "2026-02-30",
        "26-11-21",
        "noon",
        "10x",
        "10m later",
        "--10m",
        "é0m",
        "2026é11-21",
        "99999999999999999999",
    ];
    for text in texts {
        let error = parse_time(text, now(), &berlin()).unwrap_err();
        assert!(error.to_string().contains("RFC 3339"), "{text}: {error}");
    }
}

#[test]
fn spans_add_up_their_parts() {
    let seconds = |text: &str| parse_span(text).unwrap().as_secs();
    assert_eq!(seconds("24h"), 86_400);
    assert_eq!(seconds("2d3h"), 2 * 86_400 + 3 * 3_600);
    assert_eq!(seconds("1h 30m"), 5_400);
    assert_eq!(seconds("1w"), 604_800);
    assert_eq!([seconds("24 h"), seconds("2 hours 30 minutes")], [86_400, 9_000]);
    assert_eq!(parse_span("500ms").unwrap(), Duration::from_millis(500));
}

#[test]
fn what_is_no_span_is_refused() {
    for text in ["", "24", "24x", "h", "-1h", "1.5h", "24 ", "h 24", "99999999999w", "1hé"] {
        assert!(parse_span(text).is_err(), "{text}");
    }
}

#[test]
fn spans_print_in_their_two_largest_units() {
    let print = |text: &str| format_span(parse_span(text).unwrap());
    assert_eq!(print("86280s"), "23h58m");
    assert_eq!(print("24h"), "24h");
    assert_eq!(print("51h"), "2d3h");
    assert_eq!(print("45s"), "45s");
    assert_eq!(print("3600s"), "1h");
    assert_eq!(print("250ms"), "250ms");
    assert_eq!(print("0s"), "0ms");
}

/// Found by fuzzing: a character of two bytes where a date has its first dash was
/// cut in its middle, and the request ended in a panic.
#[test]
fn a_character_where_a_dash_should_be_is_no_time() {
    for text in ["2026\u{e9}1-21", "2026\u{fffd}-21", "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"] {
        assert_eq!(text.len(), 10);
        assert!(parse_time(text, Timestamp::from_nanos(0), &TimeZone::UTC).is_err(), "{text}");
    }
}
