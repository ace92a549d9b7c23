//! Which distribution this is.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::sys;

/// Files that tell a distribution's release.
const RELEASE_FILES: [&str; 4] = [
    "etc/os-release",
    "etc/lsb-release",
    "etc/debian_version",
    "etc/issue",
];

/// When the release files were written, to see whether the host was upgraded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReleaseFiles([Option<SystemTime>; RELEASE_FILES.len()]);

impl ReleaseFiles {
    pub(super) fn look(root: &Path) -> Self {
        Self(RELEASE_FILES.map(|file| {
            fs::metadata(root.join(file))
                .and_then(|meta| meta.modified())
                .ok()
        }))
    }
}

/// `lsb_release`, else the first line of `/etc/issue`, else the pretty name of
/// `/etc/os-release`, else `unknown`.
pub(super) fn discover(root: &Path, limit: Duration) -> String {
    sys::output_within("lsb_release", &["-i", "-r", "-c", "-s"], limit)
        .and_then(|text| from_lsb_release(&text))
        .or_else(|| from_files(root))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn from_lsb_release(text: &str) -> Option<String> {
    let words: Vec<&str> = text.lines().map(|line| line.trim_matches('"')).collect();
    let ident = words.join(" ").trim().to_owned();
    (!ident.is_empty()).then_some(ident)
}

fn from_files(root: &Path) -> Option<String> {
    fs::read_to_string(root.join("etc/issue"))
        .ok()
        .and_then(|text| from_issue(&text))
        .or_else(|| {
            fs::read_to_string(root.join("etc/os-release"))
                .or_else(|_| fs::read_to_string(root.join("usr/lib/os-release")))
                .ok()
                .and_then(|text| from_os_release(&text))
        })
}

/// The first line, if it ends and is longer than three bytes. Escapes such as
/// `\n \l` stay: targets were written against them.
fn from_issue(text: &str) -> Option<String> {
    let (line, _) = text.split_once('\n')?;
    (line.len() > 3).then(|| line.to_owned())
}

fn from_os_release(text: &str) -> Option<String> {
    let value = |key: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
            .filter(|value| !value.is_empty())
    };
    // What the original knew of this file; existing targets may name it.
    if value("ID").as_deref() == Some("centos") && value("VERSION_ID").as_deref() == Some("7") {
        return Some("CentOS 7".to_owned());
    }
    value("PRETTY_NAME").or_else(|| value("NAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsb_release_lines_become_one() {
        assert_eq!(
            from_lsb_release("Debian\n12\nbookworm\n").as_deref(),
            Some("Debian 12 bookworm")
        );
        assert_eq!(
            from_lsb_release("\"Fedora\"\n39\n").as_deref(),
            Some("Fedora 39")
        );
        assert_eq!(from_lsb_release("\n"), None);
    }

    #[test]
    fn files_are_asked_in_order() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir(&etc).unwrap();
        assert_eq!(from_files(root.path()), None);
        fs::write(
            etc.join("os-release"),
            "NAME=\"Arch Linux\"\nPRETTY_NAME=\"Arch\"\nID=arch\n",
        )
        .unwrap();
        assert_eq!(from_files(root.path()).as_deref(), Some("Arch"));
        fs::write(etc.join("issue"), "Debian GNU/Linux 12 \\n \\l\nmore\n").unwrap();
        assert_eq!(
            from_files(root.path()).as_deref(),
            Some("Debian GNU/Linux 12 \\n \\l")
        );
        fs::write(etc.join("issue"), "\\S\nKernel\n").unwrap();
        assert_eq!(from_files(root.path()).as_deref(), Some("Arch"));
        fs::write(
            etc.join("os-release"),
            "NAME=\"CentOS Linux\"\nVERSION_ID=\"7\"\nID=\"centos\"\n",
        )
        .unwrap();
        assert_eq!(from_files(root.path()).as_deref(), Some("CentOS 7"));
    }
}
