//! `application/x-ndjson`, `application/jsonl`: one event a line.

use tidings::Event;

use super::{BadBody, Entries, Unread, json, refuse_byte_order_mark};

/// Reads at most `limit` events, as [`read_each`] does.
///
/// # Errors
///
/// There is no event at all, or there are too many.
pub fn read(body: &[u8], limit: usize) -> Result<Entries, BadBody> {
    let mut entries = Entries::new();
    read_each(body, limit, |entry| entries.push(entry)).map(|()| entries)
}

/// Reads at most `limit` events and hands each over before it reads the next;
/// empty lines are passed over. Each line stands for itself: a broken one does not
/// touch the others.
///
/// # Errors
///
/// There is no event at all, or there are too many; some were handed over then.
pub fn read_each(
    body: &[u8],
    limit: usize,
    mut take: impl FnMut(Result<Event, Unread>),
) -> Result<(), BadBody> {
    refuse_byte_order_mark(body)?;
    let mut taken = 0;
    for (number, line) in lines(body).enumerate() {
        if line.is_empty() {
            continue;
        }
        if taken == limit {
            return Err(BadBody::TooMany { limit });
        }
        taken += 1;
        take(read_line(number + 1, line));
    }
    if taken == 0 { Err(BadBody::Empty) } else { Ok(()) }
}

/// The lines of a body, without the white space around them.
pub fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', body).chain(std::iter::once(body.len())).map(move |end| {
        let line = &body[start..end];
        start = end + 1;
        line.trim_ascii()
    })
}

fn read_line(number: usize, line: &[u8]) -> Result<Event, Unread> {
    json::read_event(line).map_err(|unread| {
        // serde_json counts lines within the one line that it was given.
        let error = unread.error.replace(" at line 1 column ", " at column ");
        Unread { error: format!("line {number}: {error}"), ..unread }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::Fault;

    #[test]
    fn a_broken_line_leaves_the_others_alone_and_is_named() {
        let entries = read(b"{\"type\":\"a\"}\r\n\n{\"type\n{\"type\":\"b\"}", 9).unwrap();

        assert_eq!(entries.len(), 3);
        let unread = entries[1].as_ref().unwrap_err();
        assert_eq!(unread.fault, Fault::Malformed);
        assert!(unread.error.starts_with("line 3: "), "{unread}");
        assert_eq!(entries[2].as_ref().unwrap().event_type(), "b");
    }

    #[test]
    fn lines_are_read_at_their_limit_and_refused_one_past_it() {
        let line = "{\"type\":\"a\"}\n";

        assert_eq!(read(line.repeat(2).as_bytes(), 2).unwrap().len(), 2);
        assert_eq!(read(line.repeat(3).as_bytes(), 2), Err(BadBody::TooMany { limit: 2 }));
        assert_eq!(read(b"\n \n", 2), Err(BadBody::Empty));
    }
}
