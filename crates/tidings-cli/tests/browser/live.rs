//! Does the page show what is there, what comes, and what is missing?

use crate::events::{event, own_address, server_at, server_with_three};
use crate::page::Page;
use crate::server::Server;

#[test]
fn the_first_rows_appear_with_how_far_the_log_reaches() {
    let server = server_with_three();
    let Some(page) = Page::open("the_first_rows_appear_with_how_far_the_log_reaches", &server, "/")
    else {
        return;
    };

    page.shows(&["web did not come up", "disk at 91%", "api rolled out"]);
    let reach = page.text("document.querySelector('#reach').innerText");
    assert!(reach.starts_with("last 24 h, reaches back "), "{reach}");
    assert!(reach.ends_with(", 3 events, nothing missing"), "{reach}");
    assert_eq!(page.text("document.querySelector('h1').innerText"), "tidings test-server");
    assert_eq!(page.text("document.title"), "test-server · tidings");
    page.wait("document.querySelector('#live-word').innerText === 'live'");
    // What a screen reader is told.
    page.wait("document.querySelector('#status').textContent === '3 events shown, last 24 h'");
}

#[test]
fn a_page_outlives_its_server_and_tells_what_the_crash_cost() {
    let dir = tempfile::tempdir().unwrap();
    let address = own_address(21);
    let mut server = server_at(&address, dir.path());
    let test = "a_page_outlives_its_server_and_tells_what_the_crash_cost";
    let Some(mut page) = Page::open(test, &server, "/") else { return };
    page.go(&format!("http://{address}/"));
    server.record(&[event("deploy", "info", "ci", "before the crash")]);
    page.shows(&["before the crash"]);
    page.expect_outages();

    server.signal("KILL");
    server.wait();
    page.wait("document.querySelector('#live-word').innerText === 'reconnecting'");
    server = server_at(&address, dir.path());
    server.record(&[event("deploy", "info", "ci", "after the crash")]);

    page.wait(
        "document.querySelector('#reach .missing')?.innerText === 'something may be missing'",
    );
    page.wait("document.querySelector('tr.rule')?.innerText.includes('events may be missing')");
    assert!(page.messages().iter().any(|message| message == "after the crash"));
    page.click("#reach .missing");
    let told = page.text("document.querySelector('#missing[open] #missing-list').innerText");
    assert!(told.contains("the server stopped without a word"), "{told}");
}

#[test]
fn a_new_event_appears_by_itself() {
    let server = server_with_three();
    let Some(page) = Page::open("a_new_event_appears_by_itself", &server, "/") else { return };
    page.shows(&["web did not come up", "disk at 91%", "api rolled out"]);
    page.look("window.stayed = true");

    server.record(&[event("deploy.api", "info", "ci", "api rolled back")]);

    page.shows(&["api rolled back", "web did not come up", "disk at 91%", "api rolled out"]);
    page.wait("document.querySelector('#reach').innerText.includes(' 4 events')");
    assert_eq!(page.look("window.stayed && document.querySelector('#pill').hidden"), true);
}

/// A server with as many rows as need scrolling.
fn long_list() -> Server {
    let server = Server::start();
    let many: Vec<_> =
        (0..90).map(|n| event("tick", "info", "clock", &format!("tick {n}"))).collect();
    server.record(&many);
    server
}

/// What lies at a place in the window: which event, and how far from the top.
fn row_at((x, y): (f64, f64)) -> String {
    format!(
        "(() => {{ const row = document.elementFromPoint({x}, {y}).closest('.row'); \
         return [row.dataset.id, row.getBoundingClientRect().top]; }})()"
    )
}

#[test]
fn nothing_moves_while_somebody_has_scrolled_away() {
    let server = long_list();
    let test = "nothing_moves_while_somebody_has_scrolled_away";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.wait("document.querySelectorAll('.row').length === 90");
    page.look("scrollTo(0, 900)");
    let before = page.look(&row_at((900.0, 500.0)));

    let news = ["first", "second", "third"].map(|word| event("news", "info", "clock", word));
    server.record(&news);

    page.wait("document.querySelector('#pill').innerText === '3 new'");
    assert_eq!(page.look(&row_at((900.0, 500.0))), before);
    page.click("#pill");
    page.wait("scrollY === 0 && document.querySelector('#pill').hidden");
    assert_eq!(page.messages()[..4], ["third", "second", "first", "tick 89"]);
}

#[test]
fn nothing_moves_under_the_pointer() {
    let server = server_with_three();
    let Some(page) = Page::open("nothing_moves_under_the_pointer", &server, "/") else { return };
    page.shows(&["web did not come up", "disk at 91%", "api rolled out"]);
    let place = page.middle(".row:nth-child(2) .c-message");
    page.point_at(place);
    // A pointer that rests for long no longer counts: this one never does.
    page.look(
        "window.hand = setInterval(() => document.querySelector('#rows') \
         .dispatchEvent(new PointerEvent('pointermove')), 500)",
    );
    let before = page.look(&row_at(place));

    server.record(&[event("news", "info", "clock", "held back")]);

    page.wait("document.querySelector('#pill').innerText === '1 new'");
    assert_eq!(page.look(&row_at(place)), before);
    page.look("clearInterval(window.hand)");
    page.point_at((5.0, 5.0));
    page.shows(&["held back", "web did not come up", "disk at 91%", "api rolled out"]);
}
