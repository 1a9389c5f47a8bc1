//! What did the command say last? Its standard error goes through, and the end of
//! it is kept.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

/// Bytes of the standard error that a failure is recorded with, at most.
pub(super) const STDERR_BYTES_MAX: usize = 4096;

/// The last bytes of what was written.
#[derive(Debug, Default)]
pub(super) struct End {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl End {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(STDERR_BYTES_MAX);
        self.cut |= over > 0;
        self.bytes.drain(..over);
    }

    /// As text, without half a character at its front and space at its end.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let continuation = |byte: &&u8| (0x80..0xc0).contains(*byte);
        let half = if self.cut { bytes.iter().take_while(continuation).count() } else { 0 };
        String::from_utf8_lossy(&bytes[half..]).trim_end().to_owned()
    }
}

/// Copies all of `from` to `to`, and shows each piece to `keep`. When `to` is
/// closed it reads on, so that the command is not the one to suffer.
pub(super) fn pass_through(
    mut from: impl Read,
    mut to: impl Write,
    keep: impl Fn(&mut dyn FnMut(&mut End)),
) {
    let mut buffer = [0; 8192];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let bytes = &buffer[..count];
                let _ = to.write_all(bytes).and_then(|()| to.flush());
                keep(&mut |end| end.push(bytes));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(pieces: &[&[u8]]) -> String {
        let mut end = End::default();
        for piece in pieces {
            end.push(piece);
        }
        end.text()
    }

    #[test]
    fn a_short_text_is_kept_whole() {
        assert_eq!(end_of(&[b"no ", b"space left\n\n"]), "no space left");
        assert_eq!(end_of(&[b"\xff!"]), "\u{fffd}!");
        assert_eq!(end_of(&[]), "");
    }

    #[test]
    fn a_long_text_loses_its_front_and_no_character_is_split() {
        let long = "é".repeat(STDERR_BYTES_MAX);

        let end = end_of(&[long.as_bytes(), b"x"]);

        assert!(end.len() <= STDERR_BYTES_MAX);
        assert!(end.starts_with('é') && end.ends_with("éx"), "{end}");
    }

    #[test]
    fn a_closed_terminal_does_not_stop_the_reading() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let end = std::cell::RefCell::new(End::default());

        pass_through(&b"all of it"[..], Closed, |push| push(&mut end.borrow_mut()));

        assert_eq!(end.borrow().text(), "all of it");
    }
}
