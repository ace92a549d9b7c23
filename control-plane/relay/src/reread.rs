//! Files that are read again when they changed, so that a relay with thousands of
//! connections need not be started anew for them.

use crate::error::RelayError;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What such a file says.
pub(crate) struct Reread<T> {
    path: PathBuf,
    read: Box<Read<T>>,
    current: Mutex<(Option<Stamp>, Arc<T>)>,
}

type Read<T> = dyn Fn(&Path) -> Result<T, RelayError> + Send + Sync;

/// Tells one state of a file from another: device, inode, size, time of change.
type Stamp = (u64, u64, u64, i64, i64);

impl<T> Reread<T> {
    /// # Errors
    /// What `read` says of the file as it is now.
    pub fn open(
        path: &Path,
        read: impl Fn(&Path) -> Result<T, RelayError> + Send + Sync + 'static,
    ) -> Result<Self, RelayError> {
        // Before the content: a change in between is then seen as one.
        let stamp = stamp(path);
        let first = read(path)?;
        Ok(Self {
            path: path.to_owned(),
            read: Box::new(read),
            current: Mutex::new((stamp, Arc::new(first))),
        })
    }

    /// What the file says now. That it became unusable is said once, and what it
    /// said before holds on: neither is everybody locked out, nor is somebody let
    /// in who was not before.
    pub fn current(&self) -> Arc<T> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.path);
        if current.0 != now {
            match (self.read)(&self.path) {
                Ok(new) => {
                    current.1 = Arc::new(new);
                    tracing::info!("Read {} again.", self.path.display());
                }
                Err(error) => tracing::error!("{error}; what was read before still holds."),
            }
            current.0 = now;
        }
        Arc::clone(&current.1)
    }
}

impl<T> fmt::Debug for Reread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reread({})", self.path.display())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    Some((
        meta.dev(),
        meta.ino(),
        meta.size(),
        meta.ctime(),
        meta.ctime_nsec(),
    ))
}
