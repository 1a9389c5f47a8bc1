//! How does a test use the page? As a person does: by pointer, by key, and by looking.
//!
//! Dropping it holds what the browser has logged against what the page may do: no
//! error on the console, no request to anybody but the server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::driver::{Driver, is_here};
use crate::server::Server;

/// The page of a server, in a window of its own.
pub(crate) struct Page {
    driver: Driver,
    /// Beginnings of the addresses that may be asked.
    own: BTreeSet<String>,
    /// The server may be away: what it does not answer is on the console.
    outages: bool,
}

impl Page {
    /// Opens the page there, and waits until it follows; `None`, said aloud,
    /// without a browser.
    pub(crate) fn open(test: &str, server: &Server, path: &str) -> Option<Page> {
        is_here(test).then(|| {
            let driver = Driver::start();
            let mut page = Page { driver, own: BTreeSet::new(), outages: false };
            page.go(&server.url(path));
            page
        })
    }

    /// Goes to an address and waits for its first rows, or for what stands instead.
    #[track_caller]
    pub(crate) fn go(&mut self, url: &str) {
        let host_end = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
        self.own.insert(format!("{}/", &url[..host_end]));
        self.driver.post("url", &json!({ "url": url }));
        self.settled();
    }

    /// Waits until the list and the counts are those of the address.
    #[track_caller]
    pub(crate) fn settled(&self) {
        self.wait(
            "document.querySelector('#table').ariaBusy === 'false' \
             && !document.querySelector('#live').matches('.is-connecting')",
        );
    }

    pub(crate) fn reload(&self) {
        self.driver.post("refresh", &json!({}));
        self.settled();
    }

    pub(crate) fn back(&self) {
        self.driver.post("back", &json!({}));
    }

    pub(crate) fn forward(&self) {
        self.driver.post("forward", &json!({}));
    }

    /// The server may be away from now on.
    pub(crate) fn expect_outages(&mut self) {
        self.outages = true;
    }

    /// What this expression is on the page.
    #[track_caller]
    pub(crate) fn look(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.driver.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// As [`Page::look`], for texts.
    #[track_caller]
    pub(crate) fn text(&self, expression: &str) -> String {
        let value = self.look(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    /// Waits until this expression is true.
    #[track_caller]
    pub(crate) fn wait(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0]; \
             const look = () => ({expression}) ? done(true) : setTimeout(look, 20); look();"
        );
        let body = json!({ "script": script, "args": [] });
        if let Err(error) = self.driver.try_post("execute/async", &body) {
            panic!("never true: {expression}: {error}; the page:\n{}", self.words());
        }
    }

    /// What is to be read on the page, and its address.
    fn words(&self) -> String {
        self.text("location.href + '\\n' + document.body.innerText")
    }

    /// The message of each event that is shown, from the top.
    #[track_caller]
    pub(crate) fn messages(&self) -> Vec<String> {
        let cells = "[...document.querySelectorAll('.row .c-message')].map((c) => c.textContent)";
        serde_json::from_value(self.look(cells)).unwrap()
    }

    /// Waits until exactly these messages are shown, from the top.
    #[track_caller]
    pub(crate) fn shows(&self, messages: &[&str]) {
        let wanted = json!(messages).to_string();
        self.wait(&format!(
            "JSON.stringify([...document.querySelectorAll('.row .c-message')] \
             .map((c) => c.textContent)) === JSON.stringify({wanted}) \
             && document.querySelector('#table').ariaBusy === 'false'"
        ));
    }

    /// The page's own query string.
    #[track_caller]
    pub(crate) fn query(&self) -> String {
        self.text("decodeURIComponent(location.search)")
    }

    /// The middle of the first element that this selects, in the window.
    #[track_caller]
    pub(crate) fn middle(&self, selector: &str) -> (f64, f64) {
        let place = self.look(&format!(
            "(() => {{ const e = document.querySelector({}); \
             e.scrollIntoView({{ block: 'nearest', behavior: 'instant' }}); \
             const b = e.getBoundingClientRect(); \
             return [b.left + b.width / 2, b.top + b.height / 2]; }})()",
            json!(selector)
        ));
        (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
    }

    /// Clicks in the middle of an element: on whatever is there to be hit.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        self.drag(self.middle(selector), self.middle(selector));
    }

    /// The same while Alt is down.
    #[track_caller]
    pub(crate) fn alt_click(&self, selector: &str) {
        let (x, y) = self.middle(selector);
        let alt = |kind| json!({ "type": kind, "value": "\u{e00a}" });
        let rest = json!({ "type": "pause" });
        self.perform(&json!([
            { "type": "key", "id": "keys",
              "actions": [alt("keyDown"), rest, rest, rest, alt("keyUp")] },
            mouse(&json!([
                rest, to(x, y), { "type": "pointerDown", "button": 0 },
                { "type": "pointerUp", "button": 0 }, rest
            ])),
        ]));
    }

    /// Moves the pointer there.
    pub(crate) fn point_at(&self, (x, y): (f64, f64)) {
        self.perform(&json!([mouse(&json!([to(x, y)]))]));
    }

    /// Presses the pointer at one place and lets go at another.
    pub(crate) fn drag(&self, from: (f64, f64), until: (f64, f64)) {
        self.perform(&json!([mouse(&json!([
            to(from.0, from.1),
            { "type": "pointerDown", "button": 0 },
            to(f64::midpoint(from.0, until.0), f64::midpoint(from.1, until.1)),
            to(until.0, until.1),
            { "type": "pointerUp", "button": 0 },
        ]))]));
    }

    /// Presses these keys, one after the other.
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        self.perform(&json!([{ "type": "key", "id": "keys", "actions": strokes }]));
    }

    /// The same while Shift is down.
    pub(crate) fn shift_press(&self, keys: &str) {
        // The second stroke of a modifier within one call lets it go.
        let stroke = |kind, key| json!({ "type": kind, "value": key });
        let mut strokes = vec![stroke("keyDown", '\u{e008}')];
        strokes.extend(keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|k| stroke(k, key))));
        strokes.push(stroke("keyUp", '\u{e008}'));
        self.perform(&json!([{ "type": "key", "id": "keys", "actions": strokes }]));
    }

    #[track_caller]
    fn perform(&self, actions: &Value) {
        self.driver.post("actions", &json!({ "actions": actions }));
    }

    /// A command of the browser's own protocol.
    #[track_caller]
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.driver.post("goog/cdp/execute", &body);
    }

    /// What the browser has logged since the last time that the page may not do.
    pub(crate) fn faults(&self) -> Vec<String> {
        let log = |kind| self.driver.post("se/log", &json!({ "type": kind }));
        let (console, network) = (log("browser"), log("performance"));
        let said = console.as_array().unwrap().iter();
        let mut faults: Vec<String> = said
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .filter(|entry| !(self.outages && entry["source"] == "network"))
            .map(|entry| format!("on the console: {}", entry["message"]))
            .collect();
        for entry in network.as_array().unwrap() {
            let told: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &told["message"];
            let asked = message["params"]["request"]["url"].as_str().unwrap_or_default();
            let foreign = !self.own.iter().any(|own| asked.starts_with(own))
                // The browser's own first page.
                && !message["params"]["documentURL"].as_str().is_some_and(|by| by.starts_with("chrome:"));
            if message["method"] == "Network.requestWillBeSent" && foreign {
                faults.push(format!("a request to {asked}"));
            }
        }
        faults
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.faults(), [""; 0], "what the page did");
        }
    }
}

fn mouse(actions: &Value) -> Value {
    json!({
        "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" },
        "actions": actions,
    })
}

/// Whole pixels: not all drivers take parts of them.
fn to(x: f64, y: f64) -> Value {
    json!({ "type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round() })
}
