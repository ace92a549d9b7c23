//! The proxy that the environment names: `HTTP_PROXY` or `HTTPS_PROXY`, unless
//! `NO_PROXY` excepts the host.

use std::net::IpAddr;

use super::Proxy;

/// The proxy for a host, or none. `variable` looks up a variable; the upper-case
/// name counts before the lower-case one. This host itself is always reached
/// directly.
pub fn from_environment(
    scheme: &str,
    host: &str,
    port: u16,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<Proxy> {
    let either = |upper: &str| {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        set(upper).or_else(|| set(&upper.to_ascii_lowercase()))
    };
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return None;
    }
    let excepted = either("NO_PROXY").is_some_and(|list| {
        list.split(',')
            .any(|entry| excepts(entry.trim(), host, address, port))
    });
    if excepted {
        return None;
    }
    let name = match scheme {
        "https" => "HTTPS_PROXY",
        _ => "HTTP_PROXY",
    };
    match Proxy::parse(&either(name)?) {
        Ok(proxy) => Some(proxy),
        Err(error) => {
            tracing::warn!("{name} of the environment is not used: {error}");
            None
        }
    }
}

/// Whether an entry of `NO_PROXY` is about this host: `*`, a name with those
/// below it, `.name` with only those below it, an address or a network, each
/// perhaps with a port.
fn excepts(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, length)) = entry.split_once('/') {
        let network = network.parse().ok();
        let length = length.parse().ok();
        return match (network, length, address) {
            (Some(network), Some(length), Some(address)) => within(address, network, length),
            _ => false,
        };
    }
    let bare = entry.trim_matches(['[', ']']);
    if let Ok(excepted) = bare.parse::<IpAddr>() {
        return address == Some(excepted);
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, number)) => match number.parse::<u16>() {
            Ok(number) => (name, Some(number)),
            Err(_) => return false,
        },
        None => (entry, None),
    };
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    if let Ok(excepted) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
        return address == Some(excepted);
    }
    let name = name.strip_prefix('*').unwrap_or(name).to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    match name.strip_prefix('.') {
        _ if name.is_empty() => false,
        Some(_) => host.ends_with(&name),
        None => {
            host == name
                || host
                    .strip_suffix(&name)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
    }
}

/// Whether the first `length` bits agree.
fn within(address: IpAddr, network: IpAddr, length: u32) -> bool {
    let (one, other, width) = match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u128::from(one.to_bits()), u128::from(other.to_bits()), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
        _ => return false,
    };
    // A whole address shifted away leaves nothing that could differ.
    length <= width && (one ^ other).checked_shr(width - length).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(scheme: &str, host: &str, port: u16, no_proxy: &str) -> Option<String> {
        let proxy = from_environment(scheme, host, port, |name| match name {
            "http_proxy" => Some("http://proxy.example.net:3128/".into()),
            "HTTPS_PROXY" => Some("u:p@secure.example.net:8080".into()),
            "NO_PROXY" => Some(no_proxy.into()),
            _ => None,
        });
        proxy.map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_environment_s_proxy_is_for_other_hosts() {
        let asked = |host: &str, no_proxy: &str| asked("http", host, 5671, no_proxy);
        assert_eq!(
            asked("relay.example.net", "").as_deref(),
            Some("proxy.example.net:3128")
        );
        for (host, excepted) in [
            ("localhost", ""),
            ("127.0.0.1", ""),
            ("127.1.2.3", ""),
            ("::1", ""),
            ("[::1]", ""),
            ("relay.example.net", ".example.net"),
            ("relay.example.net", "*.example.net"),
            ("Relay.Example.net", "a, relay.example.NET"),
            ("relay.example.net.", "example.net"),
            ("relay.example.net", "example.net:5671"),
            ("relay.example.net", "*"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7:5671"),
            ("192.0.2.7", "10.0.0.0/8,192.0.2.0/24"),
            ("192.0.2.7", "0.0.0.0/0"),
            ("2001:db8::7", "2001:db8::/32"),
            ("2001:db8::7", "[2001:db8::7]:5671"),
        ] {
            assert_eq!(asked(host, excepted), None, "{host} {excepted}");
        }
        for (host, others) in [
            ("badexample.net", "example.net"),
            ("example.net", ".example.net"),
            ("relay.example.net", "relay.example.net:443"),
            ("relay.example.net", ", ,."),
            (
                "192.0.2.7",
                "192.0.3.0/24, 192.0.2.0/33, 2001:db8::/32, x/y",
            ),
            ("192.0.2.7", "192.0.2.7:443"),
            ("2001:db8::7", "2001:db9::/32"),
        ] {
            assert!(asked(host, others).is_some(), "{host} {others}");
        }
    }

    #[test]
    fn https_has_a_variable_of_its_own_and_nonsense_is_no_proxy() {
        assert_eq!(
            asked("https", "api.example.net", 443, "").as_deref(),
            Some("secure.example.net:8080")
        );
        for value in ["socks5://p:1", "not a host"] {
            let proxy = from_environment("http", "h", 1, |_| Some(value.into()));
            // The same text excepts nothing.
            assert_eq!(proxy, None, "{value}");
        }
    }
}
