//! Installed packages, listed once and found by name.

use mig_module_pkg::{Package, installed};
use mig_plugin_patterns::matching::TextPattern;
use mig_plugin_sdk::{Failure, Session};
use std::collections::HashMap;
use std::path::Path;

/// What the package managers of the host list.
#[derive(Debug, Default)]
pub struct Packages {
    list: Vec<Package>,
    by_name: HashMap<String, Vec<usize>>,
    /// What could not be read, one line each.
    pub problems: Vec<String>,
}

impl Packages {
    /// Reads the databases below a root directory.
    ///
    /// # Errors
    /// When the host asks for the end.
    pub fn read(root: &Path, session: &Session<'_>) -> Result<Self, Failure> {
        let installed = installed(root, session);
        session.check()?;
        Ok(Self::new(installed.packages, installed.problems))
    }

    /// A list that is known already.
    pub fn new(list: Vec<Package>, problems: Vec<String>) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, package) in list.iter().enumerate() {
            by_name
                .entry(package.name.clone())
                .or_default()
                .push(number);
        }
        Self {
            list,
            by_name,
            problems,
        }
    }

    /// The packages of exactly this name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Package> {
        let numbers = self.by_name.get(name).map(Vec::as_slice);
        let numbers = numbers.unwrap_or_default().iter();
        numbers.map(|&number| &self.list[number])
    }

    /// The packages whose name a pattern matches.
    pub fn matching(&self, pattern: &TextPattern) -> impl Iterator<Item = &Package> {
        let mut cache = pattern.cache();
        self.list
            .iter()
            .filter(move |package| pattern.is_match(&mut cache, package.name.as_bytes()))
    }
}
