//! UDP: one datagram, and any answer from there.

use super::Outcome;
use super::wait::Clock;
use crate::sys::{Kind, Socket};
use mig_plugin_sdk::{Failure, Session};
use std::net::SocketAddr;
use std::time::Duration;

/// What is sent: 15 bytes, as from the original.
const QUESTION: &[u8] = b"Ping!Ping!Ping!";

/// Sends once. The socket is connected, so the kernel drops what comes from
/// elsewhere and reports what routers say.
///
/// # Errors
/// When the run should end.
pub fn attempt(
    destination: SocketAddr,
    timeout: Duration,
    session: &Session<'_>,
) -> Result<Outcome, Failure> {
    let opened = Socket::open(Kind::Udp, destination).and_then(|socket| {
        socket.report_errors(destination)?;
        socket.connect(destination)?;
        Ok(socket)
    });
    let socket = match opened {
        Ok(socket) => socket,
        Err(error) => return Ok(Outcome::of_error(&error)),
    };
    let clock = Clock::start(timeout, session);
    if let Err(error) = socket.send(QUESTION) {
        return Ok(Outcome::of_error(&error));
    }
    // An answer of any length is one, so what does not fit is not missed.
    let mut buffer = [0; 1];
    loop {
        match clock.until(&socket, Socket::wait_readable)? {
            Ok(true) => {}
            Ok(false) => return Ok(Outcome::TimedOut),
            Err(error) => return Ok(Outcome::Failed(error.to_string())),
        }
        match socket.receive(&mut buffer) {
            Ok(Some(_)) => return Ok(Outcome::Answered(clock.elapsed())),
            // A datagram with a wrong checksum is gone once it is looked at.
            Ok(None) => {}
            Err(error) => return Ok(Outcome::of_reported(&error)),
        }
    }
}
