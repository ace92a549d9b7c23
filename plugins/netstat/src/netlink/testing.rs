//! A kernel that says what the test wants.

use super::Transport;
use std::collections::VecDeque;
use std::io;

/// Datagrams to receive, then silence.
#[derive(Debug, Default)]
pub struct Script {
    datagrams: VecDeque<Vec<u8>>,
    /// What was sent.
    pub sent: Vec<Vec<u8>>,
}

impl Script {
    /// These, in order.
    pub fn of(datagrams: Vec<Vec<u8>>) -> Self {
        Self {
            datagrams: datagrams.into(),
            sent: Vec::new(),
        }
    }
}

impl Transport for Script {
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.sent.push(request.to_vec());
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self
            .datagrams
            .pop_front()
            .ok_or(io::ErrorKind::WouldBlock)?;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(datagram.len())
    }
}

/// A message as the kernel lays it out, padding included.
pub fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An attribute, padding included.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
