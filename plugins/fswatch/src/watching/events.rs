//! What the kernel tells.

use super::listing::kind;
use super::{Id, Watcher};
use crate::alert::Happening;
use crate::known::Kind;
use crate::sys::{self, Event, Inotify};
use mig_plugin_sdk::Failure;
use std::path::Path;
use std::time::Instant;

/// The kernel's queue.
pub(super) fn queue() -> Result<Inotify, Failure> {
    Inotify::new().map_err(|error| match sys::out_of_instances(&error) {
        true => Failure::limit(
            "the user has no inotify queue left; raise fs.inotify.max_user_instances",
        ),
        false => Failure::io(Path::new("inotify"), &error),
    })
}

/// Most reads of the queue at once.
const READS: u32 = 64;

impl Watcher<'_> {
    /// Takes everything that the kernel has to tell.
    ///
    /// # Errors
    /// The queue cannot be read, or the host is gone.
    pub fn take_events(&mut self) -> Result<(), Failure> {
        let mut buffer = vec![0; 64 << 10];
        // Not for ever: the host wants to hear from the module too.
        for _ in 0..READS {
            let count = self.inotify.read(&mut buffer);
            let count = count.map_err(|error| Failure::io(Path::new("inotify"), &error))?;
            if count == 0 {
                return Ok(());
            }
            for event in sys::events(&buffer[..count]) {
                self.take(&event)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        if event.overflow() {
            return self.resynchronise();
        }
        // A watch that was given up may still have had events.
        let Some(&id) = self.by_watch.get(&event.watch) else {
            return Ok(());
        };
        let directory = &self.directories[&id];
        if event.unmounted() {
            let path = directory.path.clone();
            self.alert(&path, Happening::Unhandled)?;
            return self.drop_directory(id);
        }
        if event.ended() {
            return self.drop_directory(id);
        }
        if event.moved_itself() {
            // Below another watched directory that one's events tell more.
            let parent = directory.path.parent();
            let told = parent.is_some_and(|parent| self.by_path.contains_key(parent));
            return match told && directory.path.exists() {
                true => Ok(()),
                false => self.drop_directory(id),
            };
        }
        if event.name.is_empty() || !(directory.reach.whole || directory.only.contains(event.name))
        {
            return Ok(());
        }
        if event.went() {
            self.vanished(id, event.name)
        } else if event.came() {
            self.came(id, event)
        } else if event.written() && !event.directory() {
            self.written(id, event)
        } else {
            Ok(())
        }
    }

    fn came(&mut self, id: Id, event: &Event<'_>) -> Result<(), Failure> {
        let path = self.directories[&id].path.join(event.name);
        let found = path.symlink_metadata();
        let kind = match found {
            Ok(metadata) => kind(metadata.file_type()),
            // It need not be looked at: it is a directory that can be watched,
            // or it is gone and its removal comes.
            Err(_) if event.directory() => Kind::Directory,
            Err(_) => return self.alert(&path, Happening::Unseen),
        };
        if self.met(id, event.name, kind, true)? {
            self.hash_later((id, event.name.into()));
        }
        Ok(())
    }

    fn written(&mut self, id: Id, event: &Event<'_>) -> Result<(), Failure> {
        match self.directories[&id].names.get(event.name) {
            // Not a file: nothing is read from it.
            Some(known) if !known.kind.is_like(Kind::New) => {}
            Some(known) if known.gone => {}
            _ => self.hash_later((id, event.name.into())),
        }
        Ok(())
    }

    /// Events were lost: everything is listed and hashed again.
    fn resynchronise(&mut self) -> Result<(), Failure> {
        self.counters.overflows += 1;
        self.service.session().warning(&format!(
            "the kernel's queue ran over: {} directories are looked at again; \
             raise fs.inotify.max_queued_events if this happens often",
            self.directories.len()
        ));
        self.drop_what_went()?;
        self.scans = self.by_path.values().copied().collect();
        Ok(())
    }

    /// Leaves directories whose end or move was among the lost events: their
    /// watches tell nothing, or of another place. What stands there now is found
    /// when its parent is listed, or by the next look at the profile.
    fn drop_what_went(&mut self) -> Result<(), Failure> {
        let watched: Vec<_> = self
            .by_path
            .iter()
            .map(|(path, id)| (path.clone(), *id))
            .collect();
        for (path, id) in watched {
            // Gone with the one above it.
            let Some(directory) = self.directories.get(&id) else {
                continue;
            };
            let below = path
                .parent()
                .is_some_and(|parent| self.by_path.contains_key(parent));
            // The kernel gives a directory that it watches the number it has.
            match self.inotify.watch(&path, !below) {
                Ok(watch) if watch == directory.watch => continue,
                Ok(watch) if !self.by_watch.contains_key(&watch) => self.inotify.forget(watch),
                _ => {}
            }
            self.drop_directory(id)?;
        }
        self.next_look = Instant::now();
        Ok(())
    }
}
