//! chrony.

use super::Found;
use super::directives::{Line, lines};
use super::files::Files;
use crate::server::{NTP, Server};

pub(super) const PATHS: &[&str] = &["/etc/chrony/chrony.conf", "/etc/chrony.conf"];
/// What begins a comment.
pub const COMMENTS: &str = "#!;%";
/// Files that files may include, in all; circles end there.
const INCLUDES: usize = 32;

/// Reads what is there.
pub fn read(files: &mut Files<'_>, found: &mut Found) {
    let mut waiting: Vec<String> = PATHS.iter().rev().map(|path| (*path).to_owned()).collect();
    let mut includes = 0;
    while let Some(path) = waiting.pop() {
        let Some(content) = files.read(&path) else {
            continue;
        };
        let mut included = Vec::new();
        for each in lines(&content.text, COMMENTS) {
            match each.name.as_str() {
                "include" => {
                    included.extend(each.words.first().map(|path| matching(files, path)));
                }
                "confdir" => included.push(of_directories(files, &each.words, ".conf")),
                "sourcedir" => included.push(of_directories(files, &each.words, ".sources")),
                _ => line(&content.path, &each, found),
            }
        }
        let mut included = included.concat();
        included.truncate(INCLUDES - includes);
        includes += included.len();
        waiting.extend(included.into_iter().rev());
    }
}

/// The files of a pattern with at most one `*`, in the last part of the path.
fn matching(files: &mut Files<'_>, pattern: &str) -> Vec<String> {
    let (directory, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    match name.split_once('*') {
        Some((prefix, ending)) => files.list(directory, prefix, ending),
        None => vec![pattern.to_owned()],
    }
}

/// The files of directories; of those with the same name only the first counts.
fn of_directories(files: &mut Files<'_>, directories: &[&str], ending: &str) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::new();
    for directory in directories {
        for path in files.list(directory, "", ending) {
            if !chosen.iter().any(|other| name_of(other) == name_of(&path)) {
                chosen.push(path);
            }
        }
    }
    chosen.sort_by(|a, b| name_of(a).cmp(name_of(b)));
    chosen
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `server HOST [port N] …`, likewise `pool` and `peer`.
pub fn line(path: &str, line: &Line<'_>, found: &mut Found) {
    if !matches!(line.name.as_str(), "server" | "pool" | "peer") {
        return;
    }
    let Some((host, options)) = line.words.split_first() else {
        return;
    };
    let named = options
        .iter()
        .position(|word| word.eq_ignore_ascii_case("port"));
    let port = match named.and_then(|at| options.get(at + 1)) {
        None => Ok(NTP),
        Some(port) => port.parse().map_err(|_| "has no port from 1 to 65535"),
    };
    let server = port.and_then(|port| Server::with_port(host, port));
    let place = format!("{path}: line {}", line.number);
    found.add(&place, server, host);
}
