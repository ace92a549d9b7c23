//! Sockets of the kernel's audit subsystem.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The kernel's longest record text is 8970 bytes; rules are shorter than two
/// paths and a key.
const DATAGRAM: usize = 10 << 10;
/// How many datagrams one call takes.
const AT_ONCE: usize = 32;

/// A netlink socket to the audit subsystem that does not block.
pub(crate) fn open() -> io::Result<OwnedFd> {
    // SAFETY: integer arguments only.
    let descriptor = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            libc::NETLINK_AUDIT,
        )
    };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // As much as is allowed. The kernel's own queue stands behind it, so that
    // whatever comes of it is good enough.
    let wanted: libc::c_int = 8 << 20;
    for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE] {
        // SAFETY: the option takes one int, which lives here.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const wanted).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
    }
    bind(&socket)?;
    Ok(socket)
}

/// Gives the socket an address of the kernel's choice.
fn bind(socket: &OwnedFd) -> io::Result<()> {
    // SAFETY: an address of integers, for which zeros are valid.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    // SAFETY: the address lives here and has the size given.
    let bound = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_nl>() as libc::socklen_t,
        )
    };
    match bound {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Joins a multicast group.
pub(crate) fn join(socket: &OwnedFd, group: libc::c_int) -> io::Result<()> {
    // SAFETY: the option takes one int, which lives here.
    let joined = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_ADD_MEMBERSHIP,
            (&raw const group).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    match joined {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends one datagram to the kernel.
pub(crate) fn send(socket: &OwnedFd, datagram: &[u8]) -> io::Result<()> {
    // SAFETY: an address of integers; zero as the port is the kernel's.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    loop {
        // SAFETY: datagram and address live here and have the sizes given.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                datagram.as_ptr().cast(),
                datagram.len(),
                0,
                (&raw const address).cast(),
                size_of::<libc::sockaddr_nl>() as libc::socklen_t,
            )
        };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Room for several datagrams, used again and again.
pub(crate) struct Datagrams {
    room: Vec<u8>,
}

/// What one call received.
pub(crate) struct Batch<'a> {
    room: &'a [u8],
    /// For each datagram its length, and whether the kernel sent it and it is
    /// whole.
    received: Vec<(usize, bool)>,
}

impl Datagrams {
    pub(crate) fn new() -> Self {
        Self {
            room: vec![0; DATAGRAM * AT_ONCE],
        }
    }

    /// Takes what is there, without waiting; an empty batch when nothing is.
    ///
    /// # Errors
    /// `ENOBUFS` when the kernel dropped messages for this socket.
    pub(crate) fn receive(&mut self, socket: &OwnedFd) -> io::Result<Batch<'_>> {
        // SAFETY: plain structures for which zeros are valid.
        let mut senders: [libc::sockaddr_nl; AT_ONCE] = unsafe { std::mem::zeroed() };
        // SAFETY: as above; null pointers with zero lengths.
        let mut places: [libc::iovec; AT_ONCE] = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; AT_ONCE] = unsafe { std::mem::zeroed() };
        let slots = self.room.chunks_exact_mut(DATAGRAM);
        for (place, slot) in places.iter_mut().zip(slots) {
            place.iov_base = slot.as_mut_ptr().cast();
            place.iov_len = DATAGRAM;
        }
        for ((header, sender), place) in headers.iter_mut().zip(&mut senders).zip(&mut places) {
            header.msg_hdr.msg_name = (&raw mut *sender).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
            header.msg_hdr.msg_iov = place;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: every header points to a sender, and to a place of DATAGRAM
        // bytes of its own in `self.room`; all of them outlive the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                AT_ONCE as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = match usize::try_from(count) {
            Ok(count) => count,
            Err(_) => match io::Error::last_os_error() {
                error
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) =>
                {
                    0
                }
                error => return Err(error),
            },
        };
        let received = headers.iter().zip(&senders).take(count);
        let received = received
            .map(|(header, sender)| {
                let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
                // Other processes can send to the socket's port as well.
                (header.msg_len as usize, whole && sender.nl_pid == 0)
            })
            .collect();
        Ok(Batch {
            room: &self.room,
            received,
        })
    }
}

impl Batch<'_> {
    /// The datagrams in the order of their arrival; `None` for one that is not
    /// whole or not the kernel's.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let slots = self.room.chunks_exact(DATAGRAM);
        self.received
            .iter()
            .zip(slots)
            .map(|(&(length, good), slot)| if good { slot.get(..length) } else { None })
    }

    /// True when nothing was waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.received.is_empty()
    }
}

/// Waits until one of the descriptors is readable; false when the time passed.
pub(crate) fn wait<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    patience: Duration,
) -> io::Result<bool> {
    let mut polled = descriptors.map(|descriptor| libc::pollfd {
        fd: descriptor.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: N entries that live here.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, milliseconds) };
    match ready {
        0 => Ok(false),
        1.. => Ok(true),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            error => Err(error),
        },
    }
}

/// Name of a running process; `None` when there is none of this number.
pub(crate) fn process_name(pid: u32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&name).trim().to_owned())
}
