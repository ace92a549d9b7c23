//! Whose orders this agent takes: the investigators' public keys and the access
//! control list. Both are read again when they change, so that a key that was
//! withdrawn stops counting at once and not at the next restart.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use mig_protocol::Action;
use mig_protocol::acl::{Acl, Refusal};
use mig_protocol::json::ReadError;
use mig_protocol::openpgp::{Fingerprint, Keyring, KeyringError, inspect_key};
use thiserror::Error;

/// Largest ACL that is read, in bytes.
const MAX_ACL: u64 = 1 << 20;

/// Largest key that is looked at for its names, in bytes.
const MAX_KEY: u64 = 1 << 20;

/// Why nobody is obeyed.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The directory of keys cannot be read.
    #[error("{0}")]
    Keyring(#[from] KeyringError),
    /// The ACL cannot be read.
    #[error("cannot read the ACL {}: {source}", path.display())]
    AclFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The ACL makes no sense.
    #[error("the ACL {} cannot be used: {source}", path.display())]
    Acl {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ReadError,
    },
    /// The signers may not do this.
    #[error("{0}")]
    Denied(#[from] Refusal),
}

/// Keys and rules, kept current.
pub struct Trust {
    keyring: PathBuf,
    acl: PathBuf,
    only_verify_keys: bool,
    current: Mutex<(Stamp, Arc<Rules>)>,
}

/// Keys and rules as they were read at one time.
#[derive(Debug)]
pub struct Rules {
    /// The keys.
    pub keyring: Keyring,
    /// The rules.
    pub acl: Acl,
    /// Any key of the keyring may order anything.
    pub only_verify_keys: bool,
    directory: PathBuf,
    /// User ids of the keys, read when somebody first asks.
    user_ids: OnceLock<HashMap<Fingerprint, Vec<String>>>,
}

impl Rules {
    /// Whether `signers` may have the action carried out.
    ///
    /// # Errors
    /// They may not.
    pub fn permit(&self, action: &Action, signers: &[Fingerprint]) -> Result<(), TrustError> {
        self.acl.evaluate(action, signers, self.only_verify_keys)?;
        Ok(())
    }

    /// Names of a key, for people: its labels in the ACL and its user ids.
    pub fn names(&self, key: &Fingerprint) -> Vec<String> {
        let mut names: Vec<String> = self
            .acl
            .entries()
            .values()
            .flat_map(|entry| &entry.investigators)
            .filter(|(_, investigator)| key.matches(&investigator.fingerprint))
            .map(|(label, _)| label.clone())
            .collect();
        let user_ids = self.user_ids.get_or_init(|| user_ids(&self.directory));
        names.extend(user_ids.get(key).into_iter().flatten().cloned());
        names.sort();
        names.dedup();
        names
    }
}

impl Trust {
    /// Reads keys and rules. A directory or file that does not exist means that
    /// nobody may do anything, which is said in the log.
    ///
    /// # Errors
    /// Either exists and cannot be used.
    pub fn load(keyring: &Path, acl: &Path, only_verify_keys: bool) -> Result<Self, TrustError> {
        let stamp = Stamp::look(keyring, acl);
        let rules = read(keyring, acl, only_verify_keys)?;
        Ok(Self {
            keyring: keyring.to_owned(),
            acl: acl.to_owned(),
            only_verify_keys,
            current: Mutex::new((stamp, Arc::new(rules))),
        })
    }

    /// Keys and rules as they are now.
    ///
    /// # Errors
    /// They changed and cannot be used any longer. Nothing is allowed then.
    pub fn current(&self) -> Result<Arc<Rules>, TrustError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::look(&self.keyring, &self.acl);
        if stamp != current.0 {
            let rules = read(&self.keyring, &self.acl, self.only_verify_keys)?;
            tracing::info!(
                "keyring and ACL were read again: {} keys",
                rules.keyring.len()
            );
            *current = (stamp, Arc::new(rules));
        }
        Ok(Arc::clone(&current.1))
    }
}

fn read(keyring: &Path, acl: &Path, only_verify_keys: bool) -> Result<Rules, TrustError> {
    let keys = match Keyring::load_directory(keyring) {
        Ok((keys, remarks)) => {
            for remark in remarks {
                let path = remark.path.display();
                if remark.skipped {
                    tracing::warn!("{path} is not used as a key: {}", remark.reason);
                } else {
                    tracing::warn!("{path}: {}", remark.reason);
                }
            }
            keys
        }
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => {
            tracing::warn!("the keyring directory {} does not exist", keyring.display());
            Keyring::new()
        }
        Err(error) => return Err(error.into()),
    };
    if keys.is_empty() {
        tracing::warn!("no investigator's key is known: every action will be refused");
    }
    let failed = |source| TrustError::AclFile {
        path: acl.to_owned(),
        source,
    };
    let rules = match fs::metadata(acl) {
        Ok(meta) if meta.len() > MAX_ACL => return Err(failed(io::ErrorKind::FileTooLarge.into())),
        Ok(_) => {
            let json = fs::read(acl).map_err(failed)?;
            let rules = Acl::parse(&json).map_err(|source| TrustError::Acl {
                path: acl.to_owned(),
                source,
            })?;
            for warning in rules.warnings() {
                tracing::warn!("{}: {warning}", acl.display());
            }
            rules
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if !only_verify_keys {
                tracing::warn!(
                    "the ACL {} does not exist: every action will be refused",
                    acl.display()
                );
            }
            Acl::built_in()
        }
        Err(error) => return Err(failed(error)),
    };
    Ok(Rules {
        keyring: keys,
        acl: rules,
        only_verify_keys,
        directory: keyring.to_owned(),
        user_ids: OnceLock::new(),
    })
}

/// What the keys of a directory call themselves. A file that cannot be read has
/// no names to give.
fn user_ids(directory: &Path) -> HashMap<Fingerprint, Vec<String>> {
    let mut names: HashMap<Fingerprint, Vec<String>> = HashMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let mut armored = Vec::new();
        let read = fs::File::open(entry.path())
            .and_then(|file| file.take(MAX_KEY).read_to_end(&mut armored));
        if read.is_ok()
            && let Ok(report) = inspect_key(&armored)
        {
            names
                .entry(report.fingerprint)
                .or_default()
                .extend(report.user_ids);
        }
    }
    names
}

/// What the files looked like: cheap to compare for every command.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(Vec<(PathBuf, Option<SystemTime>, u64, u64)>);

impl Stamp {
    fn look(keyring: &Path, acl: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;

        let mut files = vec![keyring.to_owned(), acl.to_owned()];
        if let Ok(entries) = fs::read_dir(keyring) {
            files.extend(entries.flatten().map(|entry| entry.path()));
        }
        files.sort();
        Self(
            files
                .into_iter()
                .map(|path| {
                    let meta = fs::metadata(&path).ok();
                    let changed = meta.as_ref().and_then(|meta| meta.modified().ok());
                    let size = meta.as_ref().map_or(0, MetadataExt::size);
                    let inode = meta.as_ref().map_or(0, MetadataExt::ino);
                    (path, changed, size, inode)
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACL: &str = r#"{"default":{"minimumweight":2,"investigators":{}}}"#;

    fn refusal(trust: &Trust) -> String {
        let signer = "3828BBB5E3B923A93078EE8CFE7FB8600243F14D".parse().unwrap();
        let action = Action {
            operations: Some(vec![mig_protocol::Operation {
                module: "file".into(),
                ..Default::default()
            }]),
            ..Action::default()
        };
        match trust.current() {
            Ok(rules) => rules.permit(&action, &[signer]).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn without_files_nobody_may_do_anything() {
        let directory = tempfile::tempdir().unwrap();
        let trust = Trust::load(
            &directory.path().join("keys"),
            &directory.path().join("acl"),
            false,
        )
        .unwrap();
        assert!(
            refusal(&trust).contains("needs weight 1"),
            "{}",
            refusal(&trust)
        );
    }

    #[test]
    fn an_acl_that_changes_counts_at_once_and_a_broken_one_allows_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (keys, acl) = (directory.path().join("keys"), directory.path().join("acl"));
        fs::create_dir(&keys).unwrap();
        fs::write(&acl, ACL).unwrap();
        let trust = Trust::load(&keys, &acl, false).unwrap();
        assert!(refusal(&trust).contains("needs weight 2"));
        fs::write(&acl, ACL.replace('2', "77")).unwrap();
        assert!(refusal(&trust).contains("needs weight 77"));
        fs::write(&acl, "{").unwrap();
        assert!(refusal(&trust).contains("cannot be used"));
        fs::write(&acl, ACL).unwrap();
        assert!(refusal(&trust).contains("needs weight 2"));
    }

    #[test]
    fn a_broken_acl_stops_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let acl = directory.path().join("acl");
        fs::write(&acl, "[]").unwrap();
        let error = Trust::load(directory.path(), &acl, false)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("acl") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_file_that_is_no_key_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("README"), "not a key").unwrap();
        let trust = Trust::load(directory.path(), Path::new("/nonexistent/acl"), true).unwrap();
        assert!(trust.current().unwrap().keyring.is_empty());
    }
}
