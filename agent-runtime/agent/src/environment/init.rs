//! Which init system runs this host.

use std::fs;
use std::path::Path;

/// Reported when process 1 cannot be looked at.
const UNKNOWN: &str = "sysvinit-fallback";

/// Judges by the command line of process 1 and what it links to.
pub(super) fn discover(root: &Path) -> String {
    let Ok(line) = fs::read(root.join("proc/1/cmdline")) else {
        return UNKNOWN.to_owned();
    };
    let line: Vec<u8> = line
        .into_iter()
        .map(|byte| if byte == 0 { b' ' } else { byte })
        .collect();
    let line = String::from_utf8_lossy(&line);
    let program = line.split(' ').next().unwrap_or_default();
    let link = fs::read_link(root.join(program.trim_start_matches('/'))).ok();
    judge(&line, link.as_deref()).to_owned()
}

fn judge(line: &str, link: Option<&Path>) -> &'static str {
    if line.contains("init [") {
        "sysvinit"
    } else if line.contains("systemd") {
        "systemd"
    } else if line.contains("init") {
        if link.is_some_and(|link| link.to_string_lossy().contains("systemd")) {
            "systemd"
        } else {
            "upstart"
        }
    } else {
        "sysvinit"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_one_tells_the_init_system() {
        let systemd = Path::new("/lib/systemd/systemd");
        for (line, link, init) in [
            ("init [2]", None, "sysvinit"),
            ("/usr/lib/systemd/systemd --system", None, "systemd"),
            ("/sbin/init splash", Some(systemd), "systemd"),
            ("/sbin/init", None, "upstart"),
            ("/usr/bin/tini -- sleep", None, "sysvinit"),
        ] {
            assert_eq!(judge(line, link), init, "{line}");
        }
    }

    #[test]
    fn a_hidden_process_one_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(discover(root.path()), UNKNOWN);
    }
}
