//! `if_inet6` and `fib_trie`: the addresses of interfaces. IPv4 has no table of
//! its own; the routing table knows the addresses that are delivered locally.

use super::sockets::hexadecimal;
use crate::netlink::Malformed;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// The address of a line of `if_inet6`: 32 hexadecimal digits in network
/// order, then other columns.
///
/// # Errors
/// When the line is not one of the table.
pub fn if_inet6(line: &[u8]) -> Result<IpAddr, Malformed> {
    let wrong = Malformed("not an IPv6 address");
    let digits = line.get(..32).filter(|_| line.get(32) == Some(&b' '));
    let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    let digits = digits.ok_or(wrong)?;
    let mut bits = 0u128;
    for start in (0..32).step_by(8) {
        let word = digits.get(start..start + 8).ok_or(wrong)?;
        bits = bits << 32 | u128::from(hexadecimal(word, 8).ok_or(wrong)?);
    }
    Ok(IpAddr::V6(bits.into()))
}

/// Reads `fib_trie` and finds the local addresses: leaves (`|-- 10.1.2.3`) with
/// a route for the whole address (`/32 host LOCAL`). A trie may be printed
/// twice, under the names of two tables.
#[derive(Debug, Default)]
pub struct LocalAddresses {
    leaf: Option<Ipv4Addr>,
    seen: BTreeSet<Ipv4Addr>,
}

impl LocalAddresses {
    /// The address that this line tells for the first time, if it does.
    ///
    /// # Errors
    /// When the line is not one of the table.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<IpAddr>, Malformed> {
        let line = std::str::from_utf8(line).map_err(|_| Malformed("a line that is no text"))?;
        let line = line.trim_ascii();
        if let Some(leaf) = line.strip_prefix("|-- ") {
            self.leaf = leaf.parse().ok();
            if self.leaf.is_none() {
                return Err(Malformed("not an IPv4 address"));
            }
        } else if line.starts_with("/32 host LOCAL") {
            let local = self.leaf.ok_or(Malformed("a route without an address"))?;
            if self.seen.insert(local) {
                return Ok(Some(local.into()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.0.2.0/24 2 0 1
        |-- 192.0.2.2
           /32 host LOCAL
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.2
        /32 host LOCAL
";

    #[test]
    fn the_routing_table_tells_local_addresses_once() {
        let mut trie = LocalAddresses::default();
        let found: Vec<String> = TRIE
            .lines()
            .filter_map(|line| trie.line(line.as_bytes()).unwrap())
            .map(|ip| ip.to_string())
            .collect();
        assert_eq!(found, ["127.0.0.1", "192.0.2.2"]);
        assert!(LocalAddresses::default().line(b"  /32 host LOCAL").is_err());
        assert!(LocalAddresses::default().line(b"  |-- 1.2.3").is_err());
        assert!(LocalAddresses::default().line(b"\xff").is_err());
    }

    #[test]
    fn ipv6_addresses_are_in_network_order() {
        let line = b"20010db8000000000000000000000001 02 40 00 80     eth0";
        assert_eq!(if_inet6(line), Ok("2001:db8::1".parse().unwrap()));
        for line in [
            &b""[..],
            b"20010db8",
            b"20010db80000000000000000000000010 02",
            b"20010db800000000000000000000000g 02",
            b"+0010db8000000000000000000000001 02",
            b"\xff\xff\xff\xff\xff\xff\xff\xff0000000000000000000000001 02",
        ] {
            assert!(if_inet6(line).is_err(), "{line:?}");
        }
    }
}
