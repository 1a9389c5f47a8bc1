//! Where did the last call stop? Cursors on the command line and in files.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tidings::Order;
use tidings::block::list_time;
use tidings::query::{BadCursor, ListKey, PageCursor};

use crate::exit::{Exit, Failure};
use crate::view::row::RowEvent;

/// Bytes of a cursor file that are read.
const CURSOR_BYTES_MAX: usize = 4096;

/// Reads the cursor of a flag, or of a file that may not be there yet.
///
/// # Errors
///
/// It is no cursor of this kind, or the file cannot be read.
pub(super) fn given<C: FromStr<Err = BadCursor>>(
    flag: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<String>, Failure> {
    let (text, from) = match (flag, file) {
        (Some(text), _) => (text.to_owned(), "--after-cursor".to_owned()),
        (None, Some(path)) => match read(path)? {
            Some(text) => (text, path.display().to_string()),
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    match text.parse::<C>() {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(Failure::new(Exit::Usage, format!("{from}: {error}"))),
    }
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let bytes = &bytes[..bytes.len().min(CURSOR_BYTES_MAX)];
            let text = String::from_utf8_lossy(bytes).trim().to_owned();
            Ok(Some(text).filter(|text| !text.is_empty()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of_file("read", path, &error)),
    }
}

/// Keeps a cursor: the file has the old one or the new one, never half of one.
///
/// # Errors
///
/// The file or the one beside it cannot be written.
pub(super) fn keep(path: &Path, cursor: &str) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, format!("{cursor}\n"))
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| of_file("write", path, &error))
}

fn of_file(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::new(Exit::Failed, format!("cannot {doing} the cursor file {path}: {error}"))
}

/// The cursor that goes on after an event, oldest first. `None` if the event was
/// not asked for with its origin, boot and seq.
pub(super) fn after(event: &RowEvent) -> Option<String> {
    let received = event.received.unwrap_or(event.timestamp);
    let key = ListKey {
        time: list_time(event.timestamp, received),
        origin: event.origin.as_ref()?.parse().ok()?,
        boot: event.boot.as_ref()?.parse().ok()?,
        seq: event.seq?,
    };
    Some(PageCursor { key, order: Order::Ascending }.to_string())
}
