//! Names of users, from the file that every Unix has.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the file is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// More of a password file than this is not read.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Knows users by number.
pub trait Names: Send {
    /// What the user is called at that moment; `None` when nobody has the number.
    fn user(&mut self, uid: u32, now: Instant) -> Option<&str>;
}

/// What tells one state of the file from another.
type Stamp = (u64, u64, i64, i64, i64, i64);

/// The password file, kept in memory and read again when it has changed. Other
/// sources of users (LDAP, the system security services) are not asked: that
/// would mean loading foreign code into the module and waiting for a server
/// with events piling up.
#[derive(Debug)]
pub struct PasswdNames {
    path: PathBuf,
    looked: Option<Instant>,
    stamp: Option<Stamp>,
    users: Vec<(u32, Box<str>)>,
}

impl PasswdNames {
    /// Names from a file of the form of `/etc/passwd`.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            looked: None,
            stamp: None,
            users: Vec::new(),
        }
    }

    /// Reads the file if it is another one than before. While it cannot be
    /// read, the names of before stay.
    fn refresh(&mut self, now: Instant) {
        let due = self
            .looked
            .is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK_EVERY);
        if !due {
            return;
        }
        self.looked = Some(now);
        let Ok(about) = std::fs::metadata(&self.path) else {
            return;
        };
        let stamp = (
            about.ino(),
            about.len(),
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec(),
        );
        if self.stamp == Some(stamp) || !about.is_file() {
            return;
        }
        if let Ok(file) = File::open(&self.path) {
            self.users = users(BufReader::new(file.take(MOST_BYTES)));
            self.stamp = Some(stamp);
        }
    }
}

impl Names for PasswdNames {
    fn user(&mut self, uid: u32, now: Instant) -> Option<&str> {
        self.refresh(now);
        let place = self
            .users
            .binary_search_by_key(&uid, |&(number, _)| number)
            .ok()?;
        Some(&self.users[place].1)
    }
}

/// Numbers and names, by number; of equal numbers the first line counts.
fn users(mut file: impl BufRead) -> Vec<(u32, Box<str>)> {
    let mut users = Vec::new();
    let mut line = Vec::new();
    while let Ok(1..) = file.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        if let Some(Ok(uid)) = parts.nth(1).map(str::parse)
            && !name.is_empty()
        {
            users.push((uid, Box::from(name)));
        }
        line.clear();
    }
    users.sort_by_key(|&(uid, _)| uid);
    users.dedup_by_key(|entry| entry.0);
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_file_when_it_changes() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("passwd");
        let start = Instant::now();
        let mut names = PasswdNames::new(path.clone());
        assert_eq!(names.user(0, start), None, "there is no file yet");
        std::fs::write(
            &path,
            "root:x:0:0::/:/bin/sh\nbroken\n:x:7:7:::\ntoor:x:0:0:::\nal\u{ed}ce:x:1000:1:::\n",
        )
        .expect("write");
        assert_eq!(names.user(0, start), None, "looked a moment ago");
        let later = start + LOOK_EVERY;
        assert_eq!(names.user(0, later), Some("root"));
        assert_eq!(names.user(1000, later), Some("alíce"));
        assert_eq!(names.user(7, later), None);
        std::fs::write(&path, "root:x:0:0::/:/bin/sh\nbob:x:1000:1:::\n").expect("write");
        let later = later + LOOK_EVERY;
        assert_eq!(names.user(1000, later), Some("bob"));
        std::fs::remove_file(&path).expect("remove");
        assert_eq!(
            names.user(1000, later + LOOK_EVERY),
            Some("bob"),
            "the last known names stay"
        );
    }
}
