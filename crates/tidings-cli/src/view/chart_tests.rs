use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::histogram::Columns;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day() -> (Timestamp, Timestamp) {
    (at("2026-11-21T17:00:00Z"), at("2026-11-22T17:03:00Z"))
}

fn berlin() -> Wall {
    Wall { now: day().1, zone: TimeZone::get("Europe/Berlin").unwrap() }
}

/// Half hours of a day, with these names and the counts of their first columns.
fn histogram(series: &[(&str, &[u64])]) -> Histogram {
    let series: Vec<Value> = series
        .iter()
        .map(|(name, counts)| {
            let mut all = counts.to_vec();
            all.resize(49, 0);
            json!({"name": name, "total": counts.iter().sum::<u64>(), "counts": all})
        })
        .collect();
    let matched: u64 = series.iter().filter_map(|one| one["total"].as_u64()).sum();
    let coverage = json!({"oldest": null, "newest": null, "complete": true, "gaps": []});
    serde_json::from_value(json!({
        "step": 1800, "since": "2026-11-21T17:00:00Z", "until": "2026-11-22T17:30:00Z",
        "by": "type", "series": series, "matched": matched, "coverage": coverage,
    }))
    .unwrap()
}

fn chart(by: &'static str, width: usize) -> Chart {
    Chart { by, width, colors: false }
}

#[test]
fn nothing_is_blank_and_one_event_is_seen_beside_a_million() {
    assert_eq!(spark(&[0, 1, 1_000_000]), " ▁█");
    assert_eq!(spark(&[1, 2, 3, 4, 5, 6, 7, 8]), "▁▂▃▄▅▆▇█");
    assert_eq!(spark(&[0, 0]), "  ");
    assert_eq!(spark(&[]), "");
    assert_eq!(spark(&[1]), "█");
    assert_eq!(spark(&[u64::MAX, u64::MAX / 2, 1]), "█▄▁");
}

#[test]
fn every_name_has_its_count_its_peak_and_its_shape() {
    let counts = histogram(&[("deploy", &[40, 0, 20, 1144]), ("error", &[0, 9, 3])]);

    assert_eq!(
        chart("type", 80).text(&counts, day(), &berlin()),
        "\
TYPE    COUNT   PEAK
deploy  1,204  1,144  ▁ ▁█
error      12      9   █▃
        1,216         Sat 18:00 ───────── 30m a column ────────── 18:03
"
    );
}

#[test]
fn the_axis_is_as_wide_as_the_columns() {
    let counts = histogram(&[("a", &[1; 49])]);

    let text = chart("type", 80).text(&counts, day(), &berlin());

    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(columns(lines[1]), columns(lines[2]), "{text}");
}

#[test]
fn an_axis_too_short_for_its_labels_is_told_in_words() {
    let mut counts = histogram(&[("a", &[])]);
    counts.series[0].counts = vec![3];
    counts.step = 86_400;

    let text = chart("type", 80).text(&counts, day(), &berlin());

    assert!(text.ends_with("Sat 18:00 to 18:03, 24h a column\n"), "{text}");
    assert!(text.contains("█\n"), "{text}");
}

#[test]
fn steps_of_seconds_are_told_to_the_second() {
    let mut counts = histogram(&[("a", &[1])]);
    counts.step = 10;
    let ends = (at("2026-11-22T16:55:10Z"), day().1);

    let text = chart("type", 80).text(&counts, ends, &berlin());

    assert!(text.contains(" 17:55:10 ─") && text.ends_with("─ 18:03:00\n"), "{text}");
}

#[test]
fn no_name_reaches_the_terminal_as_it_is_nor_pushes_the_columns_away() {
    let long = "x".repeat(128);
    let counts = histogram(&[("\u{1b}[2J\u{202e}", &[1; 49]), ("日本", &[2; 49]), (&long, &[3])]);

    let text = chart("type", 80).text(&counts, day(), &berlin());

    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with(r"\x1b[2J\u{202e} "), "{text}");
    assert!(lines[3].contains("xx…  "), "{text}");
    assert_eq!(columns(lines[1]), columns(lines[2]), "{text}");
}

#[test]
fn what_is_told_fits_into_the_terminal() {
    let names = ["x".repeat(128), "日本語".repeat(20), "a".to_owned()];
    for width in [40, 60, 80, 120, 400] {
        for name in &names {
            let chart = chart("member", width);
            let mut counts = histogram(&[(name, &[12_345, 1])]);
            let room = chart.time_columns_max(&counts);
            counts.series[0].counts.resize(room, 1);

            let text = chart.text(&counts, day(), &berlin());

            assert!((TIME_COLUMNS_MIN..=TIME_COLUMNS_MAX).contains(&room));
            let widest = text.lines().map(columns).max();
            assert!(widest <= Some(width), "{widest:?} of {width}: {text}");
        }
    }
}

#[test]
fn on_a_narrow_terminal_huge_counts_leave_room_for_time() {
    let mut counts = histogram(&[("deploy.finished", &[9_876_543_210, 1])]);
    let chart = chart("type", 40);
    let room = chart.time_columns_max(&counts);
    counts.series[0].counts.resize(room, 1);

    let text = chart.text(&counts, day(), &berlin());

    assert_eq!(text.lines().next(), Some("TYPE              COUNT"), "{text}");
    assert!(text.contains("  9,876,543,211  █▁\n"), "{text}");
    assert!(text.lines().all(|line| columns(line) <= 40), "{text}");
}

#[test]
fn a_wide_terminal_has_more_columns_than_a_narrow_one() {
    let counts = histogram(&[("deploy", &[1])]);
    let room = |width| chart("type", width).time_columns_max(&counts);

    assert_eq!([20, 80, 150, 1000].map(room), [10, 59, 129, TIME_COLUMNS_MAX]);
}

#[test]
fn rows_of_severities_have_the_colour_of_their_events() {
    let counts = histogram(&[("info", &[1]), ("error", &[1])]);
    let colored = |by| Chart { by, width: 80, colors: true }.text(&counts, day(), &berlin());

    assert!(colored("severity").contains("\x1b[31merror "), "{}", colored("severity"));
    assert!(colored("severity").contains("\ninfo "));
    assert!(!colored("type").contains('\x1b'), "a type may be called error");
}

#[test]
fn what_has_no_line_of_its_own_is_not_a_name() {
    let mut counts = histogram(&[("other", &[1]), ("", &[2])]);
    counts.series[1].other = true;

    let text = chart("type", 80).text(&counts, day(), &berlin());

    assert!(text.contains("\nother ") && text.contains("\n(other types) "), "{text}");
}

prop_compose! {
    /// Whatever may answer in place of a server.
    fn any_histogram()(
        step in prop_oneof![0..200_000_u64, any::<u64>()],
        since in any::<i64>(),
        until in any::<i64>(),
        matched in any::<u64>(),
        series in prop::collection::vec(
            (".{0,40}", any::<bool>(), any::<u64>(), prop::collection::vec(any::<u64>(), 0..50)),
            0..4,
        ),
    ) -> Histogram {
        let series = series
            .into_iter()
            .map(|(name, other, total, counts)| Series { name, other, total, counts })
            .collect();
        let (since, until) = (Timestamp::from_nanos(since), Timestamp::from_nanos(until));
        Histogram {
            step, since: Some(since), until: Some(until), series, matched,
            coverage: serde_json::from_value(json!({"complete": true})).unwrap(),
        }
    }
}

proptest! {
    #[test]
    fn whatever_a_server_answers_is_drawn_and_fits(
        histogram in any_histogram(),
        width in 0..500_usize,
        ends in (any::<i64>(), any::<i64>()),
    ) {
        let chart = chart("type", width);
        let room = chart.time_columns_max(&histogram);
        let ends = (Timestamp::from_nanos(ends.0), Timestamp::from_nanos(ends.1));
        let columns = Columns::fitting(ends.0, ends.1, room as u64);

        let fitted = histogram.in_columns(columns);
        let text = chart.text(fitted.as_ref().unwrap_or(&histogram), ends, &berlin());

        prop_assert!(columns.count <= room as u64);
        prop_assert!(text.lines().next().is_some_and(|head| head.contains("COUNT")));
        prop_assert!(!text.contains(|c| crate::view::escape::is_hostile(c) && c != '\n'));
    }
}
