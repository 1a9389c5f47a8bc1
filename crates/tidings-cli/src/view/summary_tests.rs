use super::*;

fn wall() -> Wall {
    let now = "2026-11-22T18:00:00Z".parse().unwrap();
    Wall { now, zone: TimeZone::UTC }
}

fn coverage(json: &str) -> Coverage {
    serde_json::from_str(json).unwrap()
}

fn since(text: &str) -> Window {
    Window { since: Some(text.parse().unwrap()), until: None }
}

#[test]
fn a_whole_log_says_so_in_one_line() {
    let whole = coverage(
        r#"{"oldest":"2026-11-21T18:02:00Z","newest":"2026-11-22T17:00:00Z",
            "retention":86400,"complete":true,"gaps":[]}"#,
    );
    let window = since("2026-11-21T18:00:00Z");

    assert_eq!(
        told(&shown(38, Some(1204)), &whole, window, &wall()),
        "38 of 1,204 events since Sat 18:00; \
         the log reaches back 23h58m (retention 24h), nothing missing"
    );
    assert!(!whole.is_incomplete_in(window));
}

const GAPS: &str = r#"{"oldest":"2026-11-21T18:02:00Z","newest":null,"retention":86400,
    "complete":false,"gaps":[
    {"from":"2026-11-21T19:00:00Z","to":"2026-11-21T19:05:00Z","events":1200,"reason":"buffer_full"},
    {"from":"2026-11-22T09:00:00Z","to":null,"events":null,"reason":"end_unknown"}]}"#;

#[test]
fn what_is_missing_is_said_with_time_number_and_reason() {
    assert_eq!(
        reach(&coverage(GAPS), Window::default(), &wall()),
        "the log reaches back 23h58m (retention 24h); missing: \
         1,200 events Sat 19:00 to Sat 19:05 (buffer full); \
         nobody knows how many events after 09:00 (end unknown)"
    );
}

#[test]
fn a_gap_outside_the_window_is_not_missed() {
    let before = Window { since: None, until: Some("2026-11-21T18:30:00Z".parse().unwrap()) };

    assert!(reach(&coverage(GAPS), before, &wall()).ends_with("nothing missing"));
    assert!(coverage(GAPS).is_incomplete_in(since("2026-11-22T00:00:00Z")));
}

#[test]
fn a_log_that_is_incomplete_never_claims_that_nothing_is_missing() {
    let vague = coverage(r#"{"oldest":null,"newest":null,"complete":false}"#);
    let cut = coverage(r#"{"oldest":null,"newest":null,"complete":true,"cut_by":"size"}"#);

    let told = reach(&vague, Window::default(), &wall());
    assert_eq!(told, "the log is empty, and something is missing");
    assert!(reach(&cut, Window::default(), &wall()).contains("cut by its size limit"));
    assert!(cut.is_incomplete_in(Window::default()));
}

#[test]
fn what_other_servers_owe_is_said_with_their_name() {
    let gap = |reason: &str, origin: &str, events: &str| {
        format!(
            r#"{{"origin":{origin},"from":"2026-11-22T09:00:00Z","to":null,
                "events":{events},"reason":"{reason}"}}"#
        )
    };
    let told = |gap: String| {
        let coverage = coverage(&format!(
            r#"{{"oldest":null,"newest":null,"complete":false,"gaps":[{gap}],
                "seen_through":[{{"member":"db2","origin":"0b","state":"unheard"}}]}}"#
        ));
        reach(&coverage, Window::default(), &wall()).replace("the log is empty; missing: ", "")
    };

    assert_eq!(
        told(gap("unheard", r#""0b""#, "null")),
        "whatever happened on db2 after 09:00 (unheard)"
    );
    assert_eq!(
        told(gap("watch_stale", "null", "null")),
        "whatever happened on the other servers after 09:00 (etcd tells nothing new)"
    );
    assert_eq!(
        told(gap("hole", r#""0b""#, "null")),
        "nobody knows how many events on db2 after 09:00 (what was published never came)"
    );
    assert_eq!(told(gap("unshared", r#""0b""#, "12")), "12 events on db2 after 09:00 (not shared)");
}

#[test]
fn a_server_that_nobody_names_is_told_by_its_log() {
    let of = |reason: &str| {
        let gap = format!(r#"{{"origin":"5e1c40aa00ff","events":3,"reason":"{reason}"}}"#);
        let gap: Gap = serde_json::from_str(&gap).unwrap();
        gap.told(Coverage::default().server(&gap), &wall())
    };

    assert_eq!(of("hole"), "3 events on log 5e1c40aa (what was published never came)");
    assert_eq!(of("buffer_full"), "3 events (buffer full)");
}

#[test]
fn many_gaps_are_counted() {
    let mut many = coverage(GAPS);
    for (gaps, told) in [(10, "; and 7 more gaps"), (4, "; and 1 more gap")] {
        many.gaps = vec![many.gaps[0].clone(); gaps];

        assert!(reach(&many, Window::default(), &wall()).ends_with(told), "{gaps}");
    }
}

#[test]
fn numbers_are_grouped_by_thousands() {
    let all = [0, 999, 1_000, 1_234_567].map(grouped);

    assert_eq!(all, ["0", "999", "1,000", "1,234,567"]);
}

#[test]
fn sizes_have_one_digit_after_the_point() {
    assert_eq!([0, 1023, 1536, 5 << 30].map(size), ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 GiB"]);
}
