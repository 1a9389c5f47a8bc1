//! Lists in which events that say the same stand in one place, and lists that are
//! empty.

use serde_json::{Value, json};

use crate::server::Server;

const EVENTS: &str = "/api/v1/events";

/// So many events of the morning of 2020-01-01, one a second. Every third says
/// something of its own, the others differ in numbers alone.
fn chatter(events: u32) -> Server {
    let server = Server::start();
    let event = |n: u32| {
        let message = match n % 3 {
            0 => format!("only {}", "i".repeat(n as usize)),
            other => format!("disk {} at {n}%", ["", "a", "b"][other as usize]),
        };
        let time = format!("2020-01-01T10:{:02}:{:02}Z", n / 60, n % 60);
        json!({"type": "t", "message": message, "memberid": format!("m{}", n % 2), "timestamp": time})
    };
    server.record(&(0..events).map(event).collect::<Vec<_>>());
    server
}

fn collapsed(events: &[Value]) -> Vec<(String, u64)> {
    let of = |event: &Value| {
        let count = event["collapsed"]["count"].as_u64().unwrap();
        (event["message"].as_str().unwrap().to_owned(), count)
    };
    events.iter().map(of).collect()
}

#[test]
fn what_differs_in_numbers_alone_stands_at_its_newest_event() {
    let server = chatter(10);

    let list = server.get("/api/v1/events?since=all&collapse=1").json();
    let oldest_first = server.get("/api/v1/events?since=all&collapse=1&order=asc").events();

    let newest_first = collapsed(list["events"].as_array().unwrap());
    let said = |n: usize| format!("only {}", "i".repeat(n));
    let expected = [
        (said(9), 1),
        ("disk b at 8%".to_owned(), 3),
        ("disk a at 7%".to_owned(), 3),
        (said(6), 1),
        (said(3), 1),
        (said(0), 1),
    ];
    assert_eq!(newest_first, expected);
    assert_eq!(
        (&list["groups"], &list["matched"], &list["total"]),
        (&json!(6), &json!(10), &json!(10))
    );
    let disk = json!({"count": 3, "first": "2020-01-01T10:00:02Z", "last": "2020-01-01T10:00:08Z",
        "members": 2});
    assert_eq!(list["events"][1]["collapsed"], disk);
    assert!(list.get("truncated").is_none() && list["coverage"].is_object());
    let verbose = server.get("/api/v1/events?since=all&collapse=1&verbose=1").events();
    assert_eq!((&verbose[1]["collapsed"], verbose[1]["seq"].is_u64()), (&disk, true));
    assert_eq!(collapsed(&oldest_first), expected.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn groups_do_not_depend_on_the_page() {
    let server = chatter(30);
    let whole = collapsed(&server.get("/api/v1/events?since=all&collapse=1").events());

    for limit in [1, 3, 11, 12, 13] {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("{EVENTS}?since=all&collapse=1&limit={limit}{after}");
            let page = server.get(&path).json();
            all.extend(collapsed(page["events"].as_array().unwrap()));
            let Some(next) = page["page"]["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(all, whole, "{limit}");
    }
    assert_eq!(whole.len(), 12);
}

#[test]
fn lines_are_collapsed_as_documents_are() {
    let server = chatter(1800);

    let lines = server.get("/api/v1/events?since=all&collapse=1&format=ndjson").text();
    let text = server.get("/api/v1/events?since=all&collapse=1&format=text").text();
    let plain = server.get("/api/v1/events?since=all&format=text&limit=1").text();

    let events: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let document = server.get("/api/v1/events?since=all&collapse=1&limit=10000").json();
    assert_eq!(events, *document["events"].as_array().unwrap());
    assert_eq!((events.len(), &document["groups"]), (602, &json!(602)));
    assert_eq!(text.lines().count(), 602);
    assert!(text.lines().next().unwrap().ends_with("disk b at 1799% ×600"), "{text}");
    assert!(text.lines().nth(2).unwrap().ends_with("ii"), "{text}");
    assert!(plain.ends_with("disk b at 1799%\n"), "{plain}");
}

#[test]
fn where_groups_have_no_place_they_are_refused() {
    let server = Server::start();
    let refused = |path: &str| {
        let answer = server.get(path);
        (answer.status, answer.json()["parameter"].as_str().unwrap().to_owned())
    };

    let parameter = "collapse".to_owned();
    assert_eq!(refused("/api/v1/events?collapse=1&format=csv"), (422, parameter.clone()));
    assert_eq!(refused("/api/v1/events?collapse=perhaps"), (422, parameter.clone()));
    assert_eq!(refused("/api/v1/events/stream?collapse=1"), (400, parameter));
    let verbose = server.get("/api/v1/events?collapse=0").json();
    assert!(verbose.get("groups").is_none(), "{verbose}");
}

#[test]
fn an_empty_list_says_when_there_was_something_last() {
    let server = chatter(10);
    let last =
        |query: &str| server.get(&format!("{EVENTS}?{query}")).json()["last_match_before"].clone();
    let newest = &server.get("/api/v1/events?since=all&limit=1").events()[0];

    let seen = json!({"id": newest["id"], "timestamp": "2020-01-01T10:00:09Z"});
    assert_eq!(last(""), seen);
    assert_eq!(last("collapse=1"), seen);
    let earlier = last("since=2020-01-01T10:00:09Z&q=disk");
    assert_eq!(earlier["timestamp"], "2020-01-01T10:00:08Z", "{earlier}");
    assert_eq!(last("type=never"), json!(null));
    assert_eq!(last("since=all&type=never"), json!(null), "nothing is before the beginning");
    assert_eq!(last("since=2020-01-01T10:00:09Z"), json!(null), "the list is not empty");
    let cursor = server.get("/api/v1/events?since=all&limit=9").json()["page"]["next"].clone();
    let page = format!("since=2020-01-01T10:00:09Z&after={}", cursor.as_str().unwrap());
    assert_eq!(last(&page), json!(null), "a later page");
}

#[test]
fn groups_are_told_apart_up_to_their_limit_and_one_more_is_told() {
    let server = Server::start();
    // Neither digits nor words of hexadecimal ones.
    let word = |n: usize| n.to_string().bytes().map(|b| char::from(b - b'0' + b'k')).collect();
    let event = |n: usize| {
        let message: String = word(n);
        json!({"type": "t", "message": message})
    };
    server.record(&(0..10_000).map(event).collect::<Vec<_>>());

    let at_limit = server.get("/api/v1/events?collapse=1&limit=1").json();
    server.record(&[event(10_000)]);
    let beyond = server.get("/api/v1/events?collapse=1&limit=1").json();

    assert_eq!((&at_limit["groups"], at_limit.get("truncated")), (&json!(10_000), None));
    assert_eq!((&beyond["groups"], &beyond["truncated"]), (&json!(10_000), &json!(true)));
    assert_eq!(
        (&beyond["matched"], &beyond["events"][0]["message"]),
        (&json!(10_001), &json!("lkkkk"))
    );
}
