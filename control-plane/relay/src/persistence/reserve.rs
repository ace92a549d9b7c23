//! A file that holds room for deletions.
//!
//! With SQLite's log even a deletion has to be written before it frees anything. On
//! a disk without a free byte the log cannot grow, and the database cannot take over
//! what is in it, so that the log could begin anew: what consumers have settled could
//! then never be deleted, and there would never be room again. So some is set aside
//! while there is enough. It is given up when a deletion cannot be written, and set
//! aside again before publishers go on.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The database can take over a log of this size, and the log can begin anew; see
/// [`super::room::LEAST`].
pub(super) const BYTES: u64 = 8 << 20;

/// See the module.
pub(super) struct Reserve {
    path: PathBuf,
    there: bool,
}

impl Reserve {
    /// That of a database, which may be there from an earlier time.
    pub fn of(database: &Path) -> Self {
        let mut path = OsString::from(database);
        path.push("-reserve");
        let path = PathBuf::from(path);
        let there = std::fs::metadata(&path).is_ok_and(|known| known.len() == BYTES);
        Self { path, there }
    }

    pub fn is_there(&self) -> bool {
        self.there
    }

    /// Takes the room, unless it is taken already.
    pub fn make(&mut self) -> io::Result<()> {
        if self.there {
            return Ok(());
        }
        let made = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .and_then(|file| allocate(&file));
        if made.is_err() {
            // A part of it is of no use to anybody.
            let _ = std::fs::remove_file(&self.path);
        }
        self.there = made.is_ok();
        made
    }

    /// Frees the room; false when there is none.
    pub fn give_up(&mut self) -> bool {
        // What cannot be removed is no help.
        std::mem::take(&mut self.there) && std::fs::remove_file(&self.path).is_ok()
    }
}

fn allocate(file: &File) -> io::Result<()> {
    let bytes = i64::try_from(BYTES).map_err(io::Error::other)?;
    // The blocks themselves: a file with a hole would hold nothing.
    nix::fcntl::posix_fallocate(file, 0, bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mig_testkit::{SmallDisk, own_mounts};

    #[test]
    fn it_takes_room_only_where_there_is_some_and_gives_it_back() {
        if !own_mounts() {
            return;
        }
        let disk = SmallDisk::new(16);
        let database = disk.path().join("relay.db");
        let mut reserve = Reserve::of(&database);
        assert!(!reserve.is_there() && !reserve.give_up());
        reserve.make().expect("room");
        assert!(Reserve::of(&database).is_there());
        disk.fill();
        assert!(std::fs::write(&database, b"x").is_err());
        assert!(reserve.give_up() && !reserve.give_up());
        std::fs::write(&database, b"x").expect("room for it");
        disk.fill();
        assert!(reserve.make().is_err());
        assert!(!reserve.is_there() && !Reserve::of(&database).is_there());
        assert!(!reserve.path.exists(), "a part of it stayed");
    }
}
