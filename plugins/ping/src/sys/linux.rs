//! Linux: sockets that never block, and waiting for them.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, connect,
    getsockopt, recv, sendto, setsockopt, socket, sockopt,
};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A connection.
    Tcp,
    /// Datagrams.
    Udp,
    /// Echo requests of one program, which the kernel tells apart; open to the
    /// groups in `net.ipv4.ping_group_range`.
    Echo,
    /// Any ICMP message; for `CAP_NET_RAW`.
    RawIcmp,
}

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// There is something, or an error.
    Yes,
    /// Not within the time.
    NotYet,
}

/// A socket for one destination.
pub struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// Opens one.
    ///
    /// # Errors
    /// Those of `socket`; [`is_missing_right`] recognises a missing right.
    pub fn open(kind: Kind, destination: SocketAddr) -> io::Result<Self> {
        let icmp = match destination {
            SocketAddr::V4(_) => SockProtocol::Icmp,
            SocketAddr::V6(_) => SockProtocol::IcmpV6,
        };
        let family = match destination {
            SocketAddr::V4(_) => AddressFamily::Inet,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        };
        let (kind_of, protocol) = match kind {
            Kind::Tcp => (SockType::Stream, SockProtocol::Tcp),
            Kind::Udp => (SockType::Datagram, SockProtocol::Udp),
            Kind::Echo => (SockType::Datagram, icmp),
            Kind::RawIcmp => (SockType::Raw, icmp),
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(family, kind_of, flags, protocol)?;
        Ok(Self { fd })
    }

    /// Has ICMP errors of any kind reported, also those that the kernel thinks
    /// may pass.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn report_errors(&self, destination: SocketAddr) -> io::Result<()> {
        match destination {
            SocketAddr::V4(_) => setsockopt(&self.fd, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(&self.fd, sockopt::Ipv6RecvErr, &true)?,
        }
        Ok(())
    }

    /// Starts to connect; true when that is done already.
    ///
    /// # Errors
    /// Those of `connect`.
    pub fn connect(&self, destination: SocketAddr) -> io::Result<bool> {
        match connect(self.fd.as_raw_fd(), &SockaddrStorage::from(destination)) {
            Ok(()) => Ok(true),
            // After an interruption connecting goes on in the background too.
            Err(Errno::EINPROGRESS | Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What became of connecting, or of what was sent.
    ///
    /// # Errors
    /// The error that waits at the socket.
    pub fn outcome(&self) -> io::Result<()> {
        match getsockopt(&self.fd, sockopt::SocketError)? {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// Those of `sendto`.
    pub fn send_to(&self, bytes: &[u8], destination: SocketAddr) -> io::Result<()> {
        let address = SockaddrStorage::from(destination);
        sendto(self.fd.as_raw_fd(), bytes, &address, MsgFlags::empty())?;
        Ok(())
    }

    /// Sends one datagram to where the socket is connected.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        nix::sys::socket::send(self.fd.as_raw_fd(), bytes, MsgFlags::empty())?;
        Ok(())
    }

    /// Takes one datagram, cut to the buffer; `None` when there is none.
    ///
    /// # Errors
    /// Those of `recv`, among them what routers said.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<&'b [u8]>> {
        match recv(self.fd.as_raw_fd(), buffer, MsgFlags::empty()) {
            Ok(length) => Ok(buffer.get(..length)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Waits until something can be received.
    ///
    /// # Errors
    /// Those of `poll`.
    pub fn wait_readable(&self, time: Duration) -> io::Result<Ready> {
        self.wait(PollFlags::POLLIN, time)
    }

    /// Waits until connecting has come to its end.
    ///
    /// # Errors
    /// Those of `poll`.
    pub fn wait_connected(&self, time: Duration) -> io::Result<Ready> {
        self.wait(PollFlags::POLLOUT, time)
    }

    fn wait(&self, events: PollFlags, time: Duration) -> io::Result<Ready> {
        // Rounded up: a wait of no time at all would spin.
        let milliseconds = u16::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        let mut waiting = [PollFd::new(self.fd.as_fd(), events)];
        match poll(&mut waiting, PollTimeout::from(milliseconds)) {
            Ok(0) | Err(Errno::EINTR) => Ok(Ready::NotYet),
            Ok(_) => Ok(Ready::Yes),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Whether opening a socket failed because of who asks or because the system
/// has no sockets of that kind, so that another kind may do.
pub fn is_missing_right(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::EPERM
                | Errno::EACCES
                | Errno::EPROTONOSUPPORT
                | Errno::ESOCKTNOSUPPORT
                | Errno::EAFNOSUPPORT
        )
    )
}

/// Whether an error says that the destination cannot be reached: it refused, a
/// router said so, or there is no way to it.
pub fn says_unreachable(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::ECONNREFUSED
                | Errno::EHOSTUNREACH
                | Errno::ENETUNREACH
                | Errno::EHOSTDOWN
                | Errno::ENETDOWN
                // ICMP: the destination does not know the protocol.
                | Errno::ENOPROTOOPT
                // ICMPv6: a router may not let it pass.
                | Errno::EACCES
        )
    )
}
