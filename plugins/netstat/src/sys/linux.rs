//! Linux: netlink sockets, and entering network namespaces.

use crate::netlink::{Subsystem, Transport};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// How long the kernel may stay silent, in seconds. It answers within the call
/// that asks, so this only keeps an unforeseen silence from lasting.
const PATIENCE: libc::time_t = 10;

/// A netlink socket.
#[derive(Debug)]
pub struct NetlinkSocket(OwnedFd);

impl NetlinkSocket {
    /// Opens a socket in the network namespace of the calling thread.
    ///
    /// # Errors
    /// The system's.
    pub fn open(subsystem: Subsystem) -> io::Result<Self> {
        let protocol = match subsystem {
            Subsystem::Route => libc::NETLINK_ROUTE,
            Subsystem::Diagnosis => libc::NETLINK_SOCK_DIAG,
        };
        // SAFETY: socket takes integers.
        let fd = check(unsafe {
            libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                protocol,
            )
        })?;
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let patience = libc::timeval {
            tv_sec: PATIENCE,
            tv_usec: 0,
        };
        // SAFETY: the option wants a timeval, which lives through the call.
        check(unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                (&raw const patience).cast(),
                size_of::<libc::timeval>() as libc::socklen_t,
            )
        })?;
        Ok(Self(fd))
    }
}

/// The address of the kernel.
fn kernel() -> libc::sockaddr_nl {
    // SAFETY: the structure consists of integers, for which zero is a value.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address
}

impl Transport for NetlinkSocket {
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let address = kernel();
        // SAFETY: request and address live through the call, with these sizes.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                request.as_ptr().cast(),
                request.len(),
                0,
                (&raw const address).cast(),
                size_of::<libc::sockaddr_nl>() as libc::socklen_t,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut sender = kernel();
            let mut size = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
            // SAFETY: buffer, sender and size live through the call; the kernel
            // writes no more than the given sizes. MSG_TRUNC makes it return
            // the whole length of the datagram.
            let received = unsafe {
                libc::recvfrom(
                    self.0.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    libc::MSG_TRUNC,
                    (&raw mut sender).cast(),
                    &raw mut size,
                )
            };
            let Ok(length) = usize::try_from(received) else {
                return Err(io::Error::last_os_error());
            };
            // Any process may write to any netlink socket; the kernel is 0.
            if sender.nl_pid == 0 {
                return Ok(length);
            }
        }
    }
}

/// Moves the calling thread into a network namespace.
///
/// # Errors
/// The system's.
pub fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: setns takes an open descriptor and an integer.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })?;
    Ok(())
}

fn check(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(returned)
}
