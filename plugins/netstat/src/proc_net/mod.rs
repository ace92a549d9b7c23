//! The tables below `/proc/PID/net`, which say most of what netlink says. One
//! entry per line, columns apart by spaces.

mod addresses;
mod arp;
mod lines;
mod sockets;

pub use addresses::{LocalAddresses, if_inet6};
pub use arp::neighbour;
pub use lines::{LineListener, read};
pub use sockets::socket;
