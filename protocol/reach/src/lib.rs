//! TCP connections to what a name stands for.
//!
//! A name may have several addresses, for instance those of the nodes of a relay.
//! Each is given its own time, so that a machine that is off or cut off, and swallows
//! what is sent to it, does not use up the time of those behind it.

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};
use tokio::time::timeout;

/// Longest wait for the addresses of a name: system libraries wait five seconds for
/// a name server that says nothing, and there may be three.
const RESOLVING: Duration = Duration::from_secs(20);

/// Which of the addresses of a name is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// The one that the resolver names first.
    First,
    /// Another one for each number, for instance a random one: many that connect to
    /// one name then share its addresses. Those of the kind that the resolver
    /// prefers, IPv4 or IPv6, still come before those of the other.
    At(u32),
}

impl Begin {
    fn order(self, addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let Begin::At(number) = self else {
            return addresses;
        };
        let preferred = addresses.first().is_some_and(SocketAddr::is_ipv4);
        let (mut ordered, others): (Vec<_>, Vec<_>) = addresses
            .into_iter()
            .partition(|address| address.is_ipv4() == preferred);
        // The remainder is smaller than the length.
        let first = number as usize % ordered.len().max(1);
        ordered.rotate_left(first);
        ordered.extend(others);
        ordered
    }
}

/// Connects to the first address of `place` that answers; each has `limit` to do so.
///
/// # Errors
/// The name cannot be resolved, or none of its addresses answers. With several
/// addresses the message says what was wrong with each.
pub async fn connect(
    place: impl ToSocketAddrs,
    begin: Begin,
    limit: Duration,
) -> io::Result<TcpStream> {
    let addresses = timeout(RESOLVING, lookup_host(place))
        .await
        .unwrap_or_else(|_| {
            let reason = "the name servers do not answer";
            Err(io::Error::new(io::ErrorKind::TimedOut, reason))
        })?;
    let mut failures = Vec::new();
    for address in begin.order(addresses.collect()) {
        let connecting = TcpStream::connect(address);
        match timeout(limit, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failures.push((address, error)),
            Err(_) => failures.push((address, io::ErrorKind::TimedOut.into())),
        }
    }
    Err(together(failures))
}

/// One error for all of them.
fn together(mut failures: Vec<(SocketAddr, io::Error)>) -> io::Error {
    match failures.pop() {
        None => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        Some((_, alone)) if failures.is_empty() => alone,
        Some(last) => {
            let kind = last.1.kind();
            failures.push(last);
            let said: Vec<_> = failures
                .iter()
                .map(|(address, error)| format!("{address}: {error}"))
                .collect();
            io::Error::new(kind, said.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mig_testkit::Silent;

    #[tokio::test]
    async fn an_address_that_swallows_everything_does_not_keep_the_next_from_being_tried() {
        let silent = Silent::listen([127, 0, 0, 1]);
        let good = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (first, second) = (silent.address(), good.local_addr().unwrap());
        // The silent one never answers, so its limit may be as short as one likes;
        // the kernel answers for the other at once.
        let limit = Duration::from_millis(500);
        for (addresses, begin) in [
            ([first, second], Begin::First),
            ([first, second], Begin::At(0)),
            ([second, first], Begin::At(1)),
        ] {
            let reached = connect(&addresses[..], begin, limit).await.unwrap();
            assert_eq!(reached.peer_addr().unwrap(), second, "{begin:?}");
        }
        let alone = connect(first, Begin::First, limit).await.unwrap_err();
        assert_eq!(alone.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn what_was_wrong_with_each_address_is_said() {
        let closed = |host: [u8; 4]| SocketAddr::from((host, mig_testkit::free_port()));
        let both = [closed([127, 0, 0, 1]), closed([127, 0, 0, 2])];
        let error = connect(&both[..], Begin::First, Duration::from_secs(60))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(
            both.iter().all(|one| text.contains(&format!("{one}: "))),
            "{text}"
        );
        let none = connect(&[][..], Begin::At(7), Duration::from_secs(60)).await;
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn many_begin_at_different_addresses_of_the_preferred_kind() {
        let addresses = |all: &[&str]| -> Vec<SocketAddr> {
            all.iter().map(|one| one.parse().unwrap()).collect()
        };
        let given = addresses(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1"]);
        assert_eq!(Begin::First.order(given.clone()), given);
        for (number, expected) in [
            (0, ["[::1]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1"]),
            (3, ["[::2]:1", "[::1]:1", "127.0.0.1:1", "127.0.0.2:1"]),
        ] {
            assert_eq!(
                Begin::At(number).order(given.clone()),
                addresses(&expected),
                "{number}"
            );
        }
        assert!(Begin::At(9).order(Vec::new()).is_empty());
    }
}
