//! May this body come in? Reads it within bounds of size, time and memory.

use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::app::{BODY_PERMIT_BYTES, blocking};
use super::limits::{
    BODY_BYTES_AT_ONCE_MAX, BODY_BYTES_MAX, BODY_PROGRESS_BYTES_MIN, BODY_STALL_TIMEOUT,
    REFUSED_BODY_DRAIN,
};
use super::problem::{Kind, Problem};

/// A whole body, and its share of the memory for bodies until it is dropped.
#[derive(Debug)]
pub(super) struct WholeBody {
    bytes: Bytes,
    encoding: Encoding,
    room: Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
    Zstd,
}

/// Bytes from which on a buffer is given back to the system as soon as it is freed.
const LARGE_BUFFER_BYTES: usize = 1024 * 1024;
/// What such a buffer asks for. glibc's malloc keeps what is freed for its thread,
/// up to 32 MiB at a time and the longer the larger what it has seen: a few bodies
/// of 15 MiB made a server of 20 MiB one of 300 MiB for good. Beyond 32 MiB it
/// always maps and unmaps, and pages that nobody writes to cost nothing.
const LARGE_BUFFER_ROOM: usize = 33 * 1024 * 1024;

/// Window of a zstd frame that we decode, as a power of two: 16 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// Reads a body to its end.
///
/// # Errors
///
/// Over [`BODY_BYTES_MAX`], no progress within [`BODY_STALL_TIMEOUT`], an
/// unknown encoding, cut off, or no memory left for bodies.
pub(super) async fn read(
    bodies: &Arc<Semaphore>,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<WholeBody, Problem> {
    let encoding = encoding(headers)?;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > BODY_BYTES_MAX {
        return Err(too_large(announced));
    }
    let mut room = Room::new(bodies);
    room.grow_to(announced)?;
    let mut arrived = Parts::default();
    let mut progress = Progress::start();
    while let Some(frame) = progress.wait(body.frame()).await? {
        let frame = frame.map_err(|_| Problem::new(Kind::Malformed, "the body was cut off"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        progress.made(bytes.len());
        let total = arrived.len() + bytes.len();
        if total > BODY_BYTES_MAX {
            return Err(too_large(total));
        }
        room.grow_to(total)?;
        arrived.push(bytes, announced);
    }
    Ok(WholeBody { bytes: arrived.into_bytes(), encoding, room })
}

fn too_large(bytes: usize) -> Problem {
    let detail = format!("the body has {bytes} bytes or more, at most {BODY_BYTES_MAX} are read");
    Problem::too_large(detail, BODY_BYTES_MAX)
}

/// How the body is encoded; several encodings at once are not read.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut all = headers.get_all(header::CONTENT_ENCODING).iter();
    let first = all.next().map(HeaderValue::to_str);
    match (first, all.next()) {
        (None, _) => Ok(Encoding::Plain),
        (Some(Ok(name)), None) => match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Plain),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "zstd" => Ok(Encoding::Zstd),
            _ => Err(unknown_encoding()),
        },
        _ => Err(unknown_encoding()),
    }
}

fn unknown_encoding() -> Problem {
    // RFC 9110, section 12.5.3: a 415 for the encoding names what is read.
    Problem::new(Kind::UnsupportedType, "Content-Encoding may be gzip, zstd or identity")
        .header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, identity"))
}

impl WholeBody {
    /// A body that has arrived, with all the memory to itself that one may have.
    pub(super) fn arrived(bytes: Bytes, headers: &HeaderMap) -> Result<WholeBody, Problem> {
        let room = Room::new(&Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
        Ok(WholeBody { bytes, encoding: encoding(headers)?, room })
    }

    /// Decodes the body and parses it: at once if that is quick, else where blocking
    /// is allowed. Its room is to be kept for as long as what was made of it.
    ///
    /// # Errors
    ///
    /// It does not decode, or it is larger than [`BODY_BYTES_MAX`] then.
    pub(super) fn parse<T>(self, parse: impl FnOnce(&[u8]) -> T) -> Result<(T, Room), Problem> {
        let quick = self.encoding == Encoding::Plain && self.bytes.len() <= BODY_BYTES_AT_ONCE_MAX;
        let work = || {
            let (bytes, room) = self.decode()?;
            Ok((parse(&bytes), room))
        };
        if quick { work() } else { blocking(work) }
    }

    pub(super) fn decode(mut self) -> Result<(Bytes, Room), Problem> {
        let decoded = match self.encoding {
            Encoding::Plain => return Ok((self.bytes, self.room)),
            Encoding::Gzip => {
                self.room.grow_by(BODY_BYTES_MAX)?;
                read_bounded(flate2::read::MultiGzDecoder::new(&self.bytes[..]), "gzip")?
            }
            Encoding::Zstd => {
                self.room.grow_by(BODY_BYTES_MAX)?;
                let malformed = |_| not_decoded("zstd");
                let mut decoder =
                    zstd::stream::read::Decoder::new(&self.bytes[..]).map_err(malformed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(malformed)?;
                read_bounded(decoder, "zstd")?
            }
        };
        Ok((decoded.into(), self.room))
    }
}

/// Room for so many bytes, in a form that does not stay behind.
fn make_room(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.capacity() >= bytes {
        return;
    }
    let large = bytes >= LARGE_BUFFER_BYTES;
    // Where no address space is left for that, it grows as it must.
    if !large || buffer.try_reserve_exact(LARGE_BUFFER_ROOM - buffer.len()).is_err() {
        buffer.reserve(bytes - buffer.len());
    }
}

fn read_bounded(decoder: impl Read, name: &str) -> Result<Vec<u8>, Problem> {
    // Nobody knows yet how much it becomes.
    let mut bytes = Vec::new();
    make_room(&mut bytes, BODY_BYTES_MAX);
    let limit = BODY_BYTES_MAX as u64 + 1;
    decoder.take(limit).read_to_end(&mut bytes).map_err(|_| not_decoded(name))?;
    if bytes.len() > BODY_BYTES_MAX {
        let detail = format!("the body is over {BODY_BYTES_MAX} bytes once it is decoded");
        return Err(Problem::too_large(detail, BODY_BYTES_MAX));
    }
    Ok(bytes)
}

fn not_decoded(name: &str) -> Problem {
    Problem::new(Kind::Malformed, format!("the body does not decode as {name}"))
}

/// A body that is read to its end when nobody wants the rest of it.
///
/// Closing a connection with unread bytes resets it, and the reset may overtake
/// the answer that says why. Bounded by [`REFUSED_BODY_DRAIN`] and by the cap on
/// connections.
pub(super) struct DrainedOnDrop {
    body: Body,
    ended: bool,
}

impl DrainedOnDrop {
    /// Wraps a body, unless there is nothing to drain.
    pub(super) fn wrap(body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(DrainedOnDrop { body, ended: false })
    }
}

impl HttpBody for DrainedOnDrop {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.ended |= matches!(frame, Poll::Ready(None | Some(Err(_))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for DrainedOnDrop {
    fn drop(&mut self) {
        if self.ended || self.body.is_end_stream() {
            return;
        }
        let mut body = std::mem::take(&mut self.body);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let drain = async move { while let Some(Ok(_)) = body.frame().await {} };
            runtime.spawn(tokio::time::timeout(REFUSED_BODY_DRAIN, drain));
        }
    }
}

/// What has arrived; a body that came in one piece is never copied.
#[derive(Default)]
struct Parts {
    first: Bytes,
    all: Vec<u8>,
}

impl Parts {
    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn push(&mut self, bytes: Bytes, announced: usize) {
        if self.len() == 0 {
            self.first = bytes;
            return;
        }
        let total = self.len() + bytes.len();
        make_room(&mut self.all, announced.max(total));
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&bytes);
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.into() }
    }
}

/// Whether the client still brings something.
struct Progress {
    deadline: Instant,
    bytes: usize,
}

impl Progress {
    fn start() -> Progress {
        Progress { deadline: later(BODY_STALL_TIMEOUT), bytes: 0 }
    }

    fn made(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= BODY_PROGRESS_BYTES_MIN {
            *self = Progress::start();
        }
    }

    async fn wait<T>(&self, frame: impl Future<Output = T>) -> Result<T, Problem> {
        tokio::time::timeout_at(self.deadline, frame).await.map_err(|_| {
            let seconds = BODY_STALL_TIMEOUT.as_secs();
            let detail = format!(
                "the body brought fewer than {BODY_PROGRESS_BYTES_MIN} bytes in {seconds} s"
            );
            Problem::new(Kind::Timeout, detail)
                .header(header::CONNECTION, HeaderValue::from_static("close"))
        })
    }
}

fn later(span: Duration) -> Instant {
    Instant::now() + span
}

/// A share of the memory for bodies.
#[derive(Debug)]
pub(super) struct Room {
    bodies: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn new(bodies: &Arc<Semaphore>) -> Room {
        Room { bodies: bodies.clone(), held: None }
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        self.grow_by(bytes.saturating_sub(held * BODY_PERMIT_BYTES))
    }

    fn grow_by(&mut self, bytes: usize) -> Result<(), Problem> {
        if bytes == 0 {
            return Ok(());
        }
        let permits = u32::try_from(bytes.div_ceil(BODY_PERMIT_BYTES)).unwrap_or(u32::MAX);
        let more = self.bodies.clone().try_acquire_many_owned(permits).map_err(|_| {
            Problem::unavailable("the server is reading as many bodies as it has room for", 1)
        })?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn whole(bytes: Vec<u8>, encoding: Encoding) -> WholeBody {
        let bodies = Arc::new(Semaphore::new(64 * 1024));
        WholeBody { bytes: bytes.into(), encoding, room: Room::new(&bodies) }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn encoded_bodies_decode_up_to_the_limit_and_not_one_byte_past_it() {
        for (bytes, fits) in [(BODY_BYTES_MAX, true), (BODY_BYTES_MAX + 1, false)] {
            let plain = vec![b'x'; bytes];
            let zipped = whole(gzip(&plain), Encoding::Gzip).decode();
            let zstd = zstd::encode_all(&plain[..], 1).unwrap();
            let zstd = whole(zstd, Encoding::Zstd).decode();

            assert_eq!(zipped.is_ok(), fits, "gzip {bytes}");
            assert_eq!(zstd.is_ok(), fits, "zstd {bytes}");
        }
    }

    #[test]
    fn a_cut_encoded_body_is_malformed() {
        let mut zipped = gzip(b"hello");
        zipped.truncate(zipped.len() - 3);

        let problem = whole(zipped, Encoding::Gzip).decode().unwrap_err();

        assert_eq!(problem.kind(), Kind::Malformed);
    }

    #[test]
    fn memory_for_bodies_is_shared_and_given_back() {
        let bodies = Arc::new(Semaphore::new(2));
        let mut first = Room::new(&bodies);
        first.grow_to(1024).unwrap();
        first.grow_to(1025).unwrap();

        let refused = Room::new(&bodies).grow_to(1).unwrap_err();
        drop(first);

        assert_eq!(refused.kind(), Kind::Unavailable);
        assert!(Room::new(&bodies).grow_to(2048).is_ok());
    }

    #[test]
    fn two_encodings_at_once_are_not_read() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONTENT_ENCODING, HeaderValue::from_static("gzip, zstd"));

        assert_eq!(encoding(&headers).unwrap_err().kind(), Kind::UnsupportedType);
    }
}
