//! What the API has to know.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderMap;
use mig_protocol::{Clock, SystemClock};

/// Decides whether heartbeats of a queueloc are accepted.
pub type HeartbeatFilter = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How the API works.
#[derive(Clone)]
pub struct ApiConfig {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// TLS, or plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Scheme and host that clients use, for links in answers:
    /// `https://mig.example.org`. `None` makes them from the address listened on.
    pub host: Option<String>,
    /// Path under which everything lies: `/api/v1`.
    pub base_route: String,
    /// Whether callers have to authenticate. Without it everybody may do
    /// everything.
    pub authentication: bool,
    /// How far a token's time may be from the server's.
    pub token_duration: Duration,
    /// Where a caller's address comes from.
    pub client_address: ClientAddress,
    /// Which agents may post heartbeats; `None` refuses all of them.
    pub heartbeats: Option<HeartbeatFilter>,
    /// Connections served at the same time. When more come, those that have not asked
    /// for anything yet make room, the oldest first; if there are none, the new wait.
    pub connections: usize,
    /// How long a connection may last before it asks for something, TLS included.
    pub silence: Duration,
    /// How long a client may take to send the head of a request, or nothing
    /// between two requests.
    pub head_timeout: Duration,
    /// How long a client may take to send the body of a request.
    pub body_timeout: Duration,
    /// Longest time a reader may wait for a change.
    pub longest_wait: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl ApiConfig {
    /// An API on `listen` with defaults: plain HTTP, authentication on.
    pub fn new(listen: SocketAddr) -> ApiConfig {
        ApiConfig {
            listen,
            tls: None,
            host: None,
            base_route: "/api/v1".to_owned(),
            authentication: true,
            token_duration: Duration::from_secs(600),
            client_address: ClientAddress::Peer,
            heartbeats: Some(Arc::new(|_| true)),
            connections: 1024,
            silence: Duration::from_secs(15),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            longest_wait: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
        }
    }
}

impl ApiConfig {
    /// Scheme and host for links, without a slash at the end.
    pub(crate) fn host(&self, listening_on: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match &self.host {
            Some(host) => host.trim_end_matches('/').to_owned(),
            None => format!("{scheme}://{listening_on}"),
        }
    }
}

impl fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host(self.listen), self.base_route)
    }
}

/// Where a caller's address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// The other end of the connection.
    Peer,
    /// The entry so many places from the end of `X-Forwarded-For`, as proxies
    /// in front of the API append to it; 0 is the last one.
    Forwarded(usize),
}

impl ClientAddress {
    /// The address of a caller; 0.0.0.0 when it cannot be told.
    pub(crate) fn of(self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let ClientAddress::Forwarded(from_end) = self else {
            return peer.to_canonical();
        };
        let entries: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let index = entries.len().saturating_sub(from_end + 1);
        entries
            .get(index)
            .and_then(|entry| entry.parse().ok())
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

/// A text does not say where addresses come from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` must be `peer` or `x-forwarded-for:N`, N counted from the end of the list")]
pub struct ClientAddressError(String);

impl FromStr for ClientAddress {
    type Err = ClientAddressError;

    fn from_str(text: &str) -> Result<ClientAddress, ClientAddressError> {
        match text.split_once(':') {
            None if text == "peer" => Ok(ClientAddress::Peer),
            Some(("x-forwarded-for", number)) => number
                .parse()
                .map(ClientAddress::Forwarded)
                .map_err(|_| ClientAddressError(text.to_owned())),
            _ => Err(ClientAddressError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_address_is_counted_from_the_end_of_the_forwarded_list() {
        let peer: IpAddr = "192.0.2.1".parse().expect("an address");
        let mut headers = HeaderMap::new();
        headers.append(
            "x-forwarded-for",
            "203.0.113.9, 198.51.100.7".parse().expect("a value"),
        );
        headers.append("x-forwarded-for", "10.0.0.1".parse().expect("a value"));
        for (setting, address) in [
            ("peer", "192.0.2.1"),
            ("x-forwarded-for:0", "10.0.0.1"),
            ("x-forwarded-for:1", "198.51.100.7"),
            ("x-forwarded-for:9", "203.0.113.9"),
        ] {
            let setting: ClientAddress = setting.parse().expect("a setting");
            assert_eq!(setting.of(peer, &headers).to_string(), address);
        }
        let none = ClientAddress::Forwarded(0).of(peer, &HeaderMap::new());
        assert_eq!(none.to_string(), "0.0.0.0");
        assert!("x-forwarded-for:x".parse::<ClientAddress>().is_err());
    }
}
