//! How does a test get a server? A real process on a free port, with a data
//! directory that vanishes.
//!
//! ```ignore
//! let server = Server::start();                        // ready when it returns
//! let answer = server.post("/e/deploy", "text/plain", b"api rolled out");
//! assert_eq!(answer.status, 201);
//! let list = server.get("/api/v1/events").json();
//! let stopped = server.stop();                         // SIGTERM, waits
//! assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
//! ```
//!
//! For commands against it: `server.tidings(&["list", "-o", "json"])` runs the
//! program with `--server` set. `Server::start_in(&dir)` serves a directory that
//! the test keeps, for instance after a `signal("KILL")`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running `tidings serve`; dropping it kills it.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    stderr: Option<JoinHandle<String>>,
    /// Vanishes with the server.
    own_dir: Option<TempDir>,
}

/// What a stopped server left.
pub(crate) struct Stopped {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// An answer, with its body put together.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The `events` of a list.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["events"].as_array().expect("a list").clone()
    }
}

/// The program, without what this shell's environment would tell it.
pub(crate) fn tidings() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDINGS_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent").stdin(Stdio::null());
    command
}

impl Server {
    /// Starts one with a data directory of its own.
    pub(crate) fn start() -> Server {
        let dir = TempDir::new().expect("a temporary directory");
        let mut server = Server::start_in(dir.path());
        server.own_dir = Some(dir);
        server
    }

    /// Starts one over this data directory.
    pub(crate) fn start_in(dir: &Path) -> Server {
        Server::start_with(dir, &[])
    }

    /// Starts one with further flags of `tidings serve`.
    pub(crate) fn start_with(dir: &Path, flags: &[&str]) -> Server {
        let mut command = tidings();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--member", "test-server", "--data"])
            .arg(dir)
            .args(flags);
        Server::start_as(command)
    }

    /// Starts one by this command.
    pub(crate) fn start_as(mut command: Command) -> Server {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (found, address) = mpsc::sync_channel(1);
        let stderr = child.stderr.take().expect("piped");
        let reader = std::thread::spawn(move || collect(stderr, &found));
        if let Ok(address) = address.recv_timeout(PATIENCE) {
            return Server { child, address, stderr: Some(reader), own_dir: None };
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("the server did not start: {}", reader.join().unwrap_or_default());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs a command of the program against this server.
    pub(crate) fn tidings(&self, args: &[&str]) -> Output {
        let url = self.url("");
        tidings().args(args).args(["--server", &url]).output().expect("the program starts")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.request("POST", path, &[("Content-Type", content_type)], body)
    }

    /// Records these events; all must be taken.
    #[track_caller]
    pub(crate) fn record(&self, events: &[Value]) {
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let answer = self.post("/api/v1/events", "application/x-ndjson", lines.as_bytes());
        assert_eq!(answer.json()["accepted"], events.len(), "{}", answer.text());
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.try_request(method, path, headers, body).expect("an answer")
    }

    /// As [`Server::request`], for servers that may die meanwhile.
    pub(crate) fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        request(self.address, method, path, headers, body)
    }

    /// Sends these bytes and reads until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        exchange(self.address, bytes).expect("a connection")
    }

    /// The status of what these bytes are answered with; `None` if the server
    /// closes without a word.
    pub(crate) fn raw_status(&self, bytes: &[u8]) -> Option<u16> {
        parse(&self.raw(bytes)).map(|answer| answer.status)
    }

    /// A connection with a time limit on reads.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address).expect("a connection")
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn stop(self) -> Stopped {
        self.signal("TERM");
        self.wait()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Stopped {
        let stderr = self.stderr.take().expect("waited for once").join().unwrap_or_default();
        let code = self.child.wait().expect("a child").code();
        Stopped { code, stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("sh")
        .args(["-c", "kill -\"$0\" \"$1\"", name, &pid.to_string()])
        .status()
        .expect("a shell");
    assert!(status.success(), "kill -{name} {pid}");
}

/// Reads stderr to its end; tells the address as soon as it is there.
fn collect(stderr: impl Read, found: &mpsc::SyncSender<SocketAddr>) -> String {
    let mut all = String::new();
    let mut lines = BufReader::new(stderr);
    loop {
        let from = all.len();
        if lines.read_line(&mut all).unwrap_or(0) == 0 {
            return all;
        }
        let address = all[from..]
            .split_once("http://")
            .and_then(|(_, rest)| rest.trim_end().trim_end_matches('/').parse().ok());
        if let Some(address) = address {
            let _ = found.try_send(address);
        }
    }
}

/// One request on a connection of its own.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    use std::fmt::Write as _;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        let _ = write!(head, "Host: {address}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !body.is_empty() || method != "GET" {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    let bytes = exchange(address, &[head.as_bytes(), body].concat())?;
    parse(&bytes).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends these bytes and reads until the other side closes.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(address)?;
    // A server that refuses early may close while we still send: what counts is
    // its answer.
    let sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(sent.err().unwrap_or(error)),
        _ => Ok(answer),
    }
}

/// Takes an answer apart; `None` if there is none.
pub(crate) fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &bytes[end + 4..];
    let chunked =
        headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { unchunk(rest)? } else { rest.to_vec() };
    Some(Answer { status, headers, body })
}

/// `None` if the last chunk is missing.
fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..end]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}
