//! What is watched, what is known of it, and what happens to it.

mod agenda;
mod checksums;
mod directories;
mod events;
mod listing;
mod profile;
mod status;

use agenda::{Agenda, Key};
use profile::Entry;
pub use status::Counters;

use crate::alert::{self, Happening};
use crate::configuration::{Configuration, Settings};
use crate::hashing::Hashing;
use crate::known::{Names, Past, Signature};
use crate::sys::Inotify;
use mig_plugin_sdk::{Failure, Service, texts};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Number of a watched directory.
type Id = u32;

/// Names of removed files that are remembered, to compare with what comes in
/// their place.
const MOST_GONE: usize = 4096;

/// How much of a directory is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reach {
    /// All names, not only some files.
    whole: bool,
    /// Its directories too.
    recursive: bool,
}

/// A watched directory.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    watch: i32,
    reach: Reach,
    /// Without [`Reach::whole`]: the files to watch.
    only: BTreeSet<Box<OsStr>>,
    /// What is in it is known, so that what is not known is new.
    listed: bool,
    names: Names,
}

/// Everything that is watched.
pub struct Watcher<'a> {
    service: Service<'a>,
    settings: Settings,
    entries: Vec<Entry>,
    inotify: Inotify,
    directories: HashMap<Id, Directory>,
    last: Id,
    by_watch: HashMap<i32, Id>,
    /// In order, so that what is below a directory follows it.
    by_path: BTreeMap<PathBuf, Id>,
    /// Directories that are gone or were known at the last start.
    past: BTreeMap<PathBuf, Past>,
    /// Directories that the kernel has no watch for, with their reach.
    refused: BTreeMap<PathBuf, Reach>,
    /// It was said that the system has no watch left.
    full: bool,
    /// Directories to list.
    scans: VecDeque<Id>,
    /// Files to hash now.
    queue: VecDeque<Key>,
    /// The last piece of work was a directory.
    listed_last: bool,
    hashing: Option<(Key, Box<Hashing>)>,
    buffer: Vec<u8>,
    /// Files to hash later.
    changed: Agenda,
    /// Files that raised an alert a short time ago, with their present state.
    quiet: HashMap<Key, Signature>,
    /// When these may raise one again.
    quiet_ends: Agenda,
    gone: usize,
    /// Something is known that is not in the file.
    pub unsaved: bool,
    /// For the status page.
    pub counters: Counters,
    next_look: Instant,
    looks: u32,
}

impl<'a> Watcher<'a> {
    /// Begins to watch what the profile names; what is below it follows in
    /// [`Watcher::work`].
    ///
    /// # Errors
    /// The profile is wrong, the system gives no queue, or the host is gone.
    pub fn new(
        configuration: &Configuration,
        past: BTreeMap<PathBuf, Past>,
        service: Service<'a>,
    ) -> Result<Self, Failure> {
        let entries = configuration.profile()?;
        let mut watcher = Self {
            service,
            settings: configuration.settings.clone(),
            entries: entries.into_iter().map(Entry::new).collect(),
            inotify: events::queue()?,
            directories: HashMap::new(),
            last: 0,
            by_watch: HashMap::new(),
            by_path: BTreeMap::new(),
            past,
            refused: BTreeMap::new(),
            full: false,
            scans: VecDeque::new(),
            queue: VecDeque::new(),
            listed_last: false,
            hashing: None,
            buffer: Vec::new(),
            changed: Agenda::default(),
            quiet: HashMap::new(),
            quiet_ends: Agenda::default(),
            gone: 0,
            unsaved: false,
            counters: Counters::default(),
            next_look: Instant::now(),
            looks: 0,
        };
        watcher.forget_foreign_past();
        watcher.look(true)?;
        Ok(watcher)
    }

    /// The kernel's queue, to wait for.
    pub fn inotify(&self) -> &Inotify {
        &self.inotify
    }

    /// Does what is due by now.
    ///
    /// # Errors
    /// The host is gone.
    pub fn do_what_is_due(&mut self, now: Instant) -> Result<(), Failure> {
        while let Some(key) = self.changed.take(now) {
            self.queue.push_back(key);
        }
        while let Some(key) = self.quiet_ends.take(now) {
            self.quiet_is_over(key)?;
        }
        if self.next_look <= now {
            self.look(false)?;
        }
        Ok(())
    }

    /// When something is due next.
    pub fn due(&self) -> Option<Instant> {
        let times = [self.changed.next(), self.quiet_ends.next()];
        let soonest = times.into_iter().flatten().min();
        Some(soonest.map_or(self.next_look, |time| time.min(self.next_look)))
    }

    /// Whether there is anything to list or to hash.
    pub fn has_work(&self) -> bool {
        self.hashing.is_some() || !self.queue.is_empty() || !self.scans.is_empty()
    }

    /// Does a small piece of that.
    ///
    /// # Errors
    /// The host is gone.
    pub fn work(&mut self) -> Result<(), Failure> {
        if self.hashing.is_some() {
            return self.hash_on();
        }
        // In turn: files that are written all the time shall not keep directories
        // from being listed.
        self.listed_last = !self.listed_last && !self.scans.is_empty();
        if self.listed_last || self.queue.is_empty() {
            if let Some(id) = self.scans.pop_front() {
                self.list(id)?;
            }
        } else if let Some(key) = self.queue.pop_front() {
            return self.hash(key);
        }
        if !self.has_work() {
            // Given back until the next checksum.
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// What is known, for the file.
    pub fn known(&self) -> impl Iterator<Item = (&Path, bool, &Names)> {
        let watched = self.directories.values();
        // What was never listed would make everything in it look new.
        let watched = watched
            .filter(|directory| directory.listed)
            .map(|directory| (&*directory.path, directory.reach.whole, &directory.names));
        let past = self.past.iter();
        watched.chain(past.map(|(path, past)| (path.as_path(), past.whole, &past.names)))
    }

    fn alert(&mut self, path: &Path, happening: Happening) -> Result<(), Failure> {
        self.counters.alerts += 1;
        self.service.alert(&alert::text(path, happening))
    }

    fn say(&self, line: &str) {
        self.service.session().info(line);
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        let directory = self.directories.get(&key.0)?;
        Some(directory.path.join(&*key.1))
    }

    fn later(time: Duration) -> Instant {
        Instant::now() + time
    }
}

/// A path for a log line.
fn shown(path: &Path) -> String {
    texts::shown(&path.to_string_lossy())
}
