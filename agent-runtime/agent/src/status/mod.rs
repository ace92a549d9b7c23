//! The local status page: what the agent is and does, its process id, and a
//! shutdown for whoever knows its identity.

mod page;
pub mod query;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use page::Page;

/// Header that carries the agent's identity with a shutdown.
pub const IDENTITY_HEADER: &str = "AGENTID";
/// Time until the next attempt when the address is taken.
const BIND_AGAIN: Duration = Duration::from_secs(60);
/// Connections served at one time.
const MOST: usize = 8;
/// Time a connection may take in all.
const LONGEST: Duration = Duration::from_secs(10);

/// What the page needs of the agent.
pub trait Subject: Send + Sync + 'static {
    /// What there is to show now.
    fn page(&self) -> Page;
    /// The secret that allows a shutdown.
    fn secret(&self) -> &str;
    /// The agent shall end.
    fn shut_down(&self);
}

/// Serves `address` until the task is dropped. A taken address is tried again
/// every minute.
pub async fn serve(address: String, subject: Arc<dyn Subject>) {
    let connections = Arc::new(Semaphore::new(MOST));
    loop {
        let listener = match TcpListener::bind(&address).await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(
                    "cannot serve the status page on {address}: {error}; trying again in 60 s"
                );
                tokio::time::sleep(BIND_AGAIN).await;
                continue;
            }
        };
        match listener.local_addr() {
            Ok(local) if !local.ip().is_loopback() => tracing::warn!(
                "the status page on {local} can be read from other hosts; `socket` in [agent] should be a loopback address"
            ),
            _ => tracing::debug!("status page on {address}"),
        }
        loop {
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: a pause lets some go.
                    tracing::warn!("status page: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let subject = Arc::clone(&subject);
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = answer(&request, &*subject);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .keep_alive(false)
                    .max_buf_size(8 << 10)
                    .timer(TokioTimer::new())
                    .header_read_timeout(LONGEST)
                    .serve_connection(TokioIo::new(stream), service);
                let _ = tokio::time::timeout(LONGEST, connection).await;
                drop(permit);
            });
        }
    }
}

fn answer<B>(request: &Request<B>, subject: &dyn Subject) -> Response<Full<Bytes>> {
    let host = request.headers().get(header::HOST);
    if !host.is_none_or(is_local_name) {
        return plain(
            StatusCode::FORBIDDEN,
            "this page is served under the names localhost and IP addresses only\n",
        );
    }
    match request.uri().path() {
        "/pid" => plain(StatusCode::OK, &std::process::id().to_string()),
        "/shutdown" => match request.headers().get(IDENTITY_HEADER) {
            None => plain(StatusCode::UNAUTHORIZED, "must set AGENTID header\n"),
            Some(given) if same_secret(given.as_bytes(), subject.secret().as_bytes()) => {
                subject.shut_down();
                plain(StatusCode::OK, "")
            }
            Some(_) => plain(StatusCode::UNAUTHORIZED, "invalid AGENTID\n"),
        },
        _ => {
            let mut response = plain(StatusCode::OK, &subject.page().to_html());
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            );
            headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                ),
            );
            response
        }
    }
}

fn plain(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A web page that makes its own name point at this host (DNS rebinding) still
/// sends that name.
fn is_local_name(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Compares without telling by its duration how much agreed.
fn same_secret(given: &[u8], secret: &[u8]) -> bool {
    use sha2::{Digest, Sha256};
    // Digests have one length, and what differs in them says nothing.
    let (given, secret) = (Sha256::digest(given), Sha256::digest(secret));
    let difference = given
        .iter()
        .zip(secret.iter())
        .fold(0, |all, (one, other)| all | (one ^ other));
    difference == 0
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Default)]
    struct Fake {
        stopped: AtomicBool,
    }

    impl Subject for Fake {
        fn page(&self) -> Page {
            Page::default()
        }

        fn secret(&self) -> &str {
            "s3cret"
        }

        fn shut_down(&self) {
            self.stopped.store(true, Ordering::SeqCst);
        }
    }

    fn ask(path: &str, headers: &[(&str, &str)]) -> (u16, bool) {
        let fake = Fake::default();
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = answer(&request.body(()).unwrap(), &fake);
        (
            response.status().as_u16(),
            fake.stopped.load(Ordering::SeqCst),
        )
    }

    #[test]
    fn only_the_identity_shuts_the_agent_down() {
        assert_eq!(ask("/shutdown", &[]), (401, false));
        assert_eq!(ask("/shutdown", &[("AGENTID", "")]), (401, false));
        assert_eq!(ask("/shutdown", &[("AGENTID", "s3cre")]), (401, false));
        assert_eq!(ask("/shutdown", &[("agentid", "s3cret")]), (200, true));
    }

    #[test]
    fn a_rebound_name_gets_nothing() {
        for (host, status) in [
            ("localhost:51664", 200),
            ("127.0.0.1:51664", 200),
            ("[::1]:51664", 200),
            ("LOCALHOST", 200),
            ("evil.example.net", 403),
            ("localhost.evil.example.net:51664", 403),
            ("", 403),
        ] {
            for path in ["/", "/pid"] {
                assert_eq!(ask(path, &[("host", host)]).0, status, "{host} {path}");
            }
        }
        assert_eq!(
            ask(
                "/shutdown",
                &[("host", "evil.example.net"), ("AGENTID", "s3cret")]
            ),
            (403, false)
        );
    }

    #[test]
    fn the_answer_without_identity_is_the_original_s() {
        let request = Request::builder().uri("/shutdown").body(()).unwrap();
        let response = answer(&request, &Fake::default());
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(
            response.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
    }
}
