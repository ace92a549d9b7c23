//! HTTP proxies on the way to the relay and to the API: the configured ones in
//! their order, then that of the environment, then none.

mod environment;
mod tunnel;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use url::Url;

pub use environment::from_environment;
pub use tunnel::{TunnelError, open_tunnel, read_answer};

/// What a proxy without a port in its address listens on.
const PORT: u16 = 80;

/// Why a text is no proxy. The text is not shown, it may hold a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProxyError {
    /// Not an address.
    #[error("expected host:port or user:password@host:port")]
    Address,
    /// A proxy that is spoken to in another way than HTTP.
    #[error("only proxies that are spoken to with plain HTTP can be used")]
    Scheme,
}

/// An HTTP proxy. Shown without its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    place: String,
    /// Value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl Proxy {
    /// Reads `host:port`, perhaps with `http://` and with `user:password@` in
    /// front. The password may be percent-encoded.
    ///
    /// # Errors
    /// It is none of these.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        let with_scheme = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let url = Url::parse(&with_scheme).map_err(|_| ProxyError::Address)?;
        if url.scheme() != "http" {
            return Err(ProxyError::Scheme);
        }
        let plain = matches!(url.path(), "" | "/") && url.query().is_none();
        let host = url
            .host_str()
            .filter(|host| plain && !host.is_empty())
            .ok_or(ProxyError::Address)?;
        let named = !url.username().is_empty() || url.password().is_some();
        let authorization = named.then(|| {
            let mut account = unescaped(url.username());
            account.push(b':');
            account.extend(unescaped(url.password().unwrap_or_default()));
            format!("Basic {}", STANDARD.encode(account))
        });
        Ok(Self {
            place: format!("{host}:{}", url.port().unwrap_or(PORT)),
            authorization,
        })
    }

    /// `host:port`, for connecting and for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the proxy is shown, as the value of `Proxy-Authorization`.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({})", self.place)
    }
}

/// The ways to a host, in the order in which they are tried; `None` is the
/// direct one.
pub(crate) fn ways(
    configured: &[Proxy],
    scheme: &str,
    host: &str,
    port: u16,
) -> Vec<Option<Proxy>> {
    let mut ways: Vec<Option<Proxy>> = configured.iter().cloned().map(Some).collect();
    let environment = from_environment(scheme, host, port, |name| std::env::var(name).ok());
    if let Some(proxy) = environment
        && !configured.contains(&proxy)
    {
        ways.push(Some(proxy));
    }
    ways.push(None);
    ways
}

/// Text with its percent-escapes undone; what is none stays as it is.
fn unescaped(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = match (
            bytes[at],
            digit(bytes.get(at + 1)),
            digit(bytes.get(at + 2)),
        ) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        plain.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_place_perhaps_with_an_account() {
        for (text, place, authorization) in [
            ("p:3128", "p:3128", None),
            (" http://p:3128/ ", "p:3128", None),
            ("p", "p:80", None),
            ("192.0.2.1:80", "192.0.2.1:80", None),
            ("[2001:db8::1]:3128", "[2001:db8::1]:3128", None),
            ("u:p@h:1", "h:1", Some("Basic dTpw")),
            ("http://u:p%40%3a@h:1", "h:1", Some("Basic dTpwQDo=")),
            ("u@h:1", "h:1", Some("Basic dTo=")),
            ("u:100%@h:1", "h:1", Some("Basic dToxMDAl")),
        ] {
            let proxy = Proxy::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(proxy.place(), place, "{text}");
            assert_eq!(proxy.authorization(), authorization, "{text}");
        }
        for (text, error) in [
            ("", ProxyError::Address),
            ("p:port", ProxyError::Address),
            ("p:99999", ProxyError::Address),
            ("p:1/path", ProxyError::Address),
            ("two words:1", ProxyError::Address),
            ("https://p:1", ProxyError::Scheme),
            ("socks5://p:1", ProxyError::Scheme),
        ] {
            assert_eq!(Proxy::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn nothing_that_is_shown_has_the_credentials() {
        let proxy = Proxy::parse("ana:hunter2@proxy.example.net:3128").unwrap();
        let shown = format!("{proxy} {proxy:?} {}", proxy.place());
        assert!(
            !shown.contains("hunter2") && !shown.contains("ana"),
            "{shown}"
        );
        let settings = crate::settings::Settings {
            proxies: vec![proxy],
            ..crate::settings::Settings::default()
        };
        let shown = format!(
            "{settings:?}{}{:?}",
            settings.to_lines(),
            settings.for_page()
        );
        assert!(shown.contains("proxy.example.net:3128"), "{shown}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("aHVudGVyMg"),
            "{shown}"
        );
    }

    #[test]
    fn the_direct_way_comes_last_and_no_way_twice() {
        let proxies = ["a:1", "b:2"].map(|text| Proxy::parse(text).unwrap());
        let ways = ways(&proxies, "http", "localhost", 1);
        assert_eq!(
            ways,
            [Some(proxies[0].clone()), Some(proxies[1].clone()), None]
        );
    }
}
