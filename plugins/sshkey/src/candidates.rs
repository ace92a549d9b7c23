//! Which files are worth reading, and reading them.

use crate::examine::Purpose;
use mig_module_file as file;
use mig_plugin_sdk::{Failure, Session};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most candidates of a run.
pub const MOST: usize = 1000;
/// Largest candidate, 1 MiB, in bytes and as the `file` module writes it.
const LARGEST: u64 = 1 << 20;
const LARGEST_WRITTEN: &str = "<1m";
/// The label of the search.
const LABEL: &str = "keys";

/// Lines that keys have: the start of a private key, and the name of a kind with
/// the start of a key behind it. The first 3 bytes of an encoded key are zeros,
/// the upper ones of a length, which base64 writes as `AAAA`.
const LINES: &str = concat!(
    r"^(-----BEGIN ([A-Z]+ )?PRIVATE KEY-----|PuTTY-User-Key-File-[1-3]: |---- BEGIN SSH2 PUBLIC KEY ----)",
    r"|(^|[ \t])(ssh-(rsa|dss|ed25519)|(sk-)?ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519)",
    r"((-cert-v01)?@openssh\.com)?[ \t]+AAAA",
);

/// The candidates, in the order of the walk, and whether there are more.
///
/// # Errors
/// When the host asks for the end.
pub fn find(
    paths: Vec<String>,
    depth: u32,
    session: &Session<'_>,
) -> Result<(Vec<PathBuf>, bool), Failure> {
    let search = file::Search {
        paths,
        contents: vec![LINES.to_owned()],
        sizes: vec![LARGEST_WRITTEN.to_owned()],
        options: file::SearchOptions {
            maxdepth: f64::from(depth),
            matchall: true,
            // One more tells whether there are more.
            matchlimit: (MOST + 1) as f64,
            ..file::SearchOptions::default()
        },
        ..file::Search::default()
    };
    let mut parameters = file::Parameters::default();
    parameters.searches.insert(LABEL.to_owned(), search);
    let mut found = file::locate(&parameters, session)?
        .remove(LABEL)
        .unwrap_or_default();
    let cut = found.len() > MOST;
    found.truncate(MOST);
    Ok((found, cut))
}

/// What a file is there for.
pub fn purpose(path: &Path) -> Purpose {
    match path.file_name().map(OsStrExt::as_bytes) {
        Some(b"authorized_keys" | b"authorized_keys2") => Purpose::AuthorizedKeys,
        _ => Purpose::Any,
    }
}

/// Reads a candidate. It may have become anything since it was found.
///
/// # Errors
/// Those of opening and reading; `InvalidData` when it is no regular file any
/// more, or too large.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::options()
        .read(true)
        // A pipe that nobody writes to must not hold us up.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a regular file",
        ));
    }
    // Reserved at once, so that no copy is left behind by growing.
    let room = usize::try_from(LARGEST + 1).unwrap_or_default();
    let size = usize::try_from(metadata.len()).unwrap_or(room);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.min(size + 1)));
    let room = bytes.capacity();
    file.take(room as u64).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "larger than 1 MiB",
        ));
    }
    Ok(bytes)
}
