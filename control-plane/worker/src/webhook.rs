//! Requests to the webhook.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Longest text of an answer that is read.
const ANSWER: u64 = 4096;
/// Longest text of an answer that is repeated in the log.
const QUOTED: usize = 120;

/// What an answer means for the event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The webhook has it.
    Accepted,
    /// It would be refused again.
    Refused(String),
    /// Not now; perhaps with the time that the webhook wants to be left alone.
    Later(String, Option<Duration>),
}

/// Where events are posted.
pub(crate) struct Webhook {
    agent: Agent,
    url: String,
    authorization: Option<String>,
}

impl Webhook {
    /// Does nothing yet. `authorities` say who the server may be; without any,
    /// only plain HTTP works.
    pub(crate) fn new(
        url: &str,
        authorization: Option<&str>,
        authorities: &[Certificate<'static>],
        timeout: Duration,
    ) -> Webhook {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::new_with_certs(authorities))
            .build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // Elsewhere, and perhaps unencrypted, nobody may see the events.
            .max_redirects(0)
            .user_agent(concat!("mig-worker-webhook/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .max_idle_connections(1)
            .timeout_connect(Some(timeout.min(Duration::from_secs(10))))
            .timeout_global(Some(timeout))
            .build()
            .new_agent();
        Webhook {
            agent,
            url: url.to_owned(),
            authorization: authorization.map(str::to_owned),
        }
    }

    /// Posts a document, once.
    pub(crate) fn post(&self, document: &[u8]) -> Verdict {
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json");
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        match request.send(document) {
            Ok(mut response) => {
                let status = response.status().as_u16();
                let wish = response.headers().get("retry-after");
                let wish = wish
                    .and_then(|value| value.to_str().ok()?.trim().parse().ok())
                    .map(Duration::from_secs);
                let mut text = Vec::new();
                let body = response.body_mut().as_reader();
                // The status has been said: a text that does not come changes
                // nothing.
                let _ = body.take(ANSWER).read_to_end(&mut text);
                judge(status, &text, wish)
            }
            Err(error) => Verdict::Later(explain(&error), None),
        }
    }
}

/// Refusals that blame the address or the credentials concern every event, so
/// they wait until somebody mends that; other 4xx are about the event itself.
fn judge(status: u16, text: &[u8], wish: Option<Duration>) -> Verdict {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let quoted: String = line
        .unwrap_or_default()
        .chars()
        .filter(|character| !character.is_control())
        .take(QUOTED)
        .collect();
    let reason = match quoted.is_empty() {
        true => format!("status {status}"),
        false => format!("status {status} ({quoted})"),
    };
    match status {
        200..300 => Verdict::Accepted,
        300..400 => Verdict::Later(format!("{reason}; redirections are not followed"), wish),
        401 | 403 | 407 => Verdict::Later(format!("{reason}; check [webhook] authorization"), wish),
        404 | 405 | 410 => Verdict::Later(format!("{reason}; check [webhook] url"), wish),
        408 | 421 | 425 | 429 => Verdict::Later(reason, wish),
        400..500 => Verdict::Refused(reason),
        _ => Verdict::Later(reason, wish),
    }
}

fn explain(error: &ureq::Error) -> String {
    let text = error.to_string();
    match text.contains("certificate") {
        true => format!("{text}; set [webhook] cafile to the authority of this server"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_dead_only_when_the_answer_blames_it() {
        for status in [200, 201, 204] {
            assert_eq!(judge(status, b"", None), Verdict::Accepted);
        }
        for status in [400, 413, 415, 422] {
            assert!(
                matches!(judge(status, b"", None), Verdict::Refused(_)),
                "{status}"
            );
        }
        for status in [301, 401, 403, 404, 405, 408, 429, 500, 502, 503] {
            assert!(
                matches!(judge(status, b"", None), Verdict::Later(..)),
                "{status}"
            );
        }
        let wish = Some(Duration::from_secs(3));
        assert_eq!(
            judge(503, b"\n busy\x1b[2J \nmore", wish),
            Verdict::Later("status 503 (busy[2J)".into(), wish)
        );
    }
}
