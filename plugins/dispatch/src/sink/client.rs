//! HTTP requests with a limit on everything. What it needs is set up when the
//! first request comes, and given back when there has been none for a while.

use super::trust::authorities;
use crate::configuration::Connection;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use ureq::Agent;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

/// Longest time to reach a server.
const CONNECT: Duration = Duration::from_secs(10);
/// For each question to the metadata service, which is on the same machine.
const METADATA: Duration = Duration::from_secs(2);
/// Longest answer that is read.
const ANSWER: u64 = 64 << 10;
/// Buffers of a connection in bytes: requests are short and answers shorter.
const BUFFER: usize = 16 << 10;

/// An answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub status: u16,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Where it says that the address has moved to.
    pub location: Option<String>,
    /// The beginning of its text.
    pub body: Vec<u8>,
}

/// Makes requests.
#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
    agent: Mutex<Option<Agent>>,
    stopped: AtomicBool,
}

impl Client {
    /// Does nothing yet.
    pub fn new(connection: &Connection) -> Self {
        Self {
            connection: connection.clone(),
            agent: Mutex::new(None),
            stopped: AtomicBool::new(false),
        }
    }

    /// Sends a document.
    ///
    /// # Errors
    /// There is no answer; the reason in a few words.
    pub(super) fn post(
        &self,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Vec<u8>,
    ) -> Result<Reply, String> {
        let mut request = Request::post(url);
        if let Some(map) = request.headers_mut() {
            map.extend(headers.iter().cloned());
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        let agent = self.agent(url.starts_with("https:"))?;
        reply(agent.run(request))
    }

    /// Asks the metadata service, which is reached directly.
    ///
    /// # Errors
    /// There is no answer; the reason in a few words.
    pub(super) fn ask(
        &self,
        method: &str,
        url: &str,
        header: (&str, &str),
    ) -> Result<Reply, String> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(METADATA))
            .max_idle_connections(0)
            .build()
            .new_agent();
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(header.0, header.1);
        let request = request.body(()).map_err(|error| error.to_string())?;
        reply(agent.run(request))
    }

    /// Nothing to send for a while: connections and authorities go.
    pub fn rest(&self) {
        *self.lock() = None;
    }

    /// Ends a request in progress, and lets no other begin.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(agent) = self.lock().take() {
            agent.shutdown();
        }
    }

    fn agent(&self, secure: bool) -> Result<Agent, String> {
        let mut kept = self.lock();
        if self.stopped.load(Ordering::SeqCst) {
            return Err("the module ends".to_owned());
        }
        if let Some(agent) = kept.as_ref() {
            return Ok(agent.clone());
        }
        let timeout = self.connection.timeout;
        let proxy = self.connection.proxy.as_deref().map(ureq::Proxy::new);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // Elsewhere, and perhaps unencrypted, nobody may see the alerts.
            .max_redirects(0)
            .user_agent(concat!("mig-dispatch/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .proxy(proxy.transpose().map_err(|error| error.to_string())?)
            .no_delay(true)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_connections(1)
            .timeout_connect(Some(CONNECT.min(timeout)))
            .timeout_global(Some(timeout));
        if secure {
            let roots = authorities(self.connection.cafile.as_deref())?;
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            config = config.tls_config(
                TlsConfig::builder()
                    .provider(TlsProvider::Rustls)
                    .unversioned_rustls_crypto_provider(provider)
                    .root_certs(RootCerts::new_with_certs(&roots))
                    .build(),
            );
        }
        let agent = config.build().new_agent();
        *kept = Some(agent.clone());
        Ok(agent)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Agent>> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reply(outcome: Result<Response<ureq::Body>, ureq::Error>) -> Result<Reply, String> {
    let mut response = outcome.map_err(|error| describe(&error))?;
    let header = |map: &HeaderMap, name: &str| {
        let value = map.get(name)?.to_str().ok()?;
        Some(value.trim().to_owned())
    };
    let headers = response.headers();
    let mut reply = Reply {
        status: response.status().as_u16(),
        retry_after: header(headers, "retry-after")
            .and_then(|text| retry_after(&text, OffsetDateTime::now_utc())),
        location: header(headers, "location").map(|to| to.chars().take(200).collect()),
        body: Vec::new(),
    };
    // The status has been said: a text that does not come changes nothing.
    let mut text = response.body_mut().as_reader().take(ANSWER);
    let _rest = text.read_to_end(&mut reply.body);
    Ok(reply)
}

fn describe(error: &ureq::Error) -> String {
    let text = match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    match text.contains("certificate") {
        true => format!(
            "{text}; set `cafile` to the authority of this server if it is not one of the system's"
        ),
        false => text,
    }
}

/// What `Retry-After` says (RFC 9110, 10.2.3): seconds or a date.
#[doc(hidden)]
pub fn retry_after(text: &str, now: OffsetDateTime) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Duration::try_from(then - now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_wish_to_be_left_alone_is_understood_as_seconds_and_as_a_date() {
        let now = datetime!(1994-11-06 08:49:30 UTC);
        let of = |text| retry_after(text, now);
        assert_eq!(of("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            of("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
        assert_eq!(of("-1"), None);
    }
}
