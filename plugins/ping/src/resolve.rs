//! From the destination to one address.

use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::{Failure, Session};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often waiting looks whether the run should end.
const SLICE: Duration = Duration::from_millis(50);
/// Longest wait for the system's resolver, which has limits of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first address of a name, or the address itself.
///
/// # Errors
/// When there is none, or the run should end.
pub fn resolve(name: &str, port: u16, session: &Session<'_>) -> Result<SocketAddr, Failure> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(reachable(SocketAddr::new(address, port)));
    }
    // The resolver cannot be interrupted, so it works in a thread of its own,
    // which a run that ends early leaves behind for the worker's end.
    let (send, receive) = mpsc::channel();
    let wanted = name.to_owned();
    std::thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(move || {
            let found = (wanted.as_str(), port)
                .to_socket_addrs()
                .map(|mut addresses| addresses.next());
            // Nobody listens any more when the run has ended.
            let _ = send.send(found);
        })?;
    let end = Instant::now() + PATIENCE;
    loop {
        session.check()?;
        match receive.recv_timeout(SLICE) {
            Ok(found) => return address_of(name, found),
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(_) => {
                let late = io::Error::new(io::ErrorKind::TimedOut, "no answer from the resolver");
                return address_of(name, Err(late));
            }
        }
    }
}

/// An IPv4 address in the clothes of IPv6 as what it is: nobody answers ICMPv6
/// there.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if let IpAddr::V4(plain) = address.ip().to_canonical() {
        address.set_ip(plain.into());
    }
    address
}

fn address_of(name: &str, found: io::Result<Option<SocketAddr>>) -> Result<SocketAddr, Failure> {
    let reason = match found {
        Ok(Some(address)) => return Ok(reachable(address)),
        Ok(None) => "it has no address".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Failure {
        field: Some("destination".to_owned()),
        ..Failure::new(
            code::IO,
            format!("destination `{name}` cannot be resolved on this endpoint: {reason}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_what_they_stand_for() {
        for (written, meant) in [
            ("[::ffff:192.0.2.7]:80", "192.0.2.7:80"),
            ("[::ffff:c000:207]:80", "192.0.2.7:80"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("[2001:db8::7]:80", "[2001:db8::7]:80"),
            ("[fe80::1%3]:80", "[fe80::1%3]:80"),
            ("[::192.0.2.7]:80", "[::192.0.2.7]:80"),
        ] {
            let address: SocketAddr = written.parse().expect("an address");
            let meant: SocketAddr = meant.parse().expect("an address");
            assert_eq!(reachable(address), meant, "{written}");
        }
    }
}
