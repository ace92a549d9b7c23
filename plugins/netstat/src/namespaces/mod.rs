//! Which network namespaces there are.
//!
//! A namespace lives as long as something holds it: a process or one of its
//! threads, an open file, or a file in a mount (`ip netns`, container runtimes).
//! All of these are looked through.

mod mounts;

pub use mounts::mounted;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Ways into one namespace that are remembered: the first processes may be gone
/// by the time.
const MOST_DOORS: usize = 8;

/// A way into a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Door {
    /// What is opened to enter.
    pub link: PathBuf,
    /// The tables of the namespace, for those that a process or thread is in.
    pub tables: Option<PathBuf>,
}

/// What there is.
#[derive(Debug, Default)]
pub struct Found {
    /// Namespaces by their number, with the ways into them.
    pub namespaces: BTreeMap<u64, Vec<Door>>,
    /// Processes of which it cannot be told.
    pub untold: usize,
    /// The first of them, and why not.
    pub reason: Option<(u32, io::Error)>,
}

/// The number in `net:[4026531840]`.
fn number(link: &Path) -> Option<u64> {
    let text = link.to_str()?;
    let number = text.strip_prefix("net:[")?.strip_suffix(']')?;
    number.parse().ok()
}

/// How results write a namespace.
pub fn label(number: u64) -> String {
    format!("net:[{number}]")
}

/// The namespace that a process or thread is in.
///
/// # Errors
/// When its link cannot be read, or is none.
pub fn of(process: &Path) -> io::Result<u64> {
    let link = process.join("ns/net").read_link()?;
    number(&link).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Names of entries that are numbers: processes, threads, descriptors. Sorted.
pub fn numbers_in(directory: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in directory.read_dir()? {
        // A directory that vanishes while it is read has no more entries.
        let Ok(entry) = entry else { break };
        let name = entry.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Looks through all processes below `proc` (`/proc`), and through the mounts
/// of this one. `stop` says when to give up.
///
/// # Errors
/// When there is no `proc` at all.
pub fn discover(proc: &Path, stop: &dyn Fn() -> bool) -> io::Result<Found> {
    let mut found = Found::default();
    for pid in numbers_in(proc)? {
        if stop() {
            return Ok(found);
        }
        found.process(&proc.join(pid.to_string()), pid);
    }
    if let Ok(mountinfo) = std::fs::read(proc.join("self/mountinfo")) {
        for (number, path) in mounted(&mountinfo) {
            found.add(
                number,
                Door {
                    link: path,
                    tables: None,
                },
            );
        }
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, number: u64, door: Door) {
        let doors = self.namespaces.entry(number).or_default();
        if doors.len() < MOST_DOORS {
            doors.push(door);
        }
    }

    fn process(&mut self, process: &Path, pid: u32) {
        let inside = |place: &Path| Door {
            link: place.join("ns/net"),
            tables: Some(place.join("net")),
        };
        match of(process) {
            Ok(number) => self.add(number, inside(process)),
            Err(error) if gone(&error) => return,
            Err(error) => {
                self.untold += 1;
                self.reason.get_or_insert((pid, error));
                return;
            }
        }
        // Threads may be elsewhere than their process.
        let mut seen = BTreeSet::new();
        for tid in numbers_in(&process.join("task")).unwrap_or_default() {
            let thread = process.join(format!("task/{tid}"));
            if tid != pid
                && let Ok(number) = of(&thread)
                && seen.insert(number)
                && !self.namespaces.contains_key(&number)
            {
                self.add(number, inside(&thread));
            }
        }
        // And files may hold a namespace nobody is in.
        for fd in numbers_in(&process.join("fd")).unwrap_or_default() {
            let link = process.join(format!("fd/{fd}"));
            if let Ok(target) = link.read_link()
                && let Some(number) = number(&target)
                && seen.insert(number)
            {
                self.add(number, Door { link, tables: None });
            }
        }
    }
}

/// Whether a process ended, as opposed to being closed to us.
fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A `/proc` with these links, each with what it points to.
    fn proc_with(links: &[(&str, &str)]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        for (link, target) in links {
            let path = proc.path().join(link);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        }
        proc
    }

    fn doors(proc: &Path, stop: &dyn Fn() -> bool) -> Vec<(u64, Vec<String>)> {
        let found = discover(proc, stop).unwrap();
        let short = |door: &Door| match door.link.strip_prefix(proc) {
            Ok(link) => link.display().to_string(),
            Err(_) => door.link.display().to_string(),
        };
        found
            .namespaces
            .iter()
            .map(|(number, doors)| (*number, doors.iter().map(short).collect()))
            .collect()
    }

    #[test]
    fn processes_threads_files_and_mounts_hold_namespaces() {
        let proc = proc_with(&[
            ("1/ns/net", "net:[1]"),
            ("1/task/1/ns/net", "net:[1]"),
            ("20/ns/net", "net:[1]"),
            ("20/task/20/ns/net", "net:[1]"),
            ("20/task/21/ns/net", "net:[2]"),
            ("20/fd/0", "/dev/null"),
            ("20/fd/7", "net:[3]"),
            ("20/fd/8", "net:[3]"),
            ("100/ns/net", "net:[4]"),
            // No processes.
            ("sys/ns/net", "net:[9]"),
            ("1x/ns/net", "net:[9]"),
        ]);
        std::fs::create_dir(proc.path().join("self")).unwrap();
        let line = "1 2 0:4 net:[5] /run/netns/my\\040net rw - nsfs nsfs rw\n";
        std::fs::write(proc.path().join("self/mountinfo"), line).unwrap();
        let wanted = [
            (1, vec!["1/ns/net", "20/ns/net"]),
            (2, vec!["20/task/21/ns/net"]),
            (3, vec!["20/fd/7"]),
            (4, vec!["100/ns/net"]),
            (5, vec!["/run/netns/my net"]),
        ];
        let wanted: Vec<(u64, Vec<String>)> = wanted
            .into_iter()
            .map(|(number, doors)| (number, doors.into_iter().map(str::to_owned).collect()))
            .collect();
        assert_eq!(doors(proc.path(), &|| false), wanted);
        assert_eq!(doors(proc.path(), &|| true), []);
    }

    #[test]
    fn processes_in_odd_states_spoil_nothing() {
        let proc = proc_with(&[
            ("5/ns/net", "net:[5]"),
            // Links that are something else, and a process without any.
            ("6/ns/net", "/somewhere"),
            ("7/ns/net", "net:[-7]"),
            ("8/fd/1", "net:[99]"),
        ]);
        let found = discover(proc.path(), &|| false).unwrap();
        assert_eq!(found.namespaces.keys().collect::<Vec<_>>(), [&5]);
        assert_eq!(found.untold, 2);
        assert!(discover(&proc.path().join("absent"), &|| false).is_err());
    }

    #[test]
    fn many_processes_leave_few_doors() {
        let names: Vec<String> = (1..=50).map(|pid| format!("{pid}/ns/net")).collect();
        let links: Vec<(&str, &str)> = names
            .iter()
            .map(|name| (name.as_str(), "net:[1]"))
            .collect();
        let proc = proc_with(&links);
        assert_eq!(doors(proc.path(), &|| false)[0].1.len(), MOST_DOORS);
    }
}
