//! `text/plain`: in, a body is a message; out, an event is a line.

use std::fmt::Write;

use tidings::StoredEvent;

use super::BadBody;
use crate::view::escape::escaped;

/// The messages of a body in which each line is one: empty lines are passed
/// over, and a carriage return before the end of a line is not part of it.
///
/// # Errors
///
/// The body is not UTF-8, has no line with anything in it, or too many.
pub fn read_lines(body: &[u8], limit: usize) -> Result<Vec<&str>, BadBody> {
    let text = read_whole(body)?;
    let mut lines = Vec::new();
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        if line.is_empty() {
            continue;
        }
        if lines.len() == limit {
            return Err(BadBody::TooMany { limit });
        }
        lines.push(line);
    }
    if lines.is_empty() { Err(BadBody::Empty) } else { Ok(lines) }
}

/// A body that is one message, to the byte.
///
/// # Errors
///
/// It is not UTF-8.
pub fn read_whole(body: &[u8]) -> Result<&str, BadBody> {
    std::str::from_utf8(body).map_err(|error| {
        BadBody::Malformed(format!("the body is not UTF-8 after byte {}", error.valid_up_to()))
    })
}

/// Adds one event as one line: time, severity, member, type, message, fields.
/// What would move a terminal's cursor or hide text is escaped. An event that
/// stands for `times` of them, more than one, ends in ` ×` and that number.
pub fn write_line(line: &mut String, stored: &StoredEvent, times: u64) {
    let event = &stored.event;
    // Writing to a string cannot fail.
    let _ = write!(line, "{} {:<5} ", stored.timestamp, event.severity());
    line.push_str(&escaped(stored.member()));
    line.push(' ');
    line.push_str(&escaped(event.event_type()));
    if let Some(subject) = event.subject() {
        line.push_str(" (");
        line.push_str(&escaped(subject));
        line.push(')');
    }
    line.push_str(": ");
    line.push_str(&escaped(event.message()));
    for (name, value) in event.fields().iter() {
        line.push(' ');
        line.push_str(&escaped(name));
        line.push('=');
        match value {
            serde_json::Value::String(text) => line.push_str(&escaped(text)),
            other => line.push_str(&escaped(&other.to_string())),
        }
    }
    if times > 1 {
        let _ = write!(line, " ×{times}");
    }
    line.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_with_anything_in_it_is_a_message() {
        assert_eq!(read_lines(b"a\r\n\n b \nc", 3).unwrap(), ["a", " b ", "c"]);
        assert_eq!(read_lines(b"a\nb\n", 1), Err(BadBody::TooMany { limit: 1 }));
        assert_eq!(read_lines(b"\n\n", 1), Err(BadBody::Empty));
        assert!(read_lines(b"\xff", 1).is_err());
    }
}
