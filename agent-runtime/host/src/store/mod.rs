//! The modules a program can run: those linked into it and those found as
//! files, each inspected and verified before it counts.

mod candidate;
mod options;

pub use options::StoreOptions;

use std::fmt;
use std::path::{Path, PathBuf};

use mig_plugin_payload::Manifest;

use crate::StaticModule;
use crate::digest::sha256_hex;
use crate::inspect::Rules;
use crate::signature::PluginKeys;
use crate::sys::spawn::OWN_PROGRAM;
use crate::worker::{check_table, manifest_of, serve_of};
use candidate::{Search, Source};

/// Where a module comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Linked into the program.
    Static,
    /// A plugin file.
    Dynamic {
        /// The file.
        path: PathBuf,
        /// It counts without a sufficient signature, because the options allow
        /// that.
        unsigned: bool,
    },
}

/// A module that can be run.
#[derive(Debug, Clone)]
pub struct ModuleInfo {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Where it comes from.
    pub origin: Origin,
    /// SHA-256 of the plugin file in hex.
    pub sha256: Option<String>,
    /// Who signed the plugin file: OpenPGP fingerprints, or `ed25519:` and the
    /// key.
    pub signers: Vec<String>,
}

/// Something found that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file or directory; empty for what is no file.
    pub path: PathBuf,
    /// One line that names the remedy.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.as_os_str().is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.path.display(), self.reason)
        }
    }
}

/// A module with what the host needs to run it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) info: ModuleInfo,
    pub(crate) source: Source,
    /// SHA-256 of the manifest's bytes, in hex.
    pub(crate) manifest_digest: String,
    /// Libraries the file links.
    pub(crate) libraries: Vec<String>,
}

/// The modules of this program. Holds the verified bytes of every plugin, so a
/// file that changes later on changes nothing until a new store is opened.
#[derive(Debug)]
pub struct ModuleStore {
    entries: Vec<Entry>,
    refused: Vec<Refusal>,
    worker_program: PathBuf,
}

impl ModuleStore {
    /// Collects the modules: first those linked in, then the plugins of each
    /// directory in turn. Of several modules with one name the first counts.
    /// Never fails; what is wrong is in [`ModuleStore::refused`].
    pub fn open(statics: &[StaticModule], options: &StoreOptions) -> Self {
        Self::open_with_rules(statics, options, &Rules::of_this_host())
    }

    /// As [`ModuleStore::open`], with rules that may allow more libraries than
    /// the C runtime.
    pub fn open_with_rules(
        statics: &[StaticModule],
        options: &StoreOptions,
        rules: &Rules,
    ) -> Self {
        let mut store = Self {
            entries: Vec::new(),
            refused: Vec::new(),
            worker_program: PathBuf::from(OWN_PROGRAM),
        };
        for module in statics {
            match linked(module) {
                Ok(entry) => store.add(entry, options),
                Err(reason) => store.refuse(Path::new(""), reason),
            }
        }
        let keys = store.load_keys(options);
        let search = Search {
            options,
            rules,
            keys: &keys,
        };
        for directory in &options.directories {
            store.add_directory(directory, &search);
        }
        store.miss(options);
        store
    }

    /// Sets the program that is started as a worker. It is this very program
    /// unless something else is said, which must call
    /// [`run_worker_if_asked`](crate::run_worker_if_asked) with the same static
    /// modules.
    #[must_use]
    pub fn with_worker_program(mut self, program: PathBuf) -> Self {
        self.worker_program = program;
        self
    }

    /// All modules, linked ones first.
    pub fn modules(&self) -> impl Iterator<Item = &ModuleInfo> {
        self.entries.iter().map(|entry| &entry.info)
    }

    /// One module.
    pub fn get(&self, name: &str) -> Option<&ModuleInfo> {
        self.entry(name).map(|entry| &entry.info)
    }

    /// What was found and is not used, with the reasons.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.info.manifest.name == name)
    }

    pub(crate) fn worker_program(&self) -> &Path {
        &self.worker_program
    }

    fn load_keys(&mut self, options: &StoreOptions) -> PluginKeys {
        // Without plugins nobody needs the keys, and nobody wants to hear that
        // there are none.
        let has_plugins = |directory: &PathBuf| {
            candidate::files(directory).map_or(true, |files| !files.is_empty())
        };
        let Some(directory) = options
            .keyring_directory
            .as_ref()
            .filter(|_| options.directories.iter().any(has_plugins))
        else {
            return PluginKeys::new();
        };
        let (keys, remarks) = PluginKeys::load(directory);
        for remark in remarks {
            // A ring that was never made is no fault of an unsigned set-up.
            if options.allow_unsigned && remark.path == *directory && !directory.exists() {
                continue;
            }
            self.refuse(&remark.path, remark.reason);
        }
        keys
    }

    fn add_directory(&mut self, directory: &Path, search: &Search<'_>) {
        let files = match candidate::files(directory) {
            Ok(files) => files,
            Err(reason) => return self.refuse(directory, reason),
        };
        for file in files {
            match search.load(&file) {
                Ok(entry) => self.add(entry, search.options),
                Err(reason) => self.refuse(&file, reason),
            }
        }
    }

    fn add(&mut self, entry: Entry, options: &StoreOptions) {
        let name = &entry.info.manifest.name;
        if !options.wants(name) {
            return;
        }
        let Some(first) = self.get(name) else {
            self.entries.push(entry);
            return;
        };
        let first = match &first.origin {
            Origin::Static => "this program".to_owned(),
            Origin::Dynamic { path, .. } => path.display().to_string(),
        };
        let reason = format!("module `{name}` is already provided by {first}; remove one of them");
        let path = match &entry.info.origin {
            Origin::Static => PathBuf::new(),
            Origin::Dynamic { path, .. } => path.clone(),
        };
        self.refuse(&path, reason);
    }

    /// Names what the configuration asks for and nothing provides.
    fn miss(&mut self, options: &StoreOptions) {
        for name in options.modules.iter().flatten() {
            let explained = self.refused.iter().any(|refusal| {
                refusal.path.file_stem().is_some_and(|stem| {
                    let stem = stem.to_string_lossy();
                    stem == name.as_str() || stem.strip_prefix("lib") == Some(name)
                })
            });
            if self.get(name).is_none() && !explained {
                self.refuse(
                    Path::new(""),
                    format!("module `{name}` is configured but not installed; install its plugin or remove the name"),
                );
            }
        }
    }

    fn refuse(&mut self, path: &Path, reason: String) {
        self.refused.push(Refusal {
            path: path.to_owned(),
            reason,
        });
    }
}

/// A module that is part of this program, and so needs no verifying.
fn linked(module: &StaticModule) -> Result<Entry, String> {
    let wrong = |reason: String| format!("a module linked into this program {reason}");
    let plugin = check_table((module.0)()).map_err(wrong)?;
    let bytes = manifest_of(plugin);
    let manifest = Manifest::parse(bytes).map_err(|error| wrong(format!("is wrong: {error}")))?;
    if manifest.persistent {
        serve_of(plugin).map_err(wrong)?;
    }
    Ok(Entry {
        info: ModuleInfo {
            manifest,
            origin: Origin::Static,
            sha256: None,
            signers: Vec::new(),
        },
        source: Source::Linked,
        manifest_digest: sha256_hex(bytes),
        libraries: Vec::new(),
    })
}
