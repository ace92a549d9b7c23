//! Going through one or all namespaces.

mod everywhere;
mod place;
#[cfg(test)]
mod tests;

use crate::netlink::{Subsystem, Transport};
use crate::questions::Questions;
use crate::results::{ErrorLog, Finds};
use crate::sys;
use mig_plugin_sdk::Failure;
use std::fs::File;
use std::io;
use std::path::Path;

/// How the system is asked. Tests have systems that refuse.
pub struct System<'a> {
    /// Where processes are: `/proc`.
    pub proc: &'a Path,
    /// Opens a netlink socket in the namespace of the calling thread.
    pub open: &'a (dyn Fn(Subsystem) -> io::Result<Box<dyn Transport>> + Sync),
    /// Moves the calling thread into a namespace.
    pub enter: &'a (dyn Fn(&File) -> io::Result<()> + Sync),
}

impl System<'static> {
    /// The real one.
    pub fn real() -> Self {
        Self {
            proc: Path::new("/proc"),
            open: &|subsystem| Ok(Box::new(sys::NetlinkSocket::open(subsystem)?)),
            enter: &sys::enter,
        }
    }
}

/// A run on its way through namespaces.
pub struct Look<'a, 'f> {
    system: &'a System<'a>,
    questions: &'a Questions,
    finds: &'a mut Finds<'f>,
    errors: &'a mut ErrorLog,
}

impl<'a, 'f> Look<'a, 'f> {
    /// A run that asks `system` and tells `finds` and `errors`.
    pub fn new(
        system: &'a System<'a>,
        questions: &'a Questions,
        finds: &'a mut Finds<'f>,
        errors: &'a mut ErrorLog,
    ) -> Self {
        Self {
            system,
            questions,
            finds,
            errors,
        }
    }

    /// Looks into the namespace of this process only.
    ///
    /// # Errors
    /// When the run must end. What cannot be read is told in the errors.
    pub fn here(&mut self) -> Result<(), Failure> {
        let place = place::Place {
            label: "default".into(),
            own: true,
            tables: self.system.proc.join("self/net"),
            closed: None,
        };
        self.place(&place)
    }
}
