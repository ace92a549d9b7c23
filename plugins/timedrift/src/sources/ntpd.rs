//! ntpd, ntpsec and OpenNTPD.

use super::Found;
use super::directives::{Line, lines};
use super::files::Files;
use crate::server::Server;

pub(super) const PATHS: &[&str] = &[
    "/etc/ntp.conf",
    "/etc/ntpsec/ntp.conf",
    "/etc/openntpd/ntpd.conf",
    "/etc/ntpd.conf",
];
/// Files that a file may include, in all; deeper circles end there.
const INCLUDES: usize = 16;

/// Reads what is there.
pub fn read(files: &mut Files<'_>, found: &mut Found) {
    let mut waiting: Vec<String> = PATHS.iter().rev().map(|path| (*path).to_owned()).collect();
    let mut includes = 0;
    while let Some(path) = waiting.pop() {
        let Some(content) = files.read(&path) else {
            continue;
        };
        for each in lines(&content.text, "#") {
            if each.name == "includefile" && includes < INCLUDES {
                includes += 1;
                let included = each.words.first().map(|path| path.trim_matches('"'));
                waiting.extend(included.map(str::to_owned));
            } else {
                line(&content.path, &each, found);
            }
        }
    }
}

/// `server HOST …`, `pool HOST …`, `peer HOST …`; OpenNTPD has `servers` too.
pub fn line(path: &str, line: &Line<'_>, found: &mut Found) {
    if !matches!(line.name.as_str(), "server" | "servers" | "pool" | "peer") {
        return;
    }
    // `-4` and `-6` may stand before the host.
    let Some(host) = line.words.iter().find(|word| !word.starts_with('-')) else {
        return;
    };
    // Clocks that are part of the machine look like addresses.
    if host.starts_with("127.127.") {
        return;
    }
    let place = format!("{path}: line {}", line.number);
    found.add(&place, Server::at(host), host);
}
