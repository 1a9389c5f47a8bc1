//! How does a parent follow a child that it may kill at any moment?

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tidings::Clock;

/// Lines of a child that may wait to be read.
const LINES_MAX: usize = 10_000;
/// No thread takes longer to stop, unless its disk hangs.
const STOP_MAX: Duration = Duration::from_mins(1);

/// A process of this binary; killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Running {
        Running::start_as(Command::new(std::env::current_exe().unwrap()).args(args))
    }

    /// Starts it by this command, which must become this binary, not start it.
    pub(crate) fn start_as(command: &mut Command) -> Running {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (send, lines) = sync_channel(LINES_MAX);
        let reader = std::thread::spawn(move || {
            whole_lines(output, |line| {
                let _ = send.send(line);
            });
        });
        Running { child, lines, reader: Some(reader) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines as they come.
    pub(crate) fn lines(&self) -> &Receiver<String> {
        &self.lines
    }

    /// Writes a line to its input.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Stops it (SIGSTOP), and returns when none of its threads runs any more.
    pub(crate) fn stop(&self) {
        let pid = self.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -STOP \"$0\"", &pid]).status();
        assert!(sent.unwrap().success(), "kill -STOP {pid}");
        let clock = Clock::system();
        let deadline = clock.monotonic() + STOP_MAX;
        while !threads_stopped(&pid) {
            assert!(clock.monotonic() < deadline, "a thread of {pid} does not stop");
            std::thread::yield_now();
        }
    }

    /// Kills it (signal 9) and answers with the lines that were still on the way.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.end();
        self.lines.try_iter().collect()
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether each thread is stopped, `T`, or held by a tracer, `t`.
fn threads_stopped(pid: &str) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat"));
        // A thread that has just ended has no file any more. The name before the
        // state may have any character in it.
        stat.is_ok_and(|stat| {
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
        })
    })
}

/// A line that was cut by the kill was never said.
fn whole_lines(output: impl Read, mut say: impl FnMut(String)) {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    while output.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        if line.ends_with('\n') {
            say(line.trim_end().to_owned());
        }
        line.clear();
    }
}
