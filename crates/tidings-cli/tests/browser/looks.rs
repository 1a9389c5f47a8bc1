//! Can the page be read: on a phone, in the dark, in every colour it has?

use serde_json::{Value, json};

use crate::events::{event, own_address, server_at};
use crate::page::Page;
use crate::server::Server;

const SEVERITIES: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// Everything that has a colour of its own: each severity, enough members for each
/// hue, escapes, values without a place to break.
fn record_colours(server: &Server) {
    let (name, long) = ("w".repeat(128), "w".repeat(2000));
    let mut events: Vec<Value> = (0..48)
        .map(|n| event("kind", SEVERITIES[n % 6], &format!("member-{n}"), "an \u{1b}escape"))
        .collect();
    events.push(json!({ "type": name, "memberid": name, "subject": name, "message": long,
                        "source": name, "fields": { &name: long } }));
    server.record(&events);
}

/// Texts whose contrast with what is behind them is below 4.5, as WCAG counts it.
const PALE: &str = r"(() => {
  const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const mixed = (colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (element) => {
    const all = [];
    for (let e = element; e; e = e.parentElement) all.unshift(getComputedStyle(e).backgroundColor);
    return ['Canvas', ...all];
  };
  const told = new Set();
  let seen = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest('.unseen, noscript, option, datalist')) continue;
    if (!element.checkVisibility() || element.getBoundingClientRect().width < 2) continue;
    seen += 1;
    const behind = grounds(element);
    const [a, b] = [mixed(behind), mixed([...behind, getComputedStyle(element).color])].map(light);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) told.add(`${contrast.toFixed(2)} <${element.tagName} class=${element.className}> ${texts.currentNode.data.slice(0, 40)}`);
  }
  return { seen, told: [...told] };
})()";

#[track_caller]
fn assert_readable(page: &Page, place: &str, at_least: u64) {
    let found = page.look(PALE);
    assert_eq!(found["told"], json!([]), "{place}");
    assert!(found["seen"].as_u64().unwrap() >= at_least, "{place}: only {}", found["seen"]);
}

fn prefer(page: &Page, scheme: &str) {
    let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
    page.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    page.wait(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches"));
}

#[test]
fn every_text_has_contrast_in_light_and_in_dark() {
    let (dir, address) = (tempfile::tempdir().unwrap(), own_address(22));
    let server = server_at(&address, dir.path());
    record_colours(&server);
    // A crash draws a rule across the list.
    drop(server);
    let server = server_at(&address, dir.path());
    let test = "every_text_has_contrast_in_light_and_in_dark";
    let Some(mut page) = Page::open(test, &server, "/") else { return };
    let grounds = ["light", "dark"].map(|scheme| {
        prefer(&page, scheme);
        page.go(&server.url("/?live=0&member=!nobody"));
        page.wait("document.querySelector('tr.rule')");
        assert_readable(&page, scheme, 300);
        page.press("j");
        page.press("\u{e007}");
        page.wait("document.querySelector('#drawer .json')");
        assert_readable(&page, &format!("{scheme}, with the drawer"), 330);
        page.go(&server.url("/?q=nothing-has-this"));
        assert_readable(&page, &format!("{scheme}, without a match"), 20);
        page.press("?");
        assert_readable(&page, &format!("{scheme}, with the keys"), 40);
        page.text("getComputedStyle(document.body).backgroundColor")
    });

    assert_ne!(grounds[0], grounds[1], "dark is not dark");
    page.look("document.querySelector('h1').setAttribute('class', 'sev-planted')");
    page.look("document.querySelector('h1').style.color = '#888'");
    assert_eq!(page.look(PALE)["told"].as_array().unwrap().len(), 1, "a pale text is not seen");
}

/// What sticks out of the window to the right.
const WIDE: &str = "(() => { \
    const edge = document.documentElement.clientWidth; \
    return [edge, document.documentElement.scrollWidth - edge, document.body.scrollWidth - edge]; \
    })()";

#[test]
fn no_width_needs_scrolling_sideways() {
    let server = Server::start();
    record_colours(&server);
    let test = "no_width_needs_scrolling_sideways";
    let Some(mut page) = Page::open(test, &server, "/") else { return };

    // A phone, a tablet, half a screen, and 200 % of a screen of 1280.
    for width in [360, 768, 960, 640] {
        let size = json!({ "width": width, "height": 740, "deviceScaleFactor": 2, "mobile": true });
        page.devtools("Emulation.setDeviceMetricsOverride", &size);
        for path in ["/", "/?type=!kind&tz=utc&live=0", "/?q=nothing-has-this"] {
            page.go(&server.url(path));
            assert_eq!(page.look(WIDE), json!([width, 0, 0]), "{path}");
        }
        page.go(&server.url("/"));
        page.click(".row .c-message");
        page.wait("document.querySelector('#drawer .json')");
        assert_eq!(page.look(WIDE), json!([width, 0, 0]), "with the drawer");
        let inside = "document.querySelector('#drawer').scrollWidth \
                      <= document.querySelector('#drawer').clientWidth";
        assert_eq!(page.look(inside), true, "in the drawer, {width} wide");
    }
    page.go(&server.url("/"));
    page.look("document.querySelector('h1').style.minWidth = '2000px'");
    assert_ne!(page.look(WIDE), json!([640, 0, 0]), "what sticks out is not seen");
}
