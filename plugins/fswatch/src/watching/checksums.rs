//! Checksums, and what follows from them.

use super::agenda::Key;
use super::{Watcher, shown};
use crate::alert::Happening;
use crate::hashing::{Begun, Hashing};
use crate::known::{Kind, Signature};
use mig_plugin_sdk::Failure;

impl Watcher<'_> {
    /// Begins with a file.
    pub(super) fn hash(&mut self, key: Key) -> Result<(), Failure> {
        let Some(path) = self.path(&key) else {
            return Ok(());
        };
        match Hashing::begin(&path, self.settings.largest()) {
            Begun::Reading(hashing) => {
                self.hashing = Some((key, hashing));
                Ok(())
            }
            done => self.hashed(key, &done),
        }
    }

    /// Goes on with the file that was begun.
    pub(super) fn hash_on(&mut self) -> Result<(), Failure> {
        let Some((key, mut hashing)) = self.hashing.take() else {
            return Ok(());
        };
        match hashing.advance(&mut self.buffer) {
            None => {
                self.hashing = Some((key, hashing));
                Ok(())
            }
            Some(done) => self.hashed(key, &done),
        }
    }

    fn hashed(&mut self, key: Key, done: &Begun) -> Result<(), Failure> {
        let signature = match done {
            Begun::Done(signature) => *signature,
            Begun::TooLarge => {
                self.counters.toolarge += 1;
                if let Some(path) = self.path(&key) {
                    self.service.session().warning(&format!(
                        "{} is larger than {} MiB and is not hashed",
                        shown(&path),
                        self.settings.maxsize
                    ));
                }
                Signature::None
            }
            Begun::Gone | Begun::Reading(_) => return Ok(()),
        };
        self.counters.hashed += 1;
        let Some(directory) = self.directories.get_mut(&key.0) else {
            return Ok(());
        };
        let Some(known) = directory.names.get_mut(&key.1) else {
            return Ok(());
        };
        let old = match known.kind {
            Kind::File(old @ Signature::Sha256(_)) => old,
            Kind::New | Kind::File(Signature::None) => {
                self.unsaved |= known.kind != Kind::File(signature);
                known.kind = Kind::File(signature);
                return Ok(());
            }
            Kind::Directory | Kind::Special => return Ok(()),
        };
        if let Some(latest) = self.quiet.get_mut(&key) {
            self.counters.suppressed += u64::from(*latest != signature);
            *latest = signature;
            return Ok(());
        }
        match old == signature {
            true => Ok(()),
            false => self.changed_from(key, old, signature),
        }
    }

    fn changed_from(&mut self, key: Key, old: Signature, new: Signature) -> Result<(), Failure> {
        let Some(path) = self.path(&key) else {
            return Ok(());
        };
        self.alert(&path, Happening::Changed(old, new))?;
        // Only now: what an alert could not be raised for is still a change at
        // the next start.
        if let Some(directory) = self.directories.get_mut(&key.0)
            && let Some(known) = directory.names.get_mut(&key.1)
        {
            known.kind = Kind::File(new);
            self.unsaved = true;
        }
        let suppress = self.settings.suppress();
        if !suppress.is_zero() {
            self.quiet.insert(key.clone(), new);
            self.quiet_ends.add(key, Self::later(suppress));
        }
        Ok(())
    }

    /// A file may raise alerts again. It does so now if it is not what its last
    /// alert said.
    pub(super) fn quiet_is_over(&mut self, key: Key) -> Result<(), Failure> {
        let Some(latest) = self.quiet.remove(&key) else {
            return Ok(());
        };
        let names = self.directories.get(&key.0).map(|one| &one.names);
        let known = names.and_then(|names| names.get(&key.1));
        match known.map(|known| known.kind) {
            Some(Kind::File(told)) if told != latest => self.changed_from(key, told, latest),
            _ => Ok(()),
        }
    }
}
