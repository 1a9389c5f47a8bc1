//! Is this request meant for us, and does nobody else's page make it?
//!
//! Only loopback is served, and there are no tokens yet, so two attacks are
//! left: a name that resolves to 127.0.0.1 in a browser (DNS rebinding), and a
//! page of another site that posts to us.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::body::DrainedOnDrop;
use super::problem::{Kind, Problem};

/// Paths for machines that look whether we live; they may use any name.
const OPEN_PATHS: [&str; 3] = ["/livez", "/readyz", "/healthz"];

/// The host names that requests may address.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// IP addresses and loopback names, and these.
    pub fn new(allowed: &[String]) -> Hosts {
        Hosts(allowed.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect())
    }

    fn allow(&self, host: &str) -> bool {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        host.parse::<IpAddr>().is_ok()
            || bracketed(host).is_some()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.0.contains(&name)
    }
}

fn bracketed(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Lets a request through, or says why not; adds what every answer carries.
pub(super) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let request = request.map(DrainedOnDrop::wrap);
    let mut response = match examine(&app.hosts, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn examine(hosts: &Hosts, request: &Request) -> Result<(), Problem> {
    if OPEN_PATHS.contains(&request.uri().path()) {
        return Ok(());
    }
    let authority = authority_of(request)?;
    if let Some(authority) = &authority {
        let host = without_port(authority);
        if !hosts.allow(host) {
            let detail = format!(
                "this server is not called {:?}; if it is, start it with --allowed-host {}",
                cut(host),
                cut(host)
            );
            return Err(Problem::new(Kind::Misdirected, detail));
        }
    }
    refuse_forwarded(request.headers())?;
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return Ok(());
    }
    refuse_foreign_pages(request.headers(), authority.as_deref())
}

/// Whom the request addresses: of its absolute URI, else of `Host`. A client of
/// HTTP/1.0 may leave it out.
fn authority_of(request: &Request) -> Result<Option<String>, Problem> {
    let malformed = |detail: &str| Err(Problem::new(Kind::Malformed, detail));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return malformed("more than one Host header");
    }
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.as_str().to_owned()));
    }
    match host.map(HeaderValue::to_str) {
        Some(Ok(host)) => Ok(Some(host.trim().to_owned())),
        Some(Err(_)) => malformed("the Host header is not text"),
        None if request.version() < Version::HTTP_11 => Ok(None),
        None => malformed("a request needs a Host header"),
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() => {
            // A bare IPv6 address has colons and no port.
            if host.contains(':') && !host.ends_with(']') { authority } else { host }
        }
        _ => authority,
    }
}

/// A proxy speaks for somebody far away, who would need a token.
fn refuse_forwarded(headers: &HeaderMap) -> Result<(), Problem> {
    let forwarded = headers
        .keys()
        .any(|name| name == header::FORWARDED || name.as_str().starts_with("x-forwarded-"));
    if !forwarded {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Forbidden,
        "this version serves its own machine only; it has no tokens yet, so it takes no \
         forwarded requests",
    ))
}

fn refuse_foreign_pages(headers: &HeaderMap, authority: Option<&str>) -> Result<(), Problem> {
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    let foreign = headers.get(header::ORIGIN).is_some_and(|origin| {
        let ours = origin.to_str().ok().and_then(|text| text.split_once("://"));
        !ours.is_some_and(|(_, origin)| {
            authority.is_some_and(|authority| origin.eq_ignore_ascii_case(authority))
        })
    });
    if cross_site || foreign {
        let detail = "a page of another site may not write here";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    Ok(())
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/api/v1/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(axum::body::Body::empty()).unwrap()
    }

    #[track_caller]
    fn assert_status(hosts: &Hosts, request: &Request, wanted: Option<Kind>) {
        let got = examine(hosts, request).err().map(|problem| problem.kind());
        assert_eq!(got, wanted, "{:?}", request.headers());
    }

    #[test]
    fn addresses_and_loopback_names_and_allowed_names_are_ours() {
        let hosts = Hosts::new(&["Tidings.Example".to_owned()]);
        for host in
            ["127.0.0.1:8434", "[::1]:8434", "[::1]", "localhost", "a.localhost:1", "10.0.0.9"]
        {
            assert_status(&hosts, &request("GET", &[("host", host)]), None);
        }
        assert_status(&hosts, &request("GET", &[("host", "tidings.example.:80")]), None);
    }

    #[test]
    fn a_name_that_somebody_pointed_at_us_is_misdirected() {
        let hosts = Hosts::default();
        for host in ["evil.example", "localhost.evil.example:8434", "127.0.0.1.evil.example", ""] {
            let request = request("GET", &[("host", host)]);
            assert_status(&hosts, &request, Some(Kind::Misdirected));
        }
    }

    #[test]
    fn no_host_or_two_hosts_are_malformed() {
        let hosts = Hosts::default();

        assert_status(&hosts, &request("GET", &[]), Some(Kind::Malformed));
        let two = request("GET", &[("host", "localhost"), ("host", "localhost")]);
        assert_status(&hosts, &two, Some(Kind::Malformed));
    }

    #[test]
    fn a_page_of_another_site_may_read_nothing_and_write_nothing() {
        let hosts = Hosts::default();
        let host = ("host", "localhost:8434");
        let foreign = [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:3000"),
            ("sec-fetch-site", "cross-site"),
        ];
        for header in foreign {
            assert_status(&hosts, &request("POST", &[host, header]), Some(Kind::Forbidden));
        }
        let own = ("origin", "http://localhost:8434");
        assert_status(
            &hosts,
            &request("POST", &[host, own, ("sec-fetch-site", "same-origin")]),
            None,
        );
    }

    #[test]
    fn forwarded_requests_are_never_loopback() {
        let request = request("GET", &[("host", "localhost"), ("x-forwarded-for", "8.8.8.8")]);

        assert_status(&Hosts::default(), &request, Some(Kind::Forbidden));
    }
}
