//! Counts over HTTP: histogram, facets, members, types.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::damage::{damage, three_events};
use crate::server::{Answer, Server};

/// An event of this time of 2020-01-01.
fn at(time: &str, kind: &str, member: &str, severity: &str) -> Value {
    json!({"type": kind, "message": "m", "timestamp": format!("2020-01-01T{time}Z"),
        "memberid": member, "severity": severity})
}

/// A server with seven events of one morning.
fn morning() -> Server {
    let server = Server::start();
    server.record(&[
        at("10:00:29.999999999", "boot", "db1", "info"),
        at("10:00:30", "deploy", "db1", "info"),
        at("10:09:59.999999999", "deploy", "db2", "fatal"),
        at("10:10:00", "disk", "db2", "info"),
        at("10:20:30.499999999", "disk", "db2", "warn"),
        at("10:20:30.5", "disk", "db1", "info"),
        at("11:00:00", "boot", "web", "trace"),
    ]);
    server
}

/// From the second to the fifth of them.
const MORNING: &str = "since=2020-01-01T10:00:30Z&until=2020-01-01T10:20:30.5Z";

/// The answer without its coverage, which must be there.
#[track_caller]
fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut body = answer.json();
    let coverage = body.as_object_mut().unwrap().remove("coverage").unwrap();
    assert_eq!(coverage["complete"], true, "{coverage}");
    body
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, parameter: &str) {
    let named = answer.json();
    assert_eq!((answer.status, named["parameter"].as_str()), (status, Some(parameter)), "{named}");
}

#[test]
fn a_histogram_counts_what_lies_in_the_window_step_by_step() {
    let server = morning();

    let histogram = told(&server.get(&format!("/api/v1/histogram?{MORNING}&step=10m")));

    let expected = json!({
        "step": 600, "since": "2020-01-01T10:00:00Z", "until": "2020-01-01T10:30:00Z",
        "by": "severity",
        "series": [
            {"name": "info", "total": 2, "counts": [1, 1, 0]},
            {"name": "warn", "total": 1, "counts": [0, 0, 1]},
            {"name": "fatal", "total": 1, "counts": [1, 0, 0]},
        ],
        "matched": 4, "read_as": null,
    });
    assert_eq!(histogram, expected);
    let text = server.get(&format!("/api/v1/histogram?{MORNING}")).text();
    assert!(text.starts_with("{\"step\":15,\"since\":"), "the order is for people: {text}");
    let auto = server.get(&format!("/api/v1/histogram?{MORNING}&step=auto")).text();
    assert_eq!(text, auto);
}

#[test]
fn a_histogram_takes_the_filters_of_a_list() {
    let server = morning();
    let matched = |query: &str| {
        let path = format!("/api/v1/histogram?since=all&step=1h&by=type&{query}");
        told(&server.get(&path))["matched"].as_u64().unwrap()
    };

    assert_eq!(matched(""), 7);
    assert_eq!(matched("type=d*&member=db2"), 3);
    assert_eq!(matched("severity=warn"), 2);
    assert_eq!(matched("grep=nothing"), 0);
    let words = told(&server.get("/api/v1/histogram?since=all&q=%22m%22"));
    assert_eq!((&words["matched"], words["read_as"].is_string()), (&json!(7), true));
    assert_eq!(told(&server.get("/api/v1/histogram"))["matched"], 0, "24 h unless asked");
}

#[test]
fn what_is_beyond_the_largest_series_is_one_that_no_name_can_pass_for() {
    let server = Server::start();
    let mut events: Vec<Value> = (10..32)
        .flat_map(|n| {
            let kind = if n == 31 { "other".to_owned() } else { format!("k{n}") };
            vec![at("10:00:00", &kind, "m", "info"); if n > 29 { 3 } else { 2 }]
        })
        .collect();
    for (n, event) in events.iter_mut().enumerate() {
        event["message"] = json!(n.to_string());
    }
    server.record(&events);

    let histogram = told(&server.get("/api/v1/histogram?since=all&step=1h&by=type"));

    let series = histogram["series"].as_array().unwrap();
    assert_eq!(series.len(), 21, "{histogram}");
    assert_eq!(series[0], json!({"name": "k30", "total": 3, "counts": [3]}));
    assert_eq!(series[1], json!({"name": "other", "total": 3, "counts": [3]}));
    assert_eq!(series[20], json!({"name": "other", "other": true, "total": 4, "counts": [4]}));
}

#[test]
fn a_log_without_events_has_counts_of_nothing() {
    let server = Server::start();

    let histogram = told(&server.get("/api/v1/histogram?since=all"));
    let facets = told(&server.get("/api/v1/facets?since=all&of=type"));
    let members = told(&server.get("/api/v1/members?since=all"));

    assert_eq!((&histogram["series"], &histogram["matched"]), (&json!([]), &json!(0)));
    let none = json!([{"of": "type", "values": [], "other": 0, "distinct": 0, "absent": 0}]);
    assert_eq!(facets, json!({"facets": none, "matched": 0, "read_as": null}));
    assert_eq!(members["members"], json!([]));
}

#[test]
fn steps_are_counted_up_to_their_limit_and_one_more_is_told_what_would_do() {
    let server = Server::start();
    let ask = |minutes: &str, step: &str| {
        let window = format!("since=2020-01-01T10:00:00Z&until=2020-01-01T10:{minutes}Z");
        server.get(&format!("/api/v1/histogram?{window}&step={step}"))
    };

    assert_eq!(ask("33:20", "1s").status, 200);
    let refused = ask("33:21", "1s");

    assert_refused(&refused, 422, "step");
    let problem = refused.json();
    assert_eq!((&problem["limit"], &problem["smallest_step"]), (&json!(2000), &json!(5)));
    assert!(problem["detail"].as_str().unwrap().contains("5s or more"), "{problem}");
    assert_eq!(ask("33:21", "5s").status, 200);
}

#[test]
fn facets_count_values_and_say_what_they_leave_out() {
    let server = morning();
    server
        .record(&[json!({"type": "deploy", "timestamp": "2020-01-01T12:00:00Z", "memberid": "ci",
            "subject": "\u{1b}[2J\u{202e}", "source": "=1+1", "fields": {"version": 7}})]);

    let facets = told(&server.get("/api/v1/facets?since=all"));
    let of = "member,subject&of=source,field.version";
    let one = server.get(&format!("/api/v1/facets?since=all&top=1&of={of}"));

    let value = |value: &str, count: u64| json!({"value": value, "count": count});
    let severities = [value("info", 5), value("fatal", 1), value("trace", 1), value("warn", 1)];
    assert_eq!(facets["matched"], 8);
    let names: Vec<&Value> =
        facets["facets"].as_array().unwrap().iter().map(|f| &f["of"]).collect();
    assert_eq!(names, ["type", "member", "severity"]);
    assert_eq!(facets["facets"][2]["values"], json!(severities));
    let facet = |of: &str, first: Value, other: u64, distinct: u64, absent: u64| json!({"of": of, "values": [first], "other": other, "distinct": distinct, "absent": absent});
    let expected = json!([
        facet("member", value("db1", 3), 5, 4, 0),
        facet("subject", value("\u{1b}[2J\u{202e}", 1), 0, 1, 7),
        facet("source", value("=1+1", 1), 0, 1, 7),
        facet("field.version", value("7", 1), 0, 1, 7),
    ]);
    assert_eq!(told(&one)["facets"], expected);
    assert!(!one.body.contains(&0x1b), "control characters are escaped in JSON");
}

#[test]
fn members_and_types_are_told_with_their_first_and_last_event() {
    let server = morning();

    let members = told(&server.get(&format!("/api/v1/members?{MORNING}")));
    let types = told(&server.get("/api/v1/types?since=all&member=db1"));

    let now: tidings::Timestamp = members["now"].as_str().unwrap().parse().unwrap();
    let last = "2020-01-01T10:20:30.499999999Z";
    let silent = now.since(last.parse().unwrap()).as_secs();
    assert_eq!(members["members"].as_array().unwrap().len(), 2, "{members}");
    assert_eq!(
        members["members"][1],
        json!({"name": "db2", "count": 3, "first": "2020-01-01T10:09:59.999999999Z",
            "last": last, "silent_for": silent})
    );
    let named: Vec<(&Value, &Value)> =
        types["types"].as_array().unwrap().iter().map(|t| (&t["name"], &t["count"])).collect();
    let expected = [("boot", 1), ("deploy", 1), ("disk", 1)].map(|(n, c)| (json!(n), json!(c)));
    assert_eq!(named, expected.iter().map(|(n, c)| (n, c)).collect::<Vec<_>>());
    assert_eq!(told(&server.get("/api/v1/members"))["members"], json!([]), "24 h unless asked");
}

#[test]
fn nobody_has_been_silent_for_less_than_no_time() {
    let server = Server::start();
    server.record(&[json!({"type": "a", "memberid": "m", "timestamp": "2199-01-01T00:00:00Z"})]);

    let members = told(&server.get("/api/v1/members"));

    assert_eq!(members["members"][0]["silent_for"], 0, "{members}");
    assert!(members["members"][0]["last"].as_str() > members["now"].as_str(), "{members}");
}

#[test]
fn counts_that_had_to_leave_damage_out_say_so() {
    let dir = TempDir::new().unwrap();
    three_events(dir.path());
    damage(dir.path());

    for path in ["histogram?grep=.", "facets?grep=.", "members?q=three", "types?q=three"] {
        let server = Server::start_in(dir.path());
        let before = server.get("/api/v1/stats").json();
        assert_eq!(before["coverage"]["complete"], true, "nobody has met it yet: {before}");

        let answer = server.get(&format!("/api/v1/{path}")).json();

        assert_eq!(answer["coverage"]["complete"], false, "{path}: {answer}");
        assert_eq!(answer["coverage"]["gaps"][0]["reason"], "damaged", "{path}: {answer}");
        assert_eq!(server.stop().code, Some(0));
    }
    let counted = Server::start_in(dir.path()).get("/api/v1/facets?grep=.&type=message").json();
    assert_eq!(counted["matched"], 2, "{counted}");
}

#[test]
fn a_question_for_counts_that_is_none_is_told_where_and_why() {
    let server = Server::start();
    let nine = (0..9).map(|n| format!("field.{n}")).collect::<Vec<_>>().join(",");
    let (eight, _) = nine.rsplit_once(',').unwrap();
    let long = format!("grep={}", "x".repeat(5000));
    let cases = [
        ("histogram", "step=0s", 422, "step"),
        ("histogram", "step=500ms", 422, "step"),
        ("histogram", "step=1s500ms", 422, "step"),
        ("histogram", "step=10", 422, "step"),
        ("histogram", "step=-1m", 422, "step"),
        ("histogram", "step=1s&step=2s", 422, "step"),
        ("histogram", "step=99999999999999999999s", 422, "step"),
        ("histogram", "by=subject", 422, "by"),
        ("histogram", "limit=1", 400, "limit"),
        ("histogram", "since=never", 422, "since"),
        ("facets", "of=severity,loudness", 422, "of"),
        ("facets", "of=", 422, "of"),
        ("facets", "of=field.", 422, "of"),
        ("facets", "of=type&of=type", 422, "of"),
        ("facets", &format!("of={nine}"), 422, "of"),
        ("facets", "top=0", 422, "top"),
        ("facets", "top=1001", 422, "top"),
        ("facets", "top=1.5", 422, "top"),
        ("facets", "tpo=1", 400, "tpo"),
        ("members", "by=type", 400, "by"),
        ("members", &long, 422, "grep"),
        ("types", "severity=loud", 422, "severity"),
    ];
    for (route, query, status, parameter) in cases {
        assert_refused(&server.get(&format!("/api/v1/{route}?{query}")), status, parameter);
    }
    let most = format!("/api/v1/facets?top=1000&of={eight}");
    assert_eq!(told(&server.get(&most))["facets"].as_array().unwrap().len(), 8);
    assert_eq!(server.get("/api/v1/facets?of=type&top=1001").json()["limit"], 1000);
    assert_eq!(server.get(&format!("/api/v1/facets?of={nine}")).json()["limit"], 8);
}
