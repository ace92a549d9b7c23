//! Small disks, which a test can fill.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Set in a process that has mounts of its own.
const INSIDE: &str = "MIG_TEST_OWN_MOUNTS";

/// True in a process that may mount what it likes without anybody noticing. In
/// any other the calling test, which is known by the name of its thread, runs
/// again in such a process, and the caller returns right afterwards:
///
/// ```no_run
/// if !mig_testkit::own_mounts() {
///     return;
/// }
/// let disk = mig_testkit::SmallDisk::new(16);
/// ```
///
/// An ordinary user needs a user namespace for that; where the kernel has none
/// for him the test is reported as skipped.
///
/// # Panics
/// When the test fails there; the message is what it printed.
pub fn own_mounts() -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !unshare()
        .arg("true")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        crate::skip("the kernel gives this user no mounts of his own");
        return false;
    }
    let thread = std::thread::current();
    let name = thread.name().expect("a test's thread has its name");
    let program = std::env::current_exe().expect("the test's program");
    let output = unshare()
        .arg(program)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .expect("the test starts again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{name}, on its own mounts: {said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !crate::is_root() {
        // He stays who he is: some servers refuse to run as root.
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    // It must not outlive the one that waits for it.
    command.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
    command
}

/// A small file system of the test's own, which anybody may write to, as in
/// `/tmp`. Only where there are [`own_mounts`].
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// One with so many MiB.
    ///
    /// # Panics
    /// When it cannot be mounted.
    pub fn new(mebibytes: u32) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        // Whoever a server runs as has to reach what is mounted in it.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711))
            .expect("permissions");
        mount(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o"])
                .arg(format!("size={mebibytes}m,mode=1777"))
                .arg("tmpfs")
                .arg(directory.path()),
        );
        Self(directory)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room, not even for a byte. Called again it takes what others
    /// have freed meanwhile.
    ///
    /// # Panics
    /// When the file that takes the room cannot be made.
    pub fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Leaves room for so many bytes, about; also where there is less than that.
    ///
    /// # Panics
    /// When the file that takes the room cannot be made.
    pub fn leave(&self, bytes: u64) {
        let disk = nix::sys::statvfs::statvfs(self.path()).expect("a file system");
        let free = disk.blocks_available() * disk.fragment_size();
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a file");
        let taken = file.metadata().expect("a file").len();
        let wanted = (taken + free).saturating_sub(bytes);
        file.set_len(wanted.min(taken)).expect("room");
        let zeros = vec![0; usize::try_from(wanted.saturating_sub(taken)).expect("a size")];
        (&file).write_all(&zeros).expect("room");
    }

    /// Frees what was taken.
    ///
    /// # Panics
    /// When it took nothing.
    pub fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("removed");
    }

    fn ballast(&self) -> std::path::PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whatever is still open goes with its process.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .output();
    }
}

/// Mounts something.
///
/// # Panics
/// When that cannot be done; the message is what `mount` says.
pub(crate) fn mount(call: &mut Command) {
    let output = call.output().expect("mount");
    assert!(
        output.status.success(),
        "mount: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
