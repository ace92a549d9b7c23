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
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.trust.crt",
];

/// Directories of certificates, in which some administrators keep keys as well.
const CERTIFICATES: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Directories that hold nothing but the like, and libraries.
const DIRECTORIES: &[&str] = &[
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
        let public = CERTIFICATES.iter().filter(|path| is_public(path));
        let all = FILES.iter().chain(DIRECTORIES).chain(public);
        paths.extend(all.map(|&path| path.to_owned()));
    }
    paths
}

/// Whether everybody may read everything in a directory: what not everybody may
/// is a secret, and a worker that runs as root could read it.
fn is_public(directory: &str) -> bool {
    let Ok(mut entries) = std::fs::read_dir(directory) else {
        return false;
    };
    entries.all(|entry| {
        let target = entry.and_then(|entry| std::fs::metadata(entry.path()));
        // A link to nothing shows nothing.
        target.map_or(true, |metadata| metadata.mode() & 0o004 != 0)
    })
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
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

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
    fn a_directory_with_a_secret_in_it_is_not_public() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().to_str().expect("UTF-8");
        let write = |name: &str, mode| {
            let file = directory.path().join(name);
            std::fs::write(&file, "a certificate").expect("write");
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("mode");
        };
        write("ca.pem", 0o644);
        std::os::unix::fs::symlink("gone", directory.path().join("link")).expect("link");
        assert!(is_public(path));
        write("localhost.pem", 0o600);
        assert!(!is_public(path));
        assert!(!is_public(&format!("{path}/ca.pem")) && !is_public(&format!("{path}/gone")));
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
