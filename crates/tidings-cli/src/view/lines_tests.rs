use super::*;

fn event(json: &str) -> RowEvent {
    serde_json::from_str(json).unwrap()
}

fn disk() -> RowEvent {
    event(
        r#"{"id":"019aab3c-7d2e-7c41-9a3b-1f2e00000001","type":"disk.high","message":"disk 91%",
            "timestamp":"2026-11-22T09:45:57.077124279Z","memberid":"db1","severity":"warn",
            "subject":"/var","fields":{"used":91,"mount":"/var","note":"a b","list":[1,"x"],"e":""},
            "received":"2026-11-22T09:45:58Z"}"#,
    )
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

const FIELDS: &str = r#"used=91 mount=/var note="a b" list=[1,"x"] e="""#;

#[track_caller]
fn assert_line(event: &RowEvent, style: TimeStyle, zone: &TimeZone, expected: &str) {
    assert_eq!(line(event, style, zone, Columns::default(), false), expected);
}

#[test]
fn an_event_is_one_line() {
    let rest = format!("db1 disk.high[warn] /var: disk 91% {FIELDS}");
    let at = |time: &str| format!("{time} {rest}");

    assert_line(&disk(), TimeStyle::Short, &berlin(), &at("Nov 22 10:45:57"));
    assert_line(&disk(), TimeStyle::Iso, &berlin(), &at("2026-11-22T10:45:57.077+01:00"));
    assert_line(&disk(), TimeStyle::Iso, &TimeZone::UTC, &at("2026-11-22T09:45:57.077Z"));
    assert_line(&disk(), TimeStyle::Full, &berlin(), &at("Sun 2026-11-22 10:45:57.077124 CET"));
}

#[test]
fn an_event_of_another_year_says_which() {
    let mut old = disk();
    old.timestamp = "2020-11-22T09:45:57Z".parse().unwrap();

    let short = line(&old, TimeStyle::Short, &berlin(), Columns::default(), false);

    assert!(short.starts_with("2020-11-22 10:45:57 db1 "), "{short}");
}

#[test]
fn members_and_types_stand_in_columns() {
    let mut columns = Columns::default();
    let other = event(
        r#"{"id":"x","type":"deploy","message":"m","timestamp":"2026-11-22T09:45:57Z",
            "memberid":"a-longer-member","severity":"info"}"#,
    );
    columns.widen(&disk());
    columns.widen(&other);

    let line = line(&other, TimeStyle::Short, &TimeZone::UTC, columns, false);

    assert_eq!(line, "Nov 22 09:45:57 a-longer-member deploy[info]    m");
}

#[test]
fn what_is_not_there_leaves_no_trace() {
    let bare = event(
        r#"{"id":"x","type":"tick","message":"","timestamp":"2026-11-22T09:45:57Z",
            "memberid":"m","severity":"info"}"#,
    );

    let mut columns = Columns::default();
    columns.widen(&disk());
    let line = line(&bare, TimeStyle::Short, &TimeZone::UTC, columns, false);
    assert_eq!(line, "Nov 22 09:45:57 m   tick[info]");
}

#[test]
fn colour_says_how_bad_and_ends_before_the_fields() {
    let line = line(&disk(), TimeStyle::Short, &TimeZone::UTC, Columns::default(), true);

    let expected = "\x1b[33mdisk.high[warn] /var: disk 91%\x1b[0m used=91";
    assert!(line.contains(expected), "{line:?}");
}

/// The event as the newest of a group.
fn collapsed(count: u64, first: &str, members: u64) -> RowEvent {
    let mut event = disk();
    let (first, last) = (first.parse().unwrap(), event.timestamp);
    event.collapsed = Some(Collapsed { count, first, last, members });
    event
}

#[test]
fn a_group_says_how_often_and_since_when() {
    let at =
        |group: &str| format!("Nov 22 10:45:57 db1 disk.high[warn] /var: disk 91%{group} {FIELDS}");
    let short = |event: &RowEvent, expected: &str| {
        assert_line(event, TimeStyle::Short, &berlin(), &at(expected));
    };

    let today = "2026-11-22T08:03:00Z";
    short(&collapsed(1, today, 1), "");
    short(&collapsed(1204, today, 1), " ×1,204 (since 09:03)");
    short(&collapsed(2, "2026-11-21T17:00:00Z", 3), " ×2 (since Sat 18:00, 3 members)");
}

#[test]
fn a_record_of_a_group_tells_all_of_it() {
    let record = record(&collapsed(2, "2026-11-21T17:00:00Z", 3), &berlin());

    let first = "    collapsed.first=Sat 2026-11-21 18:00:00.000000000 CET\n";
    assert!(record.contains(first), "{record}");
    assert!(record.contains("    collapsed.count=2\n"), "{record}");
    assert!(record.ends_with("    collapsed.members=3\n"), "{record}");
}

#[test]
fn no_part_of_an_event_reaches_the_terminal_as_it_is() {
    let hostile = event(
        r#"{"id":"\u001bi","type":"\u001bt","message":"\u001b[2J\n\u202e","memberid":"\u001bm",
            "timestamp":"2026-11-22T09:45:57Z","severity":"\u001bs","subject":"\u001bu",
            "source":"\u001bo","key":"\u001bk","fields":{"\u001bn":"\u001bv","w":["\u202e\u009b"]},
            "trace_id":"\u001b","span_id":"\u001b","origin":"\u001b","boot":"\u001b"}"#,
    );
    let mut columns = Columns::default();
    columns.widen(&hostile);

    let line = line(&hostile, TimeStyle::Full, &TimeZone::UTC, columns, false);
    let record = record(&hostile, &TimeZone::UTC);

    assert!(!line.contains(is_hostile), "{line:?}");
    assert!(!record.contains(|c| is_hostile(c) && c != '\n'), "{record:?}");
    assert_eq!(record.lines().count(), 14, "{record}");
}

#[test]
fn a_record_tells_everything_by_name() {
    let mut event = disk();
    event.severity_number = Some(14);
    event.seq = Some(7);
    event.position = Some(42);

    let expected = "\
Sun 2026-11-22 10:45:57.077124279 CET  019aab3c-7d2e-7c41-9a3b-1f2e00000001
    type=disk.high
    severity=warn (14)
    member=db1
    subject=/var
    message=disk 91%
    field.used=91
    field.mount=/var
    field.note=\"a b\"
    field.list=[1,\"x\"]
    field.e=\"\"
    received=Sun 2026-11-22 10:45:58.000000000 CET
    seq=7
    position=42
";
    assert_eq!(record(&event, &berlin()), expected);
}
