//! Where readers put what they find.

use crate::trouble::Trouble;
use crate::{Kind, Package};
use std::path::{Path, PathBuf};

/// Most packages of one host; the largest distributions offer a tenth.
const MAX_PACKAGES: usize = 500_000;
/// Most bytes of all their texts together.
const MAX_TEXT: usize = 48 << 20;
/// Most files whose problems are told.
const MAX_FILES: usize = 100;
/// Most bytes in one text of a package.
pub const MAX_FIELD: usize = 4096;

/// Everything the readers find out, within bounds.
pub struct Collection<'a> {
    cancelled: &'a dyn Fn() -> bool,
    packages: Vec<Package>,
    text: usize,
    managers: Vec<Kind>,
    problems: Vec<Problem>,
    /// Problems of further files.
    untold: u64,
}

/// What is wrong with one file: the first thing in full, the others counted.
struct Problem {
    path: PathBuf,
    first: String,
    others: u64,
}

/// A state of a collection to return to.
pub struct Mark {
    packages: usize,
    text: usize,
    problems: usize,
}

/// What the package managers of a host say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// In the order of managers: rpm, dpkg, apk; in each as its own tool lists
    /// them.
    pub packages: Vec<Package>,
    /// The managers whose database exists, readable or not.
    pub managers: Vec<Kind>,
    /// What could not be read, one line each, naming the file.
    pub problems: Vec<String>,
}

impl<'a> Collection<'a> {
    /// An empty one; readers end soon after `cancelled` says so.
    pub fn new(cancelled: &'a dyn Fn() -> bool) -> Self {
        Self {
            cancelled,
            packages: Vec::new(),
            text: 0,
            managers: Vec::new(),
            problems: Vec::new(),
            untold: 0,
        }
    }

    /// Fails when the readers should end.
    ///
    /// # Errors
    /// [`Trouble::Stopped`] when cancelled.
    pub fn check(&self) -> Result<(), Trouble> {
        if (self.cancelled)() {
            Err(Trouble::Stopped)
        } else {
            Ok(())
        }
    }

    /// A manager has a database.
    pub fn manager(&mut self, kind: Kind) {
        if !self.managers.contains(&kind) {
            self.managers.push(kind);
        }
    }

    /// Takes a package.
    ///
    /// # Errors
    /// When there are too many; the reader ends then.
    pub fn package(&mut self, package: Package) -> Result<(), Trouble> {
        let text = package.name.len() + package.version.len() + package.arch.len();
        if self.packages.len() >= MAX_PACKAGES || self.text + text > MAX_TEXT {
            return Err(Trouble::Full(self.packages.len()));
        }
        self.text += text;
        self.packages.push(package);
        Ok(())
    }

    /// Something in a database is wrong.
    pub fn problem(&mut self, path: &Path, what: &dyn std::fmt::Display) {
        let told = self.problems.len();
        match self.problems.iter_mut().find(|known| known.path == path) {
            Some(known) => known.others += 1,
            None if told >= MAX_FILES => self.untold += 1,
            None => self.problems.push(Problem {
                path: path.to_owned(),
                first: what.to_string(),
                others: 0,
            }),
        }
    }

    /// What there is now.
    pub fn mark(&self) -> Mark {
        Mark {
            packages: self.packages.len(),
            text: self.text,
            problems: self.problems.len(),
        }
    }

    /// Forgets what came since.
    pub fn rewind(&mut self, mark: &Mark) {
        self.packages.truncate(mark.packages);
        self.text = mark.text;
        self.problems.truncate(mark.problems);
    }

    /// Takes the packages since a mark out, to change and put back.
    pub fn take_since(&mut self, mark: &Mark) -> Vec<Package> {
        self.packages.split_off(mark.packages)
    }

    /// Puts packages back that were taken out: they have been counted.
    pub fn put_back(&mut self, packages: impl Iterator<Item = Package>) {
        self.packages.extend(packages);
    }

    /// Everything.
    pub fn finish(self) -> Installed {
        let mut problems: Vec<String> = self.problems.iter().map(Problem::line).collect();
        if self.untold > 0 {
            problems.push(format!("and {} more problems in other files", self.untold));
        }
        Installed {
            packages: self.packages,
            managers: self.managers,
            problems,
        }
    }
}

impl Problem {
    fn line(&self) -> String {
        let path: String = self
            .path
            .to_string_lossy()
            .chars()
            .flat_map(char::escape_debug)
            .collect();
        match self.others {
            0 => format!("{path}: {}", self.first),
            1 => format!("{path}: {} (and 1 more problem)", self.first),
            others => format!("{path}: {} (and {others} more problems)", self.first),
        }
    }
}
