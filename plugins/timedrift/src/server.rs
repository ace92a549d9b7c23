//! A server to ask.

use mig_plugin_sdk::hosts;
use std::fmt;

/// The port of NTP.
pub const NTP: u16 = 123;

const NO_PORT: &str = "has no port from 1 to 65535";

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Address or name.
    pub host: String,
    /// UDP port.
    pub port: u16,
}

impl Server {
    /// A host that listens where NTP servers do.
    ///
    /// # Errors
    /// What is wrong with the host.
    pub fn at(host: &str) -> Result<Self, &'static str> {
        Self::with_port(host, NTP)
    }

    /// Host and port.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn with_port(host: &str, port: u16) -> Result<Self, &'static str> {
        if port == 0 {
            return Err("has port 0");
        }
        match hosts::objection(host) {
            Some(reason) => Err(reason),
            None => Ok(Self {
                host: host.to_owned(),
                port,
            }),
        }
    }

    /// Reads `host`, `host:port`, `2001:db8::1` or `[2001:db8::1]:port`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, port)) => (host, port.strip_prefix(':').or(Some(port))),
                None => return Err("lacks a closing bracket"),
            },
            // More than one colon: an IPv6 address.
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        match port {
            None => Self::at(host),
            // `parse` alone would take a sign.
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                let port = port.parse().map_err(|_| NO_PORT)?;
                Self::with_port(host, port)
            }
            Some(_) => Err(NO_PORT),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == NTP {
            f.write_str(&self.host)
        } else if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_and_written() {
        let cases = [
            ("ntp1.example.net", "ntp1.example.net", 123),
            ("ntp1.example.net:123", "ntp1.example.net", 123),
            ("ntp1.example.net:1123", "ntp1.example.net", 1123),
            ("192.0.2.1:1123", "192.0.2.1", 1123),
            ("2001:db8::1", "2001:db8::1", 123),
            ("[2001:db8::1]", "2001:db8::1", 123),
            ("[fe80::1%eth0]:1123", "fe80::1%eth0", 1123),
        ];
        for (text, host, port) in cases {
            let server = Server::parse(text).unwrap_or_else(|reason| panic!("{text} {reason}"));
            assert_eq!((server.host.as_str(), server.port), (host, port));
            assert_eq!(Server::parse(&server.to_string()), Ok(server));
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_the_reason() {
        let port = "has no port from 1 to 65535";
        let cases = [
            ("", "is empty"),
            (":123", "is empty"),
            ("a b", "has a character that no DNS name has"),
            ("[::1", "lacks a closing bracket"),
            ("[::1]x", port),
            ("ntp:", port),
            ("ntp:+1", port),
            ("ntp:65536", port),
            ("ntp:0", "has port 0"),
            ("192.0.2.300", "is not an IPv4 address"),
        ];
        for (text, reason) in cases {
            assert_eq!(Server::parse(text), Err(reason), "{text:?}");
        }
    }
}
