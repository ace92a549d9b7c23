//! Requests to the API: TLS, authentication, time-outs, one retry on 401.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

use crate::collection::Collection;
use crate::error::ClientError;
use crate::terminal::printable;

/// Longest time to reach the API.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time for an answer beyond the time the API was asked to wait.
const ANSWER: Duration = Duration::from_secs(60);
/// Largest answer that is read: a page of results with the largest operations.
const LARGEST_ANSWER: u64 = 1 << 30;

/// How a request proves who makes it.
pub trait Credentials: Send {
    /// Header name and value for the next request.
    ///
    /// # Errors
    /// When the key cannot sign.
    fn header(&self) -> Result<(&'static str, String), ClientError>;

    /// Whether a new header may succeed where one was refused.
    fn renewable(&self) -> bool;
}

/// Where the API is and whom to trust.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Base URL with the route and a final slash.
    pub url: url::Url,
    /// Accept any certificate.
    pub skip_verification: bool,
    /// Authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
    /// How the program introduces itself.
    pub user_agent: String,
}

/// A connection to the API, kept open between requests.
pub struct Api {
    agent: Agent,
    base: url::Url,
    credentials: Box<dyn Credentials>,
    /// A token is good for several requests: the API accepts it for minutes.
    header: RefCell<Option<(&'static str, String)>>,
    verbose: bool,
}

enum Request<'a> {
    Get,
    Form(&'a [(&'a str, &'a str)]),
}

impl Api {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub fn new(
        endpoint: &Endpoint,
        credentials: Box<dyn Credentials>,
        verbose: bool,
    ) -> Result<Self, ClientError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .no_delay(true)
            // Elsewhere, and perhaps unencrypted, nobody may see an API key.
            .max_redirects(0)
            .user_agent(&endpoint.user_agent)
            .timeout_connect(Some(CONNECT))
            .tls_config(tls(endpoint)?)
            .build();
        Ok(Self {
            agent: config.new_agent(),
            base: endpoint.url.clone(),
            credentials,
            header: RefCell::new(None),
            verbose,
        })
    }

    /// Asks for documents.
    ///
    /// # Errors
    /// When the API cannot be reached or refuses; its reason is kept.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Collection, ClientError> {
        self.get_waiting(path, query, Duration::ZERO)
    }

    /// Asks for documents when the API was told it may take `wait` to answer.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn get_waiting(
        &self,
        path: &str,
        query: &[(&str, &str)],
        wait: Duration,
    ) -> Result<Collection, ClientError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.request(&url, &Request::Get, wait)
    }

    /// Sends a form.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Collection, ClientError> {
        self.request(&self.url(path)?, &Request::Form(form), Duration::ZERO)
    }

    fn url(&self, path: &str) -> Result<url::Url, ClientError> {
        self.base
            .join(path)
            .map_err(|error| ClientError::Configuration(format!("{}{path}: {error}", self.base)))
    }

    fn request(
        &self,
        url: &url::Url,
        request: &Request<'_>,
        wait: Duration,
    ) -> Result<Collection, ClientError> {
        let mut response = self.send(url, request, wait)?;
        if response.status().as_u16() == 401 && self.credentials.renewable() {
            // The token may have outlived its window.
            self.header.borrow_mut().take();
            response = self.send(url, request, wait)?;
        }
        let status = response.status().as_u16();
        let location = response.headers().get("location");
        let location = location.map(|to| printable(&String::from_utf8_lossy(to.as_bytes())));
        let body = response
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .read_to_vec()
            .map_err(|error| unreachable(url, &error))?;
        if self.verbose {
            eprintln!(
                "debug: {status} {}",
                printable(&String::from_utf8_lossy(&body))
            );
        }
        if let (300..400, Some(to)) = (status, location) {
            return Err(ClientError::Moved { to });
        }
        let answer = Collection::parse(&body);
        if (200..300).contains(&status) {
            return answer;
        }
        let message = match answer {
            Ok(collection) if !collection.error.message.is_empty() => {
                printable(&collection.error.message)
            }
            // Not one of our answers: a proxy's page says nothing a person can use.
            _ => "no reason given".to_owned(),
        };
        Err(ClientError::Refused { status, message })
    }

    fn send(
        &self,
        url: &url::Url,
        request: &Request<'_>,
        wait: Duration,
    ) -> Result<Response<Body>, ClientError> {
        let (name, value) = self.header()?;
        if self.verbose {
            eprintln!("debug: {url}");
        }
        let timeout = Some(ANSWER + wait);
        match request {
            Request::Get => self
                .agent
                .get(url.as_str())
                .config()
                .timeout_global(timeout)
                .build()
                .header(name, value)
                .call(),
            Request::Form(form) => self
                .agent
                .post(url.as_str())
                .config()
                .timeout_global(timeout)
                .build()
                .header(name, value)
                .send_form(form.iter().copied()),
        }
        .map_err(|error| unreachable(url, &error))
    }

    fn header(&self) -> Result<(&'static str, String), ClientError> {
        if let Some(header) = self.header.borrow().as_ref() {
            return Ok(header.clone());
        }
        let header = self.credentials.header()?;
        *self.header.borrow_mut() = Some(header.clone());
        Ok(header)
    }
}

fn unreachable(url: &url::Url, error: &ureq::Error) -> ClientError {
    let mut base = url.clone();
    base.set_query(None);
    ClientError::Unreachable {
        url: base.to_string(),
        reason: error.to_string(),
    }
}

/// TLS with the system's authorities, or with those of a file.
fn tls(endpoint: &Endpoint) -> Result<TlsConfig, ClientError> {
    let roots = match &endpoint.authorities {
        Some(path) => {
            let file_error = |source| ClientError::File {
                path: path.display().to_string(),
                source,
            };
            let pem = std::fs::read(path).map_err(file_error)?;
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(ClientError::Configuration(format!(
                    "{}: holds no PEM certificate to trust",
                    path.display()
                )));
            }
            certificates
        }
        None if endpoint.url.scheme() == "https" && !endpoint.skip_verification => {
            rustls_native_certs::load_native_certs()
                .certs
                .iter()
                .map(|certificate| Certificate::from_der(certificate).to_owned())
                .collect()
        }
        None => Vec::new(),
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .disable_verification(endpoint.skip_verification)
        .build())
}
