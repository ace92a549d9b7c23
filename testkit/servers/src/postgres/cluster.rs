//! The files of a new server.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;

use super::{PASSWORD, SUPERUSER};
use crate::{kept, owner, printed};

/// Makes them. `initdb` takes much longer than a copy, so it works once for each
/// test program.
pub(super) fn make(programs: &Path, home: &Path, data: &Path) {
    static FIRST: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let first = first.get_or_insert_with(|| {
        let directory = owner::directory("mig-pg");
        initialise(programs, &directory);
        let files = directory.path().join("data");
        kept::keep(Arc::new(directory));
        files
    });
    let mut copy = owner::command("cp".as_ref(), home);
    printed(copy.args(["-R", "-p"]).arg(first).arg(data)).expect("a copy");
}

fn initialise(programs: &Path, directory: &TempDir) {
    let password = directory.path().join("password");
    owner::write(&password, PASSWORD, 0o600);
    printed(
        owner::command(&programs.join("initdb"), directory.path())
            .arg("--pgdata")
            .arg(directory.path().join("data"))
            .arg("--pwfile")
            .arg(&password)
            .args(["--username", SUPERUSER, "--encoding", "UTF8"])
            .args(["--locale", "C.UTF-8", "--no-sync", "--auth-local", "trust"])
            .args(["--auth-host", "scram-sha-256"]),
    )
    .expect("initdb");
}
