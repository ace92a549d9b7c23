//! Which process has a socket open: `/proc/PID/fd` links to `socket:[inode]`.

use crate::namespaces::numbers_in;
use mig_plugin_patterns::matching::transcribe;
use mig_plugin_sdk::payload::rawpath;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// Longest name of a process, in bytes; the kernel's own have 15.
const LONGEST_NAME: usize = 64;

/// A process.
#[derive(Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// The path of its program, or what the process calls itself.
    pub process: String,
    /// The bytes of that path in base64, when it is not UTF-8.
    pub rawpath: Option<String>,
}

/// Sockets by their file's number, each with the process of the lowest number
/// that has it open.
pub type Owners = HashMap<u64, Arc<Owner>>;

/// Looks for the owners of sockets through all processes below `proc`, and no
/// longer than until all are found. Those that cannot be looked into own
/// nothing. `stop` says when to give up.
pub fn find(proc: &Path, wanted: &[u64], stop: &dyn Fn() -> bool) -> Owners {
    let mut open: std::collections::HashSet<u64> = wanted.iter().copied().collect();
    let mut owners = Owners::new();
    for pid in numbers_in(proc).unwrap_or_default() {
        if open.is_empty() || stop() {
            break;
        }
        let process = proc.join(pid.to_string());
        let mut owner = None;
        for fd in numbers_in(&process.join("fd")).unwrap_or_default() {
            let Ok(target) = process.join(format!("fd/{fd}")).read_link() else {
                continue;
            };
            if let Some(inode) = socket(target.as_os_str().as_bytes())
                && open.remove(&inode)
            {
                let owner = owner.get_or_insert_with(|| Arc::new(described(&process, pid)));
                owners.insert(inode, Arc::clone(owner));
            }
        }
    }
    owners
}

/// The number in `socket:[12345]`.
fn socket(link: &[u8]) -> Option<u64> {
    let number = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn described(process: &Path, pid: u32) -> Owner {
    // Processes of the kernel have no program.
    if let Ok(program) = process.join("exe").read_link() {
        let bytes = program.as_os_str().as_bytes();
        let (_, rawpath) = rawpath::describe(bytes);
        return Owner {
            pid,
            process: transcribe::text(bytes).into_owned(),
            rawpath,
        };
    }
    let name = std::fs::read(process.join("comm")).unwrap_or_default();
    let name = name.strip_suffix(b"\n").unwrap_or(&name);
    let name = name.get(..LONGEST_NAME).unwrap_or(name);
    Owner {
        pid,
        process: transcribe::text(name).into_owned(),
        rawpath: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::fs::symlink;

    #[test]
    fn sockets_are_found_where_they_are_open() {
        let proc = tempfile::tempdir().unwrap();
        let link = |link: &str, target: &OsStr| {
            let path = proc.path().join(link);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        };
        for (path, target) in [
            ("9/fd/0", "/dev/null"),
            ("9/fd/3", "socket:[100]"),
            ("9/exe", "/usr/sbin/sshd"),
            // The child shares a socket and has one of its own.
            ("10/fd/3", "socket:[100]"),
            ("10/fd/12", "socket:[101]"),
            ("11/fd/1", "socket:[102]"),
            ("11/fd/2", "pipe:[103]"),
            ("11/fd/4", "socket:[x]"),
        ] {
            link(path, OsStr::new(target));
        }
        link("10/exe", OsStr::from_bytes(b"/tmp/\xff\nx (deleted)"));
        std::fs::write(proc.path().join("11/comm"), b"kworker/u4\xfe\n").unwrap();
        let owners = find(proc.path(), &[100, 101, 102, 103, 104], &|| false);
        let owner = |inode: u64| {
            let owner = &owners[&inode];
            (owner.pid, owner.process.as_str(), owner.rawpath.is_some())
        };
        assert_eq!(owners.len(), 3);
        assert_eq!(owner(100), (9, "/usr/sbin/sshd", false));
        assert_eq!(owner(101), (10, "/tmp/\u{fffd}\nx (deleted)", true));
        assert_eq!(owner(102), (11, "kworker/u4\u{fffd}", false));
        assert!(find(proc.path(), &[100], &|| true).is_empty());
        assert!(find(&proc.path().join("absent"), &[100], &|| false).is_empty());
    }

    #[test]
    fn the_search_ends_when_all_are_found() {
        let proc = tempfile::tempdir().unwrap();
        for pid in 1..=3 {
            let fd = proc.path().join(format!("{pid}/fd"));
            std::fs::create_dir_all(&fd).unwrap();
            symlink("socket:[5]", fd.join("3")).unwrap();
        }
        let asked = std::cell::Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            false
        };
        assert_eq!(find(proc.path(), &[5], &stop)[&5].pid, 1);
        assert_eq!(asked.get(), 1);
    }
}
