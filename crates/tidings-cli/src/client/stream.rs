//! What does a stream of Server-Sent Events say? As the WHATWG specification
//! reads it, with a bound on the size of a frame.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes of one line of a stream, and of the data of one frame, at most: an event is at most 256 KiB, and JSON
/// may write each of its bytes as six.
pub const LINE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// One frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// What kind; empty for an event.
    pub name: String,
    /// The cursor that goes on after it, if the frame has one.
    pub id: Option<String>,
    /// What it says.
    pub data: String,
}

/// A stream that is open.
pub struct Stream {
    lines: BufReader<Box<dyn Read + Send>>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl Stream {
    /// A stream of these bytes.
    pub fn new(bytes: impl Read + Send + 'static) -> Stream {
        Stream { lines: BufReader::new(Box::new(bytes)) }
    }

    /// The next frame, or `None` at the end. Waits for it. A frame without data
    /// or cut off by the end is passed over, as the specification wants.
    ///
    /// # Errors
    ///
    /// The connection broke or fell silent, or a line or a frame is too long.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let mut frame = Frame::default();
        let mut has_data = false;
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if has_data {
                    return Ok(Some(frame));
                }
                frame = Frame::default();
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => value.clone_into(&mut frame.name),
                "id" if !value.contains('\0') => frame.id = Some(value.to_owned()),
                "data" => {
                    if has_data {
                        frame.data.push('\n');
                    }
                    has_data = true;
                    frame.data.push_str(value);
                    if frame.data.len() as u64 > LINE_BYTES_MAX {
                        return Err(too_long("a frame"));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.pop_if(|last| *last == b'\n').is_none() {
            let whole = (line.len() as u64) < LINE_BYTES_MAX;
            return if whole { Ok(None) } else { Err(too_long("a line")) };
        }
        line.pop_if(|last| *last == b'\r');
        String::from_utf8(line)
            .map(Some)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a line is not UTF-8"))
    }
}

fn too_long(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &'static str) -> Vec<Frame> {
        let mut stream = Stream::new(text.as_bytes());
        std::iter::from_fn(|| stream.next_frame().unwrap()).collect()
    }

    #[test]
    fn frames_have_a_name_a_cursor_and_data() {
        let read = frames(
            "retry: 2000\n\nevent: hello\nid: f1\ndata: {}\n\n:\n\nid: f2\r\ndata:a\r\ndata: b\r\n\r\n",
        );

        let hello = Frame { name: "hello".into(), id: Some("f1".into()), data: "{}".into() };
        let event = Frame { name: String::new(), id: Some("f2".into()), data: "a\nb".into() };
        assert_eq!(read, [hello, event]);
    }

    #[test]
    fn what_the_end_cut_off_is_not_a_frame() {
        assert_eq!(frames("data: a\n\ndata: b\n").len(), 1);
        assert_eq!(frames("data: a\n\ndata: b").len(), 1);
    }

    #[test]
    fn a_line_without_an_end_is_an_error_and_not_all_of_memory() {
        let mut stream = Stream::new(io::repeat(b'x'));

        assert_eq!(stream.next_frame().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_frame_without_an_end_is_an_error_and_not_all_of_memory() {
        let line = format!("data: {}\n", "x".repeat(1024 * 1024));
        let mut stream = Stream::new(io::Cursor::new(line.repeat(3)));

        assert_eq!(stream.next_frame().unwrap_err().to_string(), "a frame is too long");
    }
}
