//! What is in a directory, compared with what is known of it.

use super::agenda::Key;
use super::{Id, MOST_GONE, Reach, Watcher, shown};
use crate::alert::Happening;
use crate::known::{Kind, Known};
use mig_plugin_sdk::Failure;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::FileType;
use std::io;

impl Watcher<'_> {
    /// Lists one directory: what is not known is new if the directory was listed
    /// before, what is missing has gone, and every file is hashed again.
    pub(super) fn list(&mut self, id: Id) -> Result<(), Failure> {
        let Some(directory) = self.directories.get(&id) else {
            return Ok(());
        };
        let present = match read(directory) {
            Ok(present) => present,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    let path = shown(&directory.path);
                    self.service
                        .session()
                        .warning(&format!("{path} cannot be listed: {error}"));
                }
                return Ok(());
            }
        };
        let listed = directory.listed;
        if listed {
            let names = directory.names.iter();
            let missing: Vec<Box<OsStr>> = names
                .filter(|(name, known)| !known.gone && !present.contains_key(*name))
                .filter(|(name, _)| directory.reach.whole || directory.only.contains(*name))
                .map(|(name, _)| name.clone())
                .collect();
            for name in missing {
                self.vanished(id, &name)?;
            }
        }
        for (name, kind) in present {
            if self.met(id, &name, kind, listed)? {
                self.queue.push_back((id, name));
            }
        }
        if let Some(directory) = self.directories.get_mut(&id) {
            directory.listed = true;
        }
        self.unsaved = true;
        Ok(())
    }

    /// A name is there. True when it is a file, to be hashed.
    pub(super) fn met(
        &mut self,
        id: Id,
        name: &OsStr,
        kind: Kind,
        announce: bool,
    ) -> Result<bool, Failure> {
        let Some(directory) = self.directories.get_mut(&id) else {
            return Ok(false);
        };
        let path = directory.path.join(name);
        let reach = directory.reach;
        let fresh = match directory.names.get_mut(name) {
            Some(known) if known.kind.is_like(kind) => {
                let returned = std::mem::replace(&mut known.gone, false);
                self.gone -= usize::from(returned && self.gone > 0);
                returned
            }
            _ => {
                directory.names.insert(name.into(), Known::there(kind));
                true
            }
        };
        self.unsaved |= fresh;
        match kind {
            Kind::Special => {
                if fresh && announce {
                    self.alert(&path, Happening::Unhandled)?;
                }
                Ok(false)
            }
            Kind::Directory => {
                if fresh && announce {
                    self.alert(&path, Happening::Created)?;
                }
                if reach.recursive {
                    let reach = Reach {
                        whole: true,
                        recursive: true,
                    };
                    self.watch(&path, false, reach, fresh && announce)?;
                }
                Ok(false)
            }
            Kind::New | Kind::File(_) => {
                if fresh && announce {
                    self.alert(&path, Happening::Created)?;
                }
                Ok(true)
            }
        }
    }

    /// A name that was there is not any more.
    pub(super) fn vanished(&mut self, id: Id, name: &OsStr) -> Result<(), Failure> {
        let Some(directory) = self.directories.get_mut(&id) else {
            return Ok(());
        };
        let path = directory.path.join(name);
        if let Some(known) = directory.names.get_mut(name) {
            if known.gone {
                return Ok(());
            }
            self.unsaved = true;
            let was = known.kind;
            match was {
                Kind::File(_) if self.gone < MOST_GONE => {
                    known.gone = true;
                    self.gone += 1;
                }
                _ => {
                    directory.names.remove(name);
                }
            }
            if was == Kind::Directory {
                self.drop_below(&path)?;
            }
        }
        self.alert(&path, Happening::Removed)
    }

    /// Has a file hashed, after a random time.
    pub(super) fn hash_later(&mut self, key: Key) {
        let delay = super::agenda::jitter(self.settings.delay());
        self.changed.add(key, Self::later(delay));
    }
}

/// Names in a directory that are watched, and what they are.
fn read(directory: &super::Directory) -> io::Result<BTreeMap<Box<OsStr>, Kind>> {
    let mut present = BTreeMap::new();
    if !directory.reach.whole {
        for name in &directory.only {
            if let Ok(metadata) = directory.path.join(&**name).symlink_metadata() {
                present.insert(name.clone(), kind(metadata.file_type()));
            }
        }
        return Ok(present);
    }
    for entry in directory.path.read_dir()? {
        let entry = entry?;
        // Gone again; its event comes.
        let Ok(sort) = entry.file_type() else {
            continue;
        };
        let name = entry.file_name();
        present.insert(name.into_boxed_os_str(), kind(sort));
    }
    Ok(present)
}

/// What a type of file is here.
pub(super) fn kind(sort: FileType) -> Kind {
    if sort.is_dir() {
        Kind::Directory
    } else if sort.is_file() || sort.is_symlink() {
        Kind::New
    } else {
        Kind::Special
    }
}
