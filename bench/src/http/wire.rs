//! What goes over the socket? Requests that were made beforehand, and as much of
//! an answer as says where the next one begins.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// Bytes that are asked for at once.
const READ_BYTES: usize = 64 * 1024;

/// A request that posts this body.
pub(crate) fn post(media: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, unread: Vec::new() })
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.answer(request).await.map(|(status, _)| status)
    }

    /// The status and the body of the answer.
    pub(crate) async fn answer(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        let head_end = self.read_past(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&self.unread[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split('\r').next()?.parse().ok());
        let whole = head_end + length.unwrap_or(0);
        while self.unread.len() < whole {
            self.read().await?;
        }
        let body = self.unread.drain(..whole).skip(head_end).collect();
        let status = status.ok_or_else(|| io::Error::other(format!("not an answer: {head}")))?;
        Ok((status, body))
    }

    /// Begins to follow: what comes from now on is [`Connection::frame`]s.
    pub(crate) async fn follow(&mut self) -> io::Result<()> {
        let request = b"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
        self.stream.write_all(request).await?;
        self.read_past(b"event: hello").await?;
        self.frame().await
    }

    /// Waits for the end of the next event, and throws it away.
    pub(crate) async fn frame(&mut self) -> io::Result<()> {
        let start = self.read_past(b"data: ").await?;
        self.unread.drain(..start);
        let end = self.read_past(b"\n\n").await?;
        self.unread.drain(..end);
        Ok(())
    }

    /// Where the first such text ends, as soon as it has come.
    async fn read_past(&mut self, text: &[u8]) -> io::Result<usize> {
        loop {
            let place = self.unread.windows(text.len()).position(|window| window == text);
            if let Some(place) = place {
                return Ok(place + text.len());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        self.unread.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// One thread for all connections: the other is left to the server.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// The status of one GET over a connection of its own.
pub(crate) fn status(address: SocketAddr, path: &str) -> io::Result<u16> {
    get(address, path).map(|(status, _)| status)
}

/// The status and the body of one GET over a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    runtime()?.block_on(async { Connection::open(address).await?.answer(request.as_bytes()).await })
}
