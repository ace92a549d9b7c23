//! Who this agent is: a secret of its own in the run directory, from which its
//! queue on the relay is named.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::sys;

/// Name of the file that holds the identity.
pub const FILE: &str = ".migagtid";
/// Shortest identity that counts.
const SHORTEST: usize = 80;
/// Longest identity: `mig.agt.linux.` and it must fit 255 bytes.
const LONGEST: usize = 230;
/// Characters of a new identity: 517 bits.
const NEW: usize = 100;
/// Digits of a new identity.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Why there is no identity.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The run directory cannot be made or is none.
    #[error(
        "cannot use the run directory {path}: {source}; create it or set `rundirectory` in [agent]"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file cannot be read or written.
    #[error(
        "cannot use the identity file {path}: {source}; it must be readable by the user mig-agent runs as"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// The agent's identity.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The secret itself; whoever knows it may shut the agent down.
    pub secret: String,
    /// `<os>.<secret>`.
    pub queueloc: String,
}

impl Identity {
    /// The agent's queue on the relay, which is also its routing key.
    pub fn queue(&self) -> String {
        format!("mig.agt.{}", self.queueloc)
    }

    fn new(secret: String) -> Self {
        Self {
            queueloc: format!("{}.{secret}", sys::os()),
            secret,
        }
    }
}

/// Reads the identity, or makes one on the first start.
///
/// # Errors
/// The run directory cannot be made, or the file cannot be read or written.
pub fn load_or_create(run_directory: &Path) -> Result<Identity, IdentityError> {
    prepare(run_directory)?;
    let path = run_directory.join(FILE);
    let error = |source| IdentityError::File {
        path: path.clone(),
        source,
    };
    match read(run_directory) {
        Ok(Some(identity)) => return Ok(identity),
        Ok(None) => {}
        Err(source) if source.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(error(source)),
    }
    let secret = generate().map_err(error)?;
    write(&path, &secret).map_err(error)?;
    Ok(Identity::new(secret))
}

/// Reads the identity of an agent that has run before; none when the file does
/// not hold one.
///
/// # Errors
/// The file cannot be read.
pub fn read(run_directory: &Path) -> io::Result<Option<Identity>> {
    let text = fs::read_to_string(run_directory.join(FILE))?;
    let secret = text.trim_end();
    let valid = (SHORTEST..=LONGEST).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Ok(valid.then(|| Identity::new(secret.to_owned())))
}

fn prepare(directory: &Path) -> Result<(), IdentityError> {
    let error = |source| IdentityError::Directory {
        path: directory.to_owned(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(error)?;
    if !directory.is_dir() {
        return Err(error(io::ErrorKind::NotADirectory.into()));
    }
    Ok(())
}

fn generate() -> io::Result<String> {
    let mut secret = String::with_capacity(NEW);
    let mut random = [0; 128];
    while secret.len() < NEW {
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        for byte in random {
            // 252 is the largest multiple of 36 in a byte: beyond it the low
            // digits would come up more often.
            if byte < 252 && secret.len() < NEW {
                secret.push(char::from(DIGITS[usize::from(byte % 36)]));
            }
        }
    }
    Ok(secret)
}

fn write(path: &Path, secret: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(&new)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_start_makes_an_identity_and_later_ones_keep_it() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("new").join("deep");
        let first = load_or_create(&run).unwrap();
        assert_eq!(first.secret.len(), NEW);
        assert!(
            first
                .secret
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
        assert_eq!(first.queueloc, format!("linux.{}", first.secret));
        assert_eq!(first.queue(), format!("mig.agt.linux.{}", first.secret));
        let mode = fs::metadata(run.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
        assert!(load_or_create(&run).unwrap() == first);
    }

    #[test]
    fn two_agents_do_not_share_an_identity() {
        let one = load_or_create(tempfile::tempdir().unwrap().path()).unwrap();
        let other = load_or_create(tempfile::tempdir().unwrap().path()).unwrap();
        assert!(one != other);
    }

    #[test]
    fn an_identity_of_an_original_agent_is_kept_and_a_bad_one_replaced() {
        for (content, kept) in [
            ("q".repeat(95), true),
            (format!("{}\n", "Q7".repeat(52)), true),
            ("q".repeat(79), false),
            (format!("{}-", "q".repeat(90)), false),
            ("q".repeat(300), false),
            (String::new(), false),
        ] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(FILE), &content).unwrap();
            let identity = load_or_create(directory.path()).unwrap();
            assert_eq!(identity.secret == content.trim_end(), kept, "{content:?}");
        }
    }

    #[test]
    fn a_run_directory_that_is_a_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        fs::write(&path, "").unwrap();
        let message = load_or_create(&path).err().unwrap().to_string();
        assert!(
            message.contains("run") && message.contains("rundirectory"),
            "{message}"
        );
    }
}
