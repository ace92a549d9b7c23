//! Looking at a plugin file without executing any of it.
//!
//! A version check after `dlopen` would be too late: constructors have run by
//! then. So everything that decides whether a file may be loaded is read from
//! its bytes: the manifest section, what it exports and links, how it wants to
//! be mapped, and which C library it needs. Hostile bytes give an error, never
//! a panic and never a large allocation.

mod elf;
mod error;
mod symbols;

pub use error::InspectError;

use mig_plugin_abi::{ENTRY_SYMBOL, fingerprint};
use mig_plugin_payload::manifest::parse_version;
use mig_plugin_payload::{Capability, Manifest};

use crate::sys;

/// Largest plugin file that is read, in bytes.
pub const MAX_PLUGIN_BYTES: u64 = 64 << 20;

/// What the inspecting host offers. [`Rules::of_this_host`] describes the one
/// that runs; a packager may check against another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Version of glibc; `None` when the host has none and so loads nothing.
    pub glibc: Option<(u32, u32)>,
    /// Version of the kernel.
    pub kernel: Vec<u32>,
    /// Libraries beside the C runtime that a manifest may declare.
    pub libraries: Vec<String>,
}

impl Rules {
    /// What the running program and kernel offer. No library beside the C
    /// runtime is allowed.
    pub fn of_this_host() -> Self {
        Self {
            glibc: sys::libraries::glibc_version(),
            kernel: sys::libraries::kernel_version(),
            libraries: Vec::new(),
        }
    }
}

/// What inspection found.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The manifest.
    pub manifest: Manifest,
    /// The bytes it was read from, trailing NULs removed.
    pub manifest_bytes: Vec<u8>,
    /// Libraries the file links.
    pub libraries: Vec<String>,
    /// Newest glibc version any of its symbols needs.
    pub glibc: Option<(u32, u32)>,
}

/// Inspects the bytes of a plugin file against the rules of this host.
///
/// # Errors
/// The first thing that speaks against loading it, in one line with the remedy.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    inspect_with(bytes, &Rules::of_this_host())
}

/// Inspects the bytes of a plugin file against given rules.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_with(bytes: &[u8], rules: &Rules) -> Result<Inspection, InspectError> {
    let file = elf::read(bytes)?;
    let section = file.manifest.ok_or(InspectError::NoManifest)?;
    let manifest = Manifest::parse(section)?;
    let abi = &manifest.abi;
    fingerprint::accept(abi.major, abi.minor, &abi.fingerprint, &abi.earlier)?;
    check_exports(&file.exports)?;
    check_libraries(&file.libraries, &manifest, rules)?;
    check_versions(&file, &manifest, rules)?;
    if let Some(Capability::Other(name)) = manifest
        .capabilities
        .iter()
        .find(|capability| matches!(capability, Capability::Other(_)))
    {
        return Err(InspectError::UnknownCapability(error::shown(name)));
    }
    let length = section
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    Ok(Inspection {
        manifest_bytes: section[..length].to_vec(),
        libraries: file
            .libraries
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        glibc: file.glibc,
        manifest,
    })
}

fn check_exports(exports: &[&str]) -> Result<(), InspectError> {
    if !exports.contains(&ENTRY_SYMBOL) {
        return Err(InspectError::NoEntry);
    }
    match exports.iter().find(|name| **name != ENTRY_SYMBOL) {
        Some(extra) => Err(InspectError::ExtraExport(error::shown(extra))),
        None => Ok(()),
    }
}

fn check_libraries(
    libraries: &[&str],
    manifest: &Manifest,
    rules: &Rules,
) -> Result<(), InspectError> {
    for library in libraries {
        if library.contains('/') {
            return Err(InspectError::LibraryPath(error::shown(library)));
        }
        if elf::is_loader(library) {
            continue;
        }
        if !manifest.allows_library(library) {
            return Err(InspectError::UndeclaredLibrary(error::shown(library)));
        }
        let declared_only = manifest.libraries.iter().any(|name| name == library);
        if declared_only && !rules.libraries.iter().any(|name| name == library) {
            return Err(InspectError::LibraryNotAllowed(error::shown(library)));
        }
    }
    Ok(())
}

fn check_versions(
    file: &elf::File<'_>,
    manifest: &Manifest,
    rules: &Rules,
) -> Result<(), InspectError> {
    let Some(have) = rules.glibc else {
        return Err(InspectError::StaticHost);
    };
    let declared = manifest
        .requires
        .glibc
        .as_deref()
        .and_then(parse_version)
        .map(|version| {
            let number = |index: usize| version.get(index).copied().unwrap_or(0);
            (number(0), number(1))
        });
    if let Some(need) = file.glibc.max(declared)
        && need > have
    {
        return Err(InspectError::NewerGlibc { need, have });
    }
    if let Some(kernel) = &manifest.requires.kernel
        && let Some(need) = parse_version(kernel)
        && need > rules.kernel
    {
        return Err(InspectError::NewerKernel(kernel.clone()));
    }
    Ok(())
}
