//! How does a list come that is too long for one answer? As lines, over one
//! connection, each whole or not at all.

use std::io::{self, BufRead, BufReader, Read};

use super::stream::LINE_BYTES_MAX;

/// The lines of an answer that is being read.
pub struct Lines {
    bytes: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

impl Lines {
    /// The lines of these bytes, whose end must be the end of a line.
    pub fn new(bytes: impl Read + Send + 'static) -> Lines {
        Lines { bytes: BufReader::with_capacity(1 << 16, Box::new(bytes)), line: Vec::new() }
    }

    /// The next line with its end, or `None` after the last. Waits for it.
    ///
    /// # Errors
    ///
    /// The connection broke or fell silent, also within a line; a line is too
    /// long.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = self.bytes.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            return Ok(Some(&self.line));
        }
        if self.line.len() as u64 == LINE_BYTES_MAX {
            let words = format!("a line of more than {LINE_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended within an event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: impl Read + Send + 'static) -> (usize, Option<io::ErrorKind>) {
        let mut lines = Lines::new(bytes);
        let mut count = 0;
        loop {
            match lines.next_line() {
                Ok(Some(_)) => count += 1,
                Ok(None) => return (count, None),
                Err(error) => return (count, Some(error.kind())),
            }
        }
    }

    #[test]
    fn a_line_is_whole_or_an_error() {
        assert_eq!(read(&b"a\nb\n"[..]), (2, None));
        assert_eq!(read(&b"a\nb"[..]), (1, Some(io::ErrorKind::UnexpectedEof)));
        assert_eq!(read(&b""[..]), (0, None));
    }

    #[test]
    fn a_line_is_taken_at_its_limit_and_refused_one_byte_past_it() {
        let of = |length| io::repeat(b'x').take(length - 1).chain(&b"\n"[..]);

        assert_eq!(read(of(LINE_BYTES_MAX)), (1, None));
        assert_eq!(read(of(LINE_BYTES_MAX + 1)), (0, Some(io::ErrorKind::InvalidData)));
    }
}
