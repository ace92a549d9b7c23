//! Asking the kernel through netlink: tables are dumped, as answers of several
//! datagrams of several messages each.
//!
//! The formats are those of `linux/netlink.h`, `linux/rtnetlink.h`,
//! `linux/neighbour.h`, `linux/sock_diag.h` and `linux/inet_diag.h`. All numbers
//! are in the order of the machine, except where it says otherwise. Nothing is
//! trusted: every length is checked before anything behind it is read.

pub mod diagnosis;
mod dump;
mod message;
pub mod route;
#[cfg(test)]
pub mod testing;

pub use dump::{End, Listener, Request, Transport, Trouble, dump};
pub use message::Malformed;

/// The protocols of the netlink family that are spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsystem {
    /// Interfaces, addresses, neighbours.
    Route,
    /// Sockets.
    Diagnosis,
}
