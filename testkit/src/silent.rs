//! Machines that are off, and names that have them among their addresses.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Command;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, connect, listen, socket,
};

/// An address that answers nobody who connects, as that of a machine that is off:
/// the kernel has no room for one more that waits to be accepted.
pub struct Silent {
    listener: TcpListener,
    /// Those that wait.
    _waiting: Vec<OwnedFd>,
}

impl Silent {
    /// One at this address of the loopback, and a port of its own.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn listen(host: [u8; 4]) -> Self {
        Self::listen_at(SocketAddr::from((host, 0)))
    }

    /// One at this address and port.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn listen_at(address: SocketAddr) -> Self {
        let SocketAddr::V4(address) = address else {
            panic!("{address} is not of IPv4");
        };
        let new = |flags| {
            let flags = flags | SockFlag::SOCK_CLOEXEC;
            socket(AddressFamily::Inet, SockType::Stream, flags, None).expect("a socket")
        };
        let socket = new(SockFlag::empty());
        bind(socket.as_raw_fd(), &SockaddrIn::from(address)).expect("an address");
        let few = 0;
        listen(&socket, Backlog::new(few).expect("a backlog")).expect("listening");
        let listener = TcpListener::from(socket);
        let SocketAddr::V4(address) = listener.local_addr().expect("an address") else {
            unreachable!("it was bound to one of IPv4");
        };
        // The kernel lets in one more than it was told; the rest wait for ever.
        let waiting = (0..few + 4).map(|_| {
            let socket = new(SockFlag::SOCK_NONBLOCK);
            // It is in progress, which is called an error.
            let _ = connect(socket.as_raw_fd(), &SockaddrIn::from(address));
            socket
        });
        let _waiting = waiting.collect();
        // It lets one in a moment later where it is busy, and until then whoever comes
        // first.
        let mut full = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut full, PollTimeout::from(60_000_u16)).expect("a look");
        assert_eq!(ready, 1, "nobody waits to be accepted");
        Self { listener, _waiting }
    }

    /// Where it is.
    ///
    /// # Panics
    /// Never.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }
}

/// Gives names addresses, in this order, for this process and those it starts. Only
/// where there are [`own_mounts`](crate::own_mounts).
///
/// # Panics
/// When the file of names cannot be replaced.
pub fn name(entries: &[(&str, [u8; 4])]) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    for (name, [a, b, c, d]) in entries {
        writeln!(file, "{a}.{b}.{c}.{d} {name}").expect("written");
    }
    let path = file.into_temp_path();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("permissions");
    let places = [&*path, Path::new("/etc/hosts")];
    crate::disk::mount(Command::new("mount").arg("--bind").args(places));
}
