//! What a package manager says is installed.

use serde::{Deserialize, Serialize};

/// The package managers whose databases are read, in the order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Red Hat, SUSE and their descendants.
    Rpm,
    /// Debian and its descendants.
    Dpkg,
    /// Alpine.
    Apk,
}

impl Kind {
    /// The word that results use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rpm => "rpm",
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One installed package. Texts that are not UTF-8 in the database carry
/// U+FFFD for each bad byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// As the manager prints it: dpkg adds the architecture to the name of a
    /// package that several architectures may have, like `libc6:amd64`.
    pub name: String,
    /// The whole version, like `1:2.3-4`.
    pub version: String,
    /// The manager whose database lists it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The architecture in the manager's words.
    pub arch: String,
}
