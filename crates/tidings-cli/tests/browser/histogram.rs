//! Can the bars be seen, heard and zoomed?

use crate::events::record_ago;
use crate::page::Page;
use crate::server::Server;

/// A server with events over some hours, told of oldest first.
fn hours() -> Server {
    let server = Server::start();
    record_ago(&server, "20h", "error", "twenty hours ago");
    record_ago(&server, "12h", "info", "twelve hours ago");
    record_ago(&server, "12h", "warn", "twelve hours ago, too");
    record_ago(&server, "2h", "info", "two hours ago");
    server
}

const DRAWN: &str = "document.querySelectorAll('#bars rect.bar').length === 4";
const HEARD: &str = "document.querySelector('#bars').getAttribute('aria-label')";

#[test]
fn the_bars_tell_their_counts_in_words() {
    let server = hours();
    let Some(page) = Page::open("the_bars_tell_their_counts_in_words", &server, "/") else {
        return;
    };

    page.wait(DRAWN);
    let heard = page.text(HEARD);
    assert!(heard.starts_with("Histogram. 4 events: 1 error, 1 warn, 2 info; "), "{heard}");
    assert!(heard.contains(" a bar. Most in "), "{heard}");
    let tall = "[...document.querySelectorAll('#bars rect.bar')].every((bar) => \
                bar.getBoundingClientRect().height > 1 && bar.getBoundingClientRect().width > 1)";
    assert_eq!(page.look(tall), true);
    page.point_at(page.middle("#bars rect.bar.sev-error"));
    page.wait("document.querySelector('#bars-told').innerText.endsWith(': 1 error')");
}

#[test]
fn a_drag_over_the_bars_zooms_and_esc_goes_back() {
    let server = hours();
    let test = "a_drag_over_the_bars_zooms_and_esc_goes_back";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.wait(DRAWN);
    let (x, y) = page.middle("#bars rect.bar.sev-warn");

    page.drag((x - 60.0, y), (x + 60.0, y));

    page.shows(&["twelve hours ago, too", "twelve hours ago"]);
    assert!(page.query().contains("?since=") && page.query().contains("&until="));
    page.wait("document.querySelectorAll('#bars rect.bar').length === 2");
    page.press("\u{e00c}");
    page.wait("location.search === ''");
    page.wait("document.querySelectorAll('.row').length === 4");
    page.wait(DRAWN);
}

#[test]
fn the_keyboard_reads_marks_and_zooms_the_bars() {
    let server = hours();
    let test = "the_keyboard_reads_marks_and_zooms_the_bars";
    let Some(page) = Page::open(test, &server, "/?since=6h") else { return };
    page.wait("document.querySelectorAll('#bars rect.bar').length === 1");
    page.look("document.querySelector('#bars').focus()");

    page.press("\u{e012}");
    let read = page.text("document.querySelector('#bars-told').innerText");
    assert!(read.ends_with(": nothing"), "{read}");
    // Shift, and left until the only event is among the marked.
    let bars = page.look("document.querySelector('#bars').viewBox.baseVal.width");
    page.shift_press(&"\u{e012}".repeat(usize::try_from(bars.as_u64().unwrap()).unwrap() / 2));
    page.wait("document.querySelector('#bars-told').innerText.endsWith(': 1 info')");
    page.press("\u{e007}");

    page.shows(&["two hours ago"]);
    assert!(page.query().contains("&until="), "{}", page.query());
    page.press("\u{e00c}");
    page.wait("location.search === '?since=6h'");
}

#[test]
fn what_is_marked_stays_marked_when_something_new_comes() {
    let server = hours();
    let test = "what_is_marked_stays_marked_when_something_new_comes";
    let Some(mut page) = Page::open(test, &server, "/") else { return };
    // An instant, so that the bars begin at the same one after every answer.
    let since = page.text("new Date(Date.now() - 6 * 3600e3).toISOString()");
    page.go(&server.url(&format!("/?since={since}")));
    page.wait("document.querySelectorAll('#bars rect.bar').length === 1");
    page.look("document.querySelector('#bars').focus()");
    page.press("\u{e012}");
    let marked = "document.querySelector('#bars-told').innerText";
    let told = page.text(marked);

    record_ago(&server, "1h", "info", "one hour ago");

    page.wait("document.querySelectorAll('#bars rect.bar').length === 2");
    assert_eq!(page.text(marked), told);
}
