//! Where does output go? To the standard output or through a pager, every write checked.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The standard output, buffered, or a pager in front of it. Ends with
/// [`Out::finish`]: what is still buffered when it is dropped instead is lost.
#[derive(Debug)]
pub struct Out {
    to: To,
}

#[derive(Debug)]
enum To {
    Plain(BufWriter<StdoutLock<'static>>),
    Pager { child: Child, input: BufWriter<ChildStdin> },
}

impl Out {
    /// The standard output itself.
    pub fn plain() -> Out {
        Out { to: To::Plain(BufWriter::new(io::stdout().lock())) }
    }

    /// A pager, or the standard output if the pager cannot be started.
    pub fn paged(command: &str) -> Out {
        let Some((child, input)) = start(command) else { return Out::plain() };
        Out { to: To::Pager { child, input: BufWriter::new(input) } }
    }

    /// Writes what is buffered, and waits for the pager to be left.
    ///
    /// # Errors
    ///
    /// The last write failed. A pager that was left early is no failure.
    pub fn finish(self) -> io::Result<()> {
        match self.to {
            To::Plain(mut out) => out.flush(),
            To::Pager { mut child, mut input } => {
                let flushed = input.flush();
                drop(input);
                child.wait()?;
                match flushed {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Plain(out) => out.write(bytes),
            To::Pager { input, .. } => input.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Plain(out) => out.flush(),
            To::Pager { input, .. } => input.flush(),
        }
    }
}

/// Prints all of it to the standard output.
///
/// # Errors
///
/// The output cannot be written.
pub fn print(text: &[u8]) -> io::Result<()> {
    let mut out = Out::plain();
    out.write_all(text)?;
    out.finish()
}

/// Whether a person looks at the standard output.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns of what nobody knows the width of: a pipe, a file, a serial line.
const COLUMNS_DEFAULT: usize = 80;

/// How wide the standard output is: as the terminal says, else 80 columns.
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    columns.unwrap_or(COLUMNS_DEFAULT)
}

/// Whether a person looks at the standard error.
pub fn words_go_to_a_terminal() -> bool {
    io::stderr().is_terminal()
}

fn start(command: &str) -> Option<(Child, ChildStdin)> {
    let mut process = words(command);
    let mut child = process.stdin(Stdio::piped()).spawn().ok()?;
    let input = child.stdin.take()?;
    Some((child, input))
}

/// Runs a simple command directly, so that one that is not installed is noticed;
/// anything with quotes, pipes or variables is the shell's.
fn words(command: &str) -> Command {
    let simple = |c: char| c.is_ascii_alphanumeric() || " ./_+-=:,%".contains(c);
    let mut parts = command.split_whitespace();
    match parts.next() {
        Some(program) if command.chars().all(simple) && !program.contains('=') => {
            let mut process = Command::new(program);
            process.args(parts);
            process
        }
        _ => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(command);
            shell
        }
    }
}
