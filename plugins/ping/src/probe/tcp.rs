//! TCP: connecting, and hanging up at once.

use super::Outcome;
use super::wait::Clock;
use crate::sys::{Kind, Socket};
use mig_plugin_sdk::{Failure, Session};
use std::net::SocketAddr;
use std::time::Duration;

/// Connects once.
///
/// # Errors
/// When the run should end.
pub fn attempt(
    destination: SocketAddr,
    timeout: Duration,
    session: &Session<'_>,
) -> Result<Outcome, Failure> {
    let socket = match Socket::open(Kind::Tcp, destination) {
        Ok(socket) => socket,
        Err(error) => return Ok(Outcome::of_error(&error)),
    };
    let clock = Clock::start(timeout, session);
    match socket.connect(destination) {
        Ok(true) => return Ok(Outcome::Answered(clock.elapsed())),
        Ok(false) => {}
        Err(error) => return Ok(Outcome::of_error(&error)),
    }
    Ok(match clock.until(&socket, Socket::wait_connected)? {
        Ok(false) => Outcome::TimedOut,
        Ok(true) => {
            let elapsed = clock.elapsed();
            match socket.outcome() {
                Ok(()) => Outcome::Answered(elapsed),
                Err(error) => Outcome::of_reported(&error),
            }
        }
        Err(error) => Outcome::Failed(error.to_string()),
    })
}
