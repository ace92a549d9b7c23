//! ICMP: echo requests, with as few rights as the system asks for.

use super::Outcome;
use super::wait::Clock;
use crate::packet::{Answer, Echo, Version};
use crate::sys::{self, Kind, Socket};
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::{Failure, Session};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Larger than any answer to our requests: header, options, and the packet
/// that a router sends back.
const LARGEST: usize = 2048;

/// Sends echo requests to one destination.
#[derive(Debug)]
pub struct Pinger {
    destination: SocketAddr,
    kind: Kind,
}

impl Pinger {
    /// Finds out which kind of socket this process may open.
    ///
    /// # Errors
    /// When it may open none; the message names the missing right.
    pub fn new(destination: SocketAddr) -> Result<Self, Failure> {
        let mut refused = None;
        for kind in [Kind::Echo, Kind::RawIcmp] {
            match Socket::open(kind, destination) {
                Ok(_) => return Ok(Self { destination, kind }),
                Err(error) if sys::is_missing_right(&error) => refused = Some(error),
                Err(error) => return Err(Failure::from(error)),
            }
        }
        let reason = refused.map_or_else(String::new, |error| format!(" ({error})"));
        Err(Failure::new(
            code::PERMISSION,
            format!(
                "icmp needs the capability CAP_NET_RAW, so run the agent as root, or the group \
                 of the agent in the sysctl net.ipv4.ping_group_range{reason}"
            ),
        ))
    }

    /// Sends one request.
    ///
    /// # Errors
    /// When the run should end.
    pub fn attempt(
        &self,
        number: u16,
        timeout: Duration,
        session: &Session<'_>,
    ) -> Result<Outcome, Failure> {
        let (socket, echo) = match self.prepare(number) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Outcome::of_error(&error)),
        };
        let clock = Clock::start(timeout, session);
        if let Err(error) = socket.send_to(&echo.packet(), self.destination) {
            return Ok(Outcome::of_error(&error));
        }
        let mut buffer = [0; LARGEST];
        loop {
            match clock.until(&socket, Socket::wait_readable)? {
                Ok(true) => {}
                Ok(false) => return Ok(Outcome::TimedOut),
                Err(error) => return Ok(Outcome::Failed(error.to_string())),
            }
            let answer = match socket.receive(&mut buffer) {
                Ok(Some(packet)) => self.read(packet, &echo),
                Ok(None) => Answer::Other,
                Err(error) => return Ok(Outcome::of_reported(&error)),
            };
            match answer {
                Answer::Reply => return Ok(Outcome::Answered(clock.elapsed())),
                Answer::Unreachable => return Ok(Outcome::Unreachable),
                Answer::Other => {}
            }
        }
    }

    /// A socket and a request for one attempt; late answers to earlier ones
    /// cannot be mistaken for its own.
    fn prepare(&self, number: u16) -> io::Result<(Socket, Echo)> {
        let socket = Socket::open(self.kind, self.destination)?;
        if self.kind == Kind::Echo {
            // The kernel matches what routers say with what this socket sent.
            socket.report_errors(self.destination)?;
        }
        let mut token = [0; 8];
        getrandom::fill(&mut token).map_err(io::Error::other)?;
        let echo = Echo {
            version: match self.destination {
                SocketAddr::V4(_) => Version::V4,
                SocketAddr::V6(_) => Version::V6,
            },
            identifier: match self.kind {
                Kind::Echo => None,
                // As the original: the low half of the process's number.
                _ => Some((std::process::id() & 0xffff) as u16),
            },
            sequence: number,
            token,
        };
        Ok((socket, echo))
    }

    fn read(&self, packet: &[u8], echo: &Echo) -> Answer {
        match (self.kind, echo.version) {
            (Kind::RawIcmp, Version::V4) => Answer::of_ipv4(packet, echo),
            _ => Answer::of_message(packet, echo),
        }
    }
}
