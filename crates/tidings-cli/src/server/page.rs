//! What do people see at `/`? The page, from inside the program.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Nothing but this server's own files; no inline script or style, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

fn file(media: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        // A new program brings a new page: ask every time, it is on this machine.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (StatusCode::OK, headers, text).into_response()
}

macro_rules! files {
    ($($name:ident, $path:literal, $media:literal, $file:literal;)*) => {$(
        #[doc = concat!("Sends `", $file, "`.")]
        pub(super) async fn $name() -> Response {
            file($media, include_str!(concat!("../../../../web/", $file)))
        }
    )*

        /// Paths and files of the page.
        pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
            axum::Router::new()$(.route($path, axum::routing::get($name)))*
                .route("/ui", axum::routing::get(index))
        }
    };
}

files! {
    index, "/", "text/html; charset=utf-8", "index.html";
    style, "/assets/style.css", "text/css; charset=utf-8", "style.css";
    icon, "/assets/icon.svg", "image/svg+xml", "icon.svg";
    main, "/assets/main.js", "text/javascript; charset=utf-8", "main.js";
    api, "/assets/api.js", "text/javascript; charset=utf-8", "api.js";
    bar, "/assets/bar.js", "text/javascript; charset=utf-8", "bar.js";
    commands, "/assets/commands.js", "text/javascript; charset=utf-8", "commands.js";
    dom, "/assets/dom.js", "text/javascript; charset=utf-8", "dom.js";
    drawer, "/assets/drawer.js", "text/javascript; charset=utf-8", "drawer.js";
    filters, "/assets/filters.js", "text/javascript; charset=utf-8", "filters.js";
    histogram, "/assets/histogram.js", "text/javascript; charset=utf-8", "histogram.js";
    keys, "/assets/keys.js", "text/javascript; charset=utf-8", "keys.js";
    list, "/assets/list.js", "text/javascript; charset=utf-8", "list.js";
    live, "/assets/live.js", "text/javascript; charset=utf-8", "live.js";
    notices, "/assets/notices.js", "text/javascript; charset=utf-8", "notices.js";
    overview, "/assets/overview.js", "text/javascript; charset=utf-8", "overview.js";
    rail, "/assets/rail.js", "text/javascript; charset=utf-8", "rail.js";
    rows, "/assets/rows.js", "text/javascript; charset=utf-8", "rows.js";
    session, "/assets/session.js", "text/javascript; charset=utf-8", "session.js";
    text, "/assets/text.js", "text/javascript; charset=utf-8", "text.js";
    times, "/assets/times.js", "text/javascript; charset=utf-8", "times.js";
}
