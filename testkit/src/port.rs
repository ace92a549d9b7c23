//! Ports for programs that may be stopped and started again.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// From here on nobody has a service by custom, and everywhere it is below the
/// ports that the system gives to outgoing connections: one of those must not
/// take the port of a server that is down for a moment.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// How many were handed out; the start differs between processes.
static TAKEN: AtomicU16 = AtomicU16::new(0);

/// A loopback TCP port that nobody uses and that this process was not given
/// before.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    // Consecutive process ids start far from each other.
    let start = std::process::id().wrapping_mul(7919) % u32::from(COUNT);
    let mut ports = (0..COUNT).map(|_| {
        let offset = u32::from(TAKEN.fetch_add(1, Ordering::Relaxed));
        FIRST + u16::try_from((start + offset) % u32::from(COUNT)).unwrap_or(0)
    });
    ports
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap_or_else(|| {
            panic!(
                "no loopback port from {FIRST} to {} is free",
                FIRST + COUNT - 1
            )
        })
}
