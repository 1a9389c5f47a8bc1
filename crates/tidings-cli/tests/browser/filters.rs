//! Does what is asked for stand in the address, and what does an empty list say?

use crate::events::{record_ago, server_with_three};
use crate::page::Page;
use crate::server::Server;

const ALL: [&str; 3] = ["web did not come up", "disk at 91%", "api rolled out"];

/// The value of a condition in the row from the top.
fn value(row: usize, name: &str) -> String {
    format!(".row:nth-child({row}) .value[data-name={name}]")
}

#[test]
fn a_clicked_value_filters_and_the_address_holds_it() {
    let server = server_with_three();
    let test = "a_clicked_value_filters_and_the_address_holds_it";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.shows(&ALL);

    page.click(&value(1, "member"));
    page.shows(&["web did not come up", "api rolled out"]);
    assert_eq!(page.query(), "?member=ci");
    page.wait("document.querySelector('#reach').innerText.includes('2 of 3 events')");
    page.click(&value(1, "severity"));
    page.shows(&["web did not come up"]);
    assert_eq!(page.query(), "?severity=error&member=ci");

    page.reload();
    page.shows(&["web did not come up"]);
    assert_eq!(page.text("document.querySelector('#member-filter').value"), "ci");
    page.back();
    page.shows(&["web did not come up", "api rolled out"]);
    page.back();
    page.shows(&ALL);
    assert_eq!(page.query(), "");
    page.forward();
    page.shows(&["web did not come up", "api rolled out"]);
    page.click("#chips .filter");
    page.shows(&ALL);
}

#[test]
fn an_alt_clicked_value_is_excluded() {
    let server = server_with_three();
    let Some(page) = Page::open("an_alt_clicked_value_is_excluded", &server, "/") else { return };
    page.shows(&ALL);

    page.alt_click(&value(1, "type"));

    page.shows(&["disk at 91%", "api rolled out"]);
    assert_eq!(page.query(), "?type=!deploy.web");
    page.alt_click(&value(1, "member"));
    page.shows(&["api rolled out"]);
    assert_eq!(page.query(), "?type=!deploy.web&member=!db1");
}

#[test]
fn the_counts_beside_the_list_filter_too() {
    let server = server_with_three();
    let test = "the_counts_beside_the_list_filter_too";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.wait("document.querySelector('#rail-body li[data-of=\"member ci\"]')");
    let told = page.text("document.querySelector('li[data-of=\"member ci\"]').textContent");
    assert_eq!(told, "ci2");

    page.click("#rail-body li[data-of=\"member db1\"] .value");

    page.shows(&["disk at 91%"]);
    page.wait("document.querySelectorAll('#rail-body li[data-of^=\"member \"]').length === 1");
}

#[test]
fn a_search_without_a_match_leads_to_the_last_one() {
    let server = Server::start();
    record_ago(&server, "2h", "info", "the needle");
    record_ago(&server, "1m", "info", "straw");
    let test = "a_search_without_a_match_leads_to_the_last_one";
    let Some(page) = Page::open(test, &server, "/?since=1h") else { return };
    page.shows(&["straw"]);

    page.press("/needle");

    page.wait("location.search === '?q=needle&since=1h'");
    page.settled();
    page.wait("document.querySelector('#empty h2')?.innerText === 'Nothing matches'");
    let ways = page.text("document.querySelector('#empty .ways').innerText");
    assert!(ways.starts_with("without text: needle"), "{ways}");
    assert!(ways.contains("from the last match on, "), "{ways}");
    assert!(ways.ends_with("in everything that is kept"), "{ways}");
    page.click("#empty .ways li:nth-child(2) button");
    page.shows(&["the needle"]);
    assert_eq!(page.look("document.querySelector('#empty').hidden"), true);
}

#[test]
fn a_search_that_the_server_cut_short_says_so_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), &["--query-events-max", "3"]);
    // Older than all before it, in a block of its own.
    for minutes in 1..9 {
        let message = if minutes == 8 { "a needle" } else { "straw" };
        record_ago(&server, &format!("{minutes}m"), "info", message);
    }
    let test = "a_search_that_the_server_cut_short_says_so_and_goes_on";
    let Some(page) = Page::open(test, &server, "/?q=*eedle*") else { return };
    page.settled();

    page.wait("document.querySelector('#empty h2')?.innerText === 'Nothing found yet'");
    let reach = page.text("document.querySelector('#reach').innerText");
    assert!(reach.ends_with(", not all looked at, nothing missing"), "{reach}");
    assert_eq!(page.text("document.querySelector('#more').innerText"), "Search on");
    page.click("#more");
    page.wait("!document.querySelector('#more').disabled");
    page.click("#more");

    page.shows(&["a needle"]);
    page.wait("document.querySelector('#reach').innerText.endsWith(' 8 events, nothing missing')");
}

#[test]
fn an_empty_log_says_how_to_begin_here() {
    let server = Server::start();
    let test = "an_empty_log_says_how_to_begin_here";
    let Some(page) = Page::open(test, &server, "/") else { return };

    page.wait("document.querySelector('#empty h2')?.innerText === 'Nothing has happened yet'");
    let commands =
        page.look("[...document.querySelectorAll('.commands code')].map((c) => c.innerText)");
    let commands = commands.as_array().unwrap();
    assert_eq!(commands.len(), 3, "{commands:#?}");
    let address = format!(":{}", server.address().port());
    assert!(commands.iter().all(|c| c.as_str().unwrap().contains(&address)), "{commands:#?}");
    // What is to be copied does what it says.
    let curl = commands.iter().find(|c| c.as_str().unwrap().starts_with("curl ")).unwrap();
    let told = std::process::Command::new("sh").args(["-c", curl.as_str().unwrap()]).output();
    assert!(told.unwrap().status.success(), "{curl}");
    page.wait("document.querySelectorAll('.row').length === 1");
    assert_eq!(page.look("document.querySelector('#empty').hidden"), true);
}

#[test]
fn an_empty_log_takes_a_test_event_from_the_page() {
    let server = Server::start();
    let test = "an_empty_log_takes_a_test_event_from_the_page";
    let Some(page) = Page::open(test, &server, "/") else { return };
    page.wait("document.querySelector('#empty .commands')");

    page.click("#empty > p:last-child button");

    page.shows(&["hello from the page"]);
}
