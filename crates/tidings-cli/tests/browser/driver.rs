//! How is a browser told what to do? By WebDriver: JSON over HTTP to `chromedriver`,
//! which starts a Chromium of its own and ends it again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::server::PATIENCE;

/// What the browser has logged may be long.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// As root there is no sandbox; the rest keeps it from talking to anybody but us.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,800",
];

/// Whether there is a browser to test with. Without one the test says so and ends;
/// in CI that is a failure.
pub(crate) fn is_here(test: &str) -> bool {
    let found = ["chromium", "chromedriver"].map(|name| {
        Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status()
    });
    let there = found.iter().all(Result::is_ok);
    assert!(there || !in_ci(), "CI must have chromium and chromedriver");
    if !there {
        // Not through `eprintln`, which cargo keeps to itself when a test passes.
        let words =
            format!("skipped: {test} needs chromium and chromedriver; ./x test installs them\n");
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    }
    there
}

#[expect(clippy::disallowed_methods, reason = "whether this is CI is no setting")]
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// A browser with one window, and nothing from an earlier run.
pub(crate) struct Driver {
    child: Child,
    address: SocketAddr,
    agent: Agent,
    session: String,
    /// Vanishes with it.
    profile: TempDir,
    /// Kept open: it may go on writing.
    _words: BufReader<ChildStdout>,
}

impl Driver {
    pub(crate) fn start() -> Driver {
        let profile = TempDir::new().expect("a temporary directory");
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .env("TZ", "Asia/Kathmandu") // Local time is not UTC.
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut words = BufReader::new(child.stdout.take().expect("piped"));
        let port = loop {
            let mut line = String::new();
            assert_ne!(words.read_line(&mut line).unwrap(), 0, "chromedriver did not start");
            let port = line.trim_end().trim_end_matches('.').rsplit_once("on port ");
            match port.map(|(_, port)| port.parse()) {
                Some(Ok(port)) if port != 0 => break port,
                _ => {}
            }
        };
        let address = (Ipv4Addr::LOCALHOST, port).into();
        // Longer than whatever waits in the browser.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE * 2))
            .proxy(None);
        let agent = config.build().into();
        let mut driver =
            Driver { child, address, agent, session: String::new(), profile, _words: words };
        driver.session = driver.new_session();
        driver
    }

    fn new_session(&self) -> String {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).collect();
        let asked = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "timeouts": { "script": PATIENCE.as_millis() },
        } } });
        let answer = self.request("POST", "/session", &asked).unwrap_or_else(|e| panic!("{e}"));
        answer["sessionId"].as_str().expect("a session").to_owned()
    }

    /// A command of the session; a failure is the test's.
    #[track_caller]
    pub(crate) fn post(&self, command: &str, body: &Value) -> Value {
        self.try_post(command, body).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// As [`Driver::post`]; what went wrong is the caller's to tell.
    pub(crate) fn try_post(&self, command: &str, body: &Value) -> Result<Value, String> {
        self.request("POST", &format!("/session/{}/{command}", self.session), body)
    }

    /// One request; the answer's `value`, or what went wrong.
    fn request(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("Content-Type", "application/json")
            .body(body.to_string())
            .map_err(|error| error.to_string())?;
        let mut answer = self.agent.run(request).map_err(|error| error.to_string())?;
        let told = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let told = told.map_err(|error| error.to_string())?;
        let value = serde_json::from_str::<Value>(&told).map_err(|error| error.to_string())?;
        let value = value["value"].clone();
        if answer.status() == 200 { Ok(value) } else { Err(value["message"].to_string()) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Ends Chromium, which the death of its driver would not.
        let _ = self.request("DELETE", &format!("/session/{}", self.session), &json!({}));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
