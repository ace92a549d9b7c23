//! Ways for a fuzzer to reach the parsers.

use crate::facts::{Family, Protocol};
use crate::netlink::{Listener, Malformed, Request, Transport, diagnosis, dump, route};
use crate::proc_net::{self, LocalAddresses};
use mig_plugin_sdk::Failure;
use std::io;

/// A kernel that answers with the given bytes, in datagrams of a given size.
struct Answers<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Transport for Answers<'_> {
    fn send(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (datagram, rest) = self.bytes.split_at(self.size.min(self.bytes.len()));
        self.bytes = rest;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(datagram.len())
    }
}

/// Reads every message as everything that a table may have.
struct Everything;

impl Listener for Everything {
    fn hear(&mut self, kind: u16, payload: &[u8]) -> Result<(), Malformed> {
        let _ = route::link(kind, payload);
        let _ = route::address(kind, payload);
        if let Ok(Some(neighbour)) = route::neighbour(kind, payload) {
            assert!(!neighbour.mac.is_empty());
        }
        if let Ok(Some(socket)) = diagnosis::socket(kind, payload, Protocol::Tcp) {
            // Mapped addresses never get further than the parser.
            assert_eq!(socket.local.0, socket.local.0.to_canonical());
            assert_eq!(socket.remote.0, socket.remote.0.to_canonical());
            let _ = (socket.listens(), socket.state.word(socket.protocol));
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Answers of the kernel: whatever they are, a dump comes to an end.
pub fn netlink(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else {
        return;
    };
    let mut answers = Answers {
        bytes,
        size: 16 * usize::from(size) + 4,
    };
    let request = Request {
        kind: 20,
        body: Vec::new(),
    };
    let _ = dump(&mut answers, &request, &mut Everything);
}

/// Lines of the tables below `/proc/net`.
pub fn tables(data: &[u8]) {
    let mut trie = LocalAddresses::default();
    for line in data.split(|byte| *byte == b'\n') {
        for family in Family::ALL {
            if let Ok(Some(socket)) = proc_net::socket(line, Protocol::Udp, family) {
                assert_eq!(socket.remote.0, socket.remote.0.to_canonical());
            }
        }
        let _ = proc_net::neighbour(line);
        let _ = proc_net::if_inet6(line);
        let _ = trie.line(line);
    }
    let _ = crate::namespaces::mounted(data);
}
