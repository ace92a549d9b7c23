//! Private instances of the servers that a large site runs, for tests.
//!
//! PostgreSQL and RabbitMQ come from Debian's packages. Each instance has its
//! own directory, ports and secrets, listens on loopback only, and ends with the
//! test program that started it, whichever way that ends. `shared()` gives all
//! tests of a program one instance, which stays until the program ends;
//! a test that disturbs its server takes one of its own with `start()`.

mod certificates;
mod ending;
mod kept;
mod owner;
mod postgres;
mod rabbit;

pub use certificates::Certificates;
pub use postgres::{Database, Postgres};
pub use rabbit::{Rabbit, VirtualHost};

use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long a server may take to start on a machine that is busy with other
/// things.
const STARTING: Duration = Duration::from_secs(300);

/// Runs a program to its end and returns what it printed.
fn printed(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!(
            "{name}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// The last lines of a server's log, for the message of a test that fails.
fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
