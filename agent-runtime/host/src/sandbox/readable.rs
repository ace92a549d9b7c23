//! The files that a worker may read which may not read everything, and whether
//! they are still the same ones.

use std::os::unix::fs::MetadataExt;

use super::Profile;

/// What name resolution reads, what says whom to trust, and the time zone:
/// settings that everybody may read. Single files, because their directories
/// hold secrets too. Local sockets, such as those of name services, need no
/// entry: connecting is not reading.
const FILES: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/networks",
    "/etc/hostname",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ld.so.cache",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Directories that hold nothing but the like, and libraries.
const DIRECTORIES: &[&str] = &[
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/run/systemd/resolve",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// Everything that a worker with this profile gets to read, `named` among it.
/// Nothing when it may read everything anyway.
pub(crate) fn paths(profile: &Profile, named: Vec<String>) -> Vec<String> {
    if !profile.reads_single_files() {
        return Vec::new();
    }
    let mut paths = named;
    if profile.network {
        paths.extend([FILES, DIRECTORIES].concat().into_iter().map(str::to_owned));
    }
    paths
}

/// Which files were where when a worker started. It sees those, by whatever name,
/// and no others: one that was put in their place is closed to it.
#[derive(Debug)]
pub(crate) struct Seen(Vec<(String, Option<(u64, u64)>)>);

impl Seen {
    /// Looks at what is there.
    pub(crate) fn now(paths: &[String]) -> Self {
        Self(
            paths
                .iter()
                .map(|path| (path.clone(), identity(path)))
                .collect(),
        )
    }

    /// The first path with another file than before, or with one where there was
    /// none. One that is gone is no reason: nothing can be read there by anybody.
    pub(crate) fn replaced(&self) -> Option<&str> {
        self.0.iter().find_map(|(path, before)| {
            let now = identity(path)?;
            (Some(now) != *before).then_some(path.as_str())
        })
    }
}

fn identity(path: &str) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_reads_single_files_gets_a_list() {
        let network = Profile {
            network: true,
            ..Profile::default()
        };
        let named = || vec!["/etc/mig/ca.pem".to_owned()];
        let paths_of = |profile: &Profile| paths(profile, named());
        assert!(paths_of(&network).contains(&"/etc/resolv.conf".to_owned()));
        assert!(paths_of(&network).contains(&"/etc/mig/ca.pem".to_owned()));
        let only_named = Profile {
            named_files: true,
            ..Profile::default()
        };
        assert_eq!(paths_of(&only_named), named());
        let reader = Profile {
            filesystem_read: true,
            ..network
        };
        assert!(paths_of(&reader).is_empty() && paths_of(&Profile::default()).is_empty());
        for path in paths_of(&network) {
            assert!(!["/etc", "/run", "/", "/etc/ssl", "/etc/mig"].contains(&path.as_str()));
        }
    }

    #[test]
    fn a_file_in_the_place_of_another_is_noticed() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("resolv.conf");
        let text = path.to_str().expect("UTF-8").to_owned();
        let other = directory.path().join("new");
        std::fs::write(&path, "old").expect("write");
        let seen = Seen::now(std::slice::from_ref(&text));
        std::fs::write(&path, "the same file, changed").expect("write");
        assert_eq!(seen.replaced(), None);
        std::fs::write(&other, "new").expect("write");
        std::fs::rename(&other, &path).expect("rename");
        assert_eq!(seen.replaced(), Some(text.as_str()));
        std::fs::remove_file(&path).expect("remove");
        let seen = Seen::now(std::slice::from_ref(&text));
        assert_eq!(seen.replaced(), None);
        std::fs::write(&path, "there now").expect("write");
        assert_eq!(seen.replaced(), Some(text.as_str()));
    }
}
