//! Whom a server runs as: PostgreSQL refuses root, and no server needs it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// `nobody` of every Linux distribution.
const NOBODY: u32 = 65534;

/// A directory for a server, which belongs to the user it runs as.
pub(crate) fn directory(prefix: &str) -> tempfile::TempDir {
    let directory = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .expect("a directory");
    give(directory.path());
    directory
}

/// Gives a file or directory to the user that servers run as.
pub(crate) fn give(path: &Path) {
    if mig_testkit::is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("chown");
    }
}

/// Writes a file that only the servers' user may read.
pub(crate) fn write(path: &Path, content: &str, mode: u32) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.write_all(content.as_bytes()).expect("write");
    give(path);
}

/// A command that runs as the servers' user, in `home`, with nothing of this
/// process's environment but the search path.
pub(crate) fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .current_dir(home);
    if mig_testkit::is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
