//! One attempt with each protocol.

mod icmp;
mod tcp;
mod udp;
mod wait;

use crate::parameters::Protocol;
use crate::sys;
use icmp::Pinger;
use mig_plugin_sdk::{Failure, Session};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
pub use wait::pause;

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The machine answered after this time.
    Answered(Duration),
    /// Nothing within the time.
    TimedOut,
    /// It refused, or somebody on the way says that it cannot be reached.
    Unreachable,
    /// Anything else.
    Failed(String),
}

impl Outcome {
    /// What an error means that was there before anything was sent.
    fn of_error(error: &io::Error) -> Self {
        // Without anybody else involved, "permission denied" is a rule of this
        // machine and says nothing about the destination.
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Self::Failed(error.to_string());
        }
        Self::of_reported(error)
    }

    /// What an error means that somebody reported.
    fn of_reported(error: &io::Error) -> Self {
        if sys::says_unreachable(error) {
            Self::Unreachable
        } else if error.kind() == io::ErrorKind::TimedOut {
            Self::TimedOut
        } else {
            Self::Failed(error.to_string())
        }
    }
}

/// Asks one destination again and again.
pub enum Probe {
    /// Through ICMP.
    Icmp(Pinger),
    /// Through TCP.
    Tcp(SocketAddr),
    /// Through UDP.
    Udp(SocketAddr),
}

impl Probe {
    /// A probe of that address.
    ///
    /// # Errors
    /// When the right to send echo requests is missing; the message names it.
    pub fn new(protocol: Protocol, destination: SocketAddr) -> Result<Self, Failure> {
        Ok(match protocol {
            Protocol::Icmp => Self::Icmp(Pinger::new(destination)?),
            Protocol::Tcp => Self::Tcp(destination),
            Protocol::Udp => Self::Udp(destination),
        })
    }

    /// Attempt `number`, counted from 0.
    ///
    /// # Errors
    /// Only when the run should end.
    pub fn attempt(
        &self,
        number: u16,
        timeout: Duration,
        session: &Session<'_>,
    ) -> Result<Outcome, Failure> {
        match self {
            Self::Icmp(pinger) => pinger.attempt(number, timeout, session),
            Self::Tcp(destination) => tcp::attempt(*destination, timeout, session),
            Self::Udp(destination) => udp::attempt(*destination, timeout, session),
        }
    }
}
