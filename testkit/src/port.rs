//! Ports for programs that may be stopped and started again.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::sockopt::ReuseAddr;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket};

/// From here on nobody has a service by custom, and everywhere it is below the
/// ports that the system gives to outgoing connections: one of those must not
/// take the port of a server that is down for a moment.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;
/// Ports that a process takes at once. Nobody else is given one of them while it
/// lives: between the choice of a port and the start of its server, and while the
/// server is down, another test program would find it free.
const BLOCK: u16 = 50;

/// Where a port must be free: the second of a pair of servers is at the other
/// address, on the same port.
const LOOPBACK: [Ipv4Addr; 2] = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)];

/// What this process holds.
struct Held {
    /// The locks of its blocks, which end with the process.
    locks: Vec<File>,
    /// Ports of the last block that were not given yet.
    left: std::ops::Range<u16>,
}

static HELD: Mutex<Held> = Mutex::new(Held {
    locks: Vec::new(),
    left: 0..0,
});

/// A loopback TCP port that nobody uses, that this process was not given before,
/// and that no other process is given while this one lives.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let free = |port: &u16| LOOPBACK.iter().all(|host| is_free(*host, *port));
        if let Some(port) = held.left.by_ref().find(free) {
            return port;
        }
        let Some((lock, block)) = unused_block() else {
            panic!(
                "no loopback port from {FIRST} to {} is free",
                FIRST + COUNT - 1
            )
        };
        held.locks.push(lock);
        held.left = block;
    }
}

/// Whether nobody listens there. Without listening: a program that another thread
/// starts at this moment has a copy of the socket until it is executed, and a copy that
/// listened would be in the way of whoever is given the port.
fn is_free(host: Ipv4Addr, port: u16) -> bool {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .expect("a socket");
    setsockopt(&socket, ReuseAddr, &true).expect("an option of the socket");
    let address = SockaddrIn::from(SocketAddrV4::new(host, port));
    bind(socket.as_raw_fd(), &address).is_ok()
}

fn unused_block() -> Option<(File, std::ops::Range<u16>)> {
    let blocks = COUNT / BLOCK;
    // Programs that run by turns do not all take the first: what was closed a
    // moment ago may still be in the system's hands.
    let start = u16::try_from(std::process::id() % u32::from(blocks)).unwrap_or(0);
    (0..blocks).find_map(|number| {
        let number = (start + number) % blocks;
        let path = std::env::temp_dir().join(format!("mig-test-ports-{number}.lock"));
        // Where another user's file may not be opened, the block is that user's.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .ok()?;
        file.try_lock().ok()?;
        let first = FIRST + number * BLOCK;
        Some((file, first..first + BLOCK))
    })
}
