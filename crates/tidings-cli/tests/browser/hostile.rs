//! Can an event, or an address, do more on the page than be read?

use serde_json::json;

use crate::events::{event, server_with_three};
use crate::page::Page;
use crate::server::Server;

/// Texts that would act if the page let them.
const MARKUP: [&str; 4] = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    "</td></tr></table><iframe src=//example.com></iframe>",
    "<svg onload=alert(3)><a href=javascript:alert(4)>here</a>",
];

/// What none of them may have made.
const MADE: &str = "document.querySelectorAll(\
    'img, iframe, body script, object, embed, a[href], main svg:not(#bars), [onerror], [onload]'\
    ).length - document.querySelectorAll('noscript a').length";

#[test]
fn markup_is_text_wherever_it_stands() {
    let server = Server::start();
    let events = MARKUP.map(|text| {
        json!({ "type": text, "memberid": text, "subject": text, "message": text,
                "source": text, "fields": { text: text } })
    });
    server.record(&events);
    let Some(page) = Page::open("markup_is_text_wherever_it_stands", &server, "/") else { return };

    let newest_first: Vec<&str> = MARKUP.into_iter().rev().collect();
    page.shows(&newest_first);
    page.wait("document.querySelectorAll('#rail-body .value').length > 4");
    for (row, text) in newest_first.iter().enumerate() {
        page.click(&format!(".row:nth-child({}) .c-message", row + 1));
        page.wait("document.querySelector('#drawer .json')");
        let told = page.text("document.querySelector('#drawer').textContent");
        assert!(told.matches(text).count() >= 6, "{told}");
        assert_eq!(page.look(MADE), 0, "{text}");
        page.press("\u{e00c}");
        page.wait("!document.querySelector('#drawer').open");
    }
}

#[test]
fn markup_in_the_address_is_text_too() {
    let server = server_with_three();
    let path = "/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&field.%3Cscript%3E=%3Cscript%3E\
                &since=%3Cscript%3Ealert(2)%3C%2Fscript%3E&event=%3Cimg%3E";
    let test = "markup_in_the_address_is_text_too";
    let Some(mut page) = Page::open(test, &server, "/") else { return };

    page.expect_outages(); // The server refuses the time, and has no such event.
    page.go(&server.url(path));

    page.wait("document.querySelector('#empty').innerText.includes('does not understand')");
    page.wait("document.querySelector('#chips').textContent.includes('<img src=x onerror')");
    assert_eq!(page.look(MADE), 0);
}

#[test]
fn no_character_hides_reorders_or_floods() {
    let server = Server::start();
    let flood = format!("a{}b", "\u{301}".repeat(10_000));
    let messages = ["bidi \u{202e}gnp.exe", "esc \u{1b}[31mred\u{7}", "zero\u{200b}width", &flood];
    server.record(&messages.map(|text| event("hostile", "info", "ci", text)));
    let test = "no_character_hides_reorders_or_floods";
    let Some(page) = Page::open(test, &server, "/") else { return };

    let marks = "\u{301}".repeat(8);
    page.shows(&[
        &format!("a{marks}[+391]…"),
        "zero\\u{200b}width",
        "esc \\x1b[31mred\\x07",
        "bidi \\u{202e}gnp.exe",
    ]);
    let heights = "[...new Set([...document.querySelectorAll('.row')].map((r) => r.offsetHeight))]";
    assert_eq!(page.look(heights).as_array().unwrap().len(), 1, "{}", page.look(heights));
    page.click(".row .c-message");
    page.wait("document.querySelector('#drawer .json')");
    let whole = page.text("document.querySelector('#drawer .message').textContent");
    assert_eq!(whole, format!("a{marks}[+9992]b"));
}

#[test]
fn what_the_page_may_not_do_would_be_seen() {
    let server = Server::start();
    let test = "what_the_page_may_not_do_would_be_seen";
    let Some(page) = Page::open(test, &server, "/") else { return };
    assert_eq!(page.faults(), [""; 0]);

    page.look("setTimeout(() => { throw new Error('planted'); })");
    page.look("document.body.append(Object.assign(new Image(), { src: 'http://192.0.2.1/x' }))");
    page.look("location.assign('http://127.0.0.1:1/planted')");

    page.wait("location.href.startsWith('chrome-error:')");
    let faults = page.faults().join("\n");
    assert!(faults.contains("Error: planted"), "{faults}");
    assert!(faults.contains("Content Security Policy"), "{faults}");
    assert!(faults.contains("a request to http://127.0.0.1:1/planted"), "{faults}");
}
