//! Names and addresses of other machines, as people write them.
//!
//! Only the form is looked at: operations other than `run` have no network to
//! look a name up with.

use std::net::{IpAddr, Ipv6Addr};

/// Why `name` is not a valid DNS name; `None` when it is one.
///
/// Letters, digits, hyphens and underscores in labels of at most 63 characters
/// that neither begin nor end with a hyphen; at most 253 in all; one final dot
/// is allowed.
pub fn name_objection(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > 253 {
        return Some("is longer than 253 characters");
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Some("has an empty label");
        }
        if label.len() > 63 {
            return Some("has a label longer than 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("has a label with a hyphen at its edge");
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !label.bytes().all(allowed) {
            return Some("has a character that no DNS name has");
        }
    }
    None
}

/// Why `host` is neither an IPv4 address, an IPv6 address (with a zone,
/// `fe80::1%eth0`, if need be) nor a DNS name; `None` when it is one of them.
pub fn objection(host: &str) -> Option<&'static str> {
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    if host.starts_with('[') {
        return Some("has brackets; write an IPv6 address without them");
    }
    if host.contains(':') {
        let address = match host.split_once('%') {
            // Names of interfaces are no longer than 15 bytes.
            Some((address, zone)) if matches!(zone.len(), 1..=15) => address,
            Some(_) => return Some("has a zone that no interface can have"),
            None => host,
        };
        return match address.parse::<Ipv6Addr>() {
            Ok(_) if host.chars().all(|c| c.is_ascii_graphic() && c != '/') => None,
            _ => Some("is not an IPv6 address; a port is given apart"),
        };
    }
    let digits_and_dots = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if host.starts_with(|c: char| c.is_ascii_digit()) && host.bytes().all(digits_and_dots) {
        return Some("is not an IPv4 address");
    }
    name_objection(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_accepted() {
        let label = "a".repeat(63);
        let long = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        let cases = [
            "localhost",
            "www.example.net",
            "www.example.net.",
            "_ntp._udp.example.net",
            "xn--bcher-kva.example",
            "3.pool.ntp.org",
            "192.0.2.1",
            "::1",
            "2001:db8::2",
            "fe80::1%eth0",
            "::ffff:192.0.2.1",
            &long,
        ];
        for host in cases {
            assert_eq!(objection(host), None, "{host}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_reason() {
        let cases = [
            ("", "is empty"),
            (".", "is empty"),
            ("a..b", "has an empty label"),
            ("-a.example", "has a label with a hyphen at its edge"),
            ("a b", "has a character that no DNS name has"),
            ("a\nb", "has a character that no DNS name has"),
            ("bücher.example", "has a character that no DNS name has"),
            ("192.0.2.256", "is not an IPv4 address"),
            ("1", "is not an IPv4 address"),
            ("[::1]", "has brackets; write an IPv6 address without them"),
            (
                "localhost:80",
                "is not an IPv6 address; a port is given apart",
            ),
            (
                "fe80::1%a b",
                "is not an IPv6 address; a port is given apart",
            ),
            ("fe80::1%", "has a zone that no interface can have"),
        ];
        for (host, reason) in cases {
            assert_eq!(objection(host), Some(reason), "{host:?}");
        }
        let label = "a".repeat(64);
        assert_eq!(
            objection(&label),
            Some("has a label longer than 63 characters")
        );
        let long = "a.".repeat(127);
        assert_eq!(
            objection(&format!("{long}a")),
            Some("is longer than 253 characters")
        );
    }
}
