//! How does a parent follow a child that it may kill at any moment?

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// Lines of a child that may wait to be read.
const LINES_MAX: usize = 10_000;

/// A process of this binary; killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Running {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
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
