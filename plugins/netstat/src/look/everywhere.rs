//! All network namespaces, each on a thread that goes there.

use super::Look;
use super::place::Place;
use crate::namespaces::{self, Door};
use mig_plugin_sdk::Failure;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::thread;

/// Stack of a thread, in bytes.
const STACK: usize = 1 << 20;

impl Look<'_, '_> {
    /// Looks into every namespace, this process's first, and returns how many
    /// there are.
    ///
    /// # Errors
    /// When the run must end. Namespaces that are closed are told in the
    /// errors, one line each.
    pub fn everywhere(&mut self) -> Result<u64, Failure> {
        let session = self.finds.session();
        let found = match namespaces::discover(self.system.proc, &|| session.cancelled()) {
            Ok(found) => found,
            Err(error) => {
                let proc = self.system.proc.display();
                self.errors
                    .add(format!("namespaces cannot be found: {proc}: {error}"));
                namespaces::Found::default()
            }
        };
        session.check()?;
        if let Some((pid, reason)) = &found.reason {
            let which = match found.untold {
                1 => format!("process {pid} cannot be told"),
                count => format!("{count} processes cannot be told, first of process {pid}"),
            };
            self.errors.add(format!(
                "the namespace of {which}: {reason}; it takes root with CAP_SYS_PTRACE"
            ));
        }
        let own = namespaces::of(&self.system.proc.join("self")).ok();
        let total = found.namespaces.len() as u64;
        match own {
            Some(number) => self.own(number)?,
            None => self.here()?,
        }
        let mut done = 1;
        for (number, doors) in &found.namespaces {
            if Some(*number) == own {
                continue;
            }
            session.check()?;
            session.progress(done, total);
            self.other(*number, doors)?;
            done += 1;
        }
        Ok(done)
    }

    fn own(&mut self, number: u64) -> Result<(), Failure> {
        self.place(&Place {
            label: namespaces::label(number).into(),
            own: true,
            tables: self.system.proc.join("self/net"),
            closed: None,
        })
    }

    /// Looks into another namespace: from the inside, or else at the tables
    /// that its processes have.
    fn other(&mut self, number: u64, doors: &[Door]) -> Result<(), Failure> {
        let label: Arc<str> = namespaces::label(number).into();
        let mut reason = None;
        for door in doors {
            match opened(door, number) {
                Ok(None) => {}
                Ok(Some(namespace)) => match self.inside(&namespace, &label) {
                    Ok(looked) => return looked,
                    Err(error) => {
                        reason = Some(error);
                        break;
                    }
                },
                Err(error) => {
                    reason.get_or_insert(error);
                }
            }
        }
        // Every door is gone, and with them most likely the namespace.
        let Some(reason) = reason else { return Ok(()) };
        let reason = format!("it cannot be entered ({reason}; it takes root with CAP_SYS_ADMIN)");
        for door in doors {
            let Some(tables) = &door.tables else { continue };
            let still = tables.parent().map(namespaces::of);
            if still.is_some_and(|there| there.ok() == Some(number)) {
                return self.place(&Place {
                    label,
                    own: false,
                    tables: tables.clone(),
                    closed: Some(reason),
                });
            }
        }
        self.errors.add(format!("namespace {label}: {reason}"));
        Ok(())
    }

    /// Looks from a thread inside; fails when that cannot be.
    fn inside(&mut self, namespace: &File, label: &Arc<str>) -> io::Result<Result<(), Failure>> {
        let place = Place {
            label: Arc::clone(label),
            own: false,
            tables: self.system.proc.join("thread-self/net"),
            closed: None,
        };
        let enter = self.system.enter;
        thread::scope(|scope| {
            let inside = move || {
                enter(namespace)?;
                Ok(self.place(&place))
            };
            let thread = thread::Builder::new().stack_size(STACK);
            match thread.spawn_scoped(scope, inside)?.join() {
                Ok(looked) => looked,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

/// Opens a way into a namespace. `None` when it leads elsewhere by now: the
/// process is gone, and perhaps another has its number.
fn opened(door: &Door, number: u64) -> io::Result<Option<File>> {
    let opened = OpenOptions::new()
        .read(true)
        // What was a namespace may have become a pipe.
        .custom_flags(libc::O_NONBLOCK)
        .open(&door.link);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok((file.metadata()?.ino() == number).then_some(file))
}
