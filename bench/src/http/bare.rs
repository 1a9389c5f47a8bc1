//! What does HTTP cost without us? A server that reads every body to its end and
//! answers 200: same libraries, nothing parsed, nothing kept.

use std::io::Write;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;

/// Given to the process that is this server.
pub(crate) const CHILD: &str = "--serve-bare";

/// Serves until it is killed; prints its address first.
pub(crate) fn serve() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stderr(), "bare listens on http://{}/", listener.local_addr()?)?;
        axum::serve(NoDelay(listener), Router::new().fallback(answer)).await
    })
}

async fn answer(_whole: Bytes) -> StatusCode {
    StatusCode::OK
}

/// Sends answers at once, as tidings does.
struct NoDelay(tokio::net::TcpListener);

impl axum::serve::Listener for NoDelay {
    type Io = tokio::net::TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, peer) = axum::serve::Listener::accept(&mut self.0).await;
        // Without it the figures are those of Nagle's algorithm.
        let _ = stream.set_nodelay(true);
        (stream, peer)
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}
