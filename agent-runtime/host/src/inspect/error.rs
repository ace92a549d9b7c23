//! Why a plugin file is refused.

use mig_plugin_abi::ENTRY_SYMBOL;
use mig_plugin_abi::fingerprint::Mismatch;
use mig_plugin_payload::ManifestError;

/// Why a file may not be loaded: one line that names the remedy. The file's
/// path is for the caller to put in front.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Not an ELF file, or one that does not hold together.
    #[error("not a valid ELF shared library ({0}); build the plugin again")]
    Malformed(String),
    /// For another processor or word size.
    #[error("built for {found}, this program runs on {host}; build it for this machine")]
    Machine {
        /// What the file is for.
        found: String,
        /// What this program runs on.
        host: &'static str,
    },
    /// An executable or object file.
    #[error("not a shared library; link it with -shared")]
    NotShared,
    /// No manifest section.
    #[error(
        "has no .mig.manifest section, so it is no MIG plugin; build it with the SDK or the C header"
    )]
    NoManifest,
    /// The manifest is not acceptable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Another ABI.
    #[error(transparent)]
    Abi(#[from] Mismatch),
    /// The entry symbol is missing.
    #[error("does not export `{ENTRY_SYMBOL}`; export it with default visibility")]
    NoEntry,
    /// More than the entry symbol is exported.
    #[error(
        "exports `{0}` besides the entry symbol; link with -fvisibility=hidden or a version script"
    )]
    ExtraExport(String),
    /// A library that the manifest does not mention.
    #[error(
        "links `{0}`, which its manifest does not declare; link it statically or add it to `libraries`"
    )]
    UndeclaredLibrary(String),
    /// A library that the host does not allow.
    #[error("links `{0}`, which this host does not allow; link it statically")]
    LibraryNotAllowed(String),
    /// A library named by path.
    #[error("links `{0}` by path; link libraries by name")]
    LibraryPath(String),
    /// A search path for libraries.
    #[error("carries a library search path ({0}); link without -rpath")]
    SearchPath(&'static str),
    /// A dynamic tag that loads or does more than a plugin may.
    #[error("uses {0}, which a plugin may not; link it without")]
    Forbidden(&'static str),
    /// Wants an executable stack.
    #[error(
        "asks for an executable stack; assemble with --noexecstack or link with -z noexecstack"
    )]
    ExecutableStack,
    /// Wants memory that is writable and executable.
    #[error("has a segment that is writable and executable; link without -z rwx or --omagic")]
    WritableCode,
    /// Wants a newer C library.
    #[error("needs glibc {}.{}, this host has {}.{}; build it on an older system", need.0, need.1, have.0, have.1)]
    NewerGlibc {
        /// What it needs.
        need: (u32, u32),
        /// What there is.
        have: (u32, u32),
    },
    /// Uses what the C library does not promise to keep.
    #[error("uses private symbols of glibc; build it from source on a supported system")]
    PrivateGlibc,
    /// The host has no dynamic C library.
    #[error(
        "this program is linked statically and carries its modules inside; plugins need the dynamic build"
    )]
    StaticHost,
    /// Wants a newer kernel.
    #[error("needs Linux {0} or newer")]
    NewerKernel(String),
    /// Declares a capability nobody here can grant.
    #[error("declares the capability `{0}`, which this program does not know; update this program")]
    UnknownCapability(String),
}

/// Foreign text for a message: no control characters, not too long.
pub(crate) fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}
