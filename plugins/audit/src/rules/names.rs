//! Names of users and groups that a rule may use.

use std::path::Path;

/// The accounts of this machine's own files. Directory services are not asked:
/// that would take libraries and the network.
#[derive(Debug, Default)]
pub(crate) struct Names {
    users: String,
    groups: String,
}

impl Names {
    /// Reads `passwd` and `group` in a directory; what cannot be read holds no
    /// names.
    pub(crate) fn read(directory: &Path) -> Self {
        let read = |name: &str| {
            let bytes = std::fs::read(directory.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self {
            users: read("passwd"),
            groups: read("group"),
        }
    }

    /// Number of a user.
    pub(crate) fn user(&self, name: &str) -> Option<u32> {
        number(&self.users, name)
    }

    /// Number of a group.
    pub(crate) fn group(&self, name: &str) -> Option<u32> {
        number(&self.groups, name)
    }
}

fn number(file: &str, name: &str) -> Option<u32> {
    file.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next() == Some(name))
            .then(|| parts.nth(1))??
            .parse()
            .ok()
    })
}
