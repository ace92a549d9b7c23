//! Going into the background: a copy of the agent in a session of its own,
//! which tells when it is at work.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::sys;

/// Set in the copy.
const MARK: &str = "MIG_AGENT_DETACHED";
/// What the copy says when it is at work.
const READY: &str = "ready";

/// Whether this process is the copy. It leaves the terminal's session.
pub fn is_detached() -> bool {
    let detached = std::env::var_os(MARK).is_some();
    if detached {
        sys::leave_terminal();
    }
    detached
}

/// Starts the copy with the same words and waits until it is at work. Its
/// process id, or none when it ended; it has said why on standard error.
///
/// # Errors
/// The program cannot be started again.
pub fn start(words: &[OsString]) -> io::Result<Option<u32>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(words)
        .arg("-f")
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    if line.trim_end() == READY {
        return Ok(Some(child.id()));
    }
    child.wait()?;
    Ok(None)
}

/// In the copy: tells the one that started it, and lets go of the terminal.
pub fn announce() {
    let told = writeln!(io::stdout(), "{READY}").and_then(|()| sys::silence_standard_streams());
    if let Err(error) = told {
        tracing::warn!("cannot let go of the terminal: {error}");
    }
}
