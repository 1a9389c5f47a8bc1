//! Can everything be reached without a pointer, and seen where one is?

use serde_json::json;

use crate::events::{event, server_with_three};
use crate::page::Page;
use crate::server::Server;

const ENTER: &str = "\u{e007}";
const ESC: &str = "\u{e00c}";
const TAB: &str = "\u{e004}";

/// What has the focus, as `#id` or as the message of its row.
const FOCUS: &str = "document.activeElement.matches('.row') \
     ? document.activeElement.querySelector('.c-message').textContent \
     : '#' + document.activeElement.id";

/// Whether a frame shows where the focus is.
const FRAMED: &str = "getComputedStyle(document.activeElement).outlineStyle !== 'none' \
     && parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2";

#[test]
fn single_keys_search_walk_and_open() {
    let server = server_with_three();
    let Some(page) = Page::open("single_keys_search_walk_and_open", &server, "/") else { return };
    page.shows(&["web did not come up", "disk at 91%", "api rolled out"]);

    page.press("/");
    assert_eq!(page.text(FOCUS), "#q");
    page.press(ESC);
    assert_eq!(page.text(FOCUS), "#");
    for (keys, focused) in [
        ("j", "web did not come up"),
        ("jj", "api rolled out"),
        ("k", "disk at 91%"),
        ("G", "api rolled out"),
        ("g", "web did not come up"),
        ("j", "disk at 91%"),
    ] {
        page.press(keys);
        assert_eq!(page.text(FOCUS), focused, "{keys}");
        assert_eq!(page.look(FRAMED), true, "{keys}: the focus cannot be seen");
    }
    page.press(ENTER);
    page.wait("document.querySelector('#drawer').open");
    page.wait("document.querySelector('#drawer .message').textContent === 'disk at 91%'");
    page.press(ESC);
    page.wait("!document.querySelector('#drawer').open");
    page.wait("location.search === ''");
    assert_eq!(page.text(FOCUS), "disk at 91%");
}

#[test]
fn the_keys_are_listed_and_can_be_switched_off() {
    let server = server_with_three();
    let test = "the_keys_are_listed_and_can_be_switched_off";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.wait("document.querySelectorAll('.row').length === 3");

    page.press("?");
    page.wait("document.querySelector('#help').open");
    let listed = "[...document.querySelectorAll('#keys kbd')].map((k) => k.textContent).join(' ')";
    assert_eq!(page.text(listed), "/ j k Enter g G l t y ? Esc");
    page.click("#keys-on");
    page.press(ESC);
    page.wait("!document.querySelector('#help').open");
    page.press("jj");
    assert_eq!(page.look("document.querySelector('.row.current')?.dataset.id"), json!(null));
}

#[test]
fn tab_reaches_every_control_in_the_order_in_which_they_are_read() {
    let server = server_with_three();
    let test = "tab_reaches_every_control_in_the_order_in_which_they_are_read";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.wait("document.querySelector('#rail-body .value')");

    let mut reached = Vec::new();
    while reached.last().is_none_or(|last| last != "web did not come up") {
        page.press(TAB);
        reached.push(page.text(FOCUS));
        assert_eq!(page.look(FRAMED), true, "{reached:?}: the focus cannot be seen");
        assert!(reached.len() < 40, "{reached:?}");
    }

    let named: Vec<_> = reached.iter().filter(|one| one.len() > 1).map(String::as_str).collect();
    assert_eq!(
        named,
        [
            "#pause",
            "#utc",
            "#help-open",
            "#q",
            "#type",
            "#member-filter",
            "#severity",
            "#since",
            "#bars",
            "web did not come up"
        ]
    );
}

#[test]
fn the_drawer_has_every_field_and_the_json_as_it_came() {
    let server = Server::start();
    server.post(
        "/api/v1/events",
        "application/json",
        br#"{"type":"a","memberid":"m","message":"one\ntwo","subject":"s","source":"c",
             "severity":"warn","fields":{"big":12345678901234567890.5,"list":[1,"x"]}}"#,
    );
    server.record(&[event("b", "info", "m", "another")]);
    let test = "the_drawer_has_every_field_and_the_json_as_it_came";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.wait("document.querySelectorAll('.row').length === 2");

    page.press("jj");
    page.press(ENTER);

    page.wait("document.querySelector('#drawer .json')");
    let id = page.text("document.querySelector('.row.current').dataset.id");
    assert_eq!(page.query(), format!("?event={id}"));
    let stored = server.get(&format!("/api/v1/events/{id}"));
    let labels = page.look("[...document.querySelectorAll('#drawer dt')].map((d) => d.innerText)");
    for name in ["type", "member", "subject", "source", "id", "timestamp", "big", "list"] {
        assert!(labels.as_array().unwrap().contains(&json!(name)), "{name} is not in {labels}");
    }
    let json = page.text("document.querySelector('#drawer .json').textContent");
    let packed = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(packed(&json), packed(&stored.text()));
    // The address opens it again.
    page.reload();
    page.wait("document.querySelector('#drawer[open] .message').textContent === 'one\\ntwo'");
}
