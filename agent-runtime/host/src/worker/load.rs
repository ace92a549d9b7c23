//! From a descriptor or a linked function to a checked table.

use std::error::Error;
use std::os::fd::OwnedFd;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};
use mig_plugin_abi::{CallFn, ENTRY_SYMBOL, EntryFn, MigPlugin, capability, fingerprint};

use super::StaticModule;
use crate::digest::sha256_hex;
use crate::request::Request;
use crate::sys::memory_file;
use crate::text::one_line;

/// Loads system libraries a plugin links, so that the loader finds them in
/// memory when the plugin comes.
pub(super) fn libraries(names: &[String]) -> Result<(), String> {
    for name in names {
        // SAFETY: libraries of the C runtime and those the host's operator
        // allowed, found in the system's directories.
        let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|error| format!("cannot be loaded: {}", reason(&error)))?;
        std::mem::forget(library);
    }
    Ok(())
}

/// Loads a plugin from its verified file and gives its table. Its constructors
/// run here, inside all limits.
pub(super) fn dynamic(file: OwnedFd, request: &Request) -> Result<&'static MigPlugin, String> {
    let path = memory_file::path_of(&file);
    // SAFETY: the code is foreign by design; this process exists to contain it.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| format!("cannot be loaded: {}", reason(&error)))?;
    drop(file);
    // SAFETY: the symbol is the entry of the plugin ABI, whose type is fixed.
    let entry: Symbol<EntryFn> = unsafe { library.get(ENTRY_SYMBOL.as_bytes()) }
        .map_err(|error| format!("has no entry: {}", reason(&error)))?;
    // SAFETY: the entry takes nothing and returns a pointer that is checked
    // below.
    let table = unsafe { entry() };
    // Never unload: threads and handlers of the plugin may live on.
    std::mem::forget(library);
    let plugin = check(table)?;
    let manifest = manifest_of(plugin);
    let length = manifest
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    if sha256_hex(&manifest[..length]) != request.manifest {
        return Err("has another manifest in memory than in its file; build it again".to_owned());
    }
    Ok(plugin)
}

/// Finds a module that is linked into this program.
pub(super) fn linked(
    statics: &[StaticModule],
    request: &Request,
) -> Result<&'static MigPlugin, String> {
    statics
        .iter()
        .filter_map(|module| check((module.0)()).ok())
        .find(|plugin| sha256_hex(manifest_of(plugin)) == request.manifest)
        .ok_or_else(|| "is not linked into the worker program".to_owned())
}

/// Checks a table before anything beyond its first fields is believed.
pub(crate) fn check(table: *const MigPlugin) -> Result<&'static MigPlugin, String> {
    if table.is_null() || !table.is_aligned() {
        return Err("returned no table from its entry".to_owned());
    }
    // SAFETY: the size and the version numbers are in every table of every
    // version; a plugin that lies here crashes its own worker.
    let (size, major, minor) = unsafe {
        (
            (&raw const (*table).size).read(),
            (&raw const (*table).abi_major).read(),
            (&raw const (*table).abi_minor).read(),
        )
    };
    fingerprint::accept_size(major, minor, size).map_err(|mismatch| mismatch.to_string())?;
    // SAFETY: the table is at least as large as this program's version of it
    // and static, as the ABI demands.
    Ok(unsafe { &*table })
}

/// The entry that serves, of a module whose manifest says that there is one.
pub(crate) fn serve_of(plugin: &MigPlugin) -> Result<CallFn, String> {
    let serve = plugin
        .serve
        .ok_or("has no `serve` in its table, although its manifest says that it is persistent")?;
    match plugin.capabilities & capability::PERSISTENT {
        0 => Err("lacks the capability bit of a persistent module in its table".to_owned()),
        _ => Ok(serve),
    }
}

/// The manifest a checked table points to.
pub(crate) fn manifest_of(plugin: &'static MigPlugin) -> &'static [u8] {
    // SAFETY: a static range, as the ABI demands.
    unsafe { plugin.manifest.as_slice() }
}

/// What the loader says, which stands in the source of the error.
fn reason(error: &libloading::Error) -> String {
    let text = match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    };
    one_line(&text, 300)
}
