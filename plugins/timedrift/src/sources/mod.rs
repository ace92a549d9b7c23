//! Which servers the machine's own time service uses, and public ones.

mod chrony;
mod directives;
mod files;
mod ntpd;
#[cfg(test)]
mod tests;
mod timesyncd;

use crate::server::Server;
use files::Files;
use mig_plugin_sdk::texts::shown;
use std::path::Path;

/// Most servers taken from configuration.
const MOST: usize = 32;
/// Most lines that are complained about one by one; a damaged file has many.
const COMPLAINTS: usize = 16;

/// Public servers, asked when no other answers. The original's.
const PUBLIC: &[&str] = &[
    "time.nist.gov",
    "0.pool.ntp.org",
    "1.pool.ntp.org",
    "2.pool.ntp.org",
    "3.pool.ntp.org",
];

/// What configuration says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Servers, each once, in the order of the files.
    pub servers: Vec<Server>,
    /// What could not be read or understood.
    pub errors: Vec<String>,
    /// Lines whose server cannot be used.
    unusable: usize,
}

impl Found {
    /// Adds a server that a file names, or says why not. `place` names file and
    /// line.
    fn add(&mut self, place: &str, server: Result<Server, &'static str>, written: &str) {
        match server {
            Ok(server) if self.servers.contains(&server) => {}
            Ok(_) if self.servers.len() == MOST => {
                let full = format!("only the first {MOST} configured servers are used");
                if !self.errors.contains(&full) {
                    self.errors.push(full);
                }
            }
            Ok(server) => self.servers.push(server),
            Err(_) if self.unusable >= COMPLAINTS => self.unusable += 1,
            Err(reason) => {
                self.unusable += 1;
                let shown = shown(written);
                self.errors
                    .push(format!("{place}: server `{shown}` {reason}"));
            }
        }
    }
}

/// Servers in the configuration files below `root`: those of ntpd, ntpsec,
/// OpenNTPD, chrony and systemd-timesyncd. A file that does not exist is no
/// error.
pub fn configured(root: &Path) -> Found {
    let mut files = Files::below(root);
    let mut found = Found::default();
    ntpd::read(&mut files, &mut found);
    chrony::read(&mut files, &mut found);
    timesyncd::read(&mut files, &mut found);
    let more = found.unusable.saturating_sub(COMPLAINTS);
    if more > 0 {
        found.errors.push(format!(
            "{more} more lines of configuration files name no server"
        ));
    }
    found.errors.splice(0..0, files.errors);
    found
}

/// Public servers.
pub fn public() -> Vec<Server> {
    PUBLIC
        .iter()
        .filter_map(|host| Server::at(host).ok())
        .collect()
}

/// Reads bytes as each kind of configuration file. For fuzzing.
pub fn read_anything(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut found = Found::default();
    for line in directives::lines(&text, "#") {
        ntpd::line("file", &line, &mut found);
    }
    for line in directives::lines(&text, chrony::COMMENTS) {
        chrony::line("file", &line, &mut found);
    }
    let mut settings = timesyncd::Settings::default();
    settings.read("file", &text);
    settings.add_to(&mut found);
    assert!(found.servers.len() <= MOST);
    for server in &found.servers {
        // What is taken can be written and read again.
        assert_eq!(Server::parse(&server.to_string()).as_ref(), Ok(server));
    }
}
