//! Waiting that ends soon after the run is asked to.

use crate::sys::{Ready, Socket};
use mig_plugin_sdk::{Failure, Session};
use std::io;
use std::time::{Duration, Instant};

/// How often waiting looks whether the run should end: well within the tenth
/// of a second that a module has for it.
const SLICE: Duration = Duration::from_millis(40);

/// Time of one attempt.
pub struct Clock<'a> {
    start: Instant,
    timeout: Duration,
    session: &'a Session<'a>,
}

impl<'a> Clock<'a> {
    /// Starts now.
    pub fn start(timeout: Duration, session: &'a Session<'a>) -> Self {
        Self {
            start: Instant::now(),
            timeout,
            session,
        }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits until `poll` says that there is something, in slices; false when
    /// time is over.
    ///
    /// # Errors
    /// When the run should end. Errors of `poll` are the inner result.
    pub fn until(
        &self,
        socket: &Socket,
        poll: fn(&Socket, Duration) -> io::Result<Ready>,
    ) -> Result<io::Result<bool>, Failure> {
        loop {
            self.session.check()?;
            let left = self.timeout.saturating_sub(self.elapsed());
            if left.is_zero() {
                return Ok(Ok(false));
            }
            match poll(socket, left.min(SLICE)) {
                Ok(Ready::Yes) => return Ok(Ok(true)),
                Ok(Ready::NotYet) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// Lets time pass.
///
/// # Errors
/// When the run should end.
pub fn pause(time: Duration, session: &Session<'_>) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        session.check()?;
        let left = time.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(SLICE));
    }
}
