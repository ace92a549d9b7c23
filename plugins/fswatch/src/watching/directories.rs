//! Directories: watched, refused, left.

use super::{Directory, Id, Reach, Watcher, shown};
use crate::known::Past;
use crate::sys;
use mig_plugin_sdk::Failure;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Where the limit of watches is, and how it is raised.
const SYSCTL: &str = "fs.inotify.max_user_watches";
const LIMIT: &str = "/proc/sys/fs/inotify/max_user_watches";

impl Watcher<'_> {
    /// Watches a directory, further if it is watched already, and has it listed.
    /// `listed` says that all in it is new. `None` when it cannot be watched; then
    /// that was said, unless it is not there.
    pub(super) fn watch(
        &mut self,
        path: &Path,
        follow: bool,
        reach: Reach,
        listed: bool,
    ) -> Result<Option<Id>, Failure> {
        if let Some(&id) = self.by_path.get(path) {
            self.widen(id, reach);
            return Ok(Some(id));
        }
        if sys::is_made_up(path).unwrap_or(false) {
            self.say(&format!(
                "{} is not watched: the kernel makes up what is in it",
                shown(path)
            ));
            self.refused.remove(path);
            return Ok(None);
        }
        let mut watch = self.inotify.watch(path, follow);
        if let Ok(number) = watch
            && let Some(&id) = self.by_watch.get(&number)
        {
            let other = self.directories[&id].path.clone();
            if same(&other, path) {
                self.say(&format!(
                    "{} is the same directory as {} and watched as that",
                    shown(path),
                    shown(&other)
                ));
                self.widen(id, reach);
                return Ok(Some(id));
            }
            // It was moved here, and nobody has told yet.
            self.drop_directory(id)?;
            watch = self.inotify.watch(path, follow);
        }
        match watch {
            Ok(watch) => Ok(Some(self.register(path, watch, reach, listed))),
            Err(error) => {
                self.refuse(path, reach, &error);
                Ok(None)
            }
        }
    }

    fn register(&mut self, path: &Path, watch: i32, reach: Reach, listed: bool) -> Id {
        let past = self.past.remove(path);
        // Of a directory of which only some files were known the others are
        // not new.
        let compare = past.as_ref().map(|past| past.whole || !reach.whole);
        self.last += 1;
        let directory = Directory {
            path: path.to_owned(),
            watch,
            reach,
            only: BTreeSet::new(),
            listed: compare.unwrap_or(listed),
            names: past.unwrap_or_default().names,
        };
        self.directories.insert(self.last, directory);
        self.by_watch.insert(watch, self.last);
        self.by_path.insert(path.to_owned(), self.last);
        self.refused.remove(path);
        self.scans.push_back(self.last);
        self.last
    }

    fn widen(&mut self, id: Id, reach: Reach) {
        let Some(directory) = self.directories.get_mut(&id) else {
            return;
        };
        let before = directory.reach;
        directory.reach = Reach {
            whole: before.whole || reach.whole,
            recursive: before.recursive || reach.recursive,
        };
        if directory.reach != before {
            directory.listed &= before.whole;
            self.scan(id);
        }
    }

    /// Has a directory listed, unless it will be anyway.
    pub(super) fn scan(&mut self, id: Id) {
        if !self.scans.contains(&id) {
            self.scans.push_back(id);
        }
    }

    fn refuse(&mut self, path: &Path, reach: Reach, error: &io::Error) {
        if matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ) {
            // Gone again; the events of its parent say so.
            self.refused.remove(path);
            return;
        }
        self.full &= !self.refused.is_empty();
        if self.refused.insert(path.to_owned(), reach).is_some() {
            return;
        }
        match sys::out_of_watches(error) {
            true if !self.full => {
                self.full = true;
                let limit = std::fs::read_to_string(LIMIT).unwrap_or_default();
                self.service.session().warning(&format!(
                    "{} and maybe more is not watched: the system has no watch left; raise {SYSCTL}, which is {}",
                    shown(path),
                    limit.trim()
                ));
            }
            // The status counts them.
            true => {}
            false => self
                .service
                .session()
                .warning(&format!("{} is not watched: {error}", shown(path))),
        }
    }

    /// Leaves a directory and everything below it. What is known is kept, to
    /// compare with what may come back.
    pub(super) fn drop_directory(&mut self, id: Id) -> Result<(), Failure> {
        match self.directories.get(&id) {
            Some(directory) => self.drop_below(&directory.path.clone()),
            None => Ok(()),
        }
    }

    /// The same by path, which need not be watched itself.
    pub(super) fn drop_below(&mut self, path: &Path) -> Result<(), Failure> {
        let below: Vec<(PathBuf, Id)> = self
            .by_path
            .range(path.to_owned()..)
            .take_while(|(one, _)| one.starts_with(path))
            .map(|(one, id)| (one.clone(), *id))
            .collect();
        self.refused.retain(|one, _| !one.starts_with(path));
        for (one, id) in &below {
            self.by_path.remove(one);
            let Some(directory) = self.directories.remove(id) else {
                continue;
            };
            self.by_watch.remove(&directory.watch);
            self.inotify.forget(directory.watch);
            if directory.listed {
                let past = Past {
                    whole: directory.reach.whole,
                    names: directory.names,
                };
                self.past.insert(directory.path, past);
            }
            self.unsaved = true;
        }
        for (_, id) in below {
            self.lose(id)?;
        }
        Ok(())
    }
}

/// Whether two paths are the same directory now.
fn same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => one.dev() == other.dev() && one.ino() == other.ino(),
        _ => false,
    }
}
