//! Questions over HTTP, and questions that are none.

use serde_json::{Value, json};

use crate::server::Server;

const EVENTS: &str = "/api/v1/events";

/// A server with so many events, `n` counting them.
fn server_with(events: usize) -> Server {
    let server = Server::start();
    let lines: String = (0..events)
        .map(|n| {
            let severity = if n % 10 == 0 { "warn" } else { "info" };
            let event = json!({
                "type": format!("kind.{}", n % 3), "message": format!("event number {n}"),
                "memberid": format!("m{}", n % 2), "severity": severity, "fields": {"n": n},
            });
            format!("{event}\n")
        })
        .collect();
    let answer = server.post(EVENTS, "application/x-ndjson", lines.as_bytes());
    assert_eq!(answer.json()["accepted"], events, "{}", answer.text());
    server
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["fields"]["n"].as_u64().unwrap()).collect()
}

/// All pages of a list, by `page.next`.
fn paged(server: &Server, query: &str) -> Vec<u64> {
    let mut all = Vec::new();
    let mut path = format!("{EVENTS}?{query}");
    loop {
        let answer = server.get(&path);
        all.extend(numbers(&answer.events()));
        match answer.json()["page"]["next"].as_str() {
            Some(next) => path = format!("{EVENTS}?{query}&after={next}"),
            None => return all,
        }
    }
}

#[test]
fn the_pages_of_a_list_make_the_same_list_whatever_their_size() {
    let server = server_with(120);
    let newest_first: Vec<u64> = (0..120).rev().collect();

    for limit in [1, 7, 119, 120, 121, 10_000] {
        assert_eq!(paged(&server, &format!("limit={limit}")), newest_first, "{limit}");
    }
    let oldest_first: Vec<u64> = (0..120).collect();
    assert_eq!(paged(&server, "limit=50&order=asc"), oldest_first);
}

#[test]
fn a_page_back_is_the_page_before() {
    let server = server_with(30);
    let first = server.get("/api/v1/events?limit=10").json();
    let next = first["page"]["next"].as_str().unwrap();
    let second = server.get(&format!("/api/v1/events?limit=10&after={next}")).json();
    let prev = second["page"]["prev"].as_str().unwrap();

    let back = server.get(&format!("/api/v1/events?limit=10&before={prev}"));

    assert_eq!(numbers(&back.events()), numbers(first["events"].as_array().unwrap()));
}

#[test]
fn every_filter_says_which_events() {
    let server = server_with(60);
    let count = |query: &str| {
        let answer = server.get(&format!("{EVENTS}?limit=1000&count=exact&{query}"));
        let events = answer.events().len();
        assert_eq!(answer.json()["matched"], events, "{query}");
        events
    };

    assert_eq!(count(""), 60);
    assert_eq!(count("type=kind.0"), 20);
    assert_eq!(count("type=kind.*,!kind.1"), 40);
    assert_eq!(count("member=m1"), 30);
    assert_eq!(count("severity=warn"), 6);
    assert_eq!(count("severity=info..info"), 54);
    assert_eq!(count("field.n=7"), 1);
    assert_eq!(count("q=%22number+7%22"), 1);
    assert_eq!(count("grep=number+%5B0-4%5D%24"), 5);
    assert_eq!(count("q=type:kind.1,kind.2+-member:m1+fields.n%3C12"), 4);
    assert_eq!(count("q=severity%3Ewarn+OR+fields.n=7.0+OR+num*r+fields.n:5"), 2);
    assert_eq!(count("since=1h&type=kind.2&member=m1"), 10);
    assert_eq!(count("until=1h"), 0);
    assert_eq!(count("grep=(a%2B)%2B%24"), 0);
}

#[test]
fn the_envelope_says_what_the_log_can_answer_for() {
    let server = server_with(3);

    let list = server.get("/api/v1/events?q=number&limit=2").json();

    assert_eq!(list["events"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&list["coverage"]["complete"], &list["coverage"]["retention"]),
        (&json!(true), &json!(86_400))
    );
    assert!(list["coverage"]["oldest"].is_string() && list["coverage"]["gaps"] == json!([]));
    assert_eq!(list["total"], 3);
    assert!(list["read_as"].is_string() && list["page"]["next"].is_string(), "{list}");
    assert!(list["events"][0].get("origin").is_none());
    let verbose = server.get("/api/v1/events?verbose=1&limit=1").events();
    assert!(verbose[0]["origin"].is_string() && verbose[0]["position"].is_u64());
}

#[test]
fn lines_are_streamed_to_the_end_in_the_form_that_is_accepted() {
    let server = server_with(1203);
    let accept = |media: &str| server.request("GET", EVENTS, &[("Accept", media)], b"");

    let ndjson = accept("application/x-ndjson");
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
    let events: Vec<Value> =
        ndjson.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(numbers(&events), (0..1203).rev().collect::<Vec<_>>());

    let whole = server.get("/api/v1/events?limit=10000").json();
    assert_eq!(
        (numbers(whole["events"].as_array().unwrap()).len(), &whole["matched"]),
        (1203, &json!(1203))
    );
    let (next, total) = (&whole["page"]["next"], &whole["total"]);
    assert_eq!((next, total), (&json!(null), &json!(1203)));
    assert_eq!(paged(&server, "limit=701").len(), 1203);
    assert_eq!(accept("text/plain").text().lines().count(), 1203);
    assert_eq!(accept("image/png").status, 406);
    assert_eq!(
        server.get("/api/v1/events?format=ndjson&limit=700&order=asc").text().lines().count(),
        700
    );
}

#[test]
fn a_list_for_spreadsheets_is_the_one_of_the_command_line_and_holds_no_formula() {
    let server = Server::start();
    for message in ["=cmd|' /C calc'!A0", "a,\"b\"\r\nc", "\u{1b}[2J\u{202e}"] {
        server.post("/e/a?field.k=v&subject=@s", "text/plain", message.as_bytes());
    }

    let accepted = server.request("GET", EVENTS, &[("Accept", "text/csv")], b"");
    let listed = server.tidings(&["list", "-r", "-o", "csv"]);

    let media = Some("text/csv; charset=utf-8; header=present");
    assert_eq!((accepted.status, accepted.header("content-type")), (200, media));
    assert_eq!(accepted.text(), String::from_utf8(listed.stdout).unwrap());
    assert_eq!(accepted.text(), server.get("/api/v1/events?format=csv").text());
    assert!(accepted.text().starts_with("id,timestamp,memberid,type,"));
    assert!(accepted.text().contains(",'@s,,'=cmd|' /C calc'!A0,"), "{}", accepted.text());
    assert!(accepted.text().contains(",\"a,\"\"b\"\"\r\nc\","), "{}", accepted.text());
    assert!(!accepted.text().contains("\n=") && !accepted.text().contains(",="));
}

#[test]
fn a_long_list_for_spreadsheets_has_one_header() {
    let server = server_with(1001);

    let text = server.get("/api/v1/events?format=csv").text();

    assert_eq!(text.lines().count(), 1002);
    assert_eq!(text.matches("id,timestamp,").count(), 1);
    assert_eq!(server.get("/api/v1/events?format=csv&limit=2").text().lines().count(), 3);
    assert_eq!(server.get("/api/v1/events?format=csv&type=none").text().lines().count(), 1);
}

#[test]
fn a_question_that_is_none_is_told_where_and_why() {
    let server = server_with(1);
    let origin = server.get("/api/v1/stats").json()["origin"].as_str().unwrap().to_owned();
    let long = format!("q={}", "x".repeat(5000));
    let cases = [
        ("limit=0", 422, "limit"),
        ("limit=-1", 422, "limit"),
        ("limit=1.5", 422, "limit"),
        ("limit=10001", 422, "limit"),
        ("severity=loud", 422, "severity"),
        ("severity=error..warn", 422, "severity"),
        ("since=never", 422, "since"),
        ("since=2026%C3%A91-21", 422, "since"),
        ("since=2026-11-22T10:00:00Z&until=2026-11-21T10:00:00Z", 422, "since"),
        ("grep=(", 422, "grep"),
        ("type=,", 422, "type"),
        ("order=up", 422, "order"),
        ("count=1", 422, "count"),
        ("format=xml", 422, "format"),
        (&long, 422, "q"),
        ("sverity=warn", 400, "sverity"),
        ("colapse=1", 400, "colapse"),
        ("after=nonsense", 400, "after"),
        ("before=nonsense", 400, "before"),
    ];
    for (query, status, parameter) in cases {
        let answer = server.get(&format!("{EVENTS}?{query}"));
        assert_eq!(
            (answer.status, answer.json()["parameter"].as_str()),
            (status, Some(parameter)),
            "{query}: {}",
            answer.text()
        );
    }
    assert_eq!(server.get(&format!("{EVENTS}/{origin}")).status, 404);
    assert_eq!(server.get(&format!("{EVENTS}/019aab3c-7d2e-7c41-9a3b-1f2e00000001")).status, 404);
}

#[test]
fn expressions_that_take_others_for_ever_are_answered() {
    let server = Server::start();
    server.post("/e/a", "text/plain", "a".repeat(60_000).as_bytes());

    let exponential = server.get("/api/v1/events?grep=%28a%2B%29%2B%24%7C%28a%7Caa%29%2Bb");
    let hundreds = format!("/api/v1/events?q={}", "%2F%5Cw%7B40%7D%2F+".repeat(400));
    let hundreds = server.get(&hundreds);

    assert_eq!(exponential.events().len(), 1);
    assert_eq!(hundreds.events().len(), 0, "the ninth and later are words, which are not there");
}

#[test]
fn what_does_not_parse_in_q_is_searched_as_text() {
    let server = Server::start();
    server.post("/e/a", "text/plain", b"a \"(b");

    let list = server.get("/api/v1/events?q=%22(b").json();

    assert_eq!(list["events"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["read_as"], r#""\"(b""#);
    assert_eq!(list["read_problems"][0]["column"], 1);
    let whole = server.get("/api/v1/events?q=a").json();
    assert!(whole.get("read_problems").is_none(), "{whole}");
}

#[test]
fn what_does_not_parse_in_q_is_refused_where_strictness_is_asked_for() {
    let server = Server::start();
    for path in [EVENTS, "/api/v1/histogram", "/api/v1/facets?of=type", "/api/v1/members"] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let asked = |q: &str| server.get(&format!("{path}{joint}qmode=strict&q={q}"));

        let refused = asked("%C3%A9+(a+OR");

        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        let problem = refused.json();
        assert_eq!((&problem["column"], &problem["parameter"]), (&json!(3), &json!("q")));
        assert_eq!(asked("%C3%A9+(a+OR+b)").status, 200, "{path}");
    }
    assert_eq!(server.get("/api/v1/events?qmode=lax").status, 422);
}

#[test]
fn an_event_is_shown_with_what_happened_around_it() {
    let server = server_with(9);
    let id = server.get("/api/v1/events?field.n=4").events()[0]["id"].as_str().unwrap().to_owned();

    let shown = server.get(&format!("{EVENTS}/{id}?context=2")).json();

    assert_eq!(shown["event"]["fields"]["n"], 4);
    assert_eq!(numbers(shown["before"].as_array().unwrap()), [2, 3]);
    assert_eq!(numbers(shown["after"].as_array().unwrap()), [5, 6]);
    assert_eq!(server.get(&format!("{EVENTS}/{id}?context=1001")).status, 422);
}

#[test]
fn an_event_in_context_is_the_same_text_as_alone() {
    let server = Server::start();
    let event = br#"{"type":"a","message":"m","fields":{"z":1,"a":{"y":2,"b":3},"m":4}}"#;
    let id = server.post(EVENTS, "application/json", event).json()["id"].clone();
    let path = format!("{EVENTS}/{}", id.as_str().unwrap());

    let (alone, among) =
        (server.get(&path).text(), server.get(&format!("{path}?context=1")).text());

    assert!(alone.contains(r#""fields":{"z":1,"a":{"#), "{alone}");
    let start = format!(r#"{{"before":[],"event":{alone},"after":[],"coverage":{{"#);
    assert!(among.starts_with(&start), "{among}");
}

#[test]
fn the_document_lists_every_route_that_answers() {
    let server = Server::start();

    let document = server.get("/openapi.json").json();

    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    for path in
        ["/api/v1/events", "/api/v1/events/stream", "/e/{type}", "/api/v1/event", "/metrics"]
    {
        assert!(paths.iter().any(|known| *known == path), "{path}");
    }
    for path in paths {
        let path =
            path.replace("{type}", "a").replace("{id}", "019aab3c-7d2e-7c41-9a3b-1f2e00000001");
        if path != "/api/v1/events/stream" {
            let status = server.request("DELETE", &path, &[], b"").status;
            assert_eq!(status, 405, "{path} is there");
        }
    }
    assert!(document["paths"]["/api/v1/events"]["post"].is_object());
    let list = &document["paths"]["/api/v1/events"]["get"]["parameters"];
    let shared = json!({"name": "until", "in": "query", "required": false,
        "description": "Up to this time, excluded", "schema": {"type": "string"}});
    assert!(list.as_array().unwrap().contains(&shared), "{list}");
}

#[test]
fn metrics_and_stats_and_health_tell_the_same_books() {
    let server = server_with(5);

    let stats = server.get("/api/v1/stats").json();
    let metrics = server.get("/metrics").text();

    assert_eq!((&stats["state"], &stats["member"]), (&json!("running"), &json!("test-server")));
    assert_eq!((&stats["tally"]["stored"], &stats["store"]["events"]), (&json!(5), &json!(5)));
    for line in [
        "tidings_events_offered_total 5",
        "tidings_events_stored_total 5",
        "tidings_events_refused_total{reason=\"invalid\"} 0",
        "tidings_ingest_events_total{protocol=\"ndjson\"} 5",
        "tidings_store_events 5",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("kind.1") && !metrics.contains("m1\""), "{metrics}");
    assert_eq!(server.get("/readyz").text(), "ok\n");
    assert!(server.get("/healthz?verbose").text().contains("offered 5 = stored 5"));
}

#[test]
fn the_page_is_whole_and_asks_nobody_else() {
    let server = Server::start();

    let page = server.get("/");

    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text();
    assert!(!text.contains("<style") && !text.contains(" onclick=") && !text.contains("://"));
    for (start, end) in [("src=\"", "\""), ("href=\"", "\"")] {
        for part in text.split(start).skip(1) {
            let path = part.split(end).next().unwrap();
            let path = format!("/{}", path.trim_start_matches('/'));
            assert_eq!(server.get(&path).status, 200, "{path}");
        }
    }
}
