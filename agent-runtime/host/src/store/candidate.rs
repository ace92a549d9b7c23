//! From a file name to a module that may be run: ownership, signature,
//! inspection, and the verified bytes kept where nobody can change them.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use mig_protocol::Time;

use super::{Entry, ModuleInfo, Origin, StoreOptions};
use crate::digest::sha256_hex;
use crate::inspect::{self, MAX_PLUGIN_BYTES, Rules};
use crate::signature::{self, PluginKeys, SignatureError};
use crate::sys::{descriptors, memory_file, ownership};
use crate::text::size;

/// Where a worker gets the module from.
#[derive(Debug)]
pub(crate) enum Source {
    /// It is part of the program.
    Linked,
    /// A sealed copy of the verified bytes.
    Sealed(OwnedFd),
    /// The file itself, where the system forbids executing memory files. Only
    /// its owner can change it, and every use checks it again.
    File { file: File, sha256: String },
}

impl Source {
    /// The descriptor to load from, if any.
    ///
    /// # Errors
    /// When the file is no longer what was verified.
    pub(crate) fn descriptor(&self) -> Result<Option<BorrowedFd<'_>>, String> {
        match self {
            Source::Linked => Ok(None),
            Source::Sealed(fd) => Ok(Some(fd.as_fd())),
            Source::File { file, sha256 } => {
                let bytes = descriptors::read_whole(file, MAX_PLUGIN_BYTES)
                    .map_err(|error| format!("its plugin file cannot be read: {error}"))?;
                if sha256_hex(&bytes) == *sha256 {
                    Ok(Some(file.as_fd()))
                } else {
                    Err("its plugin file was changed after it was verified; restart to load it again".to_owned())
                }
            }
        }
    }
}

/// The plugin files of a directory, by name. None when it does not exist.
pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: io::Error| format!("cannot read the directory: {error}");
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "so") {
            files.push(path);
        }
    }
    if !files.is_empty() {
        ownership::check_directories(directory).map_err(|error| error.to_string())?;
    }
    files.sort();
    Ok(files)
}

/// What candidates are measured by.
pub(super) struct Search<'a> {
    pub(super) options: &'a StoreOptions,
    pub(super) rules: &'a Rules,
    pub(super) keys: &'a PluginKeys,
}

impl Search<'_> {
    /// Everything from opening to sealing; the reason when it is refused.
    pub(super) fn load(&self, path: &Path) -> Result<Entry, String> {
        // A link may lead elsewhere; what counts is where the file really is.
        let real = path
            .canonicalize()
            .map_err(|error| format!("cannot be opened: {error}"))?;
        if let Some(directory) = real.parent() {
            ownership::check_directories(directory).map_err(|error| error.to_string())?;
        }
        let file = File::open(&real).map_err(|error| format!("cannot be opened: {error}"))?;
        let meta = file
            .metadata()
            .map_err(|error| format!("cannot be examined: {error}"))?;
        ownership::check_file(&real, &meta).map_err(|error| error.to_string())?;
        let bytes = descriptors::read_whole(&file, MAX_PLUGIN_BYTES).map_err(|error| {
            if error.kind() == io::ErrorKind::FileTooLarge {
                format!(
                    "is larger than {}, the most a plugin may have",
                    size(MAX_PLUGIN_BYTES)
                )
            } else {
                format!("cannot be read: {error}")
            }
        })?;
        let signers = self
            .signers(path, &bytes)
            .map_err(|error| error.to_string())?;
        let found = inspect::inspect_with(&bytes, self.rules).map_err(|error| error.to_string())?;
        let sha256 = sha256_hex(&bytes);
        Ok(Entry {
            info: ModuleInfo {
                origin: Origin::Dynamic {
                    path: path.to_owned(),
                    unsigned: signers.is_empty(),
                },
                manifest: found.manifest,
                sha256: Some(sha256.clone()),
                signers,
            },
            source: keep(file, &bytes, sha256),
            manifest_digest: sha256_hex(&found.manifest_bytes),
            libraries: found.libraries,
        })
    }

    /// Who signed it; nobody when that is allowed. A signature that is there
    /// must count even then: it was put there to be checked.
    fn signers(&self, path: &Path, bytes: &[u8]) -> Result<Vec<String>, SignatureError> {
        match signature::read_beside(path)? {
            Some(signatures) => {
                let required = self.options.required_signatures;
                signature::verify(bytes, &signatures, self.keys, required, Time::now())
                    .map(|signers| signers.iter().map(ToString::to_string).collect())
            }
            None if self.options.allow_unsigned => Ok(Vec::new()),
            None => Err(SignatureError::Missing {
                name: format!(
                    "{}.sig",
                    path.file_name().unwrap_or_default().to_string_lossy()
                ),
            }),
        }
    }
}

/// Keeps the verified bytes for the workers to load.
fn keep(file: File, bytes: &[u8], sha256: String) -> Source {
    match memory_file::sealed(c"mig-plugin", bytes) {
        Ok(fd) if memory_file::may_be_mapped_executable(fd.as_fd()) => Source::Sealed(fd),
        _ => Source::File { file, sha256 },
    }
}
