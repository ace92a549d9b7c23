//! Who owns a file and its directories, and who else may write there.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The user this process acts as.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: geteuid takes no arguments and cannot fail.
    unsafe { libc::geteuid() }
}

/// Why a path is not safe to load from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsafe {
    #[error("{path} is owned by user {owner}; give it to root{also}")]
    Owner {
        path: PathBuf,
        owner: u32,
        also: &'static str,
    },
    #[error(
        "{path} can be written by its group or by others (mode {mode:04o}); run: chmod go-w {path}"
    )]
    Writable { path: PathBuf, mode: u32 },
    #[error("{path} is not a regular file")]
    NotAFile { path: PathBuf },
    #[error("{path} is not a directory; remove it")]
    NotADirectory { path: PathBuf },
    #[error("cannot examine {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// Checks the file itself, opened already.
pub(crate) fn check_file(path: &Path, meta: &std::fs::Metadata) -> Result<(), Unsafe> {
    if !meta.is_file() {
        return Err(Unsafe::NotAFile { path: path.into() });
    }
    check(path, meta, false)
}

fn check(path: &Path, meta: &std::fs::Metadata, sticky_is_fine: bool) -> Result<(), Unsafe> {
    let user = effective_user();
    let owner = meta.uid();
    if owner != 0 && owner != user {
        return Err(Unsafe::Owner {
            path: path.into(),
            owner,
            also: if user == 0 { "" } else { " or to yourself" },
        });
    }
    let mode = meta.mode() & 0o7777;
    // In a sticky directory nobody else can replace what is ours, as in /tmp.
    let sticky = sticky_is_fine && mode & 0o1000 != 0;
    if mode & 0o022 != 0 && !sticky {
        return Err(Unsafe::Writable {
            path: path.into(),
            mode,
        });
    }
    Ok(())
}

/// Makes sure that there is such a directory, for its owner alone: neither a
/// link nor in a directory where others could replace it.
pub(crate) fn private_directory(path: &Path) -> Result<(), Unsafe> {
    let io = |source| Unsafe::Io {
        path: path.into(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(io)?;
    let meta = std::fs::symlink_metadata(path).map_err(io)?;
    if !meta.is_dir() {
        return Err(Unsafe::NotADirectory { path: path.into() });
    }
    check_directories(path)?;
    if meta.mode() & 0o077 != 0 {
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(path, mode).map_err(io)?;
    }
    Ok(())
}

/// Checks the directory of a plugin and all directories above it, following
/// links as the kernel does: the resolved path is what counts.
pub(crate) fn check_directories(directory: &Path) -> Result<PathBuf, Unsafe> {
    let io = |path: &Path, source| Unsafe::Io {
        path: path.into(),
        source,
    };
    let resolved = directory
        .canonicalize()
        .map_err(|error| io(directory, error))?;
    for ancestor in resolved.ancestors() {
        let meta = std::fs::symlink_metadata(ancestor).map_err(|error| io(ancestor, error))?;
        check(ancestor, &meta, ancestor != resolved)?;
    }
    Ok(resolved)
}
