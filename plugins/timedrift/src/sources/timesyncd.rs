//! systemd-timesyncd.

use super::Found;
use super::files::Files;
use crate::server::Server;

/// Where systemd looks, the most important place first.
pub(super) const FOLDERS: &[&str] = &[
    "/etc/systemd",
    "/run/systemd",
    "/usr/local/lib/systemd",
    "/usr/lib/systemd",
];
pub(super) const NAME: &str = "timesyncd.conf";

/// A server that a file names.
struct Named {
    place: String,
    host: String,
}

/// What the files come to together.
#[derive(Default)]
pub struct Settings {
    servers: Vec<Named>,
    fallback: Vec<Named>,
}

/// Reads what is there: the first main file, then all additions.
pub fn read(files: &mut Files<'_>, found: &mut Found) {
    let mut settings = Settings::default();
    for folder in FOLDERS {
        if let Some(content) = files.read(&format!("{folder}/{NAME}")) {
            settings.read(&content.path, &content.text);
            break;
        }
    }
    // Of additions with the same name only the most important counts.
    let mut additions: Vec<(String, String)> = Vec::new();
    for folder in FOLDERS {
        for path in files.list(&format!("{folder}/{NAME}.d"), "", ".conf") {
            let name = path
                .rsplit_once('/')
                .map_or("", |(_, name)| name)
                .to_owned();
            if !additions.iter().any(|(other, _)| *other == name) {
                additions.push((name, path));
            }
        }
    }
    additions.sort();
    for (_, path) in additions {
        if let Some(content) = files.read(&path) {
            settings.read(&content.path, &content.text);
        }
    }
    settings.add_to(found);
}

impl Settings {
    /// Takes `NTP` and `FallbackNTP` of the section `[Time]`: lists that add to
    /// what was there, or empty them.
    pub fn read(&mut self, path: &str, text: &str) {
        let mut in_section = false;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with(['#', ';']) {
                continue;
            }
            if line.starts_with('[') {
                in_section = line == "[Time]";
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let list = match key.trim() {
                "NTP" if in_section => &mut self.servers,
                "FallbackNTP" if in_section => &mut self.fallback,
                _ => continue,
            };
            if value.trim().is_empty() {
                list.clear();
            }
            list.extend(value.split_whitespace().map(|host| Named {
                place: format!("{path}: line {}", index + 1),
                host: host.to_owned(),
            }));
        }
    }

    /// Adds the servers, or those for want of servers.
    pub fn add_to(&self, found: &mut Found) {
        let chosen = match self.servers.is_empty() {
            true => &self.fallback,
            false => &self.servers,
        };
        for Named { place, host } in chosen {
            found.add(place, Server::at(host), host);
        }
    }
}
