//! The paths of the profile: found, lost, waited for.

use super::{Id, Reach, Watcher, shown};
use crate::alert::Happening;
use crate::configuration::Wanted;
use crate::known::Known;
use mig_plugin_sdk::Failure;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So many looks for missing paths fit between two looks at the others.
const SELDOM: u32 = 12;

/// A path of the profile.
#[derive(Debug)]
pub struct Entry {
    /// As configured.
    pub wanted: Wanted,
    /// Whether it is there.
    pub state: State,
}

/// Whether a path of the profile is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is not.
    Missing {
        /// The log says so.
        said: bool,
    },
    /// It is.
    Found {
        /// The directory that is watched for it.
        directory: Id,
        /// Device and number of that directory.
        identity: (u64, u64),
    },
}

impl Entry {
    /// A path that was not looked for yet.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            state: State::Missing { said: false },
        }
    }
}

impl Watcher<'_> {
    /// Looks for what is missing, and now and then whether the rest is still the
    /// same: nothing tells of a file system that was mounted over a directory.
    pub(super) fn look(&mut self, first: bool) -> Result<(), Failure> {
        let seldom = self.looks.is_multiple_of(SELDOM);
        for index in 0..self.entries.len() {
            match self.entries[index].state {
                State::Missing { .. } => self.find(index, first)?,
                State::Found { identity, .. } if seldom => self.confirm(index, identity)?,
                State::Found { .. } => {}
            }
        }
        if seldom {
            // They stay refused meanwhile: it was said, and is not said again.
            for (path, reach) in self.refused.clone() {
                if self.watch(&path, false, reach, false)?.is_some() {
                    self.refused.remove(&path);
                }
            }
        }
        let missing = |entry: &Entry| matches!(entry.state, State::Missing { .. });
        let lookout = self.settings.lookout();
        // Asleep for long when there is nothing to look for.
        let (steps, wait) = match self.entries.iter().any(missing) {
            true => (1, lookout),
            false => (
                SELDOM - self.looks % SELDOM,
                lookout.saturating_mul(SELDOM - self.looks % SELDOM),
            ),
        };
        self.looks = self.looks.wrapping_add(steps) % SELDOM;
        self.next_look = Self::later(wait);
        Ok(())
    }

    fn find(&mut self, index: usize, first: bool) -> Result<(), Failure> {
        let Wanted { path, recursive } = self.entries[index].wanted.clone();
        let said = self.entries[index].state != State::Missing { said: false };
        let told = self.parent_tells(&path);
        let directory = match self.begin(&path, recursive, first)? {
            Some(directory) => directory,
            None => {
                if first && self.went_meanwhile(&path) {
                    self.alert(&path, Happening::Removed)?;
                }
                if !said {
                    self.say(&format!(
                        "{} is not there; it is looked for every {} s",
                        shown(&path),
                        self.settings.lookout().as_secs()
                    ));
                }
                self.entries[index].state = State::Missing { said: true };
                return Ok(());
            }
        };
        if let Some(identity) = identity(&path) {
            self.entries[index].state = State::Found {
                directory,
                identity,
            };
            self.say(&format!("{} is watched", shown(&path)));
            if !first && !told {
                self.alert(&path, Happening::Created)?;
            }
        }
        Ok(())
    }

    /// Watches a path of the profile, if it is there.
    fn begin(&mut self, path: &Path, recursive: bool, first: bool) -> Result<Option<Id>, Failure> {
        let Ok(metadata) = path.symlink_metadata() else {
            return Ok(None);
        };
        let link = metadata.is_symlink();
        let Ok(metadata) = path.metadata() else {
            return Ok(None);
        };
        let real = match link {
            true => path.canonicalize().ok(),
            false => None,
        };
        if let Some(real) = &real {
            self.say(&format!(
                "{} is a symbolic link; it is watched together with {}, where it points",
                shown(path),
                shown(real)
            ));
            // Another target is a change of the link.
            self.watch_file(path)?;
        }
        if !metadata.is_dir() {
            return self.watch_file(real.as_deref().unwrap_or(path));
        }
        let reach = Reach {
            whole: true,
            recursive,
        };
        // All that is in a directory that was missing is new.
        self.watch(path, true, reach, !first)
    }

    /// Watches one file through its directory, which also tells of another file
    /// in its place.
    fn watch_file(&mut self, path: &Path) -> Result<Option<Id>, Failure> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        let Some(id) = self.watch(parent, true, Reach::default(), false)? else {
            return Ok(None);
        };
        if let Some(directory) = self.directories.get_mut(&id)
            && directory.only.insert(name.into())
            && !directory.reach.whole
        {
            if !directory.names.contains_key(name) {
                directory.listed = false;
            }
            self.scan(id);
        }
        Ok(Some(id))
    }

    /// Whether a path still leads where it did.
    fn confirm(&mut self, index: usize, before: (u64, u64)) -> Result<(), Failure> {
        let path = self.entries[index].wanted.path.clone();
        if identity(&path) == Some(before) {
            return Ok(());
        }
        self.say(&format!(
            "{} leads elsewhere than before; it is looked at anew",
            shown(&path)
        ));
        if let State::Found { directory, .. } = self.entries[index].state {
            self.drop_directory(directory)?;
            self.entries[index].state = State::Missing { said: false };
        }
        self.find(index, false)
    }

    /// Marks the entries that were watched through a directory as missing.
    pub(super) fn lose(&mut self, id: Id) -> Result<(), Failure> {
        for index in 0..self.entries.len() {
            match self.entries[index].state {
                State::Found { directory, .. } if directory == id => {}
                _ => continue,
            }
            self.entries[index].state = State::Missing { said: false };
            self.next_look = self.next_look.min(Self::later(self.settings.lookout()));
            let path = self.entries[index].wanted.path.clone();
            if path.symlink_metadata().is_err()
                && !self.parent_tells(&path)
                && !self.is_known_gone(&path)
            {
                self.alert(&path, Happening::Removed)?;
            }
        }
        Ok(())
    }

    /// Whether the events of a path's parent tell of it.
    fn parent_tells(&self, path: &Path) -> bool {
        let parent = path.parent().and_then(|parent| self.by_path.get(parent));
        let directory = parent.and_then(|id| self.directories.get(id));
        directory.is_some_and(|one| {
            one.reach.whole || path.file_name().is_some_and(|name| one.only.contains(name))
        })
    }

    /// Whether a file is known to be gone already, in a directory that went too.
    fn is_known_gone(&self, path: &Path) -> bool {
        let past = path.parent().and_then(|parent| self.past.get(parent));
        let name = path.file_name();
        past.zip(name)
            .and_then(|(past, name)| past.names.get(name))
            .is_some_and(|known| known.gone)
    }

    /// Whether a missing path was there at the last start. True only once.
    fn went_meanwhile(&mut self, path: &Path) -> bool {
        let mut went = false;
        let mut leave = |known: &mut Known| {
            went |= !known.gone;
            known.gone = true;
        };
        for (below, past) in &mut self.past {
            if below.starts_with(path) {
                past.names.values_mut().for_each(&mut leave);
            }
        }
        let past = path.parent().and_then(|parent| self.past.get_mut(parent));
        if let Some((past, name)) = past.zip(path.file_name())
            && let Some(known) = past.names.get_mut(name)
        {
            leave(known);
        }
        self.unsaved |= went;
        went
    }

    /// Forgets what was known at the last start of paths that are not in the
    /// profile any longer.
    pub(super) fn forget_foreign_past(&mut self) {
        let wanted: Vec<PathBuf> = self
            .entries
            .iter()
            .flat_map(|entry| {
                let path = &entry.wanted.path;
                [Some(path.clone()), path.canonicalize().ok()]
            })
            .flatten()
            .collect();
        let all: BTreeMap<_, _> = std::mem::take(&mut self.past);
        self.past = all
            .into_iter()
            .filter(|(path, _)| {
                let above = |one: &PathBuf| path.starts_with(one) || one.starts_with(path);
                wanted.iter().any(above)
            })
            .collect();
    }
}

/// What a path of the profile leads to: the directory itself, or that of a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = path.metadata();
    let metadata = match &metadata {
        Ok(metadata) if metadata.is_dir() => metadata.clone(),
        Ok(_) => path.canonicalize().ok()?.parent()?.metadata().ok()?,
        // Its directory's events will tell when it is back.
        Err(_) => path.parent()?.metadata().ok()?,
    };
    Some((metadata.dev(), metadata.ino()))
}
