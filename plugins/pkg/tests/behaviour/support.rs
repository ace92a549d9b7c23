//! Root directories with databases, and the headers in them.

use mig_module_pkg::{Installed, Kind, Package, installed_until};
use std::path::{Path, PathBuf};

/// Headers as rpm 4.18 wrote them into its database, and what it prints of each.
pub const REAL: &[(&[u8], &str, &str, &str)] = &[
    (
        include_bytes!("../data/tiny.header"),
        "tiny",
        "2:1.2~rc1-3",
        "noarch",
    ),
    (
        include_bytes!("../data/other.header"),
        "other",
        "0:7^git1-3",
        "noarch",
    ),
    (
        include_bytes!("../data/gpg-pubkey.header"),
        "gpg-pubkey",
        "27f61615-6b011be5",
        "(none)",
    ),
];

/// What the real headers are.
pub fn real_packages() -> Vec<Package> {
    REAL.iter()
        .map(|(_, name, version, arch)| package(Kind::Rpm, name, version, arch))
        .collect()
}

pub fn package(kind: Kind, name: &str, version: &str, arch: &str) -> Package {
    Package {
        name: name.into(),
        version: version.into(),
        kind,
        arch: arch.into(),
    }
}

/// A temporary root directory.
pub struct Root(tempfile::TempDir);

impl Root {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("directories");
        path
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub fn installed(&self) -> Installed {
        installed_until(self.0.path(), &|| false)
    }

    /// The packages, when nothing is wrong.
    #[track_caller]
    pub fn packages(&self) -> Vec<Package> {
        let installed = self.installed();
        assert_eq!(installed.problems, Vec::<String>::new());
        installed.packages
    }

    pub fn directory(&self) -> &Path {
        self.0.path()
    }
}

/// A header made here: padding goes between the texts and the architecture, and
/// behind everything.
pub fn header(name: &str, version: &str, epoch: Option<u32>, padding: usize) -> Vec<u8> {
    let mut entries: Vec<[u32; 4]> = Vec::new();
    let mut data = Vec::new();
    let mut text = |tag: u32, text: &str, data: &mut Vec<u8>| {
        entries.push([tag, 6, data.len() as u32, 1]);
        data.extend(text.as_bytes());
        data.push(0);
    };
    text(1000, name, &mut data);
    text(1001, version, &mut data);
    text(1002, "1.el9", &mut data);
    data.extend(std::iter::repeat_n(b'p', padding / 2));
    text(1022, "x86_64", &mut data);
    if let Some(epoch) = epoch {
        data.resize(data.len().next_multiple_of(4), 0);
        entries.push([1003, 4, data.len() as u32, 1]);
        data.extend(epoch.to_be_bytes());
    }
    data.extend(std::iter::repeat_n(b'q', padding - padding / 2));
    let mut header = Vec::new();
    header.extend((entries.len() as u32).to_be_bytes());
    header.extend((data.len() as u32).to_be_bytes());
    for number in entries.iter().flatten() {
        header.extend(number.to_be_bytes());
    }
    header.extend(data);
    header
}

/// Text between a name's and the end of a table row, as the tools print it.
pub fn listed(text: &str, kind: Kind) -> Vec<Package> {
    text.lines()
        .map(|line| {
            let words: Vec<&str> = line.split('\t').collect();
            package(kind, words[0], words[1], words[2])
        })
        .collect()
}
